/* SPDX-License-Identifier: Apache-2.0 */
/* Events as text, and when they are sent, against a client and a clock that are part of the test.
 */
#include "kube/recorder.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kube/microtime.h"
#include "kube/timer.h"
#include "tests/unit/test.h"

/* --- what stands in for the client ---------------------------------------------------------------
 */

struct sent {
	char method[8];
	char *path;
	json_t *body;
	enum kube_body type;
	kube_done_fn *done;
	void *ctx;
};

static struct {
	int64_t now;
	kube_timer_fn *fn;
	void *ctx;
	int64_t due;
	struct sent open[8];
	size_t n_open, n_sent;
} world;

int64_t clock_monotonic_ms(void)
{
	return world.now;
}

/* The wall clock stands still: names must differ all the same. */
int64_t kube_microtime_now(void)
{
	return 1795449600123456 + world.now / 60000 * 60000000;
}

void kube_microtime_format(int64_t us, char text[static KUBE_MICROTIME_SIZE])
{
	snprintf(text, KUBE_MICROTIME_SIZE, "T%lld", (long long)us);
}

struct kube_timers *kube_client_timers(struct kube_client *k)
{
	return (struct kube_timers *)k;
}

struct kube_timer *kube_timer_new(struct kube_timers *all, kube_timer_fn *fn, void *ctx)
{
	world.fn = fn;
	world.ctx = ctx;
	world.due = INT64_MAX;
	return (struct kube_timer *)all;
}

void kube_timer_free(struct kube_timer *t)
{
	(void)t;
	world.fn = NULL;
}

void kube_timer_set(struct kube_timer *t, int64_t at_ms)
{
	(void)t;
	world.due = at_ms;
}

