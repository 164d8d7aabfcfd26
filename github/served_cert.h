/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of a chain, read for github/served.h. */
#ifndef BULLA_GITHUB_SERVED_CERT_H
#define BULLA_GITHUB_SERVED_CERT_H

#include "github/served_types.h"

struct err;

/* Append one to the chain, from a text that has it in PEM.  ERR_INVALID. */
int served_cert_add(struct served *s, const char *pem, struct err *err);

/* named, likeness and same_key, from the PEM of the first of the chain.  ERR_INVALID: the leaf. */
int served_cert_compare(struct served *s, const char *pem, const struct served_question *q,
			const char *name, struct err *err);

#endif
