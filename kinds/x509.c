/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/x509.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

/* "WHAT: certificate N", for errors of the modules beneath. */
struct label {
	char text[128];
};

static struct label label_of(const char *what, size_t i)
{
	struct label l;
	struct buf b = BUF_INIT;

	b.max = sizeof(l.text) - 1;
	buf_printf(&b, "%s: certificate %zu", what, i + 1);
	memcpy(l.text, buf_str(&b), b.len + 1);
	buf_clear(&b);
	return l;
}

static int refuse(const char *what, size_t i, const char *reason, struct err *err)
{
	ERR_clear_error();
	return err_set(err, ERR_INVALID, "%s: certificate %zu %s", what, i + 1, reason);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int refuse_label(const char *what, const struct pem_block *b, struct err *err)
{
	const char *key = "PRIVATE KEY";
	size_t n = strlen(b->label), k = strlen(key);

	if (n >= k && strcmp(b->label + n - k, key) == 0)
		return err_set(err, ERR_INVALID,
			       "%s: line %u: a private key stands where certificates are expected, "
			       "which are read by many: take it out",
			       what, b->line);
	return err_set(err, ERR_INVALID,
		       "%s: line %u: a %s stands where only CERTIFICATE blocks are read", what,
		       b->line, b->label);
}

int x509_add(const char *what, const struct pem_block *b, size_t max, struct x509_list *out,
	     struct err *err)
{
	const unsigned char *at = b->der.data;
	X509 *x;

	if (strcmp(b->label, "CERTIFICATE") != 0)
		return refuse_label(what, b, err);
	if (b->headers.len != 0)
		return err_set(err, ERR_INVALID, "%s: line %u: a certificate cannot be encrypted",
			       what, b->line);
	if (out->n == max)
		return err_set(err, ERR_INVALID, "%s: holds more than %zu certificates", what, max);
	x = d2i_X509(NULL, &at, (long)b->der.len);
	if (x == NULL || at != b->der.data + b->der.len) {
		X509_free(x);
		return refuse(what, out->n, "is damaged", err);
	}
	out->certs = mem_grow(out->certs, out->n + 1, sizeof(X509 *));
	out->certs[out->n++] = x;
	return 0;
}

int x509_parse(const struct pem_source *src, size_t max, struct x509_list *out, struct err *err)
{
	struct pem_block b = PEM_BLOCK_INIT;
	struct pem_reader r;
	int more;

	if (pem_open(&r, src, PEM_CERTS_MAX, PEM_TEXT, err) != 0)
		return -1;
	while ((more = pem_next(&r, &b, err)) == 1) {
		if (x509_add(src->what, &b, max, out, err) != 0) {
			more = -1;
			break;
		}
	}
	pem_clear(&b);
	if (more != 0)
		x509_clear(out);
	return more;
}

void x509_clear(struct x509_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		X509_free(l->certs[i]);
	mem_free(l->certs);
	*l = (struct x509_list)X509_LIST_INIT;
}

/* --- one certificate -------------------------------------------------------------------------- */

static bool is_self_signed(X509 *x)
{
	return (X509_get_extension_flags(x) & EXFLAG_SS) != 0;
}

/* What Go's checkSignature takes; its own signature matters little on a root. */
static const char *check_signature(X509 *x)
{
	int digest = NID_undef, key = NID_undef;

	if (X509_get_signature_info(x, &digest, &key, NULL, NULL) != 1)
		return "is signed with an unknown algorithm";
	if (key == NID_ED25519 || digest == NID_sha256 || digest == NID_sha384 ||
	    digest == NID_sha512)
		return NULL;
	if (digest == NID_sha1 || digest == NID_md5)
		return "is signed over a SHA-1 or MD5 digest, which readers refuse: have it issued "
		       "anew";
	return "is signed with an algorithm that readers do not take";
}

static const char *check_form(X509 *x)
{
	if ((X509_get_extension_flags(x) & EXFLAG_INVALID) != 0)
		return "has an extension that is damaged or stands twice";
	if (ASN1_STRING_type(X509_get0_serialNumber(x)) == V_ASN1_NEG_INTEGER)
		return "has a negative serial number, which readers refuse";
	if (X509_get0_pubkey(x) == NULL)
		return "has a damaged key, or one of an unknown type";
	return NULL;
}

int x509_check_one(const char *what, size_t i, X509 *x, bool leaf, struct err *err)
{
	struct label label = label_of(what, i);
	const char *reason = check_form(x);
	enum pkey_type type;
	unsigned bits;

	if (reason == NULL && (leaf || !is_self_signed(x)))
		reason = check_signature(x);
	if (reason != NULL)
		return refuse(what, i, reason, err);
	if (pkey_classify(label.text, X509_get0_pubkey(x), &type, &bits, err) != 0)
		return -1;
	if (type == PKEY_RSA && (bits < X509_RSA_MIN || bits > X509_RSA_MAX))
		return err_set(err, ERR_INVALID, "%s: an RSA key of %u bits: must have %d to %d",
			       label.text, bits, X509_RSA_MIN, X509_RSA_MAX);
	return 0;
}

/* --- the pair and the chain ------------------------------------------------------------------- */

int x509_check_key(const char *what, const char *key_what, const struct x509_list *l,
		   const struct pkey *key, struct err *err)
{
	for (size_t i = 0; i < l->n; i++) {
		const EVP_PKEY *public = X509_get0_pubkey(l->certs[i]);

		if (public == NULL || !pkey_same_public(key, public))
			continue;
		if (i == 0)
			return 0;
		return err_set(
		    err, ERR_INVALID,
		    "%s: certificate %zu belongs to the key: it must come first, then each "
		    "one's issuer",
		    what, i + 1);
	}
	ERR_clear_error();
	return err_set(err, ERR_INVALID,
		       "%s: does not belong to the certificate (%s): the two are not a pair",
		       key_what, what);
}

static bool is_issuer(X509 *issuer, X509 *subject)
{
	return X509_check_issued(issuer, subject) == X509_V_OK &&
	       X509_verify(subject, X509_get0_pubkey(issuer)) == 1;
}

static int refuse_order(const char *what, const struct x509_list *l, size_t i, struct err *err)
{
	for (size_t k = 0; k < l->n; k++) {
		if (k == i || k == i + 1 || !is_issuer(l->certs[k], l->certs[i]))
			continue;
		ERR_clear_error();
		return err_set(err, ERR_INVALID,
			       "%s: out of order: certificate %zu must be followed by its issuer, "
			       "which is certificate %zu",
			       what, i + 1, k + 1);
	}
	return refuse(what, i,
		      "is not issued by the one after it: one is missing between them, or does "
		      "not belong here",
		      err);
}

int x509_verify_path(const struct x509_list *chain, const struct x509_list *trusted)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *others = sk_X509_new_null();
	int result = X509_V_ERR_OUT_OF_MEM;
	bool ready = store != NULL && ctx != NULL && others != NULL;

	for (size_t i = 0; i < trusted->n && ready; i++)
		ready = X509_STORE_add_cert(store, trusted->certs[i]) == 1;
	for (size_t i = 1; i < chain->n && ready; i++)
		ready = sk_X509_push(others, chain->certs[i]) > 0;
	/* the dates have their own check, with the clock that was given */
	if (ready && X509_STORE_CTX_init(ctx, store, chain->certs[0], others) == 1) {
		X509_STORE_CTX_set_flags(ctx,
					 X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
		if (X509_verify_cert(ctx) == 1)
			result = X509_V_OK;
		else
			result = X509_STORE_CTX_get_error(ctx);
	}
	X509_STORE_CTX_free(ctx);
	sk_X509_free(others);
	X509_STORE_free(store);
	ERR_clear_error();
	return result;
}

static int check_path(const char *what, const struct x509_list *l, struct err *err)
{
	struct x509_list last = { &l->certs[l->n - 1], 1 };
	int result = l->n == 1 ? X509_V_OK : x509_verify_path(l, &last);

	if (result == X509_V_OK)
		return 0;
	return err_set(err, ERR_INVALID, "%s: the chain does not verify: %s", what,
		       X509_verify_cert_error_string(result));
}

int x509_check_doubles(const char *what, const struct x509_list *l, struct err *err)
{
	for (size_t i = 1; i < l->n; i++)
		for (size_t k = 0; k < i; k++)
			if (X509_cmp(l->certs[i], l->certs[k]) == 0)
				return err_set(err, ERR_INVALID,
					       "%s: certificate %zu is certificate %zu again", what,
					       i + 1, k + 1);
	return 0;
}

int x509_check_chain(const char *what, const struct x509_list *l, struct err *err)
{
	for (size_t i = 0; i < l->n; i++)
		if (x509_check_one(what, i, l->certs[i], i == 0, err) != 0)
			return -1;
	if (x509_check_doubles(what, l, err) != 0)
		return -1;
	for (size_t i = 0; i + 1 < l->n; i++) {
		if (!is_issuer(l->certs[i + 1], l->certs[i]))
			return refuse_order(what, l, i, err);
		if (X509_check_ca(l->certs[i + 1]) != 1)
			return refuse(what, i + 1, "issued the one before it, but is no CA", err);
	}
	ERR_clear_error();
	return check_path(what, l, err);
}

/* --- dates ------------------------------------------------------------------------------------ */

int x509_time(const ASN1_TIME *t, int64_t *out)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, seconds = 0;
	bool done = epoch != NULL && ASN1_TIME_check(t) == 1 &&
		    ASN1_TIME_diff(&days, &seconds, epoch, t) == 1;

	ASN1_TIME_free(epoch);
	ERR_clear_error();
	if (!done)
		return -1;
	*out = (int64_t)days * 86400 + seconds;
	return 0;
}