void kube_send(struct kube_client *k, const struct kube_request *r, kube_done_fn *done, void *ctx)
{
	struct sent *s = &world.open[world.n_open++];

	(void)k;
	assert_true(world.n_open <= KUBE_RECORDER_IN_FLIGHT);
	assert_true(!r->urgent && r->metadata_only && !r->idempotent);
	world.n_sent++;
	snprintf(s->method, sizeof(s->method), "%s", r->method);
	s->path = mem_str(r->path);
	s->type = r->type;
	s->body =
	    json_loadb((const char *)r->body->data, r->body->len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(s->body);
	s->done = done;
	s->ctx = ctx;
}

static void forget(size_t i)
{
	mem_free(world.open[i].path);
	json_decref(world.open[i].body);
	memmove(&world.open[i], &world.open[i + 1], (--world.n_open - i) * sizeof(world.open[0]));
}

void kube_cancel(struct kube_client *k, const void *ctx)
{
	size_t i = 0;

	(void)k;
	while (world.open[i].ctx != ctx)
		i++;
	assert_true(i < world.n_open);
	forget(i);
}

static void run(int64_t ms)
{
	world.now += ms;
	while (world.fn != NULL && world.due <= world.now) {
		world.due = INT64_MAX;
		world.fn(world.ctx, world.now);
	}
}

/* Answer the oldest that is open. */
static void reply_after(long status, int64_t retry_ms)
{
	const struct kube_answer a = { .status = status,
				       .reason = "",
				       .cause = "",
				       .name = "",
				       .message = "",
				       .retry_ms = retry_ms };
	kube_done_fn *done = world.open[0].done;
	void *ctx = world.open[0].ctx;

	assert_true(world.n_open > 0);
	forget(0);
	done(ctx, &a);
	run(0);
}

static void reply(long status)
{
	reply_after(status, 0);
}

static const struct kube_event sample = { .api_version = "bulla.dev/v1",
					  .kind = "SealedCredential",
					  .namespace = "a",
					  .name = "doc",
					  .uid = "u-1",
					  .resource_version = "77",
					  .reason = "NoKey",
					  .action = "Open",
					  .note = "no key at hand opens it",
					  .warning = true };

static struct kube_recorder *begin(void)
{
	static const struct kube_reporter by = { "bulla.dev/agent", "pod-0" };

	memset(&world, 0, sizeof(world));
	world.now = 1000000;
	return kube_recorder_new((struct kube_client *)&world, &by);
}

static const char *text(const json_t *v, const char *name)
{
	const char *s = json_string_value(json_object_get(v, name));

	return s == NULL ? "" : s;
}

static json_int_t count_of(const json_t *v)
{
	return json_integer_value(json_object_get(json_object_get(v, "series"), "count"));
}

/* --- text ----------------------------------------------------------------------------------------
 */

static void test_format(void **state)
{
	static const struct kube_reporter by = { "bulla.dev/agent", "pod-0" };
	static const struct kube_series once = { 1, 5 }, thrice = { 3, 9 };
	struct buf out = BUF_INIT;

	(void)state;
	kube_event_format(&sample, &by, "doc.1", 4, &once, &out);
	assert_string_equal(
	    buf_str(&out),
	    "{\"apiVersion\":\"events.k8s.io/"
	    "v1\",\"kind\":\"Event\",\"metadata\":{\"name\":\"doc.1\","
	    "\"namespace\":\"a\"},\"eventTime\":\"T4\",\"reportingController\":\"bulla.dev/agent\","
	    "\"reportingInstance\":\"pod-0\",\"action\":\"Open\",\"reason\":\"NoKey\","
	    "\"note\":\"no key at hand opens it\",\"regarding\":{\"apiVersion\":\"bulla.dev/v1\","
	    "\"kind\":\"SealedCredential\",\"namespace\":\"a\",\"resourceVersion\":\"77\","
	    "\"uid\":\"u-1\",\"name\":\"doc\"},\"type\":\"Warning\"}");
	buf_reset(&out);
	kube_event_format(&sample, &by, "doc.1", 4, &thrice, &out);
	assert_non_null(strstr(buf_str(&out),
			       "},\"series\":{\"count\":3,\"lastObservedTime\":\"T9\"},\"type\":"));
	buf_reset(&out);
	kube_event_format_series(&thrice, &out);
	assert_string_equal(buf_str(&out),
			    "{\"series\":{\"count\":3,\"lastObservedTime\":\"T9\"}}");
	buf_clear(&out);
}

/* An object without namespace, and no version of it. */
static void test_cluster_scoped(void **state)
{
	static const struct kube_reporter by = { "c", "i" };
	static const struct kube_series once = { 1, 5 };
	struct kube_event e = sample;
	struct buf out = BUF_INIT;

	(void)state;
	e.namespace = "";
	e.resource_version = NULL;
	e.warning = false;
	kube_event_format(&e, &by, "doc.1", 4, &once, &out);
	assert_non_null(strstr(buf_str(&out), "\"namespace\":\"default\"},\"eventTime\""));
	assert_non_null(strstr(buf_str(&out), "\"kind\":\"SealedCredential\",\"uid\":\"u-1\","));
	assert_non_null(strstr(buf_str(&out), "\"type\":\"Normal\"}"));
	buf_clear(&out);
}

static void limit(const char *piece, size_t times, size_t want)
{
	static const struct kube_reporter by = { "c", "i" };
	static const struct kube_series once = { 1, 5 };
	struct kube_event e = sample;
	struct buf note = BUF_INIT, out = BUF_INIT;
	json_t *v;

	while (times-- > 0)
		buf_puts(&note, piece);
	e.note = buf_str(&note);
	kube_event_format(&e, &by, "doc.1", 4, &once, &out);
	v = json_loadb((const char *)out.data, out.len, 0, NULL);
	assert_non_null(v);
	assert_int_equal(json_string_length(json_object_get(v, "note")), want);
	json_decref(v);
	buf_clear(&note);
	buf_clear(&out);
}

/* The server refuses a longer note, and broken UTF-8: cut between characters, and replaced. */
static void test_note(void **state)
{
	(void)state;
	limit("x", 1024, 1024);
	limit("x", 1025, 1024);
	limit("\303\244", 512, 1024);
	limit("x\303\244", 400, 1024);
	limit("\342\202\254", 400, 1023);
	limit("\360\237\230\200", 400, 1024);
	limit("\377", 2000, 1024);
	limit("\300\200", 3, 6);
	limit("\303", 1, 1);
	limit("\360\237\230", 1, 3);
	limit("\"\\\n\001", 256, 1024);
}

static void test_name(void **state)
{
	struct kube_event e = sample;
	char longer[400], *name;

	(void)state;
	name = kube_event_name(&e, 0x1000);
	assert_string_equal(name, "doc.3e8000");
	mem_free(name);
	memset(longer, 'n', sizeof(longer));
	longer[253] = '\0';
	e.name = longer;
	name = kube_event_name(&e, INT64_C(1795449600123456));
	assert_int_equal(strlen(name), 253);
	mem_free(name);
	/* cut behind a dot: what is left ends before it */
	longer[235] = '.';
	name = kube_event_name(&e, INT64_C(1795449600123456));
	assert_int_equal(strlen(name), 252);
	assert_null(strstr(name, ".."));
	mem_free(name);
}

/* --- sending
 * -------------------------------------------------------------------------------------- */

static void test_once(void **state)
{
	struct kube_recorder *r = begin();

	(void)state;
	kube_recorder_put(r, &sample);
	assert_int_equal(world.n_sent, 0); /* not from the owner's call */
	assert_int_equal(kube_recorder_pending(r), 1);
	run(0);
	assert_int_equal(world.n_open, 1);
	assert_string_equal(world.open[0].method, "POST");
	assert_string_equal(world.open[0].path, "/apis/events.k8s.io/v1/namespaces/a/events");
	assert_int_equal(world.open[0].type, KUBE_JSON);
	assert_int_equal(kube_recorder_pending(r), 1);
	reply(201);
	assert_int_equal(kube_recorder_pending(r), 0);
	/* forgotten after a while, without a word */
	run(KUBE_SERIES_END_MS - 1);
	run(1);
	assert_true(world.n_sent == 1 && world.due == INT64_MAX);
	kube_recorder_put(r, &sample);
	run(0);
	assert_string_equal(world.open[0].method, "POST");
	kube_recorder_free(r);
	assert_true(world.n_open == 0 && world.fn == NULL);
	kube_recorder_free(NULL);
}

static void test_series(void **state)
{
	struct kube_recorder *r = begin();
	const char *name;
	int i;

	(void)state;
	kube_recorder_put(r, &sample);
	run(0);
	name = mem_str(text(json_object_get(world.open[0].body, "metadata"), "name"));
	reply(201);
	/* the second at once */
	run(1000);
	kube_recorder_put(r, &sample);
	run(0);
	assert_string_equal(world.open[0].method, "PATCH");
	assert_int_equal(world.open[0].type, KUBE_MERGE_PATCH);
	assert_string_equal(strrchr(world.open[0].path, '/') + 1, name);
	assert_int_equal(count_of(world.open[0].body), 2);
	reply(200);
	/* the others every half hour */
	for (i = 0; i < 59; i++) {
		run(30000);
		kube_recorder_put(r, &sample);
	}
	assert_int_equal(world.n_sent, 2);
	run(30000);
	assert_int_equal(world.n_sent, 3);
	assert_int_equal(count_of(world.open[0].body), 61);
	reply(200);
	/* and at the end */
	kube_recorder_put(r, &sample);
	run(KUBE_SERIES_END_MS - 1);
	assert_int_equal(world.n_sent, 3);
	run(1);
	assert_int_equal(world.n_sent, 4);
	assert_int_equal(count_of(world.open[0].body), 62);
	reply(200);
	run(0);
	assert_int_equal(world.due, INT64_MAX);
	mem_free((char *)(uintptr_t)name);
	kube_recorder_free(r);
}

/* What happens again while the first is under way is one series. */
static void test_while_flying(void **state)
{
	struct kube_recorder *r = begin();

	(void)state;
	kube_recorder_put(r, &sample);
	run(0);
	kube_recorder_put(r, &sample);
	kube_recorder_put(r, &sample);
	run(0);
	assert_int_equal(world.n_open, 1);
	reply(201);
	assert_int_equal(world.n_open, 1);
	assert_int_equal(count_of(world.open[0].body), 3);
	reply(200);
	assert_int_equal(kube_recorder_pending(r), 0);
	kube_recorder_free(r);
}

/* Any word that differs makes another event; only the version does not. */
static void test_differ(void **state)
{
	static const size_t members[] = {
		offsetof(struct kube_event, api_version), offsetof(struct kube_event, kind),
		offsetof(struct kube_event, namespace),	  offsetof(struct kube_event, name),
		offsetof(struct kube_event, uid),	  offsetof(struct kube_event, reason),
		offsetof(struct kube_event, action),	  offsetof(struct kube_event, note),
	};
	struct kube_recorder *r = begin();
	struct kube_event e = sample;
	size_t i;

	(void)state;
	kube_recorder_put(r, &sample);
	e.resource_version = "78";
	kube_recorder_put(r, &e);
	assert_int_equal(kube_recorder_pending(r), 1);
	for (i = 0; i < COUNT(members); i++) {
		e = sample;
		*(const char **)((char *)&e + members[i]) = "other";
		kube_recorder_put(r, &e);
		assert_int_equal(kube_recorder_pending(r), i + 2);
	}
	e = sample;
	e.warning = false;
	kube_recorder_put(r, &e);
	assert_int_equal(kube_recorder_pending(r), COUNT(members) + 2);
	/* two at a time, all with names of their own though the clock stands still */
	for (i = 0; i < COUNT(members) + 2; i++) {
		run(0);
		if (world.n_open == 2)
			assert_string_not_equal(
			    text(json_object_get(world.open[0].body, "metadata"), "name"),
			    text(json_object_get(world.open[1].body, "metadata"), "name"));
		reply(201);
	}
	assert_int_equal(kube_recorder_dropped(r), 0);
	kube_recorder_free(r);
}

static void test_failures(void **state)
{
	static const struct {
		long status;
		bool again;
	} answers[] = { { 0, true },	{ 429, true },	{ 500, true },	{ 503, true },
			{ 403, false }, { 404, false }, { 422, false }, { 400, false } };

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct kube_recorder *r = begin();

		kube_recorder_put(r, &sample);
		run(0);
		reply(answers[i].status);
		run(KUBE_RECORDER_RETRY_MS - 1);
		assert_int_equal(world.n_sent, 1);
		run(1);
		assert_int_equal(world.n_sent, answers[i].again ? 2 : 1);
		assert_int_equal(kube_recorder_dropped(r), answers[i].again ? 0 : 1);
		assert_int_equal(kube_recorder_pending(r), answers[i].again ? 1 : 0);
		kube_recorder_free(r);
	}
}

