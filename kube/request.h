/* SPDX-License-Identifier: Apache-2.0 */
/* One request to an API server and its answer: the words that all of kube/ shares. */
#ifndef BULLA_KUBE_REQUEST_H
#define BULLA_KUBE_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define KUBE_ANSWER_MAX                                                                            \
	((size_t)4 * 1024 * 1024) /* bytes of one answer that is taken as a whole                  \
				   */

#define KUBE_STREAM_SILENCE_S                                                                      \
	150 /* so long without a byte, and a stream ends (bookmarks: 60 s)                         \
	     */

/* The Accept header: an object; its metadata alone, also in the events of a watch; the same for the
 * items of a list. */
#define KUBE_ACCEPT_JSON "application/json"
#define KUBE_ACCEPT_METADATA                                                                       \
	"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
#define KUBE_ACCEPT_METADATA_LIST                                                                  \
	"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

enum kube_body { KUBE_NO_BODY, KUBE_JSON, KUBE_JSON_PATCH, KUBE_MERGE_PATCH, KUBE_APPLY };

struct kube_request {
	const char *method; /* "GET", "POST", "PUT", "PATCH", "DELETE" */
	const char *path;   /* "/api/v1/namespaces/a/secrets/b?fieldManager=c"; copied */
	enum kube_body type;
	const struct buf *body; /* copied, and wiped after use; NULL: none */
	bool metadata_only;	/* ask for PartialObjectMetadata in answer */
	bool idempotent;
	bool urgent;
	int timeout_ms; /* from when it goes out, with all that is sent again; 0: 30 s */
};

/* What the server said, or that it did not. */
struct kube_answer {
	long status;	      /* HTTP status; 0: none came, or what came is not whole */
	const char *reason;   /* of a Status object ("AlreadyExists"), or "" */
	const char *cause;    /* the first of its details.causes[].reason, or "" */
	const char *name;     /* its details.name, or "" */
	const char *message;  /* of the Status or of the transport; may quote what was sent */
	int64_t retry_ms;     /* what the server asked to wait; 0: nothing */
	int64_t took_us;      /* since it went out first, with pauses that the server asked for */
	bool unsent;	      /* the server cannot have acted on it */
	const json_t *object; /* the body when it is a JSON object; borrowed */
};

/* Called from kube_work, once for each request; never from kube_send. */
typedef void kube_done_fn(void *ctx, const struct kube_answer *a);

#endif
