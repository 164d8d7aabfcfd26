/* SPDX-License-Identifier: Apache-2.0 */
/* HKDF-SHA256 (RFC 5869) on libsodium's HMAC: Debian 12's libsodium has no HKDF of its own. */
#ifndef BULLA_KEYS_HKDF_H
#define BULLA_KEYS_HKDF_H

#include <stddef.h>

#define HKDF_SIZE 32

struct hkdf_bytes {
	const void *data; /* may be NULL when len is 0 */
	size_t len;
};

/* out gets 32 bytes, for the caller to wipe.  An empty salt is RFC 5869's "not provided". */
void hkdf_sha256(unsigned char out[static HKDF_SIZE], struct hkdf_bytes ikm, struct hkdf_bytes salt,
		 const char *info);

#endif
