/* SPDX-License-Identifier: Apache-2.0 */
/* Why a request got no answer, or which credentials were refused: text for people. */
#ifndef BULLA_KUBE_EXPLAIN_H
#define BULLA_KUBE_EXPLAIN_H

#include <stddef.h>

#include "kube/session.h"

/* From a CURLcode and libcurl's own words, which may be "". */
void kube_explain_transport(const struct kube_session *s, CURLcode code, const char *words,
			    char *text, size_t size);
/* Of a 401: what was shown, and whose it is. */
void kube_explain_rejected(const struct kube_session *s, char *text, size_t size);

#endif
