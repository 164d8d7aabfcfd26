/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of sealed-secrets, for tests: an RSA key, and values sealed to it as kubeseal
 * does. */
#ifndef BULLA_TESTS_UNIT_FOREIGN_SEALING_H
#define BULLA_TESTS_UNIT_FOREIGN_SEALING_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/b64.h"
#include "base/buf.h"
#include "foreign/gcm.h"

static inline EVP_PKEY *sealing_key(void)
{
	EVP_PKEY *key = EVP_RSA_gen(2048);

	assert_non_null(key);
	return key;
}

static inline void sealing_pem(EVP_PKEY *key, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	n = BIO_get_mem_data(bio, &text);
	buf_put(out, text, (size_t)n);
	BIO_free(bio);
}

/* The bytes of one value. */
static inline void sealing_bytes(EVP_PKEY *key, const char *label, const char *value,
				 struct buf *out)
{
	static const unsigned char nonce[12];
	unsigned char content[32] = { 7 }, sealed[512], tag[GCM_TAG], text[256];
	struct gcm g = { content, sizeof(content), nonce, sizeof(nonce), NULL, 0 };
	size_t n = sizeof(sealed), len = strlen(value);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

	assert_true(len <= sizeof(text));
	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()), 1);
	if (label[0] != '\0')
		assert_int_equal(EVP_PKEY_CTX_set0_rsa_oaep_label(
				     ctx, OPENSSL_memdup(label, strlen(label)), (int)strlen(label)),
				 1);
	assert_int_equal(EVP_PKEY_encrypt(ctx, sealed, &n, content, sizeof(content)), 1);
	EVP_PKEY_CTX_free(ctx);
	assert_true(gcm_seal(&g, (const unsigned char *)value, len, text, tag));
	buf_putc(out, (unsigned char)(n >> 8));
	buf_putc(out, (unsigned char)n);
	buf_put(out, sealed, n);
	buf_put(out, text, len);
	buf_put(out, tag, sizeof(tag));
}

static inline void sealing_text(EVP_PKEY *key, const char *label, const char *value,
				struct buf *out)
{
	struct buf bytes = BUF_INIT;

	sealing_bytes(key, label, value, &bytes);
	b64_encode(out, bytes.data, bytes.len);
	buf_clear(&bytes);
}

#endif
