/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the watches show: documents, and in the namespaces install the metadata of Secrets.  A part
 * of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_SHOW_H
#define BULLA_AGENT_KUBE_SHOW_H

#include "agent/kube_state.h"

void kube_show_open(struct store_kube *st);
void kube_show_close(struct store_kube *st);

/*
 * Bring s.target up to date where Secrets can be seen.  false: they have not been listed yet, and
 * nothing is decided before; a look is asked for when they are.
 */
bool kube_show_target(const struct store_kube *st, struct kube_doc *d);

/*
 * Has all been listed once?  What has not, why, and what to do about it, is appended to out for a
 * person; out may be NULL.
 */
bool kube_show_listed(const struct store_kube *st, struct buf *out);

#endif
