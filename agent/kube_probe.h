/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Find Secrets that were changed, where the agent may not read them (the cluster install): in slow
 * rotation, a JSON patch of tests alone with a metadata answer says whether one is still as the
 * agent left it (cluster-findings M3).  A part of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_PROBE_H
#define BULLA_AGENT_KUBE_PROBE_H

#include "agent/kube_state.h"

/* Its Secret was just seen or written: probe it again in a while. */
void kube_probe_later(struct store_kube *st, struct kube_doc *d);
/* It may have been changed a while ago: probe it next. */
void kube_probe_now(struct store_kube *st, struct kube_doc *d);
/* Probe those that are due, a few at a time. */
void kube_probe_work(struct store_kube *st, int64_t now_ms);

#endif
