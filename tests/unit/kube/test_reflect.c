/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of list and watch, each as a story: what is done (with the time that passes before) and
 * what must come of it.  Numbers are those of the rules.
 */
#include "kube/reflect.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/test.h"

/* ADDED, MODIFIED, DELETED of an object at a version; a bookmark; the one that ends a list */
#define EVENT(t, rv)                                                                               \
	"{\"type\":\"" t "\",\"object\":{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"" rv   \
	"\"}}}"
#define BOOKMARK(rv)                                                                               \
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" rv "\"}}}"
#define FILLED(rv)                                                                                 \
	"{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" rv               \
	"\",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}}}}"
#define ERROR(code, rest)                                                                          \
	"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":" code rest "}}"
#define LIST(rv, more)                                                                             \
	"{\"kind\":\"AList\",\"metadata\":{\"resourceVersion\":\"" rv "\",\"continue\":\"" more    \
	"\"},\"items\":[]}"
#define STREAM                                                                                     \
	"events 330000 watch=1&allowWatchBookmarks=true&timeoutSeconds=300"                        \
	"&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
#define WATCH(rv)                                                                                  \
	"events 330000 watch=1&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion=" rv

enum op {
	END_OF_STORY,
	ASK,	 /* text: nothing; the request */
	EV,	 /* an event */
	ITEM,	 /* an item of a list */
	PAGE,	 /* the list's own part; NULL: none */
	PASSED,	 /* head of an object that was passed over */
	REFUSED, /* "STATUS [CAUSE [RETRY_MS]]" */
	CLEAN,
	BROKEN,
	SILENT,
	UNREACHED,
	TICK,
	RELIST,
	HIGH, /* from here on, random numbers are the highest */
};

struct step {
	enum op op;
	int64_t after_ms;
	const char *text;
	const char *want;
};

static bool high;

static uint32_t uniform(uint32_t upper)
{
	return high ? upper - 1 : 0;
}

static const char *const asks[] = {
	[KUBE_ASK_STREAM] = "stream", [KUBE_ASK_LIST] = "list", [KUBE_ASK_WATCH] = "watch"
};

/* A verdict in words, and what is next: "over failed 500; watch +800". */
static void say(const struct kube_reflect *r, const struct kube_verdict *v, int64_t now,
		struct buf *out)
{
	if (v->over)
		buf_puts(out, " over");
	if (v->silent)
		buf_puts(out, " silent");
	if (v->failed)
		buf_printf(out, " failed %ld%s%s", v->answer.status, v->answer.reason[0] ? " " : "",
			   v->answer.reason);
	if (v->begin)
		buf_puts(out, " begin");
	if (v->show == KUBE_SHOW_OBJECT)
		buf_puts(out, " object");
	if (v->show == KUBE_SHOW_DELETED)
		buf_puts(out, " deleted");
	if (v->synced)
		buf_puts(out, " synced");
	assert_true((v->show == KUBE_SHOW_NOTHING) == (v->object == NULL));
	assert_true(v->over == !r->out);
	if (!r->out)
		buf_printf(out, "; %s +%lld", asks[r->ask], (long long)(r->at_ms - now));
}

static void ask(struct kube_reflect *r, int64_t now, struct buf *out)
{
	struct kube_asked a;

	assert_false(r->out);
	if (kube_reflect_due(r) > now)
		fail_msg("asked %lld ms too early", (long long)(kube_reflect_due(r) - now));
	buf_puts(out, " ");
	a = kube_reflect_ask(r, now, out);
	/* the kind and limit come before the query */
	{
		struct buf head = BUF_INIT;

		buf_printf(&head, " %s %lld", a.shape == KUBE_LIST ? "list" : "events",
			   (long long)a.limit_ms);
		buf_splice(out, 0, 0, head.data, head.len);
		buf_clear(&head);
	}
}

static void answer(struct kube_reflect *r, int64_t now, const char *text, struct kube_verdict *v)
{
	char cause[64] = "";
	struct kube_answer a = { .reason = "", .cause = cause, .name = "", .message = "" };
	long long wait = 0;

	assert_true(sscanf(text, "%ld %63s %lld", &a.status, cause, &wait) >= 1);
	a.retry_ms = wait;
	kube_reflect_end(r, now, KUBE_END_REFUSED, &a, v);
}

