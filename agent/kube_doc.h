/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealed document in a cluster and the Secret made of it, as far as the agent remembers them.
 *
 * What decides is kept; the document's text only while something is to be done with it, and it is
 * asked for again when it is needed again: ten thousand settled documents are a few MiB.
 */
#ifndef BULLA_AGENT_KUBE_DOC_H
#define BULLA_AGENT_KUBE_DOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/reconcile.h"
#include "agent/table.h"
#include "agent/turns.h"
#include "base/buf.h"
#include "base/kv.h"
#include "document/document.h"

struct err;
struct kube_write;
struct store_kube;
struct kube_remove;

#define KUBE_DOC_HASH 16
/* metadata.annotations of a document, nothing that is sealed: "true" has it left as it is. */
#define KUBE_DOC_PAUSED "bulla.dev/paused"

/* One thing at a time is done with a document. */
enum kube_busy {
	KUBE_IDLE,
	KUBE_FETCHING, /* its text is asked for */
	KUBE_WRITING,  /* its Secret */
	KUBE_TELLING,  /* its status */
	KUBE_REMOVING,
	KUBE_PROBING,
};

struct kube_doc {
	struct table_node node;
	struct turn turn;  /* to be looked at */
	struct turn tell;  /* to have its status written */
	struct turn probe; /* to have its Secret looked at */
	struct subject s;  /* s.namespace and s.name in one block */
	char *uid;	   /* of the document; NULL: never seen */
	char *version;	   /* its resourceVersion as last seen */
	int64_t generation;
	unsigned char text_hash[KUBE_DOC_HASH]; /* of the last text */
	char *text;	  /* the document as JSON; NULL: settled, or to be fetched */
	json_t *status;	  /* its status, while there is the text; NULL: none */
	bool status_old;  /* of before our last write of it */
	bool pause_odd;	  /* KUBE_DOC_PAUSED is neither "true" nor "false" */
	bool resumed;	  /* it was paused until just now */
	char *recipients; /* as source_recipients makes it; NULL: invalid */
	const char *type; /* of the Secret; a constant */
	const struct kind *kind;
	bool reaches; /* it has the fact `namespaces` or `service-accounts`, a claim */
	int64_t not_after;

	char *applied_uid; /* of the Secret, from the answer to our write; NULL: none */
	char *applied_version;
	char *seen;    /* "UID/VERSION" of the Secret as a watch or a probe showed it; NULL: none */
	int seen_mark; /* enum secret_json_mark of it */
	bool seen_anew; /* shown while a request for it was under way */
	char *crd_uid;	/* of the kind when the Secret was made; NULL: not known */
	char *digest;	/* the document's, of what runs; as the status tells it */
	struct kv keys; /* that opened it; until told */
	bool adopted;
	bool kept; /* the inventory says Retain */

	char *why;	      /* of s.reason, for a person */
	enum reason reported; /* what was last logged */
	enum reason before;   /* what its status said when it was seen first */
	enum reason told;     /* what the status says */
	bool telling_due;     /* the status is to be written */
	enum kube_busy busy;
	struct kube_write *write;   /* under way, or NULL */
	struct kube_remove *remove; /* the same */
	void *telling;		    /* the same, of the status */
	bool again;		    /* something came while it was busy */
	bool shown;		    /* by the list under way */
	bool secret_shown;
	struct store_kube *store; /* while it is fetched or probed */
	bool parsed;		  /* recipients, s.cover, s.digest are those of the generation */
	bool inherited;		  /* an agent before this one applied this very generation */
	bool chosen;		  /* the policy is written in the document */
	bool letting_go;	  /* its Secret may go but for service accounts that name it */
	bool held;		  /* by one that cannot be changed, which was told */
};

struct kube_docs {
	struct table table;
};

void kube_docs_init(struct kube_docs *t);
void kube_docs_clear(struct kube_docs *t);
struct kube_doc *kube_docs_find(const struct kube_docs *t, const char *namespace, const char *name);
struct kube_doc *kube_docs_need(struct kube_docs *t, const char *namespace, const char *name);
/* It must have no turn. */
void kube_docs_drop(struct kube_docs *t, struct kube_doc *d);

/*
 * Take over what a watch or an answer showed of it.  true: it is to be looked at.  What the status
 * says was applied counts the first time only; from then on the agent knows better.
 */
bool kube_doc_take(struct kube_doc *d, const json_t *object);
/* The same for one that was asked for because its text is needed.  false: it is no document. */
bool kube_doc_fetched(struct kube_doc *d, const json_t *object);
/* The document is not there any more. */
void kube_doc_gone(struct kube_doc *d);

/*
 * Read d->text strictly and fill in what is decided by: s.digest, s.invalid, s.retain, recipients,
 * not_after.  out is the document, for the caller to clear.  -1: it is invalid, d->why says why.
 */
int kube_doc_parse(struct kube_doc *d, struct document *out);

/* The same of an object as the API server gives it, without a kube_doc.  ERR_INVALID. */
int kube_doc_read(const json_t *object, struct document *out, struct err *err);

/* Does any, or each, of its parts list one of these keys? */
enum cover kube_doc_cover(const struct kube_doc *d, const struct kv *keys);

/* What the Secret is now, as our own write was answered; d->s counts as made of `digest`. */
void kube_doc_applied(struct kube_doc *d, const json_t *secret_metadata);
/* The Secret, which is ours, was found to be this one now; d->s.target is the caller's. */
void kube_doc_saw(struct kube_doc *d, const json_t *secret_metadata);
/* An earlier agent made a Secret of this uid; what it is like now is not known. */
void kube_doc_recorded(struct kube_doc *d, const char *secret_uid);
/*
 * There may be a Secret of ours.  Were it not remembered, it would stay for ever when the document
 * goes before it is applied once; agent/kube_remove.c asks whether it is there, and whose it is.
 */
void kube_doc_unsure(struct kube_doc *d);
/* Its Secret's incarnation, as agent/guard.h wants it. */
uint64_t kube_doc_incarnation(const struct kube_doc *d);
/* Nothing of ours is there. */
void kube_doc_unapplied(struct kube_doc *d);
/* Nothing more is to be done: give back what only work needs. */
void kube_doc_settle(struct kube_doc *d);
void kube_doc_say(struct kube_doc *d, const char *why); /* NULL: nothing */

#endif
