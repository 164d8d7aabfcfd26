/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of all requests that make, change, probe or delete a Secret in a cluster, and what the
 * marks on one mean (DESIGN 6.1 Ownership; cluster-findings M3 to M7).  Pure; no request is sent.
 *
 * A Secret is the agent's when its annotation bulla.dev/owner names the document ("NAMESPACE/NAME"
 * of the document, also where the Secret is a copy in another namespace).  Uids on it are
 * information.  It is made by POST and changed by one JSON patch that tests what it must be and
 * replaces /data whole; never by server-side apply, which would leave foreign keys in it.
 *
 * Bodies hold secrets: they are appended to out, which wipes them; nothing else keeps a copy.
 */
#ifndef BULLA_AGENT_SECRET_JSON_H
#define BULLA_AGENT_SECRET_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "document/document.h"

struct err;

#define SECRET_JSON_OWNER "bulla.dev/owner"
#define SECRET_JSON_ADOPT                                                                          \
	"bulla.dev/adopt" /* set by a person: may be taken over by that document */
#define SECRET_JSON_ADOPTED                                                                        \
	"bulla.dev/adopted" /* "true": was taken over; default policy Retain                       \
			     */
#define SECRET_JSON_DOCUMENT_UID "bulla.dev/document-uid"
#define SECRET_JSON_POLICY "bulla.dev/deletion-policy" /* "Delete", "Retain" */
#define SECRET_JSON_CRD_UID "bulla.dev/crd-uid"
/* Names of the labels and annotations that come from the document, by commas; absent: none. */
#define SECRET_JSON_LABELS "bulla.dev/labels"
#define SECRET_JSON_ANNOTATIONS "bulla.dev/annotations"
/* Labels on each: so that people find them, and so that Flux's controllers watch them. */
#define SECRET_JSON_MANAGED "app.kubernetes.io/managed-by"
#define SECRET_JSON_MANAGER "bulla-agent"
#define SECRET_JSON_WATCH "reconcile.fluxcd.io/watch"
#define SECRET_JSON_WATCH_VALUE "Enabled"

/* What a Secret is to be. */
struct secret_json {
	const struct document *document;  /* owner, name, labels, annotations, policy */
	const struct kind_secret *secret; /* type and data, as opened */
	const char *namespace;		  /* of the Secret; NULL: the document's */
	const char *document_uid;	  /* NULL: not said on it */
	const char *crd_uid;		  /* NULL: not said on it */
	bool adopted; /* it was taken over before; needs saying only where metadata is not known */
};

/* What is known of the Secret as it is.  All may be NULL. */
struct secret_json_seen {
	const char *uid;
	const char *resource_version;
	/*
	 * Its metadata (of a PartialObjectMetadata).  NULL: never read; then it is taken for as the
	 * agent leaves one: with labels and with annotations.
	 */
	const json_t *metadata;
	/* Where it was never read: */
	bool lists; /* test that no label or annotation of an earlier state would stay behind */
	bool bare;  /* it has no labels at all (tested) */
};

/* The whole Secret, for POST .../secrets.  -1: past out's max (ERR_INVALID; out unchanged). */
int secret_json_create(const struct secret_json *s, struct buf *out, struct err *err);

/*
 * The JSON patch that makes one of ours what it is to be: test uid and resourceVersion (by replace:
 * the server answers 409 when it is another) where known, test owner, test type, /data replaced
 * whole, our labels and annotations set, and those removed that seen->metadata says came from an
 * earlier state of the document.  Foreign labels and annotations stay.  A failed test is a 422.
 *
 * adopt: the same for one that the document may take over; tests the mark of adoption in place of
 * the owner, and removes it.
 */
int secret_json_patch(const struct secret_json *s, const struct secret_json_seen *seen, bool adopt,
		      struct buf *out, struct err *err);

/*
 * A JSON patch of tests alone: changes nothing, and with a metadata answer shows no data.  200:
 * it is the document's (adopt: may be taken over by it) and of d's type (NULL: of any); 422: it is
 * not; 404.
 */
void secret_json_probe(const struct document *d, const struct secret_json_seen *seen, bool adopt,
		       struct buf *out);

/* DeleteOptions with these preconditions; another uid or resourceVersion is a 409.  NULL: none. */
void secret_json_delete(const char *uid, const char *resource_version, struct buf *out);

enum secret_json_mark {
	SECRET_JSON_FOREIGN,
	SECRET_JSON_OURS,
	SECRET_JSON_ADOPTABLE, /* foreign, and its owner lets this document take it over */
};

/* What a Secret with this metadata is to the document NAMESPACE/NAME. */
enum secret_json_mark secret_json_mark(const json_t *metadata, const char *namespace,
				       const char *name);
/* The document it says it belongs to.  false: to none, or the mark is malformed. */
bool secret_json_owner(const json_t *metadata, char **namespace, char **name);
/* Was it taken over (SECRET_JSON_ADOPTED)? */
bool secret_json_adopted(const json_t *metadata);
/* An annotation's or the metadata's own text (uid, resourceVersion), or NULL; borrowed. */
const char *secret_json_annotation(const json_t *metadata, const char *name);
const char *secret_json_field(const json_t *metadata, const char *name);

/*
 * Are the labels and annotations that the document gives on it, and none that it no longer gives?
 * (The data cannot be seen here.)
 */
bool secret_json_metadata_right(const struct secret_json *s, const json_t *metadata);

/* Append s with "~" and "/" escaped, as one segment of a JSON pointer (RFC 6901). */
void secret_json_pointer(struct buf *out, const char *s);

/* The command that lets a document take over the Secret that stands in its way, shell-quoted. */
void secret_json_adopt_command(const struct document *d, const char *namespace, struct buf *out);

#endif
