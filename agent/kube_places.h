/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespaces that there are in the cluster, for agent/kube_fanout.h: list and watch of their
 * names, and whether they are being deleted.  A part of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_PLACES_H
#define BULLA_AGENT_KUBE_PLACES_H

#include <stdbool.h>

#include "agent/table.h"
#include "kube/watch.h"

struct kube_place {
	struct table_node node;
	char *name;
	bool going; /* it is being deleted */
	bool shown; /* by the list under way */
};

struct kube_places {
	struct table table; /* by name */
	struct kube_watch *watch;
	bool synced;  /* all were seen once */
	bool failing; /* they cannot be listed or watched just now */
	void (*changed)(void *ctx);
	void *ctx;
};

/* Begins to list.  changed is called, from kube_work, after each change and each whole list. */
void kube_places_open(struct kube_places *p, struct kube_client *client, void (*changed)(void *ctx),
		      void *ctx);
void kube_places_close(struct kube_places *p);

/* NULL: there is none of that name. */
struct kube_place *kube_places_find(const struct kube_places *p, const char *name);

#endif
