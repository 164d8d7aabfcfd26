/* SPDX-License-Identifier: Apache-2.0 */
/* The payload of an age file: a nonce and 64 KiB chunks of ChaCha20-Poly1305 (STREAM). */
#ifndef BULLA_KEYS_AGE_PAYLOAD_H
#define BULLA_KEYS_AGE_PAYLOAD_H

#include <stddef.h>

#include "base/buf.h"
#include "keys/age_format.h"

struct err;

/* Length of a payload, nonce included, for len bytes of plaintext. */
size_t age_payload_len(size_t len);

/*
 * Length of the plaintext of a payload of len bytes, nonce included, if its chunks can be whole.
 * ERR_INVALID: the text begins "age payload: ".
 */
int age_payload_plain_len(size_t len, size_t *plain_len, struct err *err);

/* Append a payload with a fresh nonce.  -1 when it would pass out's max. */
int age_payload_encrypt(const unsigned char file_key[static AGE_FILE_KEY_SIZE], const void *plain,
			size_t len, struct buf *out);

/*
 * Decrypt into out, which gets one allocation of the exact size and nothing on failure: ERR_INVALID
 * malformed or too large for out, ERR_REFUSED a chunk is damaged; "age payload: ...".
 */
int age_payload_decrypt(const unsigned char file_key[static AGE_FILE_KEY_SIZE], const void *payload,
			size_t len, struct buf *out, struct err *err);

#endif
