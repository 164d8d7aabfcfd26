/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Kubernetes store: SealedCredentials of an API server, Secrets beside them (DESIGN 6.1).
 *
 * Level-triggered as the directory store, and decided by the same agent/reconcile.h: a watch only
 * says which document to look at.  Secrets go first, their statuses after; of each so many are
 * under way as the server does at once and a few more (kube/limit.h), so that a new document does
 * not wait there behind others.
 */
#ifndef BULLA_AGENT_STORE_KUBE_H
#define BULLA_AGENT_STORE_KUBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kube_state.h"

/* client and opener stay the caller's and must outlive the store.  Begins to list. */
struct store_kube *store_kube_open(const struct store_kube_options *o, struct kube_client *client,
				   struct opener *opener);
/* Requests under way end without a word; what they did is found at the next start. */
void store_kube_close(struct store_kube *st);

/* Decide and send, after kube_work.  Returns for how many ms nothing needs to be done (-1: until
 * something comes). */
int64_t store_kube_work(struct store_kube *st);

/* Other keys are at hand: whatever waited for one is tried again. */
void store_kube_keys_changed(struct store_kube *st);
/* The map of store_kube_options.fan_out has another content now. */
void store_kube_map_changed(struct store_kube *st);
/* There is another opener: whatever found none is tried again. */
void store_kube_opener_news(struct store_kube *st);

/*
 * Everything was listed, looked at and tried once; so it stays, whatever comes.  Namespaces that
 * may not be listed, while there are others, keep none of them back.
 */
bool store_kube_ready(const struct store_kube *st);
/*
 * Has all been listed once, and may the agent write?  If not, what stands in the way, and what to
 * do about it, is appended to out for a person; out may be NULL.
 */
bool store_kube_listed(const struct store_kube *st, struct buf *out);
/* Nothing of what was decided is under way or due at once. */
bool store_kube_idle(const struct store_kube *st);
const struct store_kube_counts *store_kube_counts(const struct store_kube *st);
size_t store_kube_documents(const struct store_kube *st);
/* All Events were sent: a process that ends waits for that, a little. */
bool store_kube_told(const struct store_kube *st);
/* Take no new work: what is under way ends.  store_kube_idle says when. */
void store_kube_drain(struct store_kube *st);

#endif
