/* SPDX-License-Identifier: Apache-2.0 */
/* What a credential plugin printed: an ExecCredential (client.authentication.k8s.io). */
#ifndef BULLA_KUBE_EXEC_ANSWER_H
#define BULLA_KUBE_EXEC_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct err;

/* Secret; wiped. */
struct exec_answer {
	char *token;	      /* or NULL */
	struct buf cert, key; /* PEM; both or none */
	int64_t expires;      /* seconds since 1970; INT64_MAX: not said */
};

/*
 * ERR_INVALID unless it is a JSON object of that apiVersion with a token, or a certificate and its
 * key, or both.  Unknown fields are passed over.  out is cleared on failure.
 */
int exec_answer_parse(const void *text, size_t len, const char *api_version,
		      struct exec_answer *out, struct err *err);
void exec_answer_clear(struct exec_answer *a);

#endif
