/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publish the public halves of the sealing keys in the ConfigMap bulla-recipients, so that sealing
 * for a new cluster needs no access to the agent: KEYID -> age1..., and `active` -> KEYID.  What is
 * published only grows (two replicas may see different keys for a while); `bulla keys retire` takes
 * away.  What it took away, a process that had published it does not put back, though it has the
 * key until the folder of keys follows the Secret: each is published once, but the active one, and
 * all when the whole ConfigMap is gone.  A part of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_RECIPIENTS_H
#define BULLA_AGENT_KUBE_RECIPIENTS_H

#include "agent/kube_state.h"

#define KUBE_RECIPIENTS "bulla-recipients"

/* Other keys are at hand, or the store has just begun. */
void kube_recipients_changed(struct store_kube *st);
/* Publish when that is due.  When it is next (monotonic ms). */
int64_t kube_recipients_work(struct store_kube *st, int64_t now_ms);

#endif
