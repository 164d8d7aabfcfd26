/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make the Secret of one document what it says: open it, then POST or patch, as DESIGN 6.1
 * Ownership has it.  A part of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_WRITE_H
#define BULLA_AGENT_KUBE_WRITE_H

#include "agent/kube_state.h"

/*
 * doc is d's, as parsed; it is moved from.  st->finished is called when it ends, perhaps
 * before this returns.
 */
void kube_write_begin(struct store_kube *st, struct kube_doc *d, struct document *doc);
/* Forget what is under way, if anything, and wipe what it holds; its requests must be cancelled. */
void kube_write_abandon(struct kube_doc *d);

#endif
