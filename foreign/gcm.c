/* SPDX-License-Identifier: Apache-2.0 */
#include "foreign/gcm.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/mem.h"

static const EVP_CIPHER *cipher_for(size_t key_len)
{
	switch (key_len) {
	case 16:
		return EVP_aes_128_gcm();
	case 24:
		return EVP_aes_192_gcm();
	case 32:
		return EVP_aes_256_gcm();
	default:
		return NULL;
	}
}

/* Everything before the text, in either direction. */
static bool begin(EVP_CIPHER_CTX *ctx, const struct gcm *g, int seal)
{
	const EVP_CIPHER *cipher = cipher_for(g->key_len);
	int n;

	if (cipher == NULL || g->nonce_len == 0 || g->nonce_len > GCM_NONCE_MAX ||
	    g->about_len > GCM_DATA_MAX)
		return false;
	return EVP_CipherInit_ex(ctx, cipher, NULL, NULL, NULL, seal) == 1 &&
	       EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)g->nonce_len, NULL) == 1 &&
	       EVP_CipherInit_ex(ctx, NULL, NULL, g->key, g->nonce, seal) == 1 &&
	       (g->about_len == 0 ||
		EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)g->about,
				 (int)g->about_len) == 1);
}

static bool end(EVP_CIPHER_CTX *ctx, bool done)
{
	EVP_CIPHER_CTX_free(ctx);
	ERR_clear_error();
	return done;
}

bool gcm_open(const struct gcm *g, const unsigned char *data, size_t len,
	      const unsigned char tag[static GCM_TAG], unsigned char *out)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char copy[GCM_TAG], rest[16];
	int n = 0;
	bool ok;

	for (size_t i = 0; i < GCM_TAG; i++)
		copy[i] = tag[i];
	ok = ctx != NULL && len <= GCM_DATA_MAX && begin(ctx, g, 0) &&
	     (len == 0 || EVP_CipherUpdate(ctx, out, &n, data, (int)len) == 1) &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, GCM_TAG, copy) == 1 &&
	     EVP_CipherFinal_ex(ctx, rest, &n) == 1;
	if (!ok)
		mem_wipe(out, len);
	return end(ctx, ok);
}

bool gcm_seal(const struct gcm *g, const unsigned char *data, size_t len, unsigned char *out,
	      unsigned char tag[static GCM_TAG])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	unsigned char rest[16];
	int n = 0;
	bool ok = ctx != NULL && len <= GCM_DATA_MAX && begin(ctx, g, 1) &&
		  (len == 0 || EVP_CipherUpdate(ctx, out, &n, data, (int)len) == 1) &&
		  EVP_CipherFinal_ex(ctx, rest, &n) == 1 &&
		  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, GCM_TAG, tag) == 1;

	return end(ctx, ok);
}
