/* SPDX-License-Identifier: Apache-2.0 */
#include "foreign/unseal.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/mem.h"
#include "foreign/gcm.h"

#define CONTENT_KEY_MAX 32
#define NONCE 12

static bool set_up(EVP_PKEY_CTX *ctx, const char *label)
{
	size_t n = strlen(label);
	void *copy;

	if (EVP_PKEY_decrypt_init(ctx) != 1 ||
	    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1 ||
	    EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) != 1 ||
	    EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) != 1)
		return false;
	if (n == 0)
		return true;
	copy = OPENSSL_memdup(label, n); /* taken over when it is set */
	if (copy != NULL && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, copy, (int)n) == 1)
		return true;
	OPENSSL_free(copy);
	return false;
}

/* The content key into out; its length, or 0. */
static size_t open_key(const struct pkey *key, const char *label, const unsigned char *sealed,
		       size_t len, unsigned char out[static CONTENT_KEY_MAX])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key->evp, NULL);
	size_t n = (size_t)EVP_PKEY_get_size(key->evp), got = 0;
	unsigned char *plain = mem_alloc(n);

	if (ctx != NULL && set_up(ctx, label) &&
	    EVP_PKEY_decrypt(ctx, plain, &n, sealed, len) == 1 &&
	    (n == 16 || n == 24 || n == CONTENT_KEY_MAX)) {
		memcpy(out, plain, n);
		got = n;
	}
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	mem_free(plain);
	return got;
}

static size_t find_key(struct unseal *u, const unsigned char *sealed, size_t len,
		       unsigned char out[static CONTENT_KEY_MAX])
{
	size_t n = u->keys->n, first = u->first < n ? u->first : 0;

	for (size_t i = 0; i < n; i++) {
		size_t at = (first + i) % n;
		const struct pkey *key = &u->keys->items[at];
		size_t got = 0;

		if ((size_t)EVP_PKEY_get_size(key->evp) == len)
			got = open_key(key, u->label, sealed, len, out);
		if (got != 0) {
			u->first = at;
			return got;
		}
	}
	return 0;
}

enum unseal_verdict unseal_value(struct unseal *u, const unsigned char *data, size_t len,
				 struct buf *out)
{
	static const unsigned char nonce[NONCE];
	unsigned char key[CONTENT_KEY_MAX];
	struct gcm g = { .key = key, .nonce = nonce, .nonce_len = NONCE };
	enum unseal_verdict verdict = UNSEAL_OK;
	size_t sealed, rest;
	unsigned char *room;

	buf_reset(out);
	if (len < 2)
		return UNSEAL_SHORT;
	sealed = (size_t)data[0] << 8 | data[1];
	if (len - 2 < sealed + GCM_TAG)
		return UNSEAL_SHORT;
	g.key_len = find_key(u, data + 2, sealed, key);
	if (g.key_len == 0)
		return UNSEAL_NO_KEY;
	rest = len - 2 - sealed - GCM_TAG;
	room = buf_reserve(out, rest);
	if (room == NULL || !gcm_open(&g, data + 2 + sealed, rest, data + len - GCM_TAG, room)) {
		buf_reset(out);
		verdict = UNSEAL_DAMAGED;
	}
	mem_wipe(key, sizeof(key));
	return verdict;
}
