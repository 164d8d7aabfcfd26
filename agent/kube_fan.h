/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agent/kube_fanout.h knows of one document that reaches beyond its namespace: its copies, its
 * facts as the opener found them inside, and, while copies are written, what is written.  No other
 * includes this than the modules of fan-out, and agent/kube_flux.c, which asks for copies.
 */
#ifndef BULLA_AGENT_KUBE_FAN_H
#define BULLA_AGENT_KUBE_FAN_H

#include "agent/kube_accounts.h"
#include "agent/kube_copy.h"
#include "agent/kube_places.h"
#include "agent/kube_state.h"
#include "agent/status_json.h"

/* What is as it should be, and what is not. */
struct kube_fan_counts {
	size_t copies, copies_missing;
	size_t accounts, accounts_missing;
};

/* A document that reaches beyond its namespace, or did. */
struct kube_fan {
	struct table_node node;
	struct kube_copy_owner owner;
	struct kube_fanout *all;
	struct table copies; /* by namespace */
	bool opened;	     /* facts are what the document of this digest holds inside: */
	unsigned char digest[SUBJECT_DIGEST];
	char *facts;	/* `namespaces`; NULL: none */
	char *accounts; /* `service-accounts`; NULL: none */
	bool fetching;
	bool open; /* doc and secret are at hand */
	struct document doc;
	struct kind_secret secret;
	char *why; /* it could not be opened: for a person; NULL: it could */
	enum reason reason;
	bool due, waiting; /* to be looked at; for a place among the requests */
	bool orphan;	   /* was told to be one */
	int64_t next;	   /* monotonic ms */
	int64_t not_before;
	bool settled; /* condition says what is so: */
	struct status_json_fan_out condition;
	char *message;
	unsigned news, told;
	struct kube_fan_counts counts; /* as the condition says */
};

struct kube_fanout {
	struct store_kube *st;
	struct kube_places places;
	struct kube_accounts accounts;
	struct table fans; /* by NAMESPACE/NAME */
	/* of all owners */
	void (*ended)(void *ctx, struct kube_copy *c, enum kube_copy_end how);
	bool (*let_go)(void *ctx, struct kube_copy *c);
	bool remembered; /* the copies of the inventory are known */
	bool claimed;	 /* and the accounts that carry our note */
	int64_t spread;	 /* monotonic ms when news of accounts last reached all */
	size_t busy;	 /* requests for copies */
	size_t open;	 /* documents being fetched or open */
	bool freed;	 /* one of either ended: whoever waits is to be looked at */
};

/* An empty table of them. */
void kube_fan_init(struct kube_fanout *all);
struct kube_fan *kube_fan_find(const struct kube_fanout *all, const char *namespace,
			       const char *name);
/* The same, made when there is none; NULL: the names are too long. */
struct kube_fan *kube_fan_need(struct kube_fanout *all, const char *namespace, const char *name);
/* With what it holds; its copies must be dropped, nothing may be under way. */
void kube_fan_drop(struct kube_fan *f);
/* Know the copies of the inventory, once that was read.  true: they are known. */
bool kube_fan_remember(struct kube_fanout *all);
/* Look at each. */
void kube_fan_all_due(struct kube_fanout *all);

/* Its copy in a namespace, made when there is none. */
struct kube_copy *kube_fan_copy(struct kube_fan *f, const char *namespace);
struct kube_copy *kube_fan_find_copy(const struct kube_fan *f, const char *namespace); /* or NULL */
/* The one that is there, of whichever document of that name; or NULL. */
const struct kube_copy *kube_fan_any_copy(const struct kube_fanout *all, const char *namespace,
					  const char *name);
/* Each of its copies may have been changed a while ago: look at all. */
void kube_fan_check_all(struct kube_fan *f);
void kube_fan_drop_copy(struct kube_fan *f, struct kube_copy *c);
size_t kube_fan_copies(const struct kube_fan *f); /* how many are there */

struct kube_doc *kube_fan_doc(const struct kube_fan *f); /* or NULL */
/* A document of that name lives there, or what was made of it is not removed yet; or NULL. */
struct kube_doc *kube_fan_local(const struct kube_fan *f, const char *namespace);
/* Is the Secret beside the document what it says, and all decided? */
bool kube_fan_applied(const struct kube_doc *d);
/* Look at it at that time (monotonic ms), or earlier. */
void kube_fan_wake(struct kube_fan *f, int64_t at);

/* Have the document opened, when it may; it is due when that is done. */
void kube_fan_open(struct kube_fan *f, int64_t now_ms);
/* Wipe what was opened; no copy may be being written. */
void kube_fan_shut(struct kube_fan *f);

#endif
