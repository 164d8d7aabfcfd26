/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that SOPS encrypted to age recipients, opened without SOPS: YAML and JSON, of which the
 * values are encrypted one by one, and dotenv files.  Pure.
 *
 * A value is encrypted here when it is written as one; SOPS decides by the rules in the file
 * (encrypted_regex and its like).  The two differ for files that SOPS itself would refuse, and the
 * MAC covers those, but for mac_only_encrypted: there, what is not encrypted and is not a field by
 * which a manifest says what it is, is refused.
 */
#ifndef BULLA_FOREIGN_SOPS_H
#define BULLA_FOREIGN_SOPS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/yaml.h"
#include "keys/keyring.h"

struct err;

struct sops_open {
	const struct keyring *keys;
	bool ignore_mac;
};

/* Does this object have the metadata of SOPS? */
bool sops_claims(const struct yaml_node *root);

/*
 * Decrypt all documents of a file where they are: strings become double-quoted scalars, numbers and
 * booleans plain ones.  The metadata stay.  Errors begin "file:line: field: ".  ERR_INVALID,
 * ERR_NOKEY, ERR_REFUSED: a value or the MAC is wrong; some values may be decrypted then.
 */
int sops_decrypt(const char *file, struct yaml_stream *s, const struct sops_open *o,
		 struct err *err);

/* A dotenv file with the metadata of SOPS? */
bool sops_env_claims(const struct buf *text);
/*
 * Decrypt it to the text of a dotenv file, appended, in which each line stands where it stood.
 * Errors as above.
 */
int sops_env_decrypt(const char *file, const struct buf *text, const struct sops_open *o,
		     struct buf *out, struct err *err);

#endif
