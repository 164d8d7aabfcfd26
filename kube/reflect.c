/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/reflect.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kube/client.h"

#define PAGE_LIMIT_MS 120000  /* of one page */
#define WHOLE_LIMIT_MS 600000 /* of a list in one piece */
#define WATCH_MIN_S 300	      /* timeoutSeconds is random between these */
#define WATCH_MAX_S 600
#define WATCH_GRACE_MS 30000 /* what a watch may last longer than it was asked to */
#define GENTLE_MS 200	     /* spreads those that a restarted server sends away at once */
#define RELIST_MIN_MS 1000   /* between lists that the owner asks for */
#define UNSEEN_MS 3000	     /* a pause in which an outage can go by unseen */
#define TORN_MAX 2

/* What a refusal leads to. */
enum move {
	AGAIN,	 /* the same once more, after a delay */
	COUNTED, /* as AGAIN, but OVER when it happens too often */
	OVER,	 /* list anew, after a delay */
	PLAIN,	 /* no streaming list any more; list at once */
	UNPAGED, /* the pages' time ran out: list in one piece at once; a first page: OVER */
	GONE,	 /* the normal way of a watch to end: list anew at once, if that is rare */
};

struct rule {
	long from, to; /* HTTP status, or code of a Status inside of the stream */
	const char *cause;
	enum move move[4]; /* by enum kube_ask, and INSIDE */
};

enum { INSIDE = KUBE_ASK_WATCH + 1 }; /* an ERROR among the events of a watch */

/*
 * The first that fits.  A watch that broke, or that a server could not begin, is not asked for
 * again from the same version, as client-go does: behind an outage there can be an etcd that went
 * back in time, whose silence lasts until its versions pass the one that was asked for, and which
 * then never tells what it lost.  A server that is restarted answers 410 to most watches anyway.
 */
static const struct rule rules[] = {
	{ 400, 400, NULL, { PLAIN, OVER, OVER, OVER } },
	{ 401, 401, NULL, { AGAIN, AGAIN, OVER, OVER } },
	{ 403, 403, NULL, { OVER, OVER, OVER, OVER } },
	{ 404, 404, NULL, { OVER, OVER, OVER, OVER } },
	{ 410, 410, NULL, { OVER, UNPAGED, GONE, GONE } },
	{ 422, 422, NULL, { PLAIN, OVER, OVER, OVER } },
	{ 429, 429, NULL, { AGAIN, AGAIN, AGAIN, AGAIN } },
	{ 500, 500, NULL, { PLAIN, COUNTED, OVER, AGAIN } },
	/* the server is behind what was seen (another replica, a restored etcd) */
	{ 504, 504, "ResourceVersionTooLarge", { PLAIN, OVER, OVER, OVER } },
	{ 504, 504, NULL, { PLAIN, COUNTED, OVER, AGAIN } },
	{ 500, 599, NULL, { AGAIN, AGAIN, OVER, AGAIN } },
	{ 0, 999, NULL, { OVER, OVER, OVER, OVER } },
};

static void forget(char **s)
{
	mem_free(*s);
	*s = NULL;
}

void kube_reflect_init(struct kube_reflect *r, int64_t full_ms, int64_t now)
{
	*r = (struct kube_reflect){ .ask = KUBE_ASK_STREAM,
				    .filling = true,
				    .at_ms = now,
				    .heard_ms = now,
				    .failed_ms = now - KUBE_HEALTHY_MS,
				    .full_ms = full_ms == 0 ? KUBE_FULL_MS : full_ms,
				    .full_at_ms = INT64_MAX,
				    .silent_ms = KUBE_SILENT_MS,
				    .uniform = randombytes_uniform };
}

void kube_reflect_clear(struct kube_reflect *r)
{
	forget(&r->rv);
	forget(&r->more);
}

/* --- what is next, and when ------------------------------------------------------------------- */

static void start_over(struct kube_reflect *r)
{
	r->ask =
	    r->no_streaming || r->torn >= TORN_MAX || r->unpaged ? KUBE_ASK_LIST : KUBE_ASK_STREAM;
	r->filling = true;
	r->begun = false;
	r->errors = 0;
	forget(&r->more);
}

