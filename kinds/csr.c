/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/csr.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "base/mem.h"

#define NAME_MAX_DNS 253

/* Letters, digits, "-" and "_" between dots; the first label may be "*". */
static bool is_dns_name(const char *s, size_t len)
{
	size_t label = 0;

	if (len > 2 && s[0] == '*' && s[1] == '.') {
		s += 2;
		len -= 2;
	}
	if (len == 0 || len > NAME_MAX_DNS)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '.' && label == 0)
			return false;
		if (c != '.' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') &&
		    (c < '0' || c > '9') && c != '-' && c != '_')
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0;
}

/* Takes over nothing; -1 when OpenSSL has no memory. */
static int push_name(GENERAL_NAMES *all, const char *s, size_t len)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	if (name == NULL || text == NULL || ASN1_STRING_set(text, s, (int)len) != 1) {
		GENERAL_NAME_free(name);
		ASN1_IA5STRING_free(text);
		return -1;
	}
	GENERAL_NAME_set0_value(name, GEN_DNS, text);
	if (sk_GENERAL_NAME_push(all, name) <= 0) {
		GENERAL_NAME_free(name);
		return -1;
	}
	return 0;
}

static int parse_names(const char *names, GENERAL_NAMES *all, struct err *err)
{
	size_t n = 0;

	for (;; names++) {
		size_t len = strcspn(names, ",");

		if (!is_dns_name(names, len))
			return err_set(err, ERR_INVALID, "name %zu: not a DNS name", n + 1);
		if (n++ == CSR_NAMES_MAX)
			return err_set(err, ERR_INVALID, "more than %d names", CSR_NAMES_MAX);
		if (push_name(all, names, len) != 0)
			return err_set(err, ERR_INTERNAL, "cannot add a name to the request");
		names += len;
		if (*names == '\0')
			return 0;
	}
}

/* NULL without an error: there are none. */
static int find_names(const struct csr *csr, GENERAL_NAMES **out, struct err *err)
{
	if (csr->names == NULL) {
		if (csr->old != NULL)
			*out = X509_get_ext_d2i(csr->old, NID_subject_alt_name, NULL, NULL);
		return 0;
	}
	*out = sk_GENERAL_NAME_new_null();
	if (*out == NULL)
		return err_set(err, ERR_INTERNAL, "cannot make a list of names");
	return parse_names(csr->names, *out, err);
}

static int add_names(X509_REQ *req, GENERAL_NAMES *names)
{
	STACK_OF(X509_EXTENSION) *extensions = NULL;
	int ok;

	if (names == NULL || sk_GENERAL_NAME_num(names) == 0)
		return 0;
	ok =
	    X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1 &&
	    X509_REQ_add_extensions(req, extensions) == 1;
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return ok ? 0 : -1;
}

/* The old subject, or the first name where a common name has room for it. */
static int set_subject(X509_REQ *req, const struct csr *csr)
{
	X509_NAME *subject;
	size_t len;
	int ok;

	if (csr->old != NULL)
		return X509_REQ_set_subject_name(req, X509_get_subject_name(csr->old)) == 1 ? 0
											    : -1;
	len = strcspn(csr->names, ",");
	if (len > CSR_CN_MAX)
		return 0;
	subject = X509_NAME_new();
	ok = subject != NULL &&
	     X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC,
					(const unsigned char *)csr->names, (int)len, -1, 0) == 1 &&
	     X509_REQ_set_subject_name(req, subject) == 1;
	X509_NAME_free(subject);
	return ok ? 0 : -1;
}

/* As strong as the key; Ed25519 brings its own. */
static const EVP_MD *digest_for(enum pkey_type type)
{
	static const EVP_MD *(*const digests[])(void) = {
		[PKEY_P256] = EVP_sha256,
		[PKEY_P384] = EVP_sha384,
		[PKEY_P521] = EVP_sha512,
		[PKEY_RSA] = EVP_sha256,
	};

	return type == PKEY_ED25519 ? NULL : digests[type]();
}

static int write_pem(X509_REQ *req, struct buf *pem)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;
	int rc = -1;

	if (bio != NULL && PEM_write_bio_X509_REQ(bio, req) == 1)
		len = BIO_get_mem_data(bio, &text);
	if (len > 0)
		rc = buf_put(pem, text, (size_t)len);
	BIO_free(bio);
	return rc;
}

static int make(const struct csr *csr, GENERAL_NAMES *names, struct buf *pem)
{
	X509_REQ *req = X509_REQ_new();
	int rc = -1;

	if (req != NULL && X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
	    set_subject(req, csr) == 0 && add_names(req, names) == 0 &&
	    X509_REQ_set_pubkey(req, csr->key->evp) == 1 &&
	    X509_REQ_sign(req, csr->key->evp, digest_for(csr->key->type)) > 0)
		rc = write_pem(req, pem);
	X509_REQ_free(req);
	return rc;
}

int csr_make(const struct csr *csr, struct buf *pem, struct err *err)
{
	GENERAL_NAMES *names = NULL;
	int rc = -1;

	if (csr->old == NULL && (csr->names == NULL || csr->names[0] == '\0'))
		err_set(err, ERR_INVALID, "there is no name to ask a certificate for");
	else if (find_names(csr, &names, err) == 0)
		rc = make(csr, names, pem) == 0
			 ? 0
			 : err_set(err, ERR_INTERNAL, "cannot make a certificate signing request");
	GENERAL_NAMES_free(names);
	ERR_clear_error();
	return rc;
}

int csr_type_of(X509 *old, enum pkey_type *type, struct err *err)
{
	unsigned bits;

	return pkey_classify("certificate 1", X509_get0_pubkey(old), type, &bits, err);
}
