/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tell Flux that Secrets changed (DESIGN 6.1 Flux): its source-controller does not watch them, and
 * would see a new deploy key at its next interval.  A part of agent/store_kube.h; does nothing
 * without store_kube_options.flux.
 *
 * After a Secret changed, the sources of its namespace are listed, soon and once for all that
 * changed there; those that name it get reconcile.fluxcd.io/requestedAt, and
 * bulla.dev/secret-version with the resourceVersion of the Secret (of each one that the agent
 * keeps, by commas).  The latter tells at the next start, too, whether a source was told: one that
 * was told of another version, by an agent that then ended, is told once.  One request of either
 * kind is under way at a time.
 */
#ifndef BULLA_AGENT_KUBE_FLUX_H
#define BULLA_AGENT_KUBE_FLUX_H

#include "agent/kube_state.h"

void kube_flux_open(struct store_kube *st);
void kube_flux_close(struct store_kube *st);

/* The Secret of a document, or a copy of one, is another one now. */
void kube_flux_changed(struct store_kube *st, const char *namespace, const char *name);
/*
 * It is known by now which copy is there, that an agent before this one made: were all that use it
 * told of it?
 */
void kube_flux_look(struct store_kube *st, const char *namespace);

/* Ask and tell what is due.  When more is (monotonic ms; INT64_MAX: nothing). */
int64_t kube_flux_work(struct store_kube *st, int64_t now_ms);
/* Every source was told, or the first try failed. */
bool kube_flux_idle(const struct store_kube *st);

#endif