/* Of watches that fail, the delay must be random enough that they do not all come back at once. */
static void back_off(struct kube_reflect *r, int64_t now, int64_t floor_ms)
{
	int64_t delay;

	if (now - r->failed_ms >= KUBE_HEALTHY_MS)
		r->base_ms = 0;
	r->base_ms = r->base_ms == 0 ? KUBE_BACKOFF_MS : 2 * r->base_ms;
	if (r->base_ms > KUBE_BACKOFF_MAX_MS / 2)
		r->base_ms = KUBE_BACKOFF_MAX_MS / 2;
	delay = r->base_ms + r->uniform((uint32_t)r->base_ms + 1);
	if (floor_ms > KUBE_ASKED_MAX_MS)
		floor_ms = KUBE_ASKED_MAX_MS;
	if (delay < floor_ms)
		delay = floor_ms;
	r->at_ms = r->failed_ms = now + delay;
}

static void at_once(struct kube_reflect *r, int64_t now)
{
	r->at_ms = now;
}

/* At once where that has not just happened; then the next will not be. */
static void gently(struct kube_reflect *r, int64_t now)
{
	if (now - r->failed_ms < KUBE_HEALTHY_MS) {
		back_off(r, now, 0);
		return;
	}
	r->base_ms = KUBE_BACKOFF_MS / 2;
	r->failed_ms = now;
	r->at_ms = now + r->uniform(GENTLE_MS);
}

int64_t kube_reflect_due(const struct kube_reflect *r)
{
	int64_t silent = r->heard_ms > r->asked_ms ? r->heard_ms : r->asked_ms;

	if (!r->out)
		return r->at_ms;
	silent += r->filling ? KUBE_FILL_SILENT_MS : r->silent_ms;
	if (!r->filling)
		return silent < r->full_at_ms ? silent : r->full_at_ms;
	if (r->ask == KUBE_ASK_STREAM && silent > r->asked_ms + KUBE_FILL_MAX_MS)
		return r->asked_ms + KUBE_FILL_MAX_MS;
	return silent;
}

