/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 (RFC 4648 section 4), canonical only: no white space, no non-zero trailing bits; padded
 * as in a Secret's data, or raw as in age.  Encoding and decoding run in constant time (libsodium).
 */
#ifndef BULLA_BASE_B64_H
#define BULLA_BASE_B64_H

#include <stddef.h>

#include "base/buf.h"

int b64_encode(struct buf *out, const void *data, size_t len); /* padded; appends; -1: past max */
int b64_encode_raw(struct buf *out, const void *data, size_t len); /* unpadded */
int b64_decode(struct buf *out, const char *text,
	       size_t len); /* padded; appends; -1: not canonical */
int b64_decode_raw(struct buf *out, const char *text, size_t len); /* unpadded */

#define B64_FINGERPRINT 51 /* "SHA256:", 43 characters and a NUL */
/* SHA-256 in base64, as ssh-keygen -l shows it of a public key's blob. */
void b64_fingerprint(const void *blob, size_t len, char text[static B64_FINGERPRINT]);

#endif
