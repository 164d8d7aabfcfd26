/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as OpenSSL reads them again. */
#include "tests/unit/test.h"

#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/csr.h"

static X509_REQ *read_back(const struct buf *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->data, (int)pem->len);
	X509_REQ *req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);

	assert_non_null(req);
	BIO_free(bio);
	return req;
}

/* "DNS:a, DNS:b", as openssl prints it. */
static void names_of(X509_REQ *req, struct buf *out)
{
	STACK_OF(X509_EXTENSION) *all = X509_REQ_get_extensions(req);
	int at = all == NULL ? -1 : X509v3_get_ext_by_NID(all, NID_subject_alt_name, -1);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long len;

	if (at >= 0)
		assert_int_equal(X509V3_EXT_print(bio, sk_X509_EXTENSION_value(all, at), 0, 0), 1);
	len = BIO_get_mem_data(bio, &text);
	if (len > 0)
		buf_put(out, text, (size_t)len);
	BIO_free(bio);
	sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
}

static void subject_of(X509_REQ *req, struct buf *out)
{
	char *text = X509_NAME_oneline(X509_REQ_get_subject_name(req), NULL, 0);

	buf_puts(out, text);
	OPENSSL_free(text);
}

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

struct one {
	const char *names, *subject, *alternative; /* subject NULL: refused, alternative says how */
};

static const struct one cases[] = {
	{ "a.example.org", "/CN=a.example.org", "DNS:a.example.org" },
	{ "b.example.org,a.example.org", "/CN=b.example.org",
	  "DNS:b.example.org, DNS:a.example.org" },
	{ "*.example.org", "/CN=*.example.org", "DNS:*.example.org" },
	{ "_x.Example-1.org", "/CN=_x.Example-1.org", "DNS:_x.Example-1.org" },
	{ "localhost", "/CN=localhost", "DNS:localhost" },
	{ A63 ".org", "", "DNS:" A63 ".org" }, /* too long for a common name */
	{ NULL, NULL, "no name to ask" },
	{ "", NULL, "no name to ask" },
	{ "a.", NULL, "name 1: not a DNS name" },
	{ ".a", NULL, "name 1: not" },
	{ "a..b", NULL, "name 1: not" },
	{ "a,", NULL, "name 2: not" },
	{ "a,,b", NULL, "name 2: not" },
	{ "a,b c", NULL, "name 2: not" },
	{ "*", NULL, "name 1: not" },
	{ "*.", NULL, "name 1: not" },
	{ "a.*.b", NULL, "name 1: not" },
	{ "a\n", NULL, "name 1: not" },
	{ "a,+7 more", NULL, "name 2: not" },
	{ A63 "a.org", NULL, "name 1: not" },
	{ "a:b", NULL, "name 1: not" },
};

static void test_names(void **state)
{
	struct pkey key = PKEY_INIT;

	(void)state;
	assert_int_equal(pkey_generate(PKEY_P256, &key, NULL), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct csr csr = { &key, NULL, cases[i].names };
		struct buf pem = BUF_INIT, subject = BUF_INIT, names = BUF_INIT;
		struct err err = ERR_INIT;
		int r = csr_make(&csr, &pem, &err);

		if ((r == 0) != (cases[i].subject != NULL))
			fail_msg("%s: %d %s", cases[i].names, r, err.text);
		if (r == 0) {
			X509_REQ *req = read_back(&pem);

			subject_of(req, &subject);
			names_of(req, &names);
			assert_string_equal(buf_str(&subject), cases[i].subject);
			assert_string_equal(buf_str(&names), cases[i].alternative);
			X509_REQ_free(req);
		} else {
			assert_int_equal(err.class, ERR_INVALID);
			assert_non_null(strstr(err.text, cases[i].alternative));
			assert_int_equal(pem.len, 0);
		}
		buf_clear(&pem);
		buf_clear(&subject);
		buf_clear(&names);
	}
	pkey_clear(&key);
}

