/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run of `reseal` that is killed leaves for the next one: GITDIR/bulla/reseal, never in the
 * tree.  Lines of JSON; the first is {"bulla":"reseal","format":1,"run":ID,"started":TIME}, then
 *
 *	{"file":PATH,"sha256":HEX}	PATH, below the top level, is about to become these bytes
 *	{"keys":{ID:NAME}}		keys that are to be needed no more
 *	{"lost":{...}}			a credential that a dropped key could open
 *
 * A file is written down before it is touched.  So one whose bytes are those was done by this run
 * and no other, and one whose bytes are not may have left a temporary file beside it.  A last line
 * that was cut short counts as not written.
 *
 * The next run with the same ID within RESEAL_JOURNAL_AGE goes on from there; any other takes over
 * only what has to be told, and the removal of what was left behind.  A run that comes to its end
 * removes the journal.
 */
#ifndef BULLA_SEALER_RESEAL_JOURNAL_H
#define BULLA_SEALER_RESEAL_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/kv.h"

struct err;

#define RESEAL_JOURNAL_AGE 86400 /* seconds */
#define RESEAL_JOURNAL_MAX ((size_t)64 << 20)

/* The contents of a journal. */
struct reseal_record {
	char *run; /* NULL: there is none, or it is no journal */
	int64_t started;
	struct kv files; /* path below -> sha256 */
	struct kv keys;	 /* key id -> name */
	json_t *lost;	 /* array */
};

/* Whatever the text is, out is filled with what could be read; its first line not, nothing is. */
void reseal_record_parse(const void *text, size_t len, struct reseal_record *out);
void reseal_record_clear(struct reseal_record *r);
/* Hex of SHA-256 of a file's bytes. */
void reseal_record_sum(const struct buf *text, char hex[static 65]);

struct reseal_journal;

/*
 * Open the journal of the repository at top, lock it, and read what is there.  ERR_CONFLICT when
 * another reseal is at work there; ERR_IO.  Nothing is written yet.
 */
struct reseal_journal *reseal_journal_open(const char *top, struct err *err);
/* What was there; owned by the journal. */
const struct reseal_record *reseal_journal_record(const struct reseal_journal *j);
/* Is it of a run with this ID that is not too old to go on with? */
bool reseal_journal_resumes(const struct reseal_journal *j, const char *run, int64_t now);
/*
 * Begin to write: keep what is there when it is gone on with, else begin anew with the lost
 * credentials of it.
 */
int reseal_journal_begin(struct reseal_journal *j, const char *run, int64_t now, struct err *err);
/* Lines for reseal_journal_add, which appends an array of them at once. */
json_t *reseal_journal_file(const char *below, const struct buf *text);
json_t *reseal_journal_keys(const struct kv *keys);
json_t *reseal_journal_lost(json_t *lost);
int reseal_journal_add(struct reseal_journal *j, const json_t *lines, struct err *err);
/* The run is at its end: the journal goes. */
void reseal_journal_remove(struct reseal_journal *j);
void reseal_journal_free(struct reseal_journal *j); /* NULL is fine */

#endif
