/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made on the spot, each as wrong as a test wants it. */
#ifndef BULLA_TESTS_UNIT_KINDS_CERTS_H
#define BULLA_TESTS_UNIT_KINDS_CERTS_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "tests/unit/kinds/keys.h"

#define NOW ((int64_t)1795420800) /* 2026-11-23T08:00:00Z */

struct test_cert {
	const char *subject;	/* CN; NULL: an empty name */
	const char *key;	/* of test_key() */
	X509 *issuer;		/* NULL: itself */
	const char *issuer_key; /* NULL: key */
	int from, to;		/* days from NOW; both 0: -1 and 365 */
	const char *san;	/* as in openssl.cnf: "DNS:a.example.org,IP:10.0.0.1" */
	bool ca;
	const char *constraints; /* in place of ca's "critical,CA:TRUE" */
	const char *name_constraints;
	const EVP_MD *digest; /* NULL: SHA-256, nothing for Ed25519 */
	bool negative_serial, double_san, bad_san, empty_san, bad_date;
};

static inline void test_add_extension(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static inline void test_add_raw_san(X509 *x, const void *der, int len)
{
	ASN1_OCTET_STRING *data = ASN1_OCTET_STRING_new();
	X509_EXTENSION *e;

	ASN1_OCTET_STRING_set(data, der, len);
	e = X509_EXTENSION_create_by_NID(NULL, NID_subject_alt_name, 0, data);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(data);
}

static inline void test_set_name(X509_NAME *name, const char *cn)
{
	if (cn != NULL)
		assert_int_equal(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
							    (const unsigned char *)cn, -1, -1, 0),
				 1);
}

/* The caller's: X509_free. */
static inline X509 *test_make_cert(const struct test_cert *c)
{
	static long serial = 1000;
	EVP_PKEY *key = test_key(c->key), *signer = key;
	X509 *x = X509_new();
	bool defaults = c->from == 0 && c->to == 0;
	const EVP_MD *digest = c->digest;

	if (c->issuer_key != NULL)
		signer = test_key(c->issuer_key);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), c->negative_serial ? -5 : serial++);
	X509_time_adj_ex(X509_getm_notBefore(x), defaults ? -1 : c->from, 0, &(time_t){ NOW });
	X509_time_adj_ex(X509_getm_notAfter(x), defaults ? 365 : c->to, 0, &(time_t){ NOW });
	test_set_name(X509_get_subject_name(x), c->subject);
	X509_set_issuer_name(x, c->issuer != NULL ? X509_get_subject_name(c->issuer)
						  : X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	if (c->constraints != NULL || c->ca)
		test_add_extension(x, x, NID_basic_constraints,
				   c->constraints != NULL ? c->constraints : "critical,CA:TRUE");
	if (c->name_constraints != NULL)
		test_add_extension(x, x, NID_name_constraints, c->name_constraints);
	if (c->san != NULL)
		test_add_extension(x, x, NID_subject_alt_name, c->san);
	if (c->double_san)
		test_add_extension(x, x, NID_subject_alt_name, c->san);
	if (c->bad_san)
		test_add_raw_san(x,
				 "\x30\x07\x82\x05"
				 "a,b.c",
				 9);
	if (c->empty_san)
		test_add_raw_san(x, "\x30\x02\x82\x00", 4);
	if (c->bad_date)
		ASN1_STRING_set(X509_getm_notAfter(x), "not a date", -1);
	if (digest == NULL && EVP_PKEY_get_base_id(signer) != EVP_PKEY_ED25519 &&
	    EVP_PKEY_get_base_id(signer) != EVP_PKEY_ED448)
		digest = EVP_sha256();
	assert_true(X509_sign(x, signer, digest) > 0);
	ERR_clear_error();
	return x;
}

static inline char *test_cert_pem(X509 *x)
{
	BIO *bio = BIO_new(BIO_s_mem());

	assert_int_equal(PEM_write_bio_X509(bio, x), 1);
	return test_bio_text(bio);
}

/* What a table names, made once; "leaf+mid" is one after the other. */
struct test_certs {
	X509 *ca, *mid, *leaf, *self, *other;
};

static inline void test_certs_make(struct test_certs *t)
{
	t->ca = test_make_cert(
	    &(struct test_cert){ .subject = "Test Root", .key = "ca-p256", .ca = true });
	t->mid = test_make_cert(&(struct test_cert){ .subject = "Test Intermediate",
						     .key = "p384",
						     .issuer = t->ca,
						     .issuer_key = "ca-p256",
						     .ca = true,
						     .to = 200,
						     .from = -3 });
	t->leaf = test_make_cert(&(struct test_cert){
	    .subject = "foobar-api",
	    .key = "p256",
	    .issuer = t->mid,
	    .issuer_key = "p384",
	    .san = "DNS:foobar-api.example.org,DNS:api.example.org,IP:10.0.0.1",
	    .from = -2,
	    .to = 90 });
	t->self = test_make_cert(&(struct test_cert){
	    .subject = "self", .key = "rsa2048", .san = "DNS:self.example.org" });
	t->other = test_make_cert(
	    &(struct test_cert){ .subject = "Test Root", .key = "other-p256", .ca = true });
}

static inline void test_certs_free(struct test_certs *t)
{
	X509_free(t->ca);
	X509_free(t->mid);
	X509_free(t->leaf);
	X509_free(t->self);
	X509_free(t->other);
}

#endif