int x509_not_after(const struct x509_list *l, int64_t *out)
{
	int64_t t;

	*out = INT64_MAX;
	for (size_t i = 0; i < l->n; i++) {
		if (x509_time(X509_get0_notAfter(l->certs[i]), &t) != 0)
			return -1;
		if (t < *out)
			*out = t;
	}
	return 0;
}

int x509_check_date(const char *what, size_t i, X509 *x, int64_t now, struct err *err)
{
	char text[CLOCK_TEXT_SIZE];
	int64_t from, to;

	if (x509_time(X509_get0_notBefore(x), &from) != 0 ||
	    x509_time(X509_get0_notAfter(x), &to) != 0)
		return refuse(what, i, "has a damaged date", err);
	if (now > to) {
		clock_format(to, text);
		return err_set(err, ERR_INVALID, "%s: certificate %zu expired at %s", what, i + 1,
			       text);
	}
	if (now < from) {
		clock_format(from, text);
		return err_set(err, ERR_INVALID, "%s: certificate %zu is not valid before %s", what,
			       i + 1, text);
	}
	return 0;
}

int x509_check_dates(const char *what, const struct x509_list *l, const struct x509_when *when,
		     struct notes *notes, struct err *err)
{
	char text[CLOCK_TEXT_SIZE];
	bool noted = false;
	int64_t end;

	for (size_t i = 0; i < l->n; i++) {
		struct err why = ERR_INIT;

		if (x509_check_date(what, i, l->certs[i], when->now, &why) == 0)
			continue;
		if (when->dates == X509_DATES_REFUSE)
			return err_set(err, why.class, "%s", why.text);
		note_add(notes, "%s", why.text);
		noted = true;
	}
	if (x509_not_after(l, &end) != 0)
		return err_set(err, ERR_INVALID, "%s: has a damaged date", what);
	if (!noted && clock_days(when->now, end) < X509_SOON_DAYS) {
		clock_format(end, text);
		note_add(notes, "%s: expires at %s, in %lld days", what, text,
			 (long long)clock_days(when->now, end));
	}
	return 0;
}
