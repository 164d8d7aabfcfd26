/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private keys of a sealed-secrets controller, as an administrator exports them: the PEM file
 * of tls.key, or the Secret or List of Secrets that kubectl prints, YAML or JSON, in which every
 * tls.key counts.  RSA alone; its halves must fit.
 */
#ifndef BULLA_FOREIGN_UNSEAL_KEYS_H
#define BULLA_FOREIGN_UNSEAL_KEYS_H

#include <stddef.h>

#include "kinds/pkey.h"

struct err;

#define UNSEAL_KEYS_MAX 1000
#define UNSEAL_FILE_MAX 16777216 /* bytes of a file of keys */

struct unseal_keys {
	struct pkey *items; /* as added */
	size_t n;
};

#define UNSEAL_KEYS_INIT                                                                           \
	{                                                                                          \
		NULL, 0                                                                            \
	}

/*
 * Add the keys of a file; name is put before errors.  ERR_INVALID, and then none of them is added:
 * a file without a key, one that is no RSA key, or one that is damaged.
 */
int unseal_keys_add(struct unseal_keys *keys, const char *name, const void *text, size_t len,
		    struct err *err);
void unseal_keys_clear(struct unseal_keys *keys); /* wiped */

#endif
