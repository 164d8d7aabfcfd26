/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SealedSecret of Bitnami's sealed-secrets, bitnami.com/v1alpha1, opened without its controller.
 *
 * Each value is two bytes of length (big-endian), a content key under RSA-OAEP with SHA-256, and
 * AES-GCM under that key with a nonce of zeroes and no further data.  The label of OAEP is
 * NAMESPACE/NAME, the namespace alone, or nothing, by the annotations of the SealedSecret
 * (sealed-secrets pkg/crypto/crypto.go, sealedsecret_expansion.go).
 *
 * Pure.  The Secret comes out as the controller would make it, but what a template computes is
 * refused: text/template is not evaluated.
 */
#ifndef BULLA_FOREIGN_SEALED_SECRET_H
#define BULLA_FOREIGN_SEALED_SECRET_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/kv.h"
#include "base/notes.h"
#include "base/yaml.h"
#include "foreign/unseal_keys.h"

struct err;

#define SEALED_SECRET_KEYS_MAX 1024	/* values of one */
#define SEALED_SECRET_VALUE_MAX 2097152 /* bytes of one, in base64 */

struct sealed_secret {
	char *name;
	char *namespace; /* NULL when it names none */
	char *type;	 /* "Opaque" when its template names none */
	bool immutable;
	struct kv data;		       /* decrypted, with what the template adds in plain text */
	struct kv labels, annotations; /* of the template, without sealed-secrets' own */
};

#define SEALED_SECRET_INIT                                                                         \
	{                                                                                          \
		NULL, NULL, NULL, false, KV_INIT, KV_INIT, KV_INIT                                 \
	}

struct sealed_secret_open {
	const struct unseal_keys *keys;
	const char *namespace; /* for one that names none; NULL: it must */
	size_t first; /* index of the key to try first; becomes that of the last that fit */
};

/* Does this object claim to be a SealedSecret, of any version? */
bool sealed_secret_claims(const struct yaml_node *root);

/*
 * file is put before errors as "file:line: field: ".  ERR_INVALID: not a SealedSecret as above, or
 * one that is not converted; ERR_NOKEY: no key opens a value, as it was made with another key or,
 * by its scope, for another name; ERR_REFUSED: a value is damaged.  out must be
 * SEALED_SECRET_INIT; it is empty on failure.  notes: what is left out.
 */
int sealed_secret_open(const char *file, const struct yaml_node *root, struct sealed_secret_open *o,
		       struct sealed_secret *out, struct notes *notes, struct err *err);
void sealed_secret_clear(struct sealed_secret *s); /* wiped */

/* The Secret as a manifest in JSON, on one line.  Appended.  -1: past out's max. */
int sealed_secret_format(const struct sealed_secret *s, struct buf *out);

#endif
