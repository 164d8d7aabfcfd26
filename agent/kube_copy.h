/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One copy of a document's Secret in another namespace (DESIGN 6.1 Fan-out): the requests that
 * make, check and remove it.  A copy carries the owner's mark of its document, and is made and
 * changed by the same rules as the Secret beside the document.  What copies there are to be is
 * decided by agent/kube_fanout.h.  A part of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_COPY_H
#define BULLA_AGENT_KUBE_COPY_H

#include "agent/flux_search.h"
#include "agent/kube_state.h"
#include "agent/secret_steps.h"

struct inventory_item;
struct kube_copy;

/* What keeps a copy from being as it should be. */
enum kube_copy_fault {
	COPY_FINE,
	COPY_FOREIGN,	/* something else has the name */
	COPY_FORBIDDEN, /* no right to write there */
	COPY_FAILED,	/* the server did not do it */
	COPY_GOING,	/* the namespace is being deleted, or is gone */
	COPY_USED,	/* it is to go, and a source of Flux uses it */
};

/* What the last request found. */
enum kube_copy_end {
	COPY_WRITTEN,
	COPY_KEPT,    /* written, which changed nothing: it was as it is to be */
	COPY_INTACT,  /* it is as we left it */
	COPY_CHANGED, /* it is not, or it is not there */
	COPY_REMOVED, /* it is not there any more, or is no longer ours */
	COPY_LEFT,    /* fault says why nothing was done */
};

/* Why it goes. */
enum kube_copy_why {
	COPY_UNNAMED,	 /* its document does not name the place any more */
	COPY_IN_THE_WAY, /* of a document there, whose Secret follows */
	COPY_ORPHANED,	 /* its document is gone */
};

struct kube_copy_owner {
	struct store_kube *st;
	char *namespace; /* of the document */
	char *name;
	void (*ended)(void *ctx, struct kube_copy *c, enum kube_copy_end how);
	/* Nothing else keeps it: may it be deleted?  false: that is ended, by COPY_LEFT. */
	bool (*let_go)(void *ctx, struct kube_copy *c);
	void *ctx;
	size_t busy; /* requests under way for copies of it */
};

struct kube_copy {
	struct table_node node; /* in its owner's table, by namespace */
	struct kube_copy_owner *owner;
	char *namespace;
	char *uid; /* of the Secret; NULL: not known */
	char *version;
	char *document_uid;
	char *crd_uid;
	bool there; /* we made it, and did not remove it */
	bool retain;
	bool adopted;
	unsigned char made[SUBJECT_DIGEST]; /* of what it was made; zeros: not known */
	enum kube_copy_fault fault;
	unsigned tries;	    /* in a row that failed */
	int64_t not_before; /* monotonic ms of the next */
	int64_t checked;    /* monotonic ms when it was last seen to be as it should */
	bool stale;	    /* to be written though made says otherwise */

	bool letting_go; /* the owner's, for let_go */
	char *user;	 /* COPY_USED: by this one, "GitRepository infra" */

	bool busy;
	int step;
	enum kube_copy_why why;
	struct flux_search search;
	struct secret_steps write;
	const struct document *doc; /* while it is written; the owner's */
	const struct kind_secret *secret;
	const unsigned char *digest;
};

struct kube_copy *kube_copy_new(struct kube_copy_owner *owner, const char *namespace);
void kube_copy_free(
    struct kube_copy *c); /* its requests must be cancelled: kube_cancel(client, c) */

/* It is none of ours any more, whatever is there. */
void kube_copy_forget(struct kube_copy *c);
/* It is in the inventory, from an agent before this one. */
void kube_copy_recorded(struct kube_copy *c, const struct inventory_item *item);

/*
 * Make it what secret says.  doc, secret and digest (what doc is known by) must stay until ended is
 * called, which may be before this returns.
 */
void kube_copy_write(struct kube_copy *c, const struct document *doc,
		     const struct kind_secret *secret, const unsigned char *digest);
/* Is it as we left it?  Shows no data, and changes nothing. */
void kube_copy_check(struct kube_copy *c);
/*
 * Remove it.  COPY_ORPHANED: the server must first say that the document is gone, and that the kind
 * is the one that the copy was made under.  With store_kube_options.flux it stays while a source of
 * Flux uses it, unless it is in the way: then there is another one in its place at once.
 */
void kube_copy_remove(struct kube_copy *c, enum kube_copy_why why);
/* It is to stay after all: what kept it from going is over. */
void kube_copy_wanted(struct kube_copy *c);

#endif
