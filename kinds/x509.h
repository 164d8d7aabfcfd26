/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates in PEM, checked as their readers do: Go's crypto/tls X509KeyPair for the pair, its
 * crypto/x509 for what a client makes of the chain (RSA of 2,048 to 8,192 bits, no SHA-1), OpenSSL
 * for paths.  Lines of text between the blocks are fine, as in CA bundles; any other block is not.
 * Errors are ERR_INVALID, "WHAT: certificate N: reason".  Nothing stays in OpenSSL's error queue.
 */
#ifndef BULLA_KINDS_X509_H
#define BULLA_KINDS_X509_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/notes.h"
#include "kinds/pem.h"
#include "kinds/pkey.h"

struct err;

#define X509_CHAIN_MAX 10 /* certificates; a handshake carries them all */
#define X509_RSA_MIN 2048
#define X509_RSA_MAX 8192 /* Go refuses larger keys in a handshake (crypto/tls) */
#define X509_SOON_DAYS 30 /* within so many days the end is worth a note */

struct x509_list {
	X509 **certs; /* in the order of the text */
	size_t n;
};

#define X509_LIST_INIT                                                                             \
	{                                                                                          \
		NULL, 0                                                                            \
	}

/* Whether dates are refused, as before sealing, or only noted, as after opening. */
enum x509_dates { X509_DATES_REFUSE, X509_DATES_NOTE };

struct x509_when {
	int64_t now;
	enum x509_dates dates;
};

/* All certificates of a text, at least one and at most max; out is X509_LIST_INIT on failure. */
int x509_parse(const struct pem_source *src, size_t max, struct x509_list *out, struct err *err);
/* One more, from a block that is already read. */
int x509_add(const char *what, const struct pem_block *b, size_t max, struct x509_list *out,
	     struct err *err);
void x509_clear(struct x509_list *l);

/* Does the key belong to the first certificate?  key_what names its field. */
int x509_check_key(const char *what, const char *key_what, const struct x509_list *l,
		   const struct pkey *key, struct err *err);

/* The first certificate is the server's, each is issued by the next, none stands twice. */
int x509_check_chain(const char *what, const struct x509_list *l, struct err *err);

/* None expired, none not yet valid; a note when the first end is near. */
int x509_check_dates(const char *what, const struct x509_list *l, const struct x509_when *when,
		     struct notes *notes, struct err *err);

/* The steps of these, for bundles (x509_ca.h); i counts from 0.  leaf: its own signature counts. */
int x509_check_one(const char *what, size_t i, X509 *x, bool leaf, struct err *err);
int x509_check_doubles(const char *what, const struct x509_list *l, struct err *err);
int x509_check_date(const char *what, size_t i, X509 *x, int64_t now, struct err *err);
/*
 * Path lengths, name constraints, critical extensions, by OpenSSL: does the chain verify when these
 * are trusted, whatever the time?  X509_V_OK or OpenSSL's other answer.
 */
int x509_verify_path(const struct x509_list *chain, const struct x509_list *trusted);

int x509_time(const ASN1_TIME *t, int64_t *out); /* seconds since 1970; -1 when it is no time */
int x509_not_after(const struct x509_list *l, int64_t *out); /* the soonest end of all */

#endif