/* As long as the server asks for, for all events, and not for ever. */
static void test_patience(void **state)
{
	struct kube_recorder *r = begin();
	struct kube_event other = sample;
	int i;

	(void)state;
	other.name = "other";
	kube_recorder_put(r, &sample);
	run(0);
	reply_after(429, 20000);
	kube_recorder_put(r, &other);
	run(19999);
	assert_int_equal(world.n_sent, 1);
	run(1);
	assert_int_equal(world.n_open, 2);
	reply(503);
	reply(201);
	for (i = 2; i < KUBE_RECORDER_TRIES; i++) {
		run(KUBE_RECORDER_RETRY_MS);
		assert_int_equal(world.n_open, 1);
		assert_int_equal(kube_recorder_dropped(r), 0);
		reply(503);
	}
	assert_int_equal(kube_recorder_dropped(r), 1);
	assert_int_equal(kube_recorder_pending(r), 0);
	kube_recorder_free(r);
}

/* The answer was lost, but it was made: that is enough. */
static void test_made_already(void **state)
{
	struct kube_recorder *r = begin();

	(void)state;
	kube_recorder_put(r, &sample);
	run(0);
	reply(0);
	run(KUBE_RECORDER_RETRY_MS);
	reply(409);
	assert_true(kube_recorder_pending(r) == 0 && kube_recorder_dropped(r) == 0);
	kube_recorder_free(r);
}

