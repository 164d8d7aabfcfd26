/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys made on the spot, in every format that a user may hand over.  Strings returned are the
 * caller's (mem_free).  The formats are written by OpenSSL, and OpenSSH's by a writer of its own
 * here, which can be told to get each value wrong.
 */
#ifndef BULLA_TESTS_UNIT_KINDS_KEYS_H
#define BULLA_TESTS_UNIT_KINDS_KEYS_H

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/buf.h"
#include "base/mem.h"
#include "kinds/bcrypt.h"
#include "kinds/sshpub.h"
#include "kinds/sshwire.h"
#include "tests/unit/test.h"

static struct {
	const char *name, *algorithm, *group;
	size_t bits;
	EVP_PKEY *key;
} test_keys[] = {
	{ "ed25519", "ED25519", NULL, 0, NULL },  { "p256", "EC", "P-256", 0, NULL },
	{ "p384", "EC", "P-384", 0, NULL },	  { "p521", "EC", "P-521", 0, NULL },
	{ "other-p256", "EC", "P-256", 0, NULL }, { "ca-p256", "EC", "P-256", 0, NULL },
	{ "k1", "EC", "secp256k1", 0, NULL },	  { "p224", "EC", "P-224", 0, NULL },
	{ "rsa1024", "RSA", NULL, 1024, NULL },	  { "rsa2048", "RSA", NULL, 2048, NULL },
	{ "rsa3072", "RSA", NULL, 3072, NULL },	  { "rsa4096", "RSA", NULL, 4096, NULL },
	{ "fast3072", NULL, NULL, 3072, NULL },	  { "x25519", "X25519", NULL, 0, NULL },
	{ "ed448", "ED448", NULL, 0, NULL },
};

static inline void test_keys_free(void)
{
	for (size_t i = 0; i < COUNT(test_keys); i++)
		EVP_PKEY_free(test_keys[i].key);
}

/*
 * An RSA key of 2 * bits bits in no time, for tests of size: its "primes" are only odd, which
 * nothing but a primality test can tell.  The caller's: EVP_PKEY_free.
 */
static inline EVP_PKEY *test_fast_rsa(int bits, unsigned long e)
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_N,	       OSSL_PKEY_PARAM_RSA_E,
		OSSL_PKEY_PARAM_RSA_D,	       OSSL_PKEY_PARAM_RSA_FACTOR1,
		OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
		OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
	};
	BIGNUM *v[COUNT(names)], *m[2] = { BN_new(), BN_new() }, *both = BN_new();
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *pctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BN_CTX *ctx = BN_CTX_new();
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params;

	for (size_t i = 0; i < COUNT(v); i++)
		v[i] = BN_new();
	BN_set_word(v[1], e);
	do {
		for (int i = 0; i < 2; i++) {
			assert_int_equal(
			    BN_rand(v[3 + i], bits, BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ODD), 1);
			BN_copy(m[i], v[3 + i]);
			BN_sub_word(m[i], 1);
		}
		BN_mul(both, m[0], m[1], ctx);
	} while (BN_mod_inverse(v[2], v[1], both, ctx) == NULL ||
		 BN_mod_inverse(v[7], v[4], v[3], ctx) == NULL);
	BN_mul(v[0], v[3], v[4], ctx);
	BN_mod(v[5], v[2], m[0], ctx);
	BN_mod(v[6], v[2], m[1], ctx);
	for (size_t i = 0; i < COUNT(v); i++)
		assert_int_equal(OSSL_PARAM_BLD_push_BN(bld, names[i], v[i]), 1);
	params = OSSL_PARAM_BLD_to_param(bld);
	assert_int_equal(EVP_PKEY_fromdata_init(pctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(pctx, &key, EVP_PKEY_KEYPAIR, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(pctx);
	for (size_t i = 0; i < COUNT(v); i++)
		BN_clear_free(v[i]);
	BN_free(m[0]);
	BN_free(m[1]);
	BN_free(both);
	BN_CTX_free(ctx);
	ERR_clear_error();
	return key;
}

/* One key of each algorithm a test asks for, made once a process: RSA takes a while. */
static inline EVP_PKEY *test_key(const char *name)
{
	static bool registered;
	size_t i = 0;

	while (i < COUNT(test_keys) && strcmp(test_keys[i].name, name) != 0)
		i++;
	if (i == COUNT(test_keys))
		fail_msg("no test key %s", name);
	if (test_keys[i].key != NULL)
		return test_keys[i].key;
	if (test_keys[i].algorithm == NULL)
		test_keys[i].key = test_fast_rsa((int)test_keys[i].bits / 2, 65537);
	else if (test_keys[i].bits != 0)
		test_keys[i].key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", test_keys[i].bits);
	else if (test_keys[i].group != NULL)
		test_keys[i].key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", test_keys[i].group);
	else
		test_keys[i].key = EVP_PKEY_Q_keygen(NULL, NULL, test_keys[i].algorithm);
	assert_non_null(test_keys[i].key);
	/* after OpenSSL's own, so that it runs before it */
	if (!registered)
		atexit(test_keys_free);
	registered = true;
	return test_keys[i].key;
}

static inline char *test_bio_text(BIO *bio)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);
	char *text = mem_strn(data, (size_t)len);

	BIO_free(bio);
	return text;
}

