/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One ServiceAccount that names Secrets of ours, or is to: the requests that read and change its
 * imagePullSecrets as agent/pull_secrets.h says.  What it is to name is decided by
 * agent/kube_fan_accounts.h.  A part of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_ACCOUNT_H
#define BULLA_AGENT_KUBE_ACCOUNT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/pull_secrets.h"
#include "agent/table.h"
#include "agent/turns.h"
#include "kube/client.h"

/* What keeps it from naming what it should; of several a person hears first of the last. */
enum kube_account_fault {
	ACCOUNT_FINE,
	ACCOUNT_ABSENT,	   /* there is none of that name */
	ACCOUNT_FAILED,	   /* the server did not do it */
	ACCOUNT_FORBIDDEN, /* no right to read or change it */
	ACCOUNT_MANAGED,   /* somebody puts another list in place, again and again */
};

struct kube_account;

struct kube_account_owner {
	struct kube_client *client;
	/* Nothing is under way for it any more; not for requests that were cancelled. */
	void (*ended)(void *ctx, struct kube_account *a);
	void *ctx;
};

struct kube_account {
	struct table_node node; /* in its owner's table, by NAMESPACE/NAME */
	struct turn turn;
	const struct kube_account_owner *owner;
	char *namespace, *name;
	struct kv want; /* Secrets that it is to name */
	struct kv drop; /* that it is not to name, as far as we added them; none of want */
	struct kv ours; /* that we added, as far as this agent has seen */
	bool there;	/* as last seen: */
	char *version;
	struct pull_secrets now;
	enum kube_account_fault fault;
	struct pull_secrets_fight fight;
	unsigned tries;	      /* in a row that failed */
	unsigned reads;	      /* in a row because it had changed meanwhile */
	int64_t not_before;   /* monotonic ms of the next */
	int64_t absent_since; /* monotonic ms; 0: never looked for in vain */
	bool shown;	      /* by the list under way */
	bool busy;
	char *shown_version; /* by the watch while busy; "": as deleted; NULL: nothing was */
	bool unsure;	     /* it may be another than was seen: to be read */
	bool lost;	     /* names of ours were, and are not put back yet */
};

struct kube_account *kube_account_new(const struct kube_account_owner *owner, const char *namespace,
				      const char *name);
/* Its requests must be cancelled: kube_cancel(client, a).  It must have no turn. */
void kube_account_free(struct kube_account *a);

/* A watch shows it (NULL: as deleted).  false: nothing new, or only known when it is not busy. */
bool kube_account_seen(struct kube_account *a, const json_t *object);

/* Is there something to do? */
bool kube_account_due(const struct kube_account *a);
/* Do it: read it, change it when that is needed. */
void kube_account_work(struct kube_account *a);

#endif
