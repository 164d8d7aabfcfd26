/* SPDX-License-Identifier: Apache-2.0 */
/* AES-GCM with a tag of 16 bytes, on OpenSSL: keys of 16, 24 or 32 bytes, nonces of up to 64. */
#ifndef BULLA_FOREIGN_GCM_H
#define BULLA_FOREIGN_GCM_H

#include <stdbool.h>
#include <stddef.h>

#define GCM_TAG 16
#define GCM_NONCE_MAX 64
#define GCM_DATA_MAX 67108864 /* bytes of one text */

struct gcm {
	const unsigned char *key;
	size_t key_len;
	const unsigned char *nonce;
	size_t nonce_len;  /* not 0 */
	const char *about; /* authenticated beside the text */
	size_t about_len;
};

/*
 * out has room for len bytes.  false: the tag is wrong (out is wiped), or a size is none of the
 * above.  Nothing is left in OpenSSL's error queue.
 */
bool gcm_open(const struct gcm *g, const unsigned char *data, size_t len,
	      const unsigned char tag[static GCM_TAG], unsigned char *out);
bool gcm_seal(const struct gcm *g, const unsigned char *data, size_t len, unsigned char *out,
	      unsigned char tag[static GCM_TAG]);

#endif