/* PKCS#8; cipher NULL: plain, else encrypted with the password "secret words". */
static inline char *test_pkcs8(EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	static char password[] = "secret words";
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, cipher,
						       cipher == NULL ? NULL : password,
						       cipher == NULL ? 0 : 12, NULL, NULL),
			 1);
	return test_bio_text(bio);
}

/* PKCS#1 or SEC1, as above. */
static inline char *test_traditional(EVP_PKEY *key, const EVP_CIPHER *cipher)
{
	static unsigned char password[] = "secret words";
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key, cipher,
							      cipher == NULL ? NULL : password,
							      cipher == NULL ? 0 : 12, NULL, NULL),
			 1);
	return test_bio_text(bio);
}

static inline char *test_public_pem(EVP_PKEY *key)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
	return test_bio_text(bio);
}

/* A PEM block of any label around any bytes. */
static inline char *test_block(const char *label, const void *data, size_t len)
{
	struct buf out = BUF_INIT, text = BUF_INIT;
	char *s;

	assert_int_equal(b64_encode(&text, data, len), 0);
	buf_printf(&out, "-----BEGIN %s-----\n", label);
	for (size_t i = 0; i < text.len; i += 64)
		buf_printf(&out, "%.64s\n", buf_str(&text) + i);
	buf_printf(&out, "-----END %s-----\n", label);
	s = mem_strn(buf_str(&out), out.len);
	buf_clear(&out);
	buf_clear(&text);
	return s;
}

/* --- openssh-key-v1 --------------------------------------------------------------------------- */

/* What to get wrong; all zero: nothing, unencrypted. */
struct test_openssh {
	const char *magic, *cipher, *kdf, *label, *inner_name;
	const char *password;	/* bcrypt, 2 rounds, aes256-ctr unless cipher says otherwise */
	unsigned claimed, keys; /* rounds as the file says, whatever they are */
	bool options_without_kdf, tail, bad_check, bad_padding, long_padding, cut;
	bool no_salt, wrong_inner_public, wrong_private, short_private, other_public;
	bool wrong_curve, bad_point, bad_number;
};

static inline void test_put_bn(struct buf *out, EVP_PKEY *key, const char *param)
{
	unsigned char bytes[1024];
	BIGNUM *n = NULL;
	int len;

	assert_int_equal(EVP_PKEY_get_bn_param(key, param, &n), 1);
	len = BN_bn2bin(n, bytes);
	sshwire_put_mpint(out, bytes, (size_t)len);
	BN_clear_free(n);
}

static inline void test_put_u32(struct buf *out, unsigned n)
{
	unsigned char b[4] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16),
			       (unsigned char)(n >> 8), (unsigned char)n };

	buf_put(out, b, 4);
}

static inline void test_public_blob(EVP_PKEY *key, struct buf *blob)
{
	struct pkey k = { key, PKEY_ED25519, 0 };
	struct err err;

	assert_int_equal(pkey_classify("key", key, &k.type, &k.bits, &err), 0);
	assert_int_equal(sshpub_of(&k, blob, &err), 0);
}

static inline void test_put_private(struct buf *out, EVP_PKEY *key, struct buf *blob,
				    const struct test_openssh *o)
{
	static const char *const rsa[] = {
		OSSL_PKEY_PARAM_RSA_N,	     OSSL_PKEY_PARAM_RSA_E,
		OSSL_PKEY_PARAM_RSA_D,	     OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
		OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2
	};
	unsigned char pair[64];
	size_t n = 32;

	if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) {
		assert_int_equal(EVP_PKEY_get_raw_private_key(key, pair, &n), 1);
		assert_int_equal(EVP_PKEY_get_raw_public_key(key, pair + 32, &n), 1);
		if (o->wrong_inner_public)
			pair[63] ^= 1;
		sshwire_put_string(out, blob->data + blob->len - 32, 32);
		if (o->wrong_private)
			pair[0] ^= 1;
		sshwire_put_string(out, pair, o->short_private ? 63 : 64);
	} else if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
		if (o->bad_number)
			sshwire_put_string(out, "\0\1", 2); /* a zero too many */
		for (size_t i = 0; i < COUNT(rsa); i++)
			test_put_bn(out, key,
				    o->wrong_private && i == 2 ? OSSL_PKEY_PARAM_RSA_EXPONENT1
							       : rsa[i]);
	} else {
		/* the curve and the point are the two last strings of the blob */
		buf_put(out, blob->data + 4 + 19, blob->len - 4 - 19);
		if (o->bad_point)
			out->data[out->len - 1] ^= 1;
		if (o->wrong_curve)
			out->data[out->len - blob->len + 4 + 19 + 4 + 7] ^= 1;
		test_put_bn(out, o->wrong_private ? test_key("other-p256") : key,
			    OSSL_PKEY_PARAM_PRIV_KEY);
	}
}

