/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/x509_facts.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "kinds/kind.h"

#define MORE_MAX 24 /* bytes of ",+N more" */

void x509_fingerprint(X509 *x, struct buf *out)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];

	X509_digest(x, EVP_sha256(), digest, NULL);
	buf_puts(out, "SHA256");
	for (size_t i = 0; i < sizeof(digest); i++)
		buf_printf(out, ":%02X", digest[i]);
}

/* --- DNS names -------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * A name as certificates have them: labels of letters, digits, "-" and "_", the first may be "*".
 */
static char *dns_name(const ASN1_IA5STRING *s)
{
	const char *text = (const char *)ASN1_STRING_get0_data(s);
	int len = ASN1_STRING_length(s);

	if (len < 1 || len > 253)
		return NULL;
	for (int i = 0; i < len; i++) {
		char c = text[i];

		if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') &&
		    c != '-' && c != '_' && c != '.' && c != '*')
			return NULL;
	}
	return mem_strn(text, (size_t)len);
}

/* Sorted, each once, as many as fit. */
static void put_names(char **names, size_t n, struct buf *out)
{
	size_t unique = 0, k = 0;

	qsort(names, n, sizeof(*names), compare);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
			unique++;
	for (size_t i = 0; i < n; i++) {
		size_t room = k + 1 == unique ? 0 : MORE_MAX;

		if (i > 0 && strcmp(names[i], names[i - 1]) == 0)
			continue;
		if (out->len + 1 + strlen(names[i]) + room > KIND_FACT_MAX)
			break;
		buf_printf(out, "%s%s", k == 0 ? "" : ",", names[i]);
		k++;
	}
	if (k < unique)
		buf_printf(out, ",+%zu more", unique - k);
}

static int take_names(const char *what, const GENERAL_NAMES *all, struct buf *out, struct err *err)
{
	int total = sk_GENERAL_NAME_num(all);
	char **names = mem_array((size_t)total, sizeof(*names));
	size_t n = 0;
	int rc = 0;

	for (int i = 0; i < total && rc == 0; i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);

		if (name->type != GEN_DNS)
			continue;
		names[n] = dns_name(name->d.dNSName);
		if (names[n] == NULL)
			rc = err_set(err, ERR_INVALID,
				     "%s: certificate 1: alternative name %d is not a DNS name",
				     what, i + 1);
		else
			n++;
	}
	if (rc == 0)
		put_names(names, n, out);
	for (size_t i = 0; i < n; i++)
		mem_free(names[i]);
	mem_free(names);
	return rc;
}

static int add_names(const char *what, X509 *x, struct kv *facts, bool *has_names, struct err *err)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	struct buf text = BUF_INIT;
	int rc = 0;

	*has_names = all != NULL && sk_GENERAL_NAME_num(all) > 0;
	if (*has_names)
		rc = take_names(what, all, &text, err);
	if (rc == 0 && text.len != 0)
		kv_set(facts, "dns-names", text.data, text.len);
	buf_clear(&text);
	GENERAL_NAMES_free(all);
	ERR_clear_error();
	return rc;
}

/* --- the rest --------------------------------------------------------------------------------- */

static int add_issuer(const char *what, X509 *x, struct kv *facts, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL, *text;
	long len = 0;
	int rc = -1;

	if (bio != NULL &&
	    X509_NAME_print_ex(bio, X509_get_issuer_name(x), 0, XN_FLAG_RFC2253) >= 0)
		len = BIO_get_mem_data(bio, &data);
	text = mem_strn(data == NULL ? "" : data, (size_t)len);
	BIO_free(bio);
	ERR_clear_error();
	if (len > KIND_FACT_MAX)
		err_set(err, ERR_INVALID,
			"%s: certificate 1: the issuer's name has %ld characters, more than the %d "
			"of a fact",
			what, len, KIND_FACT_MAX);
	else if (strlen(text) != (size_t)len || !name_is_fact(text))
		err_set(err, ERR_INVALID, "%s: certificate 1: the issuer's name is damaged", what);
	else
		rc = 0;
	if (rc == 0 && len != 0)
		kv_set_str(facts, "issuer", text);
	mem_free(text);
	return rc;
}

int x509_facts(const char *what, const struct x509_list *l, struct kv *facts, bool *has_names,
	       struct err *err)
{
	char text[CLOCK_TEXT_SIZE];
	struct buf fingerprint = BUF_INIT;
	int64_t end;

	if (x509_not_after(l, &end) != 0)
		return err_set(err, ERR_INVALID, "%s: has a damaged date", what);
	clock_format(end, text);
	kv_set_str(facts, "not-after", text);
	x509_fingerprint(l->certs[0], &fingerprint);
	kv_set(facts, "fingerprint", fingerprint.data, fingerprint.len);
	buf_clear(&fingerprint);
	if (add_names(what, l->certs[0], facts, has_names, err) != 0)
		return -1;
	return add_issuer(what, l->certs[0], facts, err);
}
