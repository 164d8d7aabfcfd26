/* SPDX-License-Identifier: Apache-2.0 */
/* A GitHub App's own token, read as GitHub would, and what GitHub gives for it. */
#include "tests/unit/test.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "github/app.h"

#define NOW 1795689921

static EVP_PKEY *rsa;

static int make_key(void **state)
{
	(void)state;
	rsa = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
	return rsa == NULL ? -1 : 0;
}

static int drop_key(void **state)
{
	(void)state;
	EVP_PKEY_free(rsa);
	return 0;
}

/* PEM of a key; traditional: PKCS#1 or SEC1 in place of PKCS#8. */
static void put_pem(EVP_PKEY *key, bool traditional, const char *word, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (traditional)
		assert_int_equal(
		    PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	else
		assert_int_equal(PEM_write_bio_PKCS8PrivateKey(
				     bio, key, word == NULL ? NULL : EVP_aes_256_cbc(), word,
				     word == NULL ? 0 : (int)strlen(word), NULL, NULL),
				 1);
	n = BIO_get_mem_data(bio, &text);
	buf_put(out, text, (size_t)n);
	BIO_free(bio);
}

static void decode(const char *text, size_t n, struct buf *out)
{
	size_t len;

	if (sodium_base642bin(buf_reserve(out, n), n, text, n, NULL, &len, NULL,
			      sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0)
		fail_msg("not base64url: %.*s", (int)n, text);
	buf_truncate(out, len);
}

static bool verify(const char *text, size_t n, const struct buf *signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, rsa) == 1 &&
		  EVP_DigestVerify(ctx, signature->data, signature->len,
				   (const unsigned char *)text, n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

static void test_jwt(void **state)
{
	static const char *const ids[] = { "12345", "Iv23liAbC.d-e_f" };

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(ids); i++) {
		const char *id = ids[i / 2], *text, *first, *second;
		struct buf pem = BUF_INIT, jwt = BUF_INIT, head = BUF_INIT, claims = BUF_INIT,
			   signature = BUF_INIT;
		json_t *v;

		put_pem(rsa, i % 2 == 0, NULL, &pem);
		assert_int_equal(app_jwt(id, &pem, NOW, &jwt, NULL), 0);
		text = buf_str(&jwt);
		first = strchr(text, '.');
		second = strchr(first + 1, '.');
		assert_null(strchr(second + 1, '.'));
		decode(text, (size_t)(first - text), &head);
		decode(first + 1, (size_t)(second - first) - 1, &claims);
		decode(second + 1, strlen(second + 1), &signature);
		assert_true(verify(text, (size_t)(second - text), &signature));
		v = json_parse(buf_str(&head), head.len, "head", NULL);
		assert_string_equal(json_string_value(json_object_get(v, "alg")), "RS256");
		json_decref(v);
		v = json_parse(buf_str(&claims), claims.len, "claims", NULL);
		assert_string_equal(json_string_value(json_object_get(v, "iss")), id);
		/* GitHub refuses what is longer than ten minutes, by its own clock */
		assert_true(json_integer_value(json_object_get(v, "iat")) == NOW - 60);
		assert_true(json_integer_value(json_object_get(v, "exp")) == NOW + 540);
		assert_int_equal(json_object_size(v), 3);
		json_decref(v);
		buf_clear(&pem);
		buf_clear(&jwt);
		buf_clear(&head);
		buf_clear(&claims);
		buf_clear(&signature);
	}
}

static void refused(const char *id, const struct buf *pem, const char *why)
{
	struct buf jwt = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(app_jwt(id, pem, NOW, &jwt, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	if (strstr(err.text, why) == NULL)
		fail_msg("%s", err.text);
	assert_int_equal(jwt.len, 0);
	buf_clear(&jwt);
}

static void test_ids(void **state)
{
	static const char *const ids[] = {
		"",	    "1\",\"x\":\"",
		"1 2",	    "1\n",
		"\xc3\xa4", "11111111111111111111111111111111111111111111111111111111111111111",
	};
	struct buf pem = BUF_INIT;

	(void)state;
	put_pem(rsa, false, NULL, &pem);
	for (size_t i = 0; i < COUNT(ids); i++)
		refused(ids[i], &pem, "the App's id: digits, or its client id");
	buf_clear(&pem);
}

static void test_keys(void **state)
{
	EVP_PKEY *small = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	EVP_PKEY *curve = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	struct buf pem = BUF_INIT;

	(void)state;
	refused("1", &pem, "not a private key in PEM form");
	buf_puts(&pem, "canary");
	refused("1", &pem, "not a private key in PEM form");
	buf_reset(&pem);
	put_pem(rsa, false, "word", &pem);
	refused("1", &pem, "without a passphrase");
	buf_reset(&pem);
	put_pem(small, true, NULL, &pem);
	refused("1", &pem, "not RSA of 2048 bits or more");
	buf_reset(&pem);
	put_pem(curve, false, NULL, &pem);
	refused("1", &pem, "not RSA of 2048 bits or more");
	buf_reset(&pem);
	/* half of one */
	put_pem(rsa, false, NULL, &pem);
	buf_truncate(&pem, pem.len / 2);
	refused("1", &pem, "not a private key in PEM form");
	buf_reset(&pem);
	put_pem(rsa, false, NULL, &pem);
	while (pem.len <= 65536)
		buf_putc(&pem, '\n');
	refused("1", &pem, "not a private key in PEM form");
	buf_clear(&pem);
	EVP_PKEY_free(small);
	EVP_PKEY_free(curve);
}

static const struct {
	const char *body, *token; /* NULL: refused */
	int64_t expires;
	bool all;
} tokens[] = {
	{ "{\"token\":\"ghs_x\",\"expires_at\":\"2026-11-26T10:45:21Z\","
	  "\"repository_selection\":\"selected\"}",
	  "ghs_x", NOW, false },
	{ "{\"token\":\"ghs_x\",\"repository_selection\":\"all\"}", "ghs_x", 0, true },
	{ "{\"token\":\"ghs_x\",\"expires_at\":7,\"repository_selection\":[]}", "ghs_x", 0, false },
	{ "{\"token\":\"\"}", NULL, 0, false },
	{ "{\"token\":7}", NULL, 0, false },
	{ "{}", NULL, 0, false },
	{ "[]", NULL, 0, false },
};

static void test_tokens(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tokens); i++) {
		json_t *v = json_parse(tokens[i].body, strlen(tokens[i].body), "b", NULL);
		struct app_token t = APP_TOKEN_INIT;
		struct err err = ERR_INIT;

		t.installation = 5;
		assert_int_equal(app_token_read(v, &t, &err), tokens[i].token == NULL ? -1 : 0);
		assert_string_equal(buf_str(&t.token),
				    tokens[i].token == NULL ? "" : tokens[i].token);
		assert_true(t.expires == tokens[i].expires && t.installation == 5);
		assert_int_equal(t.all_repositories, tokens[i].all);
		if (tokens[i].token == NULL)
			assert_int_equal(err.class, ERR_IO);
		app_token_clear(&t);
		assert_true(t.token.len == 0 && t.installation == 0);
		json_decref(v);
	}
}

/* Nobody is asked with a repository, an id or a key that cannot be. */
static void test_asked_of_nobody(void **state)
{
	struct buf pem = BUF_INIT, none = BUF_INIT;
	const struct app_options cases[] = {
		{ .id = "1", .key = &pem, .repository = "no-slash" },
		{ .id = "", .key = &pem, .repository = "o/r" },
		{ .id = "1", .key = &none, .repository = "o/r" },
		{ .id = "1", .key = &pem, .repository = "o/r", .api_url = "http://a.example" },
	};

	(void)state;
	put_pem(rsa, false, NULL, &pem);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct app_token t = APP_TOKEN_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(app_token(&cases[i], &t, &err), -1);
		assert_int_equal(err.class, ERR_INVALID);
		assert_int_equal(t.token.len, 0);
	}
	buf_clear(&pem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jwt),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_asked_of_nobody),
	};

	mem_init();
	return cmocka_run_group_tests(tests, make_key, drop_key);
}
