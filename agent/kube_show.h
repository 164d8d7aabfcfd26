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

enum kube_show_target {
	SHOW_KNOWN,
	SHOW_LATER,  /* Secrets have not been listed yet: nothing is decided before */
	SHOW_DENIED, /* nor can they be, for want of rights: nothing can be done but to say so */
};

/*
 * Bring s.target up to date where Secrets can be seen.  A look is asked for when they are listed,
 * and when that is refused.
 */
enum kube_show_target kube_show_target(const struct store_kube *st, struct kube_doc *d);

/*
 * Has all been listed once?  What has not, why, and what to do about it, is appended to out for a
 * person; out may be NULL.
 */
bool kube_show_listed(const struct store_kube *st, struct buf *out);

#endif
