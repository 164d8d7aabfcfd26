/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GET whose answer is read as it comes: watches, and lists too large to hold.  It goes out on the
 * watch lane, as many at a time as the owner likes.
 *
 * Nothing here tries again, but for a 401: then the credentials are refreshed and it is sent once
 * more before the owner hears of it.  Backoff is the owner's (kube/timer.h).
 */
#ifndef BULLA_KUBE_STREAM_H
#define BULLA_KUBE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kube/client.h"

struct kube_stream;

/* How it ended. */
enum kube_end {
	KUBE_END_CLEAN,	   /* the server said all it had to say; a->status is 200 */
	KUBE_END_REFUSED,  /* a->status is not 200, the rest of a is from its Status */
	KUBE_END_BROKEN,   /* connection or framing broke after the 200; a->message says how */
	KUBE_END_SILENT,   /* silence (KUBE_STREAM_SILENCE_S), or the deadline, after the 200 */
	KUBE_END_UNREACHED /* no status came: no connection, TLS, reset, silence; a->status is 0 */
};

/*
 * All are called from kube_work.  Each may call anything of kube/ but kube_work, kube_wait,
 * kube_call and kube_client_free; also kube_stream_free of this very stream, after which nothing
 * more is called.
 */
struct kube_stream_handler {
	/* The server said 200; may be NULL. */
	void (*opened)(void *ctx);
	/* Bytes of a 200's body, split anywhere. */
	void (*data)(void *ctx, const char *bytes, size_t n);
	/* Called once, last; kube_stream_free is still the owner's to call, here or later. */
	void (*end)(void *ctx, enum kube_end how, const struct kube_answer *a);
};

struct kube_stream_options {
	const char *path;    /* with its query; copied */
	const char *accept;  /* NULL: KUBE_ACCEPT_JSON; copied */
	bool gzip;	     /* may be compressed where the configuration allows it: lists alone */
	int64_t deadline_ms; /* hard end, from now: timeoutSeconds + 30 s; 0: ten minutes */
};

/* Goes out at the next kube_work; nothing is called before.  h is copied. */
struct kube_stream *kube_stream_open(struct kube_client *k, const struct kube_stream_options *o,
				     const struct kube_stream_handler *h, void *ctx);
/* It was silent for longer than it should be: doubt its connection, before freeing it. */
void kube_stream_doubt(struct kube_stream *s);
/* Ends it, without `end`, if it has not ended; NULL is fine. */
void kube_stream_free(struct kube_stream *s);

#endif
