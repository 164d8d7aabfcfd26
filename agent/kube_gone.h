/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decide about the documents that are gone, all together, because the guard counts them.  A part of
 * agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_GONE_H
#define BULLA_AGENT_KUBE_GONE_H

#include "agent/kube_state.h"

/* When st->gone_due or st->gone_at says so, and not too often. */
void kube_gone_work(struct store_kube *st, int64_t now_ms);

#endif
