/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The uid of the CustomResourceDefinition as it is now.  When the kind itself was deleted and made
 * again, all documents are gone at once though nobody deleted one: what was made under the earlier
 * uid is never removed (agent/kube_remove.h).  A part of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_CRD_H
#define BULLA_AGENT_KUBE_CRD_H

#include "agent/kube_state.h"

#define KUBE_CRD_PATH                                                                              \
	"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/sealedcredentials.bulla.dev"

/* Ask for it; st->crd_uid is set when the answer comes, or asked for again. */
void kube_crd_ask(struct store_kube *st);
/* The documents were listed anew: what is there is there under this kind. */
void kube_crd_listed(struct store_kube *st);
/* The document is there, under the kind as it is now, whichever one its Secret was made under. */
void kube_crd_note(struct store_kube *st, struct kube_doc *d);
/* A document is gone, perhaps because the kind is: ask soon whether it is the same. */
void kube_crd_hint(struct store_kube *st);
/* Ask again when that is due. */
void kube_crd_work(struct store_kube *st, int64_t now_ms);

#endif
