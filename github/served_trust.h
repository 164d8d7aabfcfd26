/* SPDX-License-Identifier: Apache-2.0 */
/* Would a client trust the chain that a server shows now?  For github/served.h. */
#ifndef BULLA_GITHUB_SERVED_TRUST_H
#define BULLA_GITHUB_SERVED_TRUST_H

#include "base/buf.h"
#include "github/served_types.h"

struct err;

/*
 * trusted and why_not, for the PEMs of s->n certificates, the server's own first; ca: authorities
 * in PEM, NULL: OpenSSL's own (/etc/ssl).  ERR_INVALID: there is none in ca, or one cannot be read.
 */
int served_trust(struct served *s, const char *const pems[], const struct buf *ca, struct err *err);

#endif
