/* SPDX-License-Identifier: Apache-2.0 */
#include "github/served_cert.h"

#include <arpa/inet.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define LEAF_MAX ((size_t)1 << 20)
#define NAMES_MAX 4096 /* bytes of all names together; the rest is left out */

/* --- one certificate in words ----------------------------------------------------------------- */

static char *fingerprint(X509 *x)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	struct buf text = BUF_INIT;
	char *s;

	X509_digest(x, EVP_sha256(), digest, NULL);
	buf_puts(&text, "SHA256");
	for (size_t i = 0; i < sizeof(digest); i++)
		buf_printf(&text, ":%02X", digest[i]);
	s = mem_str(buf_str(&text));
	buf_clear(&text);
	return s;
}

static char *name_text(const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL, *text;
	long len = 0;

	if (bio != NULL && X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_get_mem_data(bio, &data);
	text = mem_strn(data != NULL ? data : "", len > 0 ? (size_t)len : 0);
	BIO_free(bio);
	return text;
}

static void put_name(const GENERAL_NAME *name, struct buf *out)
{
	const ASN1_STRING *s = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
	char address[INET6_ADDRSTRLEN] = "";
	int len;

	if (name->type != GEN_DNS && name->type != GEN_IPADD)
		return;
	len = ASN1_STRING_length(s);
	if (name->type == GEN_IPADD && len == 4)
		inet_ntop(AF_INET, ASN1_STRING_get0_data(s), address, sizeof(address));
	else if (name->type == GEN_IPADD && len == 16)
		inet_ntop(AF_INET6, ASN1_STRING_get0_data(s), address, sizeof(address));
	if (name->type == GEN_IPADD)
		buf_printf(out, "%s%s", out->len > 0 ? "," : "", address);
	else
		buf_printf(out, "%s%.*s", out->len > 0 ? "," : "", len,
			   (const char *)ASN1_STRING_get0_data(s));
}

static char *alternative_names(X509 *x)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	struct buf text = BUF_INIT;
	char *s;

	text.max = NAMES_MAX;
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++)
		put_name(sk_GENERAL_NAME_value(all, i), &text);
	s = mem_str(buf_str(&text));
	buf_clear(&text);
	GENERAL_NAMES_free(all);
	return s;
}

static int time_of(const ASN1_TIME *t, int64_t *out)
{
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return -1;
	*out = (int64_t)timegm(&tm);
	return 0;
}

static X509 *read_pem(const char *text, size_t len)
{
	BIO *bio = len <= LEAF_MAX ? BIO_new_mem_buf(text, (int)len) : NULL;
	X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return x;
}

int served_cert_add(struct served *s, const char *pem, struct err *err)
{
	X509 *x = read_pem(pem, strlen(pem));
	struct served_cert c = { 0 };
	int r = -1;

	if (x == NULL || time_of(X509_get0_notBefore(x), &c.not_before) != 0 ||
	    time_of(X509_get0_notAfter(x), &c.not_after) != 0) {
		err_set(err, ERR_INVALID, "certificate %zu that it shows cannot be read", s->n + 1);
		goto out;
	}
	c.fingerprint = fingerprint(x);
	c.subject = name_text(X509_get_subject_name(x));
	c.issuer = name_text(X509_get_issuer_name(x));
	c.names = alternative_names(x);
	s->chain = mem_grow(s->chain, s->n + 1, sizeof(*s->chain));
	s->chain[s->n++] = c;
	r = 0;
out:
	X509_free(x);
	ERR_clear_error();
	return r;
}

/* --- against the one at hand ------------------------------------------------------------------ */

static X509 *read_leaf(const struct served_question *q)
{
	const unsigned char *p = q->leaf;
	X509 *x = read_pem(q->leaf, q->len);

	if (x == NULL && q->len <= LEAF_MAX) {
		x = d2i_X509(NULL, &p, (long)q->len);
		if (x != NULL && p != (const unsigned char *)q->leaf + q->len) {
			X509_free(x); /* and something behind it */
			x = NULL;
		}
	}
	ERR_clear_error();
	return x;
}

static void compare(struct served *s, X509 *served, X509 *given)
{
	int order = ASN1_TIME_compare(X509_get0_notBefore(served), X509_get0_notBefore(given));
	EVP_PKEY *a = X509_get0_pubkey(served), *b = X509_get0_pubkey(given);

	if (X509_cmp(served, given) == 0)
		s->likeness = SERVED_SAME;
	else if (order == -1)
		s->likeness = SERVED_OLDER;
	else
		s->likeness = order == 1 ? SERVED_NEWER : SERVED_OTHER;
	s->same_key = a != NULL && b != NULL && EVP_PKEY_eq(a, b) == 1;
}

int served_cert_compare(struct served *s, const char *pem, const struct served_question *q,
			const char *name, struct err *err)
{
	X509 *served = read_pem(pem, strlen(pem)), *given = NULL;
	int r = -1;

	if (served == NULL) {
		err_set(err, ERR_INVALID, "certificate 1 that it shows cannot be read");
		goto out;
	}
	s->named = X509_check_ip_asc(served, name, 0) == 1 ||
		   X509_check_host(served, name, 0, 0, NULL) == 1;
	if (q->leaf != NULL) {
		given = read_leaf(q);
		if (given == NULL) {
			err_set(err, ERR_INVALID,
				"the certificate to compare with is neither PEM nor DER");
			goto out;
		}
		compare(s, served, given);
	}
	r = 0;
out:
	X509_free(served);
	X509_free(given);
	ERR_clear_error();
	return r;
}
