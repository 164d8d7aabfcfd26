/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new sealing key for a recipient of the repository, with its backup (sealer/backup.h), and the
 * way of keys out of backups to where they are used.
 */
#ifndef BULLA_SEALER_KEYGEN_H
#define BULLA_SEALER_KEYGEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/notes.h"
#include "keys/keyring.h"
#include "keys/recipients.h"

struct err;

struct keygen {
	char *name;		 /* of the recipient */
	struct age_identity *id; /* its new key */
	struct buf backup;	 /* armored */
	int64_t now;
};

/* Make one in memory.  ERR_RECIPIENT when name is no recipient's name. */
int keygen_make(const char *name, const struct age_recipient *recovery, int64_t now,
		struct keygen *out, struct err *err);
/*
 * Write the backup: as NAME.age, or with pending as NAME.KEYID.age, to be settled when the key is
 * the recipient's.  ERR_CONFLICT when there is one.
 */
int keygen_write(const struct keygen *k, const char *top, bool pending, struct err *err);
/* Write the key itself into DIR, outside of any Git tree, as agents read it (mode 0600). */
int keygen_write_key(const struct keygen *k, const char *dir, struct err *err);
void keygen_clear(struct keygen *k);

/*
 * The key files (name -> text) out of all backups of name, opened with the recovery keys.  notes:
 * of backups that others can read too.  ERR_NOKEY when there is none, or the keys do not open one;
 * ERR_INVALID when a backup holds something else.
 */
int keygen_open(const char *top, const char *name, const struct keyring *recovery, struct kv *out,
		struct notes *notes, struct err *err);
/*
 * Put key files into DIR; those that are there with the same bytes stay.  ERR_CONFLICT otherwise.
 * *added, when given, becomes the number of those that were not there.
 */
int keygen_install(const struct kv *files, const char *dir, size_t *added, struct err *err);

/* ERR_RECIPIENT unless s can name a recipient: a label, not "recovery", not like a key. */
int keygen_check_name(const char *s, struct err *err);

#endif
