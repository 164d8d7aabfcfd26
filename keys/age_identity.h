/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys of age: X25519 identities in guarded memory. */
#ifndef BULLA_KEYS_AGE_IDENTITY_H
#define BULLA_KEYS_AGE_IDENTITY_H

#include <stddef.h>

#include "base/buf.h"
#include "keys/age_recipient.h"

struct err;

/* A private key, in guarded memory, with its public half and key id. */
struct age_identity;

struct age_identity *age_identity_generate(void);
/* "AGE-SECRET-KEY-1..." of len bytes, upper case.  NULL and ERR_INVALID. */
struct age_identity *age_identity_parse(const char *text, size_t len, struct err *err);
void age_identity_format(const struct age_identity *id, struct buf *out); /* appended, no newline */
const struct age_recipient *age_identity_recipient(const struct age_identity *id);
const char *age_identity_id(const struct age_identity *id); /* the key id; owned by id */
/* The AGE_KEY_SIZE secret bytes, owned by id: for keys/wrap.c, never to be copied. */
const unsigned char *age_identity_scalar(const struct age_identity *id);
void age_identity_free(struct age_identity *id); /* wiped; NULL is fine */

#endif
