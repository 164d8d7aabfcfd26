/* SPDX-License-Identifier: Apache-2.0 */
#include "github/served_trust.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "base/err.h"

static X509 *next(BIO *bio)
{
	return bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
}

/* The authorities that a client has. */
static X509_STORE *store_of(const struct buf *ca, struct err *err)
{
	X509_STORE *store = X509_STORE_new();
	BIO *bio = NULL;
	bool any = ca == NULL;
	X509 *x;

	if (store == NULL)
		return NULL;
	if (ca == NULL)
		X509_STORE_set_default_paths(store);
	else if (ca->len > 0 && ca->len <= INT_MAX)
		bio = BIO_new_mem_buf(ca->data, (int)ca->len);
	while ((x = next(bio)) != NULL) {
		any = X509_STORE_add_cert(store, x) == 1 || any;
		X509_free(x);
	}
	BIO_free(bio);
	if (any)
		return store;
	X509_STORE_free(store);
	err_set(err, ERR_INVALID, "the file of authorities has no certificate in PEM form");
	return NULL;
}

static STACK_OF(X509) * read_chain(const char *const pems[], size_t n)
{
	STACK_OF(X509) *chain = sk_X509_new_null();

	for (size_t i = 0; chain != NULL && i < n; i++) {
		BIO *bio = BIO_new_mem_buf(pems[i], (int)strlen(pems[i]));
		X509 *x = next(bio);

		BIO_free(bio);
		if (x != NULL && sk_X509_push(chain, x) <= 0)
			X509_free(x);
	}
	return chain;
}

static void verify(struct served *s, X509_STORE *store, STACK_OF(X509) * chain)
{
	X509_STORE_CTX *c = X509_STORE_CTX_new();
	int why = X509_V_ERR_UNSPECIFIED;

	if (c != NULL && sk_X509_num(chain) > 0 &&
	    X509_STORE_CTX_init(c, store, sk_X509_value(chain, 0), chain) == 1) {
		X509_STORE_CTX_set_default(c, "ssl_server");
		s->trusted = X509_verify_cert(c) == 1;
		why = X509_STORE_CTX_get_error(c);
	}
	if (!s->trusted)
		snprintf(s->why_not, sizeof(s->why_not), "%s", X509_verify_cert_error_string(why));
	X509_STORE_CTX_free(c);
}

int served_trust(struct served *s, const char *const pems[], const struct buf *ca, struct err *err)
{
	X509_STORE *store = store_of(ca, err);
	STACK_OF(X509) *chain = NULL;

	if (store != NULL) {
		chain = read_chain(pems, s->n);
		verify(s, store, chain);
	}
	sk_X509_pop_free(chain, X509_free);
	X509_STORE_free(store);
	ERR_clear_error();
	return store != NULL ? 0 : -1;
}
