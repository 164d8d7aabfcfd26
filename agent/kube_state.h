/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the Kubernetes store knows at a moment.  Its modules (kube_write, kube_tell, kube_remove)
 * are parts of agent/store_kube.h, which puts them in order; nobody else includes this.
 */
#ifndef BULLA_AGENT_KUBE_STATE_H
#define BULLA_AGENT_KUBE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/kube_doc.h"
#include "agent/opener.h"
#include "kube/client.h"
#include "kube/limit.h"
#include "kube/recorder.h"
#include "kube/watch.h"

#define KUBE_DOCUMENTS DOCUMENT_PLURAL
#define KUBE_GROUP DOCUMENT_API_PATH

struct store_kube_options {
	const char *agent_namespace;   /* no document and no Secret is served there */
	const char *const *namespaces; /* NULL-terminated; NULL: all, the cluster install */
	int64_t settle_ms;	       /* so long a document must be gone before its Secret goes */
	int64_t probe_ms;     /* how often a Secret is looked at that cannot be watched; 0: never */
	const char *instance; /* who tells in Events: the pod */
	const struct namespaces *fan_out; /* the map; NULL: no copies are made */
	bool unbounded;			  /* the cluster install works though no policy bounds it */
	bool flux; /* Flux's sources are told of Secrets, and keep those they use */
};

struct store_kube_counts {
	size_t reasons[REASON_COUNT]; /* documents with this reason */
	uint64_t written, told, repaired, removed, failed, looked;
};

struct kube_inventory;
struct kube_flux;
struct kube_fanout;
struct namespaces;

enum kube_canary { CANARY_UNKNOWN, CANARY_SINGS, CANARY_SILENT };

/* One list and watch: of the whole cluster, or of a namespace. */
struct kube_scope {
	struct store_kube *st;
	char *namespace; /* NULL: all */
	struct kube_watch *documents;
	struct kube_watch *secrets; /* metadata; NULL in the cluster install */
	bool synced;		    /* the documents were listed once */
	bool secrets_synced;	    /* and the Secrets */
	bool failing;		    /* the documents cannot be listed or watched just now */
	bool secrets_failing;
	bool secrets_denied;	     /* they were never listed, for want of rights */
	long status, secrets_status; /* of the last list or watch that failed; 0: no answer */
	char *why, *secrets_why;     /* what the server said; NULL: none failed */
};

struct store_kube {
	const struct store_kube_options *o;
	struct kube_client *client;
	struct opener *opener;
	struct kube_docs docs;
	struct turns looks;
	struct turns tells;
	struct turns probes;
	struct kube_scope *scopes;
	size_t n_scopes;
	size_t writing; /* requests for Secrets under way */
	size_t telling; /* for statuses */
	struct kube_limit writes, statuses;
	int64_t told_ms; /* when the last of them began; monotonic */
	size_t fetching;
	size_t removing;
	size_t probing;
	struct kube_inventory *inventory; /* NULL: the namespaces install */
	bool inventory_loaded;
	struct kube_fanout *fanout; /* NULL: no copies are made */
	struct kube_flux *flux;	    /* NULL: without */
	bool gone_due;		    /* some document is gone: decide about all of those */
	int64_t gone_at;	    /* or at that time; monotonic ms */
	int64_t gone_next;	    /* and not before */
	bool draining;
	struct guard_done *done; /* removals of late */
	size_t n_done;
	char token[GUARD_TOKEN_TEXT];	    /* that releases what the guard holds; "" */
	char told_token[GUARD_TOKEN_TEXT];  /* in the log */
	char event_token[GUARD_TOKEN_TEXT]; /* in an Event */
	char held_token[GUARD_TOKEN_TEXT];  /* the last one, also while it cannot be seen what is
					       held; "": nothing */
	char spent_token[GUARD_TOKEN_TEXT]; /* to be taken off the Deployment; "" */
	uint64_t holds;			    /* for guard_token */
	struct table ended;		    /* namespaces: agent/kube_ended.h */
	int64_t guard_told_by;		    /* monotonic ms; 0: nothing is held */
	char *release;			    /* as given, for the next decision alone */
	bool release_asked;
	bool release_barred; /* that the Deployment cannot be read was told */
	int64_t release_at;  /* monotonic ms of the next look for it */
	enum kube_canary canary;
	bool canary_asked;
	int64_t canary_at;   /* monotonic ms of the next try */
	int64_t canary_wait; /* ms between tries while it stops the agent */
	bool recipients_asked;
	bool recipients_make;	   /* there is no such ConfigMap */
	bool recipients_again;	   /* other keys came since it was asked */
	struct kv recipients_sent; /* by key id */
	struct kv recipients_out;  /* published by this process, of the keys at hand */
	int64_t recipients_at;	   /* monotonic ms of the next publication */
	/* The document is idle again: what was done with it is in its subject. */
	void (*finished)(struct store_kube *st, struct kube_doc *d);
	char *crd_uid;	  /* of the kind itself; NULL: not seen yet */
	bool kind_unsure; /* that uid is new, and the documents were not listed since */
	bool asking_crd;
	int64_t crd_again; /* monotonic ms; 0: no need */
	bool ready;	   /* all was looked at once */
	struct kube_recorder *recorder;
	struct store_kube_counts counts;
};

/* Ask for a look at it: now, or when what is done with it has ended. */
void kube_state_look(struct store_kube *st, struct kube_doc *d);
/* Ask for its status to be written, when that is due. */
void kube_state_tell(struct store_kube *st, struct kube_doc *d);
/* A request has ended that was one of so many under way. */
void kube_state_ended(struct kube_limit *l, size_t under_way, const struct kube_answer *a);
/* Log a reason that is new, and count it. */
void kube_state_report(struct store_kube *st, struct kube_doc *d);

struct kube_doc *kube_state_need(struct store_kube *st, const char *namespace, const char *name);
void kube_state_drop(struct store_kube *st, struct kube_doc *d);

/* What decisions depend on beside the subjects. */
struct reconcile_env kube_state_env(const struct store_kube *st);
/* Not served, whoever asks: where the keys are, and where the cluster itself lives. */
bool kube_state_barred(const struct store_kube *st, const char *namespace);
bool kube_state_in(const struct kube_scope *scope, const struct kube_doc *d);
/* Its part of the cluster cannot be seen just now: that it is not there says nothing. */
bool kube_state_unseen(const struct store_kube *st, const struct kube_doc *d);

#endif
