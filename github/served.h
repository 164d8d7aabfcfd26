/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which certificate a TLS server shows now.  Nothing is sent to it but a handshake, and nothing is
 * required of it: an expired or foreign certificate is what one wants to see.  Whether a client
 * would trust it is said beside it.  TLS 1.2 or newer.
 */
#ifndef BULLA_GITHUB_SERVED_H
#define BULLA_GITHUB_SERVED_H

#include "github/served_types.h"

struct err;

/*
 * Ask.  ERR_INVALID: the question (address, leaf, ca_file), or what is served cannot be read;
 * ERR_IO: no TLS server there, or none in time.  out is to be cleared in any case.
 */
int served_ask(const struct served_question *q, struct served *out, struct err *err);
void served_clear(struct served *s);

/* Does "HOST:PORT" have that form?  host (without brackets) and port are new strings. */
int served_address(const char *address, char **host, char **port, struct err *err);

#endif