static int64_t put_watch(struct kube_reflect *r, struct buf *query)
{
	uint32_t seconds = WATCH_MIN_S + r->uniform(WATCH_MAX_S - WATCH_MIN_S + 1);

	buf_printf(query, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%u", seconds);
	if (r->ask == KUBE_ASK_STREAM) {
		buf_puts(query, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
	} else {
		buf_puts(query, "&resourceVersion=");
		kube_path_put(query, r->rv);
	}
	return (int64_t)seconds * 1000 + WATCH_GRACE_MS;
}

/* Never with a resourceVersion: a list from a cache that is behind would undo what was seen. */
static int64_t put_list(const struct kube_reflect *r, struct buf *query)
{
	if (r->unpaged)
		return WHOLE_LIMIT_MS;
	buf_printf(query, "limit=%d", KUBE_PAGE);
	if (r->more != NULL) {
		buf_puts(query, "&continue=");
		kube_path_put(query, r->more);
	}
	return PAGE_LIMIT_MS;
}

struct kube_asked kube_reflect_ask(struct kube_reflect *r, int64_t now, struct buf *query)
{
	struct kube_asked a;

	if (r->ask == KUBE_ASK_WATCH && (now - r->heard_ms >= r->silent_ms || now >= r->full_at_ms))
		start_over(r);
	a.shape = r->ask == KUBE_ASK_LIST ? KUBE_LIST : KUBE_EVENTS;
	a.limit_ms = r->ask == KUBE_ASK_LIST ? put_list(r, query) : put_watch(r, query);
	r->out = true;
	r->asked_ms = now;
	r->events = 0;
	return a;
}

/* --- verdicts --------------------------------------------------------------------------------- */

static void nothing(struct kube_verdict *v)
{
	*v = (struct kube_verdict){ .answer = {
					.reason = "", .cause = "", .name = "", .message = "" } };
}

static void over(struct kube_reflect *r, struct kube_verdict *v)
{
	r->out = false;
	v->over = true;
}

/* Something of the server's own is to be told: it answered, but not with what was asked for. */
static void tell(struct kube_verdict *v, long status, const char *reason, const char *message)
{
	v->failed = true;
	v->answer.status = status;
	v->answer.reason = reason;
	v->answer.message = message;
}

static void alive(struct kube_reflect *r, int64_t now, struct kube_verdict *v)
{
	r->heard_ms = now;
	r->events++;
	r->errors = 0;
	if (r->filling && !r->begun) {
		r->begun = true;
		v->begin = true;
	}
}

static void whole(struct kube_reflect *r, int64_t now, const char *rv, struct kube_verdict *v)
{
	forget(&r->rv);
	r->rv = mem_str(rv);
	forget(&r->more);
	r->ask = KUBE_ASK_WATCH;
	r->filling = r->begun = r->unpaged = false;
	r->torn = r->errors = 0;
	r->listed = true;
	/* earlier than asked for by up to a tenth, so that many do not come together */
	r->full_at_ms = now + r->full_ms - r->uniform((uint32_t)(r->full_ms / 10 % UINT32_MAX) + 1);
	v->synced = true;
}

/* What came cannot be followed: give it up. */
static void nonsense(struct kube_reflect *r, int64_t now, const char *what, struct kube_verdict *v)
{
	over(r, v);
	if (r->ask == KUBE_ASK_STREAM)
		r->torn++;
	start_over(r);
	back_off(r, now, 0);
	tell(v, 200, "Unreadable", what);
}

static void apply(struct kube_reflect *r, int64_t now, enum move move, int64_t floor_ms,
		  struct kube_verdict *v)
{
	if (move == COUNTED)
		move = ++r->errors >= KUBE_ERRORS_MAX ? OVER : AGAIN;
	if (move == UNPAGED && (r->more == NULL || r->unpaged))
		move = OVER;
	v->failed = move == AGAIN || move == OVER;
	switch (move) {
	case PLAIN:
		r->no_streaming = true;
		start_over(r);
		at_once(r, now);
		return;
	case UNPAGED:
		r->unpaged = true;
		start_over(r);
		at_once(r, now);
		return;
	case GONE:
		start_over(r);
		gently(r, now);
		return;
	case OVER:
		start_over(r);
		break;
	default:
		/* a streaming list that is asked for again begins again */
		if (r->ask == KUBE_ASK_STREAM)
			r->begun = false;
		break;
	}
	back_off(r, now, floor_ms);
}

/* Behind a long pause there can be another past, as behind an outage that was met: see rules. */
static void list_behind_pause(struct kube_reflect *r, int64_t now)
{
	if (!r->filling && r->at_ms - now >= UNSEEN_MS)
		start_over(r);
}

static void refuse(struct kube_reflect *r, int64_t now, const struct kube_answer *a, bool inside,
		   struct kube_verdict *v)
{
	const struct rule *rule = rules;
	int column = inside && !r->filling ? INSIDE : (int)r->ask;

	while (a->status < rule->from || a->status > rule->to ||
	       (rule->cause != NULL && strcmp(rule->cause, a->cause) != 0))
		rule++;
	over(r, v);
	v->answer = *a;
	apply(r, now, rule->move[column], a->retry_ms, v);
	/* one that has too much to do is not given a list to make as well */
	if (a->status != 429)
		list_behind_pause(r, now);
}

/* --- events ------------------------------------------------------------------------------------
 */

static const char *text_of(const json_t *v, const char *name)
{
	const char *s = json_string_value(json_object_get(v, name));

	return s == NULL ? "" : s;
}

static const char *version_of(const json_t *object)
{
	const char *rv = text_of(json_object_get(object, "metadata"), "resourceVersion");

	return rv[0] == '\0' || strcmp(rv, "0") == 0 ? NULL : rv;
}

static const char *cause_of(const json_t *details)
{
	return text_of(json_array_get(json_object_get(details, "causes"), 0), "reason");
}

/* An ERROR inside of a stream that began with 200. */
static void on_error(struct kube_reflect *r, int64_t now, const json_t *status,
		     struct kube_verdict *v)
{
	const json_t *details = json_object_get(status, "details");
	json_int_t code = json_integer_value(json_object_get(status, "code"));
	json_int_t wait = json_integer_value(json_object_get(details, "retryAfterSeconds"));
	const struct kube_answer a = { .status = code > 0 && code < 1000 ? (long)code : 0,
				       .reason = text_of(status, "reason"),
				       .cause = cause_of(details),
				       .name = text_of(details, "name"),
				       .message = text_of(status, "message"),
				       .retry_ms = wait > 0 && wait < 3600 ? wait * 1000 : 0,
				       .object = status };

	refuse(r, now, &a, true, v);
}

static void on_bookmark(struct kube_reflect *r, int64_t now, const json_t *object,
			struct kube_verdict *v)
{
	const char *rv = version_of(object);
	const json_t *notes = json_object_get(json_object_get(object, "metadata"), "annotations");

	if (rv == NULL) {
		nonsense(r, now, "a bookmark without resourceVersion", v);
		return;
	}
	alive(r, now, v);
	if (!r->filling) {
		forget(&r->rv);
		r->rv = mem_str(rv);
	} else if (strcmp(text_of(notes, "k8s.io/initial-events-end"), "true") == 0) {
		whole(r, now, rv, v);
	}
}

static void on_object(struct kube_reflect *r, int64_t now, const json_t *object,
		      enum kube_show show, struct kube_verdict *v)
{
	const char *rv = version_of(object);

	if (rv == NULL) {
		nonsense(r, now, "an object without resourceVersion", v);
		return;
	}
	alive(r, now, v);
	/* the first events are not in the order of their versions */
	if (!r->filling) {
		forget(&r->rv);
		r->rv = mem_str(rv);
	}
	v->show = show;
	v->object = object;
}

void kube_reflect_event(struct kube_reflect *r, int64_t now, const json_t *event,
			struct kube_verdict *v)
{
	const char *type = text_of(event, "type");
	const json_t *object = json_object_get(event, "object");

	nothing(v);
	if (!json_is_object(object))
		nonsense(r, now, "an event without object", v);
	else if (strcmp(type, "ADDED") == 0 || strcmp(type, "MODIFIED") == 0)
		on_object(r, now, object, KUBE_SHOW_OBJECT, v);
	else if (strcmp(type, "DELETED") == 0)
		on_object(r, now, object, KUBE_SHOW_DELETED, v);
	else if (strcmp(type, "BOOKMARK") == 0)
		on_bookmark(r, now, object, v);
	else if (strcmp(type, "ERROR") == 0)
		on_error(r, now, object, v);
	else
		nonsense(r, now, "an event of an unknown type", v);
}

void kube_reflect_item(struct kube_reflect *r, int64_t now, const json_t *item,
		       struct kube_verdict *v)
{
	nothing(v);
	alive(r, now, v);
	v->show = KUBE_SHOW_OBJECT;
	v->object = item;
}

/* A change that leaves the object in place can wait until it can be read; one that may have removed
 * it cannot. */
static bool stays(const struct kube_passed *p)
{
	static const char *const heads[] = { "{\"type\":\"ADDED\"", "{\"type\":\"MODIFIED\"" };
	size_t i;

	for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		if (p->head_len >= strlen(heads[i]) &&
		    memcmp(p->head, heads[i], strlen(heads[i])) == 0)
			return true;
	return false;
}

void kube_reflect_passed(struct kube_reflect *r, int64_t now, const struct kube_passed *p,
			 struct kube_verdict *v)
{
	static const struct {
		const char *reason, *text;
	} whys[] = { [KUBE_TOO_LARGE] = { "ObjectTooLarge", "larger than what is taken" },
		     [KUBE_TOO_DEEP] = { "ObjectTooDeep", "nested too deep" },
		     [KUBE_UNREADABLE] = { "ObjectUnreadable", "not readable as JSON" } };

	nothing(v);
	alive(r, now, v);
	snprintf(r->text, sizeof(r->text), "an object of %zu bytes is passed over: %s", p->bytes,
		 whys[p->why].text);
	tell(v, 200, whys[p->why].reason, r->text);
	if (!r->filling && !stays(p)) {
		over(r, v);
		start_over(r);
		back_off(r, now, 0);
	}
}

/* --- ends ---------------------------------------------------------------------------------------
 */

static bool is_list(const json_t *list)
{
	const char *kind = text_of(list, "kind");
	const json_t *items = json_object_get(list, "items");
	size_t n = strlen(kind);

	return n > 4 && strcmp(kind + n - 4, "List") == 0 && version_of(list) != NULL &&
	       (json_is_array(items) || json_is_null(items));
}

void kube_reflect_page(struct kube_reflect *r, int64_t now, const json_t *list,
		       struct kube_verdict *v)
{
	const char *more = text_of(json_object_get(list, "metadata"), "continue");

	nothing(v);
	if (!is_list(list)) {
		nonsense(r, now, "the answer to a list is none", v);
		return;
	}
	if (r->more != NULL && strcmp(r->more, more) == 0) {
		nonsense(r, now, "a page of a list that leads to itself", v);
		return;
	}
	over(r, v);
	alive(r, now, v);
	at_once(r, now);
	if (more[0] == '\0') {
		whole(r, now, version_of(list), v);
		return;
	}
	forget(&r->more);
	r->more = mem_str(more);
}

/* A watch that broke, or fell silent: see rules. */
static void watch_broke(struct kube_reflect *r, int64_t now)
{
	start_over(r);
	gently(r, now);
}

/* A watch that lasted is asked for again at once, one that brought something soon. */
static bool watch_ended(struct kube_reflect *r, int64_t now)
{
	bool useless = now - r->asked_ms < KUBE_SHORT_MS && r->events == 0;

	if (useless) {
		back_off(r, now, 0);
		list_behind_pause(r, now);
	} else if (now - r->asked_ms < KUBE_SHORT_MS) {
		r->at_ms = r->asked_ms + KUBE_SHORT_MS;
	} else {
		at_once(r, now);
	}
	return useless;
}

/* Also of a watch that found no server: see rules. */
static void list_ended(struct kube_reflect *r, int64_t now, enum kube_end how)
{
	bool stream = r->ask == KUBE_ASK_STREAM;

	if (stream && how == KUBE_END_SILENT)
		r->no_streaming = true;
	else if (stream && how != KUBE_END_UNREACHED)
		r->torn++;
	start_over(r);
	back_off(r, now, 0);
}

void kube_reflect_end(struct kube_reflect *r, int64_t now, enum kube_end how,
		      const struct kube_answer *a, struct kube_verdict *v)
{
	nothing(v);
	if (how == KUBE_END_REFUSED) {
		refuse(r, now, a, false, v);
		return;
	}
	over(r, v);
	v->failed = true;
	v->answer = *a;
	if (a->message[0] == '\0')
		v->answer.message = r->filling ? "ended before the list was whole"
					       : "the watch ended as soon as it began";
	if (r->filling || how == KUBE_END_UNREACHED)
		list_ended(r, now, how);
	else if (how == KUBE_END_CLEAN)
		v->failed = watch_ended(r, now);
	else
		watch_broke(r, now);
}

void kube_reflect_tick(struct kube_reflect *r, int64_t now, struct kube_verdict *v)
{
	nothing(v);
	if (!r->out || now < kube_reflect_due(r))
		return;
	over(r, v);
	at_once(r, now);
	v->silent = r->filling || now < r->full_at_ms;
	if (r->filling && r->ask == KUBE_ASK_LIST) {
		start_over(r);
		back_off(r, now, 0);
		tell(v, 200, "", "a list did not go on");
	} else if (r->filling) {
		r->no_streaming = true;
		start_over(r);
		tell(v, 200, "", "a streaming list came to no end");
	} else if (now >= r->full_at_ms) {
		start_over(r);
	} else {
		watch_broke(r, now);
		tell(v, 200, "", "the watch was silent");
	}
}

bool kube_reflect_relist(struct kube_reflect *r, int64_t now)
{
	bool out = r->out;

	r->out = false;
	start_over(r);
	r->full_at_ms = INT64_MAX;
	/* not before a delay that runs, and not faster than lists can follow each other */
	if (r->at_ms < now)
		r->at_ms = now;
	if (r->listed && r->at_ms < r->asked_ms + RELIST_MIN_MS)
		r->at_ms = r->asked_ms + RELIST_MIN_MS;
	return out;
}
