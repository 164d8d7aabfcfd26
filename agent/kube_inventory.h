/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keep agent/inventory.h in its ConfigMaps (the cluster install; in the namespaces install the same
 * is on the Secrets).  Read once at the start; until then nothing is removed.  Written at most once
 * a second, after the fact: what a crash loses is a Secret that stays.  What inventory_expire
 * forgets is looked for once a minute.  A part of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_INVENTORY_H
#define BULLA_AGENT_KUBE_INVENTORY_H

#include "agent/kube_state.h"

struct inventory;

void kube_inventory_open(struct store_kube *st);
void kube_inventory_close(struct store_kube *st);
/* All shards were read; always true where there is no inventory. */
bool kube_inventory_loaded(const struct store_kube *st);

/* All that is in it, for agent/kube_copy.h, which keeps copies in it; NULL: there is none. */
struct inventory *kube_inventory_all(const struct store_kube *st);

/* d's Secret was written; was removed; is none of ours any more. */
void kube_inventory_made(struct store_kube *st, const struct kube_doc *d);
void kube_inventory_removed(struct store_kube *st, const struct kube_doc *d);
void kube_inventory_forget(struct store_kube *st, const struct kube_doc *d);

/* d stands as it should: put it in where it is missing (someone has deleted a shard). */
void kube_inventory_check(struct store_kube *st, const struct kube_doc *d);

/* Read and write what is due.  When more is (monotonic ms; INT64_MAX: nothing). */
int64_t kube_inventory_work(struct store_kube *st, int64_t now_ms);
/* Everything is written, or nothing more can be. */
bool kube_inventory_idle(const struct store_kube *st);

#endif
