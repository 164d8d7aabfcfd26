/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CA bundles ("ca.crt"): each certificate may issue others, or is the chain's own first one (a
 * self-signed certificate, as cert-manager makes them).  Certificates that are not valid now are
 * noted, and refused only when there is no other.
 */
#ifndef BULLA_KINDS_X509_CA_H
#define BULLA_KINDS_X509_CA_H

#include "kinds/x509.h"

struct x509_ca {
	const char *what;
	const void *text;
	size_t len;
	const struct x509_list *chain; /* NULL, or what is to verify against it, else a note */
	int64_t now;
	enum x509_dates dates;
};

/*
 * fact, when not NULL, gets the fact "ca" appended: the fingerprint (x509_facts.h) of the first
 * certificate, and ",+N more" for the others.  ERR_INVALID.
 */
int x509_ca_check(const struct x509_ca *ca, struct buf *fact, struct notes *notes, struct err *err);

#endif
