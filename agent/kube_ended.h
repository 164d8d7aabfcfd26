/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which namespaces are gone, or going: their documents, and the Secrets of these, go with them, and
 * are no accident that the mass guard could hold up.  Asked when it would hold something, and anew
 * every minute while it does.  A namespace that cannot be read counts as there; but in the
 * namespaces install, where the right to read it goes with it, one that may not be read is out
 * of reach, and nothing can be removed there until it is read again.  A document with copies
 * elsewhere counts in any case: they do not go by themselves.  A part of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_ENDED_H
#define BULLA_AGENT_KUBE_ENDED_H

#include "agent/kube_state.h"

void kube_ended_init(struct store_kube *st);
void kube_ended_clear(struct store_kube *st);

/* Set d->s.ended of a document that is gone, as far as it is known. */
void kube_ended_mark(const struct store_kube *st, struct kube_doc *d);
/* Ask for d's namespace where that is due.  true: the answer may change what is decided about d. */
bool kube_ended_ask(struct store_kube *st, const struct kube_doc *d, int64_t now_ms);
/* Nothing is held. */
void kube_ended_forget(struct store_kube *st);

/* Does an answer say that the namespace of that name is gone or going? */
bool kube_ended_says(const struct store_kube *st, const struct kube_answer *a,
		     const char *namespace);
/* It was seen otherwise whether d's namespace is gone or going. */
void kube_ended_seen(const struct store_kube *st, struct kube_doc *d, bool ended);

#endif
