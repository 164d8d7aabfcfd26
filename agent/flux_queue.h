/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sources of Flux are to be told, and when (DESIGN 6.1 Flux): each at most once in
 * FLUX_QUEUE_EACH_MS, all together at most once in FLUX_QUEUE_ALL_MS, in the order in which they
 * came.  What came for a source while it waited replaces what it waited with.  Pure; times are
 * monotonic ms.
 */
#ifndef BULLA_AGENT_FLUX_QUEUE_H
#define BULLA_AGENT_FLUX_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/flux_source.h"

#define FLUX_QUEUE_EACH_MS 10000
#define FLUX_QUEUE_ALL_MS 200

struct flux_source_id {
	enum flux_kind kind;
	const char *namespace, *name;
};

struct flux_nudge {
	enum flux_kind kind;
	char *namespace, *name;
	char *version;	    /* NULL: was told lately, nothing waits */
	bool tried;	    /* before, and it failed */
	int64_t not_before; /* for this source */
};

struct flux_queue {
	struct flux_nudge *items;
	size_t n;
	int64_t not_before; /* for all */
};

/* Texts are copied. */
void flux_queue_put(struct flux_queue *q, const struct flux_source_id *id, const char *version,
		    int64_t now_ms);
/* The same for one that was taken and failed; a newer one that came meanwhile stays. */
void flux_queue_again(struct flux_queue *q, const struct flux_nudge *nudge, int64_t now_ms);
/* true: out is to be sent now; the caller clears it. */
bool flux_queue_take(struct flux_queue *q, int64_t now_ms, struct flux_nudge *out);
/* When the next one is to be sent; INT64_MAX: none waits. */
int64_t flux_queue_due(const struct flux_queue *q);
/* Does one wait that was never tried? */
bool flux_queue_fresh(const struct flux_queue *q);

void flux_nudge_clear(struct flux_nudge *nudge);
void flux_queue_clear(struct flux_queue *q);

#endif
