/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are too long to be held: a watch's events one after the other, and the items of a
 * list, each handed over as soon as its last byte is there.
 *
 * Bytes may come split anywhere.  An object that is too large, nested too deep or not what jansson
 * reads (a NUL character, a name twice) is passed over to its end and told, because whoever may
 * write one object must not keep the others from being seen.
 */
#ifndef BULLA_KUBE_DECODE_H
#define BULLA_KUBE_DECODE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define KUBE_DECODE_DEPTH 64 /* levels of one object, its event's included */
#define KUBE_DECODE_HEAD 256 /* bytes that are kept of an object that is too large */
#define KUBE_DECODE_REST_MAX ((size_t)64 * 1024) /* bytes of a list without its items */

enum kube_shape {
	KUBE_EVENTS, /* objects one after the other, white space between them or not */
	KUBE_LIST,   /* one object; the members of its "items" are handed over */
};

enum kube_passed_why { KUBE_TOO_LARGE, KUBE_TOO_DEEP, KUBE_UNREADABLE };

/* An object that was passed over. */
struct kube_passed {
	enum kube_passed_why why;
	size_t bytes;
	const char *head; /* its first bytes, KUBE_DECODE_HEAD at most */
	size_t head_len;
};

struct kube_decode_handler {
	void (*object)(void *ctx, json_t *v); /* borrowed */
	void (*passed)(void *ctx, const struct kube_passed *p);
};

/* The members are the module's own. */
struct kube_decode {
	enum kube_shape shape;
	int state, next;
	size_t max;
	const struct kube_decode_handler *handler;
	void *ctx;
	struct buf frame; /* the object under way */
	struct buf rest;  /* a list without its items */
	size_t bytes;	  /* of the object under way */
	size_t depth;
	bool string, escaped, large, deep, stopped;
};

/* max: bytes of one object.  h must outlive d. */
void kube_decode_init(struct kube_decode *d, enum kube_shape shape, size_t max,
		      const struct kube_decode_handler *h, void *ctx);
void kube_decode_clear(struct kube_decode *d);

/*
 * Take the next bytes.  0; -1 when they cannot belong to such a stream: then what follows is not
 * looked at, and the stream must be asked for anew.
 */
int kube_decode_feed(struct kube_decode *d, const void *data, size_t len);

/* For the handler's functions: hand over nothing more, whatever comes. */
void kube_decode_stop(struct kube_decode *d);

/* The stream is over.  True when it did not end inside of an object. */
bool kube_decode_whole(const struct kube_decode *d);

/* A list that is whole, its "items" empty; a new reference, NULL when it is no JSON object. */
json_t *kube_decode_rest(const struct kube_decode *d);

#endif
