/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decisions of a list and watch, without clock, network or memory of objects: what is to be
 * asked next and when, and what each event, answer and end means (kubernetes-agent rules 2.1).
 *
 * One request is under way at a time.  kube_reflect_ask says which; what comes of it is told by the
 * functions below it, and each verdict says what to show and whether the request is to be given up.
 * All times are monotonic milliseconds.
 */
#ifndef BULLA_KUBE_REFLECT_H
#define BULLA_KUBE_REFLECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "kube/decode.h"
#include "kube/request.h"
#include "kube/stream.h"

#define KUBE_PAGE 500		  /* items of a page */
#define KUBE_BACKOFF_MS 800	  /* first delay, up to twice that */
#define KUBE_BACKOFF_MAX_MS 30000 /* no delay is longer, but for what the server asks for */
#define KUBE_HEALTHY_MS                                                                            \
	((int64_t)2 * 60000)	  /* so long without a failure, and delays start anew              \
				   */
#define KUBE_ASKED_MAX_MS 60000	  /* what a server can ask to wait */
#define KUBE_SHORT_MS 1000	  /* a watch that ends sooner, without an event, is a failure */
#define KUBE_SILENT_MS 150000	  /* a watch without an event so long: everything is listed */
#define KUBE_FILL_SILENT_MS 60000 /* nothing of a list so long: it is given up */
#define KUBE_FILL_MAX_MS 120000	  /* a streaming list is whole by then, or given up */
#define KUBE_FULL_MS ((int64_t)6 * 60 * 60 * 1000)
#define KUBE_ERRORS_MAX 5 /* so many 500s in a row are taken as an answer */

enum kube_ask {
	KUBE_ASK_STREAM, /* a streaming list, which goes on as the watch */
	KUBE_ASK_LIST,	 /* a page of a list */
	KUBE_ASK_WATCH,	 /* a watch from the last resourceVersion */
};

/* The members are the module's own, but for uniform and silent_ms. */
struct kube_reflect {
	enum kube_ask ask; /* of what is next, or under way */
	bool out;	   /* a request is under way */
	bool filling;	   /* it is, or is part of, a list that is not whole */
	bool begun;	   /* of that list something came */
	bool unpaged;	   /* the next list comes in one piece */
	bool no_streaming; /* the server refused a streaming list */
	bool listed;	   /* at least once */
	char *rv;	   /* of the last event; opaque */
	char *more;	   /* continue of the next page */
	int64_t at_ms;	   /* when to ask */
	int64_t asked_ms, heard_ms, failed_ms, full_at_ms, full_ms;
	int64_t silent_ms;		     /* KUBE_SILENT_MS */
	int64_t base_ms;		     /* the backoff without its jitter; 0: none yet */
	size_t events;			     /* of the request under way */
	unsigned torn;			     /* streaming lists in a row that broke */
	unsigned errors;		     /* 500s in a row */
	char text[160];			     /* of an answer that the verdict makes itself */
	uint32_t (*uniform)(uint32_t upper); /* random, below upper */
};

/* A request to be made. */
struct kube_asked {
	enum kube_shape shape;
	int64_t limit_ms; /* hard end, from now */
};

enum kube_show { KUBE_SHOW_NOTHING, KUBE_SHOW_OBJECT, KUBE_SHOW_DELETED };

/* What to do, in this order. */
struct kube_verdict {
	bool over;   /* give the request up; what is next is due at kube_reflect_due */
	bool silent; /* and its connection may be dead: nothing came for too long */
	bool failed; /* tell `answer` */
	bool begin;  /* a list begins */
	enum kube_show show;
	const json_t *object;	   /* what to show; part of what was given */
	bool synced;		   /* the list is whole */
	struct kube_answer answer; /* borrowed from what was given and from r */
};

/* full_ms 0: KUBE_FULL_MS. */
void kube_reflect_init(struct kube_reflect *r, int64_t full_ms, int64_t now);
void kube_reflect_clear(struct kube_reflect *r);

/* Nothing under way: when to ask.  Else: when to call kube_reflect_tick. */
int64_t kube_reflect_due(const struct kube_reflect *r);

/* The next request; its query is appended ("limit=500").  Nothing is under way. */
struct kube_asked kube_reflect_ask(struct kube_reflect *r, int64_t now, struct buf *query);

/* A watch's event, or any object where one should be. */
void kube_reflect_event(struct kube_reflect *r, int64_t now, const json_t *event,
			struct kube_verdict *v);
/* An item of a list. */
void kube_reflect_item(struct kube_reflect *r, int64_t now, const json_t *item,
		       struct kube_verdict *v);
/* An event or item that could not be read. */
void kube_reflect_passed(struct kube_reflect *r, int64_t now, const struct kube_passed *p,
			 struct kube_verdict *v);
/* The answer to a list came whole; list is it without its items, NULL when it is no list. */
void kube_reflect_page(struct kube_reflect *r, int64_t now, const json_t *list,
		       struct kube_verdict *v);
/* The request ended, or what came was no such stream (KUBE_END_BROKEN). */
void kube_reflect_end(struct kube_reflect *r, int64_t now, enum kube_end how,
		      const struct kube_answer *a, struct kube_verdict *v);
/* Time has passed. */
void kube_reflect_tick(struct kube_reflect *r, int64_t now, struct kube_verdict *v);
/* List anew as soon as may be; true when a request is under way and is to be given up. */
bool kube_reflect_relist(struct kube_reflect *r, int64_t now);

#endif
