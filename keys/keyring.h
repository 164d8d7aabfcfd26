/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private keys at hand: identity files and key directories (DESIGN 4.5).
 *
 * An identity file is what age-keygen writes: comment lines, empty lines, AGE-SECRET-KEY-1 lines;
 * or such a file encrypted by `age -p` (scrypt, armored or not).  A key directory holds files named
 * YYYYMMDDThhmmssZ-KEYID.key, one key each, not encrypted; other names ending in .key are read too,
 * names beginning with "." are not; the greatest name is the active key.  Its files may be symbolic
 * links, as in a mounted Secret, whose files are links into "..data".
 */
#ifndef BULLA_KEYS_KEYRING_H
#define BULLA_KEYS_KEYRING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/notes.h"
#include "keys/age.h"

#define KEYRING_FILE_MAX 262144 /* bytes of an identity file, encrypted or not */
#define KEYRING_MAX 1000	/* keys */

struct keyring {
	struct age_identity *
	    *ids;     /* as added, of a directory the greatest name first; each key once */
	char **names; /* where each came from: path, or file name in its directory */
	size_t n;
};

#define KEYRING_INIT                                                                               \
	{                                                                                          \
		NULL, NULL, 0                                                                      \
	}

/* Ask for the passphrase of `what`, fill out.  -1 and err when there is none to be had. */
typedef int keyring_ask(void *ctx, const char *what, struct buf *out, struct err *err);

/*
 * All identities of a file ("-" is not special here), or none when one of its lines is wrong.  ask
 * may be NULL: encrypted files are refused.  ERR_INVALID, ERR_IO; ERR_NOKEY the passphrase is
 * wrong or cannot be asked for.
 */
int keyring_add_file(struct keyring *kr, const char *path, keyring_ask *ask, void *ctx,
		     struct err *err);
/* The same from bytes; name is what to call them in errors. */
int keyring_add_bytes(struct keyring *kr, const char *name, const void *data, size_t len,
		      keyring_ask *ask, void *ctx, struct err *err);
/*
 * All keys of a directory.  A file that cannot be used is told in notes, one each, and stops no
 * other.
 * -1 (ERR_IO) only when the directory itself cannot be read.  An empty directory is fine.
 */
int keyring_add_dir(struct keyring *kr, const char *dir, struct notes *notes, struct err *err);

/* The identity with this key id, or NULL. */
const struct age_identity *keyring_find(const struct keyring *kr, const char *key_id);
void keyring_clear(struct keyring *kr);

/* "YYYYMMDDThhmmssZ-KEYID.key", a new string. */
char *keyring_file_name(const struct age_identity *id, long long now);
/* The text age-keygen writes: "# created: ...", "# public key: ...", the key.  Appended. */
void keyring_file_format(const struct age_identity *id, long long now, struct buf *out);

#endif
