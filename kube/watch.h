/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What there is of one kind, and every change of it: list and watch (kubernetes-agent rules 2.1).
 *
 * A streaming list (sendInitialEvents) where the server has it, else pages of 500 and a watch. 410,
 * restarts, silence, short closes and refusals are handled here; the owner only sees objects, and
 * when what it was shown since `begin` is all there is.
 */
#ifndef BULLA_KUBE_WATCH_H
#define BULLA_KUBE_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "kube/client.h"

struct kube_watch;

struct kube_watch_handler {
	/* A whole list begins: what is not shown until `synced` is not there any more.  When it
	 * breaks, it begins anew: what was shown since the last `begin` counts. */
	void (*begin)(void *ctx);
	/* Added or changed; o is borrowed. */
	void (*object)(void *ctx, const json_t *o);
	void (*deleted)(void *ctx, const json_t *o);
	/* The list is whole. */
	void (*synced)(void *ctx);
	/* The server does not let it see, or does not answer; a->status 403 and 404 are worth
	 * telling.  Called at every failed try, and for each object that was passed over because it
	 * could not be read (kube_watch_passed): all others are seen as before. */
	void (*failed)(void *ctx, const struct kube_answer *a);
	/* A watch goes on from where the one before broke off, without a list: what failed is over.
	 * May be NULL. */
	void (*resumed)(void *ctx);
};

struct kube_watch_options {
	const char *path;     /* "/apis/bulla.dev/v1/sealedcredentials"; copied */
	const char *selector; /* "labelSelector=...", percent-encoded, or NULL; copied */
	bool metadata_only;
	size_t
	    object_max;	 /* bytes of one event; larger: told as failed and passed over.  0: 4 MiB */
	int64_t full_ms; /* list anew after so long, whatever comes; 0: six hours */
	int64_t silent_ms; /* list anew after so long without an event; 0: KUBE_SILENT_MS */
};

/* Begins at the next kube_work.  h is copied; all of its functions are called from kube_work, and
 * may call all that is here, kube_watch_free too. */
struct kube_watch *kube_watch_new(struct kube_client *k, const struct kube_watch_options *o,
				  const struct kube_watch_handler *h, void *ctx);
void kube_watch_free(struct kube_watch *w);

/* Does what `failed` was given tell of an object that was passed over, and of no failed try?  Its
 * reason is ObjectTooLarge, ObjectTooDeep or ObjectUnreadable. */
bool kube_watch_passed(const struct kube_answer *a);

/* All that was there was shown at least once, and no list is under way. */
bool kube_watch_synced(const struct kube_watch *w);
/* List anew at once: something was seen that should not be. */
void kube_watch_relist(struct kube_watch *w);
/* Monotonic ms of the last sign of life (event, bookmark, list). */
int64_t kube_watch_heard(const struct kube_watch *w);

#endif
