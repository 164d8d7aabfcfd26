/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decisions of a leader election on a Lease, without clock and network (kubernetes-agent rules
 * 2.8, after client-go's tools/leaderelection).
 *
 * How old another's lease is, is judged by when it last changed before our own eyes, never by the
 * times that are in it: clocks of machines differ.  All times are milliseconds of a clock that
 * never goes back, and goes on while the machine is suspended.
 */
#ifndef BULLA_KUBE_ELECTION_H
#define BULLA_KUBE_ELECTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define KUBE_LEASE_DURATION_MS 15000 /* others wait so long for a leader that is silent */
#define KUBE_LEASE_RENEW_MS 10000    /* a leader that could not renew so long stops */
#define KUBE_LEASE_RETRY_MS 2000     /* between two tries, and two renewals */

enum kube_role {
	KUBE_STANDBY,
	KUBE_LEADER,
	KUBE_LEAVING, /* a leader that gives the lease back */
	KUBE_OVER,    /* was leader and is not any more; the process is to end */
};

enum kube_step { KUBE_STEP_GET, KUBE_STEP_CREATE, KUBE_STEP_PUT };

/* The members are the module's own, but for uniform, and role to read. */
struct kube_election {
	enum kube_role role;
	const char *namespace, *name, *identity;
	int64_t duration_ms, renew_ms, retry_ms;
	json_t *lease; /* as last seen, or NULL */
	bool absent;   /* there was none */
	bool fresh;    /* what is known of it was read since the last write that failed */
	bool out;      /* a request is under way */
	bool giving;   /* which gives the lease back */
	enum kube_step step;
	unsigned tries;			     /* to give it back */
	int64_t seen_ms;		     /* when another's lease last changed */
	int64_t renewed_ms;		     /* when our last write that succeeded was sent */
	int64_t sent_ms;		     /* when the request under way was */
	int64_t at_ms;			     /* when the next is due */
	uint32_t (*uniform)(uint32_t upper); /* random, below upper */
};

/* Times of 0 become the ones above.  The strings must outlive e. */
void kube_election_init(struct kube_election *e, int64_t now);
void kube_election_clear(struct kube_election *e);

/* When kube_election_tick is to be called. */
int64_t kube_election_due(const struct kube_election *e);

/*
 * Time has passed.  True: a request is to be made: *step, with body filled for CREATE and PUT;
 * microtime is the wall clock as in kube/microtime.h.  e->role may have become KUBE_OVER.
 */
bool kube_election_tick(struct kube_election *e, int64_t now, const char *microtime,
			enum kube_step *step, struct buf *body);
/* The answer: HTTP status (0: none), and the object that came with it or NULL. */
void kube_election_answer(struct kube_election *e, int64_t now, long status, const json_t *object);

/* Give the lease back: nothing more is written under it.  Without it: KUBE_OVER at once. */
void kube_election_leave(struct kube_election *e, int64_t now);

/* Leader, and renewed lately enough to write something. */
bool kube_election_held(const struct kube_election *e, int64_t now);
/* Who has it, as last seen; "" when nobody or unknown. */
const char *kube_election_holder(const struct kube_election *e);

#endif
