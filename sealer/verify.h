/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are keys and backups what they should be?  Each key is tried, what is sealed to its public half
 * is opened by the private one, and held against what the repository says of it.  Nothing secret is
 * kept in a row.
 */
#ifndef BULLA_SEALER_VERIFY_H
#define BULLA_SEALER_VERIFY_H

#include <jansson.h>
#include <stdbool.h>

#include "keys/config.h"
#include "keys/keyring.h"
#include "sealer/options.h"

struct err;

/* verify_clear in every case; what is pointed to is the caller's. */
struct verify {
	const struct option_list *identities; /* those that open backups; empty: the default file */
	const char *passphrase_file;	      /* of them, or NULL */
	char *top;			      /* NULL: in no repository */
	struct config config;		      /* of it; of none: empty */
	const char *only;	/* a key id: the one in question; NULL: all that are met */
	struct keyring openers; /* of backups; loaded when the first is met */
	struct keyring proven;	/* the keys in question, for documents */
	json_t *rows;		/* {file, keyId, name, good, result}, one a key */
	bool bad;		/* one of them is not good */
};

/* A key that is at hand as such, out of file. */
int verify_key(struct verify *v, const struct age_identity *id, const char *file, struct err *err);
/* The keys of a backup, after verify_open.  One that cannot be opened is a row that is not good. */
int verify_backup(struct verify *v, const char *path, const struct buf *text, struct err *err);
/*
 * The backups of the repository: of name, or of all for NULL; with id only those whose file can
 * hold that key.  ERR_NOKEY: there is nothing to open them with.
 */
int verify_backups(struct verify *v, const char *name, const char *id, struct err *err);
/* Load openers, once. */
int verify_open(struct verify *v, struct err *err);
void verify_clear(struct verify *v);

#endif