static inline void test_encrypt(struct buf *section, const struct test_openssh *o, const char *salt)
{
	const struct bcrypt_cost cost = { salt, 16, 2 };
	struct buf password = BUF_INIT, key = BUF_INIT;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	buf_puts(&password, o->password);
	assert_int_equal(bcrypt_pbkdf(&password, &cost, 48, &key), 0);
	assert_int_equal(
	    EVP_EncryptInit_ex(ctx,
			       o->cipher != NULL && strcmp(o->cipher, "aes256-cbc") == 0
				   ? EVP_aes_256_cbc()
				   : EVP_aes_256_ctr(),
			       NULL, key.data, key.data + 32),
	    1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	assert_int_equal(
	    EVP_EncryptUpdate(ctx, section->data, &n, section->data, (int)section->len), 1);
	assert_int_equal((size_t)n, section->len);
	EVP_CIPHER_CTX_free(ctx);
	buf_clear(&password);
	buf_clear(&key);
}

static inline void test_openssh_section(EVP_PKEY *key, struct buf *blob,
					const struct test_openssh *o, struct buf *out)
{
	size_t block = o->password != NULL ? 16 : 8;
	uint32_t name = (uint32_t)blob->data[3];

	test_put_u32(out, 0x01020304);
	test_put_u32(out, o->bad_check ? 0x01020305 : 0x01020304);
	if (o->inner_name != NULL)
		sshwire_put_string(out, o->inner_name, strlen(o->inner_name));
	else
		sshwire_put_string(out, blob->data + 4, name);
	test_put_private(out, key, blob, o);
	sshwire_put_string(out, "a comment", 9);
	for (unsigned char i = 1; out->len % block != 0; i++)
		buf_putc(out, o->bad_padding ? 7 : i);
	for (unsigned char i = 1; o->long_padding && i <= block; i++)
		buf_putc(out, i);
}

static inline char *test_openssh(EVP_PKEY *key, const struct test_openssh *o)
{
	static const char salt[] = "0123456789abcdef";
	struct buf out = BUF_INIT, blob = BUF_INIT, section = BUF_INIT, options = BUF_INIT;
	const char *cipher = o->cipher, *kdf = o->kdf;
	char *text;

	test_public_blob(key, &blob);
	test_openssh_section(key, &blob, o, &section);
	if (o->password != NULL || o->options_without_kdf) {
		sshwire_put_string(&options, salt, o->no_salt ? 0 : 16);
		test_put_u32(&options, o->claimed != 0 ? o->claimed : 2);
	}
	if (o->password != NULL)
		test_encrypt(&section, o, salt);
	if (cipher == NULL)
		cipher = o->password != NULL ? "aes256-ctr" : "none";
	if (kdf == NULL)
		kdf = o->password != NULL ? "bcrypt" : "none";
	buf_put(&out, o->magic != NULL ? o->magic : "openssh-key-v1", 15);
	sshwire_put_string(&out, cipher, strlen(cipher));
	sshwire_put_string(&out, kdf, strlen(kdf));
	sshwire_put_string(&out, options.data, options.len);
	test_put_u32(&out, o->keys != 0 ? o->keys : 1);
	if (o->other_public) {
		buf_reset(&blob);
		test_public_blob(test_key("other-p256"), &blob);
	}
	sshwire_put_string(&out, blob.data, blob.len);
	sshwire_put_string(&out, section.data, section.len);
	if (o->tail)
		buf_putc(&out, 0);
	if (o->cut)
		buf_truncate(&out, out.len - 5);
	text = test_block(o->label != NULL ? o->label : "OPENSSH PRIVATE KEY", out.data, out.len);
	buf_clear(&out);
	buf_clear(&blob);
	buf_clear(&section);
	buf_clear(&options);
	return text;
}

/* Two texts one after the other; both are freed. */
static inline char *test_join(char *a, char *b)
{
	char *both = mem_printf("%s%s", a, b);

	mem_free(a);
	mem_free(b);
	return both;
}

#endif
