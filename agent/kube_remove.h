/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Take away the Secret of a document that is gone (DESIGN 6.1 Deletion): only after the server has
 * said, in this order, that the document is not there, that the kind is there and is the one that
 * the Secret was made under, and that the namespace is not being deleted; and with
 * store_kube_options.flux, that no source of Flux uses the Secret (REASON_STILL_REFERENCED: it is
 * looked at again, more and more slowly).  A part of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_REMOVE_H
#define BULLA_AGENT_KUBE_REMOVE_H

#include "agent/kube_state.h"

/* st->finished is called when it ends. */
void kube_remove_begin(struct store_kube *st, struct kube_doc *d);
void kube_remove_abandon(struct kube_doc *d);

#endif