static void end(struct kube_reflect *r, int64_t now, enum kube_end how, struct kube_verdict *v)
{
	const struct kube_answer a = { .status = how == KUBE_END_UNREACHED ? 0 : 200,
				       .reason = "",
				       .cause = "",
				       .name = "",
				       .message = "" };

	kube_reflect_end(r, now, how, &a, v);
	assert_true(!v->failed || v->answer.message[0] != '\0' || how != KUBE_END_CLEAN);
}

static void passed(struct kube_reflect *r, int64_t now, const char *head, struct kube_verdict *v)
{
	const struct kube_passed p = {
		.why = KUBE_TOO_LARGE, .bytes = 5000000, .head = head, .head_len = strlen(head)
	};

	kube_reflect_passed(r, now, &p, v);
	assert_non_null(strstr(v->answer.message, "5000000 bytes"));
}

static void json_step(struct kube_reflect *r, int64_t now, const struct step *s, struct buf *out)
{
	json_error_t why;
	json_t *v = s->text == NULL ? NULL : json_loads(s->text, 0, &why);
	struct kube_verdict verdict;

	if (s->text != NULL && v == NULL)
		fail_msg("%s: %s", s->text, why.text);
	if (s->op == EV)
		kube_reflect_event(r, now, v, &verdict);
	else if (s->op == ITEM)
		kube_reflect_item(r, now, v, &verdict);
	else
		kube_reflect_page(r, now, v, &verdict);
	say(r, &verdict, now, out);
	json_decref(v);
}

static void end_step(struct kube_reflect *r, int64_t now, const struct step *s, struct buf *out)
{
	static const enum kube_end ends[] = { [CLEAN] = KUBE_END_CLEAN,
					      [BROKEN] = KUBE_END_BROKEN,
					      [SILENT] = KUBE_END_SILENT,
					      [UNREACHED] = KUBE_END_UNREACHED };
	struct kube_verdict v;

	if (s->op == REFUSED)
		answer(r, now, s->text, &v);
	else if (s->op == PASSED)
		passed(r, now, s->text, &v);
	else if (s->op == TICK)
		kube_reflect_tick(r, now, &v);
	else
		end(r, now, ends[s->op], &v);
	say(r, &v, now, out);
}

static void take_step(struct kube_reflect *r, int64_t now, const struct step *s, struct buf *out)
{
	switch (s->op) {
	case ASK:
		ask(r, now, out);
		return;
	case EV:
	case ITEM:
	case PAGE:
		json_step(r, now, s, out);
		return;
	case HIGH:
		high = true;
		return;
	case RELIST:
		buf_puts(out, kube_reflect_relist(r, now) ? " over" : " -");
		buf_printf(out, "; %s +%lld", asks[r->ask], (long long)(r->at_ms - now));
		return;
	default:
		end_step(r, now, s, out);
	}
}

static void tell_story(const char *name, int64_t full_ms, const struct step *steps)
{
	struct kube_reflect r;
	struct buf out = BUF_INIT;
	int64_t now = 10000000;
	size_t i;

	high = false;
	kube_reflect_init(&r, full_ms, now);
	r.uniform = uniform;
	for (i = 0; steps[i].op != END_OF_STORY; i++) {
		const char *want = steps[i].want == NULL ? "" : steps[i].want;

		now += steps[i].after_ms;
		buf_reset(&out);
		take_step(&r, now, &steps[i], &out);
		if (strcmp(want, buf_str(&out) + (out.len > 0)) != 0)
			fail_msg("%s, step %zu: \"%s\" but wanted \"%s\"", name, i + 1,
				 buf_str(&out) + (out.len > 0), want);
	}
	kube_reflect_clear(&r);
	buf_clear(&out);
}

/* Parts that stories begin with. */
#define SYNCED                                                                                     \
	{ ASK, 0, NULL, STREAM },                                                                  \
	{                                                                                          \
		EV, 5, FILLED("7"), "begin synced"                                                 \
	}
#define PLAINLY                                                                                    \
	{ ASK, 0, NULL, STREAM }, { REFUSED, 5, "422", "over; list +0" },                          \
	{                                                                                          \
		ASK, 0, NULL, "list 120000 limit=500"                                              \
	}

