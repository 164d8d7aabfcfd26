/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of lines that only grows: each change is one appended line with its own check sum, so that
 * remembering one change costs the same whatever was remembered before.  It is written anew when
 * most of it is out of date.
 *
 *	CHECKSUM TYPE FIELD FIELD...\n		sum: 16 hex digits over "TYPE FIELD FIELD..."
 *
 * Fields hold no white space; text in them is percent-encoded.
 */
#ifndef BULLA_AGENT_JOURNAL_H
#define BULLA_AGENT_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct err;

#define JOURNAL_FIELDS 16
#define JOURNAL_LINE_MAX 65536

struct journal {
	int dir; /* the folder; not owned */
	const char *name;
	int fd;
	size_t size;	/* bytes known to be whole lines */
	size_t lines;	/* in the file */
	size_t bad;	/* lines that were refused when it was read */
	bool torn;	/* it ended in the middle of a line, which was dropped */
	bool broken;	/* an append failed half-way and could not be taken back */
	bool lost;	/* lines were not written; only a new file can have them again */
	bool streaming; /* being written anew: pending goes out piece by piece */
	struct buf pending;
};

/* One line: type and fields, which may be changed in place.  -1: refused. */
typedef int journal_line(void *ctx, char type, char **fields, size_t n);

/*
 * Open or create dir/name and give every line to take, in order.  A bad line is counted and left
 * out.  name must outlive the journal.
 */
int journal_open(struct journal *j, int dir, const char *name, journal_line *take, void *ctx,
		 struct err *err);
void journal_close(struct journal *j); /* what is pending is lost */

/* Add a line to those that the next flush writes. */
void journal_put(struct journal *j, char type, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/*
 * Append what is pending, all or nothing; with sync it is on disk afterwards.  ERR_IO: what was
 * pending is lost, and the file should be written anew when that is possible again.
 */
int journal_flush(struct journal *j, bool sync, struct err *err);

/*
 * Write the file anew: dump puts every line that is to stay.  On failure the old one stays, and
 * what was pending is still pending.  The folder's sync may fail after the new one is in place.
 */
int journal_rewrite(struct journal *j, void (*dump)(void *ctx, struct journal *j), void *ctx,
		    struct err *err);

/* A text as a field (appended), and back in place; -1: not what journal_text makes. */
void journal_text(struct buf *out, const char *s);
int journal_untext(char *field);

#endif
