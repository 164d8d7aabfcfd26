/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request on its way: an easy handle, what it sends, and what came back.  Queueing, deadlines
 * and sending again are the lane's (kube/lane.h).
 */
#ifndef BULLA_KUBE_TRANSFER_H
#define BULLA_KUBE_TRANSFER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "kube/request.h"
#include "kube/retry.h"
#include "kube/session.h"
#include "kube/status.h"

#define KUBE_TRANSFER_TEXT 640

struct kube_transfer;

/* Text about one try.  Apart, because thousands may wait that have had none. */
struct kube_words {
	char error[CURL_ERROR_SIZE];   /* libcurl's */
	struct kube_status said;       /* the server's */
	char text[KUBE_TRANSFER_TEXT]; /* ours, instead of said.message; "" else */
};

/* What its owner wants to hear. */
struct kube_transfer_owner {
	void (*opened)(struct kube_transfer *t);			    /* streams: 200 came */
	void (*data)(struct kube_transfer *t, const char *bytes, size_t n); /* streams: of a 200 */
	void (*done)(struct kube_transfer *t); /* t is freed by the lane afterwards */
};

enum kube_place { KUBE_PLACE_QUEUE, KUBE_PLACE_PAUSE, KUBE_PLACE_WIRE, KUBE_PLACE_ENDED };

struct kube_transfer {
	/* what is asked; owned */
	char *method;
	char *path;
	char *accept;
	enum kube_body type;
	struct buf body;
	bool stream;
	bool gzip;
	bool idempotent;
	bool urgent;
	int64_t timeout_ms;
	const struct kube_transfer_owner *owner;
	kube_done_fn *tell; /* for the owner's use */
	void *ctx;

	/* the lane's */
	struct kube_transfer *next, **link;
	enum kube_place place;
	int64_t deadline_ms; /* 0: has not gone out yet */
	int64_t paused_ms;   /* between the first time it went out and the last */
	int64_t due_ms;	     /* end of a pause */
	int asked, broken;
	bool refreshed;
	bool acted;	      /* a try before this one may have been acted on */
	bool dead;	      /* cancelled: nobody is to hear of it */
	unsigned credentials; /* those it was sent with */

	/* one try */
	struct kube_session *session;
	CURL *easy; /* NULL while not on the wire */
	struct curl_slist *headers, *connect_to;
	size_t body_at;
	bool overflow;

	/* what came */
	long status;
	long http_version; /* CURL_HTTP_VERSION_... */
	bool sent;
	enum kube_how how;
	struct buf answer;
	json_t *object;
	struct kube_words *words; /* NULL before the first try */
	int64_t retry_ms;
	int64_t took_us; /* that one try */
};

struct kube_transfer *kube_transfer_new(const struct kube_request *r);
/* Not while its handle is in a multi. */
void kube_transfer_free(struct kube_transfer *t);

/* Make an easy handle ready for one try; -1: libcurl will not. */
int kube_transfer_start(struct kube_transfer *t, struct kube_session *s, int64_t now_ms);
/* Take the outcome from a handle that is out of its multi, and give the handle back. */
void kube_transfer_finish(struct kube_transfer *t, CURLcode code);
/* The same for one that never got a handle. */
void kube_transfer_fail(struct kube_transfer *t, enum kube_how how, const char *text);

/* It gets the answer that another one got, which it waited for. */
void kube_transfer_share(struct kube_transfer *t, const struct kube_transfer *of);

/* Valid as long as t is. */
void kube_transfer_answer(const struct kube_transfer *t, struct kube_answer *a);

#endif
