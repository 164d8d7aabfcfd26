/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The openers that a supervisor has: the serving one, a fresh one, and those that still end.  It
 * starts and ends them; whom they serve is the supervisor's business.
 */
#ifndef BULLA_AGENT_SLOTS_H
#define BULLA_AGENT_SLOTS_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/opener_child.h"

#define SLOTS_N 4	     /* the serving one, a fresh one, and two that still end */
#define SLOTS_START_MS 10000 /* for an opener to say hello */
#define SLOTS_LIVED_MS 10000 /* an opener that lived so long died for the first time */
#define SLOTS_PAUSE_MS 50    /* before the second start in a row; doubled each time */
#define SLOTS_PAUSE_MAX_MS 10000

struct slot {
	pid_t pid;    /* 0: free */
	int sock;     /* the agent's end, until it is handed over; else -1 */
	bool ready;   /* its hello (or its end) has arrived there */
	bool retired; /* ended on purpose: its death is no news and brings no other */
	uint32_t generation;
	int64_t started;
};

struct slots {
	struct slot slot[SLOTS_N];
	uint32_t generation; /* of the newest opener; the first is 1 */
	bool wanted;	     /* a fresh opener, not before: */
	int64_t not_before;
	unsigned deaths; /* of openers that did not live long, in a row */
};

void slots_init(struct slots *s); /* the first opener is wanted at once */

/* Start one if it is wanted, due, and there is room.  child->sock is set here. */
void slots_start(struct slots *s, struct opener_child *child);

/* Keys changed: whoever was not handed over has read the old ones, and a fresh one is wanted. */
void slots_renew(struct slots *s);
/* Nobody uses the openers that were handed over any more: end them; one must wait for the next. */
void slots_retire(struct slots *s);
/* End the one of this generation, which hangs. */
void slots_end(struct slots *s, uint32_t generation);
/* End those that do not say hello in time. */
void slots_end_late(struct slots *s);
/* End all, and wait for it. */
void slots_end_all(struct slots *s);

/*
 * Collect one child that ended.  false: there is none.  Else dead is what it was (pid 0: not an
 * opener of ours) with its wait status, and another is wanted where that is right.
 */
bool slots_reap(struct slots *s, struct slot *dead, int *status);

/* What to poll: SLOTS_N entries; then what came. */
void slots_watch(const struct slots *s, struct pollfd *p);
void slots_seen(struct slots *s, const struct pollfd *p);
/* The next one to hand over, or NULL; when it was, slots_handed. */
struct slot *slots_ready(struct slots *s);
void slots_handed(struct slot *slot);

/* When slots_start or slots_end_late has something to do; INT64_MAX: nothing. */
int64_t slots_next(const struct slots *s);

#endif
