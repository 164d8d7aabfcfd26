/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/x509_ca.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/err.h"
#include "kinds/x509_facts.h"

#define CERTS_MAX 400 /* PEM_CERTS_MAX bounds them first in practice */

static int check_authority(const struct x509_ca *ca, const struct x509_list *l, size_t i,
			   struct err *err)
{
	X509 *x = l->certs[i];
	bool own = ca->chain != NULL && X509_cmp(x, ca->chain->certs[0]) == 0;

	if (x509_check_one(ca->what, i, x, false, err) != 0)
		return -1;
	if (!own && X509_check_ca(x) != 1)
		return err_set(err, ERR_INVALID, "%s: certificate %zu is not that of a CA",
			       ca->what, i + 1);
	return 0;
}

/* Expired ones are a nuisance in a bundle of many, and the end when there is no other. */
static int check_bundle_dates(const struct x509_ca *ca, const struct x509_list *l,
			      struct notes *notes, struct err *err)
{
	struct err why = ERR_INIT;
	size_t bad = 0;

	for (size_t i = 0; i < l->n; i++)
		bad += x509_check_date(ca->what, i, l->certs[i], ca->now, &why) != 0;
	if (bad == l->n && ca->dates == X509_DATES_REFUSE)
		return err_set(err, why.class, "%s", why.text);
	if (bad == 1)
		note_add(notes, "%s", why.text);
	else if (bad > 1)
		note_add(notes, "%s: %zu of %zu certificates are not valid now", ca->what, bad,
			 l->n);
	return 0;
}

static int check_bundle(const struct x509_ca *ca, const struct x509_list *l, struct notes *notes,
			struct err *err)
{
	int result;

	for (size_t i = 0; i < l->n; i++)
		if (check_authority(ca, l, i, err) != 0)
			return -1;
	if (x509_check_doubles(ca->what, l, err) != 0 || check_bundle_dates(ca, l, notes, err) != 0)
		return -1;
	result = ca->chain == NULL ? X509_V_OK : x509_verify_path(ca->chain, l);
	if (result != X509_V_OK)
		note_add(notes, "%s: the certificate does not verify against it: %s", ca->what,
			 X509_verify_cert_error_string(result));
	return 0;
}

static void put_fact(const struct x509_list *l, struct buf *fact)
{
	x509_fingerprint(l->certs[0], fact);
	if (l->n > 1)
		buf_printf(fact, ",+%zu more", l->n - 1);
}

int x509_ca_check(const struct x509_ca *ca, struct buf *fact, struct notes *notes, struct err *err)
{
	const struct pem_source src = { ca->what, ca->text, ca->len };
	struct x509_list l = X509_LIST_INIT;
	int rc = -1;

	if (x509_parse(&src, CERTS_MAX, &l, err) == 0 && check_bundle(ca, &l, notes, err) == 0) {
		rc = 0;
		if (fact != NULL)
			put_fact(&l, fact);
	}
	x509_clear(&l);
	ERR_clear_error();
	return rc;
}
