/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Being the one of several replicas that works: leader election on a coordination.k8s.io/v1 Lease
 * (kubernetes-agent rules 2.8; the decisions are kube/election.h's).
 *
 * A lease is no fence: two processes can believe for a moment that they hold it.  Whoever writes
 * asks kube_lease_held before each write and guards the write with a resourceVersion.
 */
#ifndef BULLA_KUBE_LEASE_H
#define BULLA_KUBE_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "kube/client.h"

struct kube_lease;

struct kube_lease_options {
	const char *namespace, *name;
	const char *identity;			 /* of this process alone: kube_lease_identity */
	int64_t duration_ms, renew_ms, retry_ms; /* 0: 15 s, 10 s, 2 s; duration in whole seconds */
};

/* Called from kube_work; each may call all that is here but kube_lease_free. */
struct kube_lease_handler {
	void (*acquired)(void *ctx); /* work may begin */
	/* Was leader and is not any more, or could not renew in time: stop at once and end the
	 * process; a new one is the safe start. */
	void (*lost)(void *ctx);
	void (*released)(void *ctx); /* after kube_lease_release, however that went */
	/* A try that failed, 409 (somebody else was faster) left out; a->status 403 is worth
	 * telling. */
	void (*failed)(void *ctx, const struct kube_answer *a);
};

/* HOST_UUID; owned by the caller. */
char *kube_lease_identity(void);

/* Begins at the next kube_work.  o and h are copied. */
struct kube_lease *kube_lease_new(struct kube_client *k, const struct kube_lease_options *o,
				  const struct kube_lease_handler *h, void *ctx);
/* Without giving the lease back; NULL is fine. */
void kube_lease_free(struct kube_lease *l);

/*
 * Give it back, so that another can take it at once.  All work under it must have ended before:
 * else there are two leaders.
 */
void kube_lease_release(struct kube_lease *l);

/* Leader, and renewed lately enough to write something now. */
bool kube_lease_held(const struct kube_lease *l);
/* Ms since the last renewal; -1 when never leader.  A probe fails above duration + 20 s. */
int64_t kube_lease_age(const struct kube_lease *l);
/* Who has it as last seen, "" when nobody; for people. */
const char *kube_lease_holder(const struct kube_lease *l);

#endif