/* The Event of a series went, after its hour: a new one, with the count so far. */
static void test_series_gone(void **state)
{
	struct kube_recorder *r = begin();
	char *name;

	(void)state;
	kube_recorder_put(r, &sample);
	run(0);
	name = mem_str(text(json_object_get(world.open[0].body, "metadata"), "name"));
	reply(201);
	kube_recorder_put(r, &sample);
	run(0);
	reply(404);
	assert_int_equal(world.n_open, 1);
	assert_string_equal(world.open[0].method, "POST");
	assert_string_not_equal(text(json_object_get(world.open[0].body, "metadata"), "name"),
				name);
	assert_int_equal(count_of(world.open[0].body), 2);
	reply(201);
	assert_int_equal(kube_recorder_pending(r), 0);
	mem_free(name);
	kube_recorder_free(r);
}

static void put_numbered(struct kube_recorder *r, int i)
{
	struct kube_event e = sample;
	char name[16];

	snprintf(name, sizeof(name), "n%d", i);
	e.name = name;
	kube_recorder_put(r, &e);
}

/* A bound on what waits; what is only remembered makes room. */
static void test_bounded(void **state)
{
	struct kube_recorder *r = begin();
	int i;

	(void)state;
	for (i = 0; i < KUBE_RECORDER_MAX + 5; i++)
		put_numbered(r, i);
	assert_int_equal(kube_recorder_pending(r), KUBE_RECORDER_MAX);
	assert_int_equal(kube_recorder_dropped(r), 5);
	run(0);
	for (i = 0; i < KUBE_RECORDER_MAX; i++)
		reply(201);
	assert_int_equal(kube_recorder_pending(r), 0);
	for (i = 0; i < KUBE_RECORDER_MAX; i++)
		put_numbered(r, 10000 + i);
	assert_int_equal(kube_recorder_pending(r), KUBE_RECORDER_MAX);
	assert_int_equal(kube_recorder_dropped(r), 5);
	kube_recorder_free(r);
	assert_int_equal(world.n_open, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_format),	     cmocka_unit_test(test_cluster_scoped),
		cmocka_unit_test(test_note),	     cmocka_unit_test(test_name),
		cmocka_unit_test(test_once),	     cmocka_unit_test(test_series),
		cmocka_unit_test(test_while_flying), cmocka_unit_test(test_differ),
		cmocka_unit_test(test_failures),     cmocka_unit_test(test_patience),
		cmocka_unit_test(test_made_already), cmocka_unit_test(test_series_gone),
		cmocka_unit_test(test_bounded),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
