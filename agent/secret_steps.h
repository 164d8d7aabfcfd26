/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The requests by which a Secret becomes what a document says, one after the other, whatever stands
 * in its place (DESIGN 6.1 Ownership): made by POST; changed by one JSON patch when it is ours;
 * deleted and made anew only when it is ours, cannot be changed (another type, immutable) and a dry
 * run shows that it can be made; taken over when it is marked for us; else left alone.  The same
 * for a document's own Secret and for its copies.  Pure: what to send, and what an answer means.
 */
#ifndef BULLA_AGENT_SECRET_STEPS_H
#define BULLA_AGENT_SECRET_STEPS_H

#include <jansson.h>

#include "agent/secret_json.h"
#include "base/buf.h"
#include "kube/client.h"

struct err;

enum secret_step {
	SECRET_CREATE,
	SECRET_PATCH_MADE, /* ours, and the very one that we know */
	SECRET_PROBE,	   /* ours after all?  the answer shows its metadata */
	SECRET_PATCH,	   /* ours, as the probe saw it */
	SECRET_TRY,	   /* of another type, or immutable: could it be made anew? */
	SECRET_DELETE,	   /* it could: the very one that the probe saw, to be made again */
	SECRET_ADOPT,	   /* not ours, but marked for us */
	SECRET_ADOPT_BARE, /* the same, without any label */
};

struct secret_steps {
	enum secret_step step; /* what is sent next, or was sent last */
	unsigned taken;
	json_t *seen; /* metadata, as the probe saw it; NULL: not probed */
};

/* Begin with that step. */
void secret_steps_begin(struct secret_steps *s, enum secret_step first);
void secret_steps_end(struct secret_steps *s);

/*
 * The request of the step: r->method, type and metadata_only are set, path and body appended and
 * pointed to.  what: as for secret_json; made: uid and resourceVersion of the Secret as it is known
 * to be, for SECRET_PATCH_MADE, which changes no other: a request that is late, from an agent that
 * was frozen for one, finds another version and ends as a 409.  -1: what cannot be formatted
 * (ERR_INVALID).
 */
int secret_steps_request(const struct secret_steps *s, const struct secret_json *what,
			 const struct secret_json_seen *made, struct kube_request *r,
			 struct buf *path, struct buf *body, struct err *err);

enum secret_steps_verdict {
	SECRET_STEPS_ON,      /* s->step is to be sent */
	SECRET_STEPS_DONE,    /* the answer is about the Secret as it is to be */
	SECRET_STEPS_FOREIGN, /* what is there is neither ours nor marked for us */
	SECRET_STEPS_REFUSED, /* the server does not do it, or somebody else is always faster */
};

enum secret_steps_verdict secret_steps_answer(struct secret_steps *s, const struct kube_answer *a);

#endif
