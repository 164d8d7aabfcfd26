/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a certificate says that may be read without a key, as facts: printable ASCII, at most
 * KIND_FACT_MAX bytes.
 *
 *	not-after    when the first certificate of the chain ends (clock.h)
 *	fingerprint  of the first certificate, as `openssl x509 -fingerprint -sha256` prints it:
 *	             "SHA256:AA:BB:..."
 *	dns-names    its DNS names, sorted, each once, commas between; those that do not fit are
 *	             counted: "a.example.org,b.example.org,+7 more"
 *	issuer       its issuer as RFC 2253 writes names, other than ASCII escaped: "CN=R3,O=..."
 */
#ifndef BULLA_KINDS_X509_FACTS_H
#define BULLA_KINDS_X509_FACTS_H

#include <openssl/types.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/kv.h"
#include "kinds/x509.h"

struct err;

/*
 * All of them, into facts; dns-names and issuer are left out when there are none.  *has_names says
 * whether the first certificate has any alternative name, without which Go's clients refuse it.
 * ERR_INVALID: a DNS name of other characters than names have, an issuer that is too long.
 */
int x509_facts(const char *what, const struct x509_list *l, struct kv *facts, bool *has_names,
	       struct err *err);

void x509_fingerprint(X509 *x, struct buf *out); /* appended */

#endif
