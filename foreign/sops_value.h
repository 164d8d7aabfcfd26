/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One encrypted value of a SOPS file:
 *
 *	ENC[AES256_GCM,data:BASE64,iv:BASE64,tag:BASE64,type:str]
 *
 * AES-256-GCM under the data key of the file, with a nonce of 32 bytes.  Authenticated beside it is
 * where the value stands: its keys, a ":" behind each (sops aes/cipher.go, sops.go).
 */
#ifndef BULLA_FOREIGN_SOPS_VALUE_H
#define BULLA_FOREIGN_SOPS_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define SOPS_KEY 32   /* bytes of a data key */
#define SOPS_NONCE 32 /* bytes, of what is made here; read are up to GCM_NONCE_MAX */

enum sops_type {
	SOPS_STR,
	SOPS_INT,
	SOPS_FLOAT,
	SOPS_BOOL,
	SOPS_BYTES,
	SOPS_TIME,
	SOPS_COMMENT,
	SOPS_TYPES,
};

enum sops_verdict {
	SOPS_OK,
	SOPS_SHAPE,   /* not written as above */
	SOPS_DAMAGED, /* another key, another place, or changed */
};

/* Does the text begin as an encrypted value does? */
bool sops_value_is(const char *text, size_t len);

/* out is emptied before, and on failure.  at: where it stands. */
enum sops_verdict sops_value_open(const unsigned char key[static SOPS_KEY], const char *at,
				  const char *text, size_t len, struct buf *out,
				  enum sops_type *type);

/* Append a value as SOPS writes it; an empty one is "" there. -1: past out's max. */
int sops_value_seal(const unsigned char key[static SOPS_KEY], const char *at, const void *data,
		    size_t len, struct buf *out);

#endif
