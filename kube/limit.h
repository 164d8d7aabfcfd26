/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many requests of one sort to have under way: as many as keep the server busy, and few enough
 * that a new one does not wait behind them.
 *
 * Pure.  An answer takes its least time when nothing waits, in the server or before it; what it
 * takes more is waiting.  So of R under way with a mean time of M and a least time of L, R x L / M
 * are worked on or travel, and the rest waits.  The room is steered so that KUBE_LIMIT_WAITING
 * wait: after each round of answers it moves halfway to R x L / M + KUBE_LIMIT_WAITING (FAST TCP;
 * the gradient limit of Netflix' concurrency-limits).  A server far away, or one that does much at
 * once, is given more; one that is overloaded, by whomever, little more than KUBE_LIMIT_WAITING.
 *
 * The least time is found anew every KUBE_LIMIT_AGE_MS, with KUBE_LIMIT_LOOK under way for a
 * moment: else one that grew for good would pass for waiting, and our own waiting for the least.
 *
 * Requests that differ in what they cost the server want a limit each.
 */
#ifndef BULLA_KUBE_LIMIT_H
#define BULLA_KUBE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KUBE_LIMIT_LOOK 2
#define KUBE_LIMIT_LEAST 4
#define KUBE_LIMIT_FIRST 16
#define KUBE_LIMIT_MOST 32
#define KUBE_LIMIT_WAITING 12
#define KUBE_LIMIT_ROUND 16 /* answers, at least */
#define KUBE_LIMIT_AGE_MS 10000

struct kube_limit {
	size_t room;	  /* that was found; kube_limit_room is what holds */
	int64_t least_us; /* 0: not known */
	int64_t found_ms; /* when that was looked for last */
	bool looking;
	int64_t looked_us; /* the least so far while looking */
	size_t answers;	   /* of this round */
	size_t most;	   /* under way at a time */
	int64_t sum_us;
	size_t refused; /* such answers still to be passed over */
};

void kube_limit_init(struct kube_limit *l);

/* How many may be under way now. */
size_t kube_limit_room(const struct kube_limit *l);

struct kube_limit_answer {
	size_t under_way; /* when it came, itself included */
	int64_t took_us;  /* since it went out first, with all pauses the server asked for */
	long status;	  /* HTTP; 0: none */
	int64_t now_ms;	  /* monotonic */
};

/*
 * One has ended.  2xx count.  429, 5xx and no answer halve the room, once for all that were under
 * way together; other answers say nothing of the server's load.
 */
void kube_limit_answered(struct kube_limit *l, const struct kube_limit_answer *a);

#endif
