/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recovery key of a repository (DESIGN 4.5): an age identity file encrypted with a generated
 * passphrase, as "age -p" would, outside of any Git tree.
 */
#ifndef BULLA_SEALER_RECOVERY_H
#define BULLA_SEALER_RECOVERY_H

#include <stdint.h>

#include "base/buf.h"
#include "keys/keyring.h"

struct err;

#define RECOVERY_GROUPS 6 /* of five characters out of 32: 150 bits */

struct recovery {
	struct age_recipient key;
	char *path;	       /* of a new file to be written; NULL: the key is one that exists */
	struct buf file;       /* armored, for path */
	struct buf passphrase; /* of the new file */
};

/*
 * given: "age1...", or a file: of recipients or identities when it exists (with exactly one key; a
 * passphrase is asked for), else where a new key is to be written; NULL: a new key in the user's
 * folder, which must not have one.  Nothing is written yet.
 */
int recovery_take(const char *given, int64_t now, struct recovery *out, struct err *err);
/* Would recovery_take(given) make a key, whose passphrase somebody must be shown? */
bool recovery_is_new(const char *given);
/* Write the new key, if it is one (mode 0600), and show its passphrase to the person. */
int recovery_write(const struct recovery *r, struct err *err);
void recovery_clear(struct recovery *r);

/*
 * The identities of given (a file), or of the user's own recovery key.  passphrase_file (FILE or
 * "-", may be NULL) has the passphrase; else it is asked for at the terminal.
 */
int recovery_load(const char *given, const char *passphrase_file, struct keyring *out,
		  struct err *err);

#endif
