/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the agent bounded?  In the cluster install it may patch any Secret as far as RBAC goes, and a
 * patch answers with the object: only the admission policy keeps it, and whoever has its token, to
 * the Secrets that are its own (cluster-findings M2).  So it tries to patch a Secret that is not,
 * and works only while that is forbidden.  A part of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_CANARY_H
#define BULLA_AGENT_KUBE_CANARY_H

#include "agent/kube_state.h"

#define KUBE_CANARY "bulla-canary"

/* Try when that is due.  When it is next (monotonic ms). */
int64_t kube_canary_work(struct store_kube *st, int64_t now_ms);
/* The last try was forbidden, or none is wanted. */
bool kube_canary_sings(const struct store_kube *st);

/* Append why it does not, and what to do about it, for a person. */
void kube_canary_say(const struct store_kube *st, struct buf *out);

#endif
