/* SPDX-License-Identifier: Apache-2.0 */
/* Write the status of one document (agent/status_json.h).  A part of agent/store_kube.h. */
#ifndef BULLA_AGENT_KUBE_TELL_H
#define BULLA_AGENT_KUBE_TELL_H

#include "agent/kube_state.h"

/* Does its status say something else than is so?  Sets d->telling_due. */
void kube_tell_check(struct store_kube *st, struct kube_doc *d);
/* Write it.  st->finished is called when that ends. */
void kube_tell_begin(struct store_kube *st, struct kube_doc *d);

#endif