static const struct story {
	const char *name;
	int64_t full_ms;
	struct step steps[24];
} stories[] = {
	{ "14, 13, 11: a streaming list, and the same stream goes on as the watch",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { EV, 5, EVENT("ADDED", "90"), "begin object" },
	    { EV, 5, EVENT("ADDED", "20"), "object" },
	    { EV, 5, BOOKMARK("95"), "" },
	    { EV, 5, EVENT("DELETED", "96"), "deleted" },
	    { EV, 5, FILLED("97"), "synced" },
	    { EV, 5, EVENT("MODIFIED", "98"), "object" },
	    { EV, 5, BOOKMARK("99"), "" },
	    { CLEAN, 100000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("99") },
	    { EV, 5, EVENT("DELETED", "101"), "deleted" },
	    { CLEAN, 100000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("101") } } },
	{ "13: the versions of a list's events are not kept",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { EV, 5, EVENT("ADDED", "90"), "begin object" },
	    { EV, 5, FILLED("7"), "synced" },
	    { CLEAN, 100000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("7") } } },
	{ "14: HTTP 422, remembered; 1, 3: pages without resourceVersion",
	  0,
	  { PLAINLY,
	    { ITEM, 5, "{}", "begin object" },
	    { ITEM, 5, "{}", "object" },
	    { PAGE, 5, LIST("40", "t/1+="), "over; list +0" },
	    { ASK, 0, NULL, "list 120000 limit=500&continue=t%2F1%2B%3D" },
	    { ITEM, 5, "{}", "object" },
	    { PAGE, 5, LIST("40", ""), "over synced; watch +0" },
	    { ASK, 0, NULL, WATCH("40") },
	    { EV, 5, EVENT("ADDED", "41"), "object" },
	    { EV, 5, ERROR("410", ",\"reason\":\"Expired\""), "over; list +0" },
	    { ASK, 0, NULL, "list 120000 limit=500" },
	    { PAGE, 5, LIST("60", ""), "over begin synced; watch +0" } } },
	{ "14: an error inside of the stream, 500",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { EV, 5, ERROR("500", ",\"message\":\"RequestWatchProgress is disabled\""),
	      "over; list +0" },
	    { ASK, 0, NULL, "list 120000 limit=500" } } },
	{ "14: an error inside of the stream, 504, after the first objects",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { EV, 5, EVENT("ADDED", "3"), "begin object" },
	    { EV, 5, ERROR("504", ""), "over; list +0" },
	    { ASK, 0, NULL, "list 120000 limit=500" },
	    { ITEM, 5, "{}", "begin object" } } },
	{ "14: HTTP 400 and 500 and 504 are refusals too",
	  0,
	  { { ASK, 0, NULL, STREAM }, { REFUSED, 5, "400", "over; list +0" } } },
	{ "14: HTTP 500", 0, { { ASK, 0, NULL, STREAM }, { REFUSED, 5, "500", "over; list +0" } } },
	{ "14: HTTP 504",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { REFUSED, 5, "504 ResourceVersionTooLarge 1000", "over; list +0" } } },
	{ "14: no end of a streaming list",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { EV, 5, EVENT("ADDED", "3"), "begin object" },
	    { TICK, 59999, NULL, "" },
	    { TICK, 1, NULL, "over silent failed 200; list +0" },
	    { ASK, 0, NULL, "list 120000 limit=500" } } },
	{ "a page that stops coming",
	  0,
	  { PLAINLY,
	    { TICK, 50000, NULL, "" },
	    { ITEM, 0, "{}", "begin object" },
	    { TICK, 59999, NULL, "" },
	    { TICK, 1, NULL, "over silent failed 200; list +800" },
	    { ASK, 800, NULL, "list 120000 limit=500" } } },
	{ "14: a streaming list that goes on coming is given its time",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { EV, 50000, EVENT("ADDED", "3"), "begin object" },
	    { EV, 50000, EVENT("ADDED", "4"), "object" },
	    { TICK, 19999, NULL, "" },
	    { EV, 0, FILLED("9"), "synced" } } },
	{ "14: changes that come for ever are no list (an old server that reads no parameter)",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { EV, 50000, EVENT("ADDED", "3"), "begin object" },
	    { EV, 50000, EVENT("ADDED", "4"), "object" },
	    { TICK, 19999, NULL, "" },
	    { TICK, 1, NULL, "over silent failed 200; list +0" } } },
	{ "14: ended by silence: remembered; 15: after a delay",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { SILENT, 100, NULL, "over failed 200; list +800" },
	    { ASK, 800, NULL, "list 120000 limit=500" } } },
	{ "14: twice broken: pages this time, not remembered",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { EV, 5, EVENT("ADDED", "3"), "begin object" },
	    { BROKEN, 5, NULL, "over failed 200; stream +800" },
	    { ASK, 800, NULL, STREAM },
	    { EV, 5, EVENT("ADDED", "3"), "begin object" },
	    { CLEAN, 5, NULL, "over failed 200; list +1600" },
	    { ASK, 1600, NULL, "list 120000 limit=500" },
	    { PAGE, 5, LIST("4", ""), "over begin synced; watch +0" },
	    { ASK, 0, NULL, WATCH("4") },
	    { EV, 200000, ERROR("410", ""), "over; stream +0" } } },
	{ "a server that is not there changes nothing of what is asked; 15: delays",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { UNREACHED, 5, NULL, "over failed 0; stream +800" },
	    { ASK, 800, NULL, STREAM },
	    { UNREACHED, 5, NULL, "over failed 0; stream +1600" },
	    { ASK, 1600, NULL, STREAM },
	    { UNREACHED, 5, NULL, "over failed 0; stream +3200" },
	    { ASK, 3200, NULL, STREAM },
	    { UNREACHED, 5, NULL, "over failed 0; stream +6400" },
	    { ASK, 6400, NULL, STREAM },
	    { UNREACHED, 5, NULL, "over failed 0; stream +12800" },
	    { ASK, 12800, NULL, STREAM },
	    { UNREACHED, 5, NULL, "over failed 0; stream +15000" },
	    { HIGH, 0, NULL, NULL },
	    { ASK, 15000, NULL,
	      "events 630000 watch=1&allowWatchBookmarks=true&timeoutSeconds=600"
	      "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan" },
	    { UNREACHED, 5, NULL, "over failed 0; stream +30000" },
	    { ASK, 30000, NULL,
	      "events 630000 watch=1&allowWatchBookmarks=true&timeoutSeconds=600"
	      "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan" },
	    /* two minutes of health */
	    { EV, 5, FILLED("7"), "begin synced" },
	    { UNREACHED, 119995, NULL, "over failed 0; stream +1600" } } },
	{ "15: not healthy for long enough",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { UNREACHED, 5, NULL, "over failed 0; stream +800" },
	    { ASK, 800, NULL, STREAM },
	    { EV, 0, FILLED("7"), "begin synced" },
	    { UNREACHED, 119999, NULL, "over failed 0; stream +1600" } } },
	{ "4: the pages' time ran out: all in one piece",
	  0,
	  { PLAINLY,
	    { ITEM, 5, "{}", "begin object" },
	    { PAGE, 5, LIST("40", "t"), "over; list +0" },
	    { ASK, 0, NULL, "list 120000 limit=500&continue=t" },
	    { REFUSED, 5, "410", "over; list +0" },
	    { ASK, 0, NULL, "list 600000 " },
	    { ITEM, 5, "{}", "begin object" },
	    { PAGE, 5, LIST("50", ""), "over synced; watch +0" },
	    { ASK, 0, NULL, WATCH("50") },
	    { REFUSED, 200000, "410", "over; list +0" },
	    { ASK, 0, NULL, "list 120000 limit=500" },
	    { REFUSED, 5, "410", "over failed 410; list +800" } } },
	{ "4: and once more in one piece",
	  0,
	  { PLAINLY,
	    { PAGE, 5, LIST("40", "t"), "over begin; list +0" },
	    { ASK, 0, NULL, "list 120000 limit=500&continue=t" },
	    { REFUSED, 5, "410", "over; list +0" },
	    { ASK, 0, NULL, "list 600000 " },
	    { REFUSED, 5, "410", "over failed 410; list +800" },
	    { ASK, 800, NULL, "list 600000 " } } },
	{ "6: a list that the server is behind of",
	  0,
	  { PLAINLY,
	    { REFUSED, 5, "504 ResourceVersionTooLarge 1000", "over failed 504; list +1000" },
	    { ASK, 1000, NULL, "list 120000 limit=500" } } },
	{ "a page that fails is asked for again, not for ever",
	  0,
	  { PLAINLY,
	    { ITEM, 5, "{}", "begin object" },
	    { PAGE, 5, LIST("40", "t"), "over; list +0" },
	    { ASK, 0, NULL, "list 120000 limit=500&continue=t" },
	    { REFUSED, 5, "500", "over failed 500; list +800" },
	    { ASK, 800, NULL, "list 120000 limit=500&continue=t" },
	    { REFUSED, 5, "429 - 5000", "over failed 429; list +5000" },
	    { ASK, 5000, NULL, "list 120000 limit=500&continue=t" },
	    { REFUSED, 5, "500", "over failed 500; list +3200" },
	    { ASK, 3200, NULL, "list 120000 limit=500&continue=t" },
	    { REFUSED, 5, "500", "over failed 500; list +6400" },
	    { ASK, 6400, NULL, "list 120000 limit=500&continue=t" },
	    { REFUSED, 5, "500", "over failed 500; list +12800" },
	    { ASK, 12800, NULL, "list 120000 limit=500&continue=t" },
	    { REFUSED, 5, "500", "over failed 500; list +15000" },
	    { ASK, 15000, NULL, "list 120000 limit=500" },
	    { ITEM, 5, "{}", "begin object" } } },
	{ "a page that breaks: half a list is none",
	  0,
	  { PLAINLY,
	    { ITEM, 5, "{}", "begin object" },
	    { PAGE, 5, LIST("40", "t"), "over; list +0" },
	    { ASK, 0, NULL, "list 120000 limit=500&continue=t" },
	    { ITEM, 5, "{}", "object" },
	    { BROKEN, 5, NULL, "over failed 200; list +800" },
	    { ASK, 800, NULL, "list 120000 limit=500" },
	    { ITEM, 5, "{}", "begin object" } } },
	{ "8.0.0's early ends: an answer that is no list",
	  0,
	  { PLAINLY,
	    { PAGE, 5, NULL, "over failed 200 Unreadable; list +800" },
	    { ASK, 800, NULL, "list 120000 limit=500" },
	    { PAGE, 5, "{\"kind\":\"AList\",\"items\":[]}",
	      "over failed 200 Unreadable; list +1600" },
	    { ASK, 1600, NULL, "list 120000 limit=500" },
	    { PAGE, 5,
	      "{\"kind\":\"Status\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]}",
	      "over failed 200 Unreadable; list +3200" },
	    { ASK, 3200, NULL, "list 120000 limit=500" },
	    { PAGE, 5, "{\"kind\":\"AList\",\"metadata\":{\"resourceVersion\":\"1\"}}",
	      "over failed 200 Unreadable; list +6400" },
	    { ASK, 6400, NULL, "list 120000 limit=500" },
	    { PAGE, 5, "{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]}",
	      "over failed 200 Unreadable; list +12800" },
	    { ASK, 12800, NULL, "list 120000 limit=500" },
	    { PAGE, 5,
	      "{\"kind\":\"AList\",\"metadata\":{\"resourceVersion\":\"1\"},\"items\":null}",
	      "over begin synced; watch +0" } } },
	{ "pages that lead to themselves",
	  0,
	  { PLAINLY,
	    { PAGE, 5, LIST("40", "t"), "over begin; list +0" },
	    { ASK, 0, NULL, "list 120000 limit=500&continue=t" },
	    { PAGE, 5, LIST("40", "t"), "over failed 200 Unreadable; list +800" } } },
	{ "7: a watch that is silent may be deaf, or the server may have gone unseen",
	  0,
	  { SYNCED,
	    { TICK, 149999, NULL, "" },
	    { TICK, 1, NULL, "over silent failed 200; stream +0" },
	    { ASK, 0, NULL, STREAM } } },
	{ "7: ended by silence of the connection",
	  0,
	  { SYNCED,
	    { SILENT, 150000, NULL, "over failed 200; stream +0" },
	    { ASK, 0, NULL, STREAM },
	    { EV, 100, FILLED("8"), "begin synced" },
	    { TICK, 149999, NULL, "" } } },
	{ "7: at least every few hours, never mind what comes",
	  100000,
	  { SYNCED,
	    { EV, 50000, EVENT("ADDED", "8"), "object" },
	    { TICK, 49999, NULL, "" },
	    { TICK, 1, NULL, "over; stream +0" },
	    { ASK, 0, NULL, STREAM },
	    { EV, 5, FILLED("9"), "begin synced" },
	    { HIGH, 0, NULL, NULL },
	    { TICK, 99999, NULL, "" },
	    { CLEAN, 1, NULL, "over; watch +0" },
	    { ASK, 0, NULL,
	      "events 630000 watch=1&allowWatchBookmarks=true&timeoutSeconds=600"
	      "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan" },
	    { EV, 5, FILLED("10"), "begin synced" },
	    { TICK, 89999, NULL, "" },
	    { TICK, 1, NULL, "over; stream +0" } } },
	{ "7: nothing came until the clean end: that may be deafness",
	  0,
	  { SYNCED, { CLEAN, 300000, NULL, "over; watch +0" }, { ASK, 0, NULL, STREAM } } },
	{ "9: short ends",
	  0,
	  { SYNCED,
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("7") },
	    { CLEAN, 999, NULL, "over failed 200; watch +800" },
	    { ASK, 800, NULL, WATCH("7") },
	    { EV, 5, EVENT("ADDED", "8"), "object" },
	    { CLEAN, 5, NULL, "over; watch +990" },
	    { ASK, 990, NULL, WATCH("8") } } },
	{ "12: 410 inside of the stream: gently the first time, then with delays",
	  0,
	  { SYNCED,
	    { EV, 1000, ERROR("410", ",\"reason\":\"Gone\""), "over; stream +0" },
	    { ASK, 0, NULL, STREAM },
	    { EV, 5, FILLED("7"), "begin synced" },
	    { EV, 5, ERROR("410", ""), "over; stream +800" },
	    { ASK, 800, NULL, STREAM },
	    { EV, 5, FILLED("7"), "begin synced" },
	    { EV, 5, ERROR("410", ""), "over; stream +1600" },
	    { ASK, 1600, NULL, STREAM },
	    { EV, 5, FILLED("7"), "begin synced" },
	    { HIGH, 0, NULL, NULL },
	    { EV, 120000, ERROR("410", ""), "over; stream +199" } } },
	{ "12: 410 as status",
	  0,
	  { SYNCED,
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("7") },
	    { REFUSED, 5, "410", "over; stream +0" } } },
	{ "12: 429 inside of the stream: what the server asks for, and go on",
	  0,
	  { SYNCED,
	    { EV, 5, ERROR("429", ",\"details\":{\"retryAfterSeconds\":7}"),
	      "over failed 429; watch +7000" },
	    { ASK, 7000, NULL, WATCH("7") },
	    { REFUSED, 5, "429 - 9000", "over failed 429; watch +9000" },
	    { ASK, 9000, NULL, WATCH("7") },
	    { REFUSED, 5, "429 - 3600000", "over failed 429; watch +60000" } } },
	{ "12: 500s inside of the stream: the watch for a while, then a list",
	  0,
	  { SYNCED,
	    { EV, 5, ERROR("500", ""), "over failed 500; watch +800" },
	    { ASK, 800, NULL, WATCH("7") },
	    { EV, 5, ERROR("500", ""), "over failed 500; watch +1600" },
	    { ASK, 1600, NULL, WATCH("7") },
	    { EV, 5, BOOKMARK("8"), "" },
	    { EV, 5, ERROR("500", ""), "over failed 500; stream +3200" } } },
	{ "and so may there be behind a pause that is long enough for one to go by unseen",
	  0,
	  { SYNCED,
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("7") },
	    { CLEAN, 999, NULL, "over failed 200; watch +800" },
	    { ASK, 800, NULL, WATCH("7") },
	    { CLEAN, 10, NULL, "over failed 200; watch +1600" },
	    { ASK, 1600, NULL, WATCH("7") },
	    { CLEAN, 10, NULL, "over failed 200; stream +3200" },
	    { ASK, 3200, NULL, STREAM } } },
	{ "behind an outage there may be an older state: a list",
	  0,
	  { SYNCED,
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("7") },
	    { UNREACHED, 5, NULL, "over failed 0; stream +800" },
	    { ASK, 800, NULL, STREAM },
	    { EV, 5, FILLED("7"), "begin synced" },
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("7") },
	    { REFUSED, 5, "500", "over failed 500; stream +1600" },
	    { ASK, 1600, NULL, STREAM },
	    { EV, 5, FILLED("7"), "begin synced" },
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("7") },
	    { REFUSED, 5, "502", "over failed 502; stream +3200" },
	    { ASK, 3200, NULL, STREAM },
	    { EV, 5, FILLED("7"), "begin synced" },
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("7") },
	    { REFUSED, 5, "504", "over failed 504; stream +6400" } } },
	{ "and behind a watch that broke, however soon the server is there again",
	  0,
	  { SYNCED,
	    { BROKEN, 2000, NULL, "over failed 200; stream +0" },
	    { ASK, 0, NULL, STREAM },
	    { EV, 5, FILLED("8"), "begin synced" },
	    { EV, 5, EVENT("ADDED", "9"), "object" },
	    { BROKEN, 5, NULL, "over failed 200; stream +800" },
	    { ASK, 800, NULL, STREAM },
	    { EV, 5, FILLED("8"), "begin synced" },
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("8") },
	    { REFUSED, 5, "401", "over failed 401; stream +1600" } } },
	{ "12: the server is behind",
	  0,
	  { SYNCED,
	    { EV, 5,
	      ERROR("504", ",\"details\":{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\"}],"
			   "\"retryAfterSeconds\":1}"),
	      "over failed 504; stream +1000" } } },
	{ "12: another 504, and 503, inside of the stream",
	  0,
	  { SYNCED,
	    { EV, 5, ERROR("504", ""), "over failed 504; watch +800" },
	    { ASK, 800, NULL, WATCH("7") },
	    { EV, 5, ERROR("503", ""), "over failed 503; watch +1600" },
	    { ASK, 1600, NULL, WATCH("7") } } },
	{ "not allowed (as by a server that has just begun): slower and slower, and everything "
	  "anew",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { REFUSED, 5, "403", "over failed 403; stream +800" },
	    { ASK, 800, NULL, STREAM },
	    { REFUSED, 5, "401", "over failed 401; stream +1600" },
	    { ASK, 1600, NULL, STREAM },
	    { EV, 5, FILLED("7"), "begin synced" },
	    { EV, 5, ERROR("403", ""), "over failed 403; stream +3200" } } },
	{ "the kind is not there yet, or not any more",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { REFUSED, 5, "404", "over failed 404; stream +800" },
	    { ASK, 800, NULL, STREAM },
	    { EV, 5, FILLED("7"), "begin synced" },
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("7") },
	    { REFUSED, 5, "404", "over failed 404; stream +1600" } } },
	{ "a resourceVersion that the server does not understand",
	  0,
	  { SYNCED,
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("7") },
	    { REFUSED, 5, "400", "over failed 400; stream +800" } } },
	{ "statuses that nobody expects",
	  0,
	  { SYNCED,
	    { EV, 5, ERROR("302", ""), "over failed 302; stream +800" },
	    { ASK, 800, NULL, STREAM },
	    { EV, 5, ERROR("\"x\"", ""), "over failed 0; stream +1600" },
	    { ASK, 1600, NULL, STREAM },
	    { EV, 5, ERROR("-3", ""), "over failed 0; stream +3200" } } },
	{ "10: events that are none",
	  0,
	  { SYNCED,
	    { EV, 5, "{}", "over failed 200 Unreadable; stream +800" },
	    { ASK, 800, NULL, STREAM },
	    { EV, 5, "{\"type\":\"ADDED\",\"object\":{}}",
	      "over failed 200 Unreadable; stream +1600" },
	    { ASK, 1600, NULL, STREAM },
	    { EV, 5, EVENT("RENAMED", "8"), "over failed 200 Unreadable; list +3200" } } },
	{ "11: a bookmark without a version, or with 0",
	  0,
	  { SYNCED,
	    { EV, 5, "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{}}}",
	      "over failed 200 Unreadable; stream +800" },
	    { ASK, 800, NULL, STREAM },
	    { EV, 5, FILLED("0"), "over failed 200 Unreadable; stream +1600" } } },
	{ "11: the end of a list a second time is a bookmark",
	  0,
	  { SYNCED,
	    { EV, 5, FILLED("9"), "" },
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("9") } } },
	{ "2: the version is opaque",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { EV, 5, FILLED("a b&c=\303\244"), "begin synced" },
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("a%20b%26c%3D%C3%A4") } } },
	{ "10: too large: told, and what may have gone is looked for",
	  0,
	  { { ASK, 0, NULL, STREAM },
	    { PASSED, 5, "{\"type\":\"ADDED\",\"obj", "failed 200 ObjectTooLarge begin" },
	    { EV, 5, FILLED("9"), "synced" },
	    { PASSED, 5, "{\"type\":\"ADDED\",\"obj", "failed 200 ObjectTooLarge" },
	    { PASSED, 5, "{\"type\":\"MODIFIED\",\"obj", "failed 200 ObjectTooLarge" },
	    { PASSED, 5, "{\"type\":\"DELETED\",\"obj",
	      "over failed 200 ObjectTooLarge; stream +800" },
	    { ASK, 800, NULL, STREAM },
	    { EV, 5, FILLED("9"), "begin synced" },
	    { PASSED, 5, "{", "over failed 200 ObjectTooLarge; stream +1600" } } },
	{ "10: too large in a page",
	  0,
	  { PLAINLY,
	    { PASSED, 5, "{\"metadata\":{", "failed 200 ObjectTooLarge begin" },
	    { PAGE, 5, LIST("9", ""), "over synced; watch +0" } } },
	{ "the owner wants a list",
	  0,
	  { SYNCED,
	    { RELIST, 5000, NULL, "over; stream +0" },
	    { ASK, 0, NULL, STREAM },
	    { EV, 5, EVENT("ADDED", "9"), "begin object" },
	    /* one after the other, but not all the time */
	    { RELIST, 5, NULL, "over; stream +990" },
	    { RELIST, 5, NULL, "-; stream +985" },
	    { ASK, 985, NULL, STREAM },
	    { EV, 5, EVENT("ADDED", "9"), "begin object" },
	    { EV, 5, FILLED("9"), "synced" },
	    { CLEAN, 2000, NULL, "over; watch +0" },
	    { ASK, 0, NULL, WATCH("9") },
	    /* a delay that runs is not cut short */
	    { REFUSED, 5, "429 - 9000", "over failed 429; watch +9000" },
	    { RELIST, 10, NULL, "-; stream +8990" } } },
	{ "the owner wants a list before the first",
	  0,
	  { { RELIST, 0, NULL, "-; stream +0" }, { ASK, 0, NULL, STREAM } } },
};

static void test_stories(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(stories); i++)
		tell_story(stories[i].name, stories[i].full_ms, stories[i].steps);
}

/* The delays lie between the base and twice the base, and differ. */
static void test_jitter(void **state)
{
	static const struct kube_answer none = {
		.reason = "", .cause = "", .name = "", .message = "x"
	};
	int64_t low = INT64_MAX, top = 0;
	int i;

	(void)state;
	for (i = 0; i < 500; i++) {
		struct kube_reflect r;
		struct kube_verdict v;
		struct buf q = BUF_INIT;

		kube_reflect_init(&r, 0, 0);
		kube_reflect_ask(&r, 0, &q);
		kube_reflect_end(&r, 0, KUBE_END_UNREACHED, &none, &v);
		low = r.at_ms < low ? r.at_ms : low;
		top = r.at_ms > top ? r.at_ms : top;
		buf_clear(&q);
		kube_reflect_clear(&r);
	}
	assert_true(low >= KUBE_BACKOFF_MS && low < KUBE_BACKOFF_MS + 100);
	assert_true(top <= 2 * KUBE_BACKOFF_MS && top > 2 * KUBE_BACKOFF_MS - 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_jitter),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
