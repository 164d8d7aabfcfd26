/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a source of Flux use this Secret?  Kind by kind and page by page, until one is found
 * (agent/flux_source.h).  Pure: what to ask, and what an answer means.
 */
#ifndef BULLA_AGENT_FLUX_SEARCH_H
#define BULLA_AGENT_FLUX_SEARCH_H

#include <jansson.h>

#include "agent/flux_source.h"
#include "base/buf.h"

struct flux_search {
	int kind;   /* enum flux_kind that is listed */
	char *next; /* its page, or NULL: the first */
	char *user; /* the source that was found: "GitRepository infra" */
};

enum flux_search_verdict {
	FLUX_SEARCH_ON, /* flux_search_path says what is to be asked next */
	FLUX_SEARCH_UNUSED,
	FLUX_SEARCH_USED,  /* by user */
	FLUX_SEARCH_BLIND, /* the server does not say */
};

void flux_search_begin(struct flux_search *s);
void flux_search_end(struct flux_search *s); /* also of one that is all zeros */

/* Append the path of what is to be asked, of the namespace of the Secret. */
void flux_search_path(const struct flux_search *s, const char *namespace, struct buf *out);
/* status: of HTTP; page: the whole answer. */
enum flux_search_verdict flux_search_answer(struct flux_search *s, long status, const json_t *page,
					    const char *secret);

#endif