static void test_too_many(void **state)
{
	struct pkey key = PKEY_INIT;
	struct buf names = BUF_INIT, pem = BUF_INIT;
	struct err err = ERR_INIT;
	struct csr csr = { &key, NULL, NULL };

	(void)state;
	assert_int_equal(pkey_generate(PKEY_ED25519, &key, NULL), 0);
	for (int i = 0; i < CSR_NAMES_MAX; i++)
		buf_printf(&names, "%sa%d.example.org", i > 0 ? "," : "", i);
	csr.names = buf_str(&names);
	assert_int_equal(csr_make(&csr, &pem, &err), 0);
	buf_puts(&names, ",b");
	csr.names = buf_str(&names);
	assert_int_equal(csr_make(&csr, &pem, &err), -1);
	assert_string_equal(err.text, "more than 100 names");
	buf_clear(&names);
	buf_clear(&pem);
	pkey_clear(&key);
}

static X509 *certificate(const struct pkey *key, const char *names)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_get_subject_name(x);
	X509_EXTENSION *e;

	X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, (const unsigned char *)"Foobar", -1,
				   -1, 0);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)"api", -1,
				   -1, 0);
	X509_set_pubkey(x, key->evp);
	if (names != NULL) {
		e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
		assert_non_null(e);
		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
	assert_true(X509_sign(x, key->evp, key->type == PKEY_ED25519 ? NULL : EVP_sha256()) > 0);
	return x;
}

static void check_type_of(const struct pkey *key)
{
	X509 *x = certificate(key, NULL);
	enum pkey_type type = PKEY_P256;

	assert_int_equal(csr_type_of(x, &type, NULL), 0);
	assert_int_equal(type, key->type);
	X509_free(x);
}

/* Signed by each sort of key, with a digest as strong as it. */
static void test_signatures(void **state)
{
	static const struct {
		enum pkey_type type;
		int nid;
	} types[] = { { PKEY_ED25519, NID_ED25519 },
		      { PKEY_P256, NID_ecdsa_with_SHA256 },
		      { PKEY_P384, NID_ecdsa_with_SHA384 },
		      { PKEY_P521, NID_ecdsa_with_SHA512 },
		      { PKEY_RSA, NID_sha256WithRSAEncryption } };

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct pkey key = PKEY_INIT;
		const struct csr csr = { &key, NULL, "a.example.org" };
		struct buf pem = BUF_INIT;
		X509_REQ *req;
		EVP_PKEY *public;

		assert_int_equal(pkey_generate(types[i].type, &key, NULL), 0);
		assert_int_equal(csr_make(&csr, &pem, NULL), 0);
		req = read_back(&pem);
		public = X509_REQ_get0_pubkey(req);
		assert_int_equal(X509_REQ_verify(req, public), 1);
		assert_true(pkey_same_public(&key, public));
		assert_int_equal(X509_REQ_get_signature_nid(req), types[i].nid);
		check_type_of(&key);
		X509_REQ_free(req);
		buf_clear(&pem);
		pkey_clear(&key);
	}
}

struct copied {
	const char *old, *names, *want;
};

/* Subject and names of every sort are those of the old certificate, unless names are given. */
static void test_old(void **state)
{
	static const struct copied copies[] = {
		{ "DNS:a.example.org,IP:10.0.0.1,email:x@example.org", NULL,
		  "DNS:a.example.org, IP Address:10.0.0.1, email:x@example.org" },
		{ "DNS:a.example.org,IP:10.0.0.1", "b.example.org", "DNS:b.example.org" },
		{ NULL, NULL, "" },
		{ NULL, "b.example.org", "DNS:b.example.org" },
	};
	struct pkey key = PKEY_INIT;

	(void)state;
	assert_int_equal(pkey_generate(PKEY_P256, &key, NULL), 0);
	for (size_t i = 0; i < COUNT(copies); i++) {
		X509 *old = certificate(&key, copies[i].old);
		const struct csr csr = { &key, old, copies[i].names };
		struct buf pem = BUF_INIT, subject = BUF_INIT, names = BUF_INIT;
		X509_REQ *req;

		assert_int_equal(csr_make(&csr, &pem, NULL), 0);
		req = read_back(&pem);
		subject_of(req, &subject);
		names_of(req, &names);
		assert_string_equal(buf_str(&subject), "/O=Foobar/CN=api");
		assert_string_equal(buf_str(&names), copies[i].want);
		X509_REQ_free(req);
		X509_free(old);
		buf_clear(&pem);
		buf_clear(&subject);
		buf_clear(&names);
	}
	pkey_clear(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_old),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
