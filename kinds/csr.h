/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate signing requests (PKCS#10, RFC 2986), as an authority takes them: signed by the key,
 * the names as subject alternative names.  Pure but for the random numbers of a signature.
 */
#ifndef BULLA_KINDS_CSR_H
#define BULLA_KINDS_CSR_H

#include <openssl/types.h>
#include <stdbool.h>

#include "base/buf.h"
#include "kinds/pkey.h"

struct err;

#define CSR_NAMES_MAX 100 /* as public authorities have it */
#define CSR_CN_MAX 64	  /* characters of a common name (RFC 5280, ub-common-name) */

struct csr {
	const struct pkey *key;
	X509 *old;	   /* gives the subject, and its alternative names of all sorts; or NULL */
	const char *names; /* DNS names, commas between, in place of those of old; or NULL */
};

/*
 * The request as PEM, appended.  Without old the subject is the first name, when it is short
 * enough, else empty.  ERR_INVALID: no names at all, one that is no DNS name, too many.
 */
int csr_make(const struct csr *csr, struct buf *pem, struct err *err);

/* The type of a certificate's key, to make another of it. */
int csr_type_of(X509 *old, enum pkey_type *type, struct err *err);

#endif
