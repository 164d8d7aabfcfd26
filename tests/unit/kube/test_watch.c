/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kube/watch.c against a server that is part of the test, in time that is part of it too: streams,
 * timers and clock are replaced by those below, so that an hour of faults takes milliseconds.
 *
 * In thousands of random schedules of changes and faults, the owner's view must be the server's
 * again within a minute of the last fault.
 */
#include "kube/watch.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kube/reflect.h"
#include "kube/stream.h"
#include "kube/timer.h"
#include "tests/unit/test.h"

#define OBJECTS 9
#define HISTORY 4096
#define SNAPSHOTS 8
#define PAGE 3
#define BOOKMARK_MS 60000

struct object {
	unsigned rv; /* 0: not there */
	unsigned value;
};

struct change {
	unsigned rv, object, value;
	const char *type;
};

struct snapshot {
	struct object objects[OBJECTS];
	unsigned rv;
};

enum streaming { STREAMS, REFUSES_422, ERROR_500, NEVER_ENDS, MODES };

struct kube_stream {
	struct kube_stream_handler handler;
	void *ctx;
	struct buf out;	   /* to be delivered */
	unsigned sent;	   /* version up to which a watch was told */
	bool watch;	   /* goes on with changes */
	bool frozen;	   /* nothing is delivered any more */
	int cut;	   /* ends after so many deliveries; -1: does not */
	enum kube_end end; /* and how */
	bool whole;	   /* a page: ends clean when all is delivered */
	long refused;	   /* status, or 0 */
	int64_t deadline, bookmark_at;
	bool ended;
};

static struct world {
	uint32_t seed;
	int64_t now;
	unsigned rv, compacted;
	struct object objects[OBJECTS];
	struct change history[HISTORY];
	size_t changes;
	struct snapshot snapshots[SNAPSHOTS];
	unsigned next_snapshot;
	enum streaming streaming;
	unsigned faults; /* percent of requests that are treated badly */
	struct kube_stream *stream;
	size_t requests, opened_now;
	int64_t opened_at;
	/* the timer */
	kube_timer_fn *fn;
	void *ctx;
	int64_t due;
	bool frozen; /* the stream is frozen, or spoilt so that it only seems silent */
} world;

/* --- what stands in for the rest of kube/
 * --------------------------------------------------------- */

static uint32_t dice(uint32_t n)
{
	world.seed = world.seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(world.seed >> 8) * n) >> 24);
}

/* libsodium's, so that a schedule is the same each time */
uint32_t randombytes_uniform(const uint32_t upper)
{
	return dice(upper);
}

int64_t clock_monotonic_ms(void)
{
	return world.now;
}

struct kube_timers *kube_client_timers(struct kube_client *k)
{
	return (struct kube_timers *)k;
}

struct kube_timer *kube_timer_new(struct kube_timers *all, kube_timer_fn *fn, void *ctx)
{
	assert_null(world.fn);
	world.fn = fn;
	world.ctx = ctx;
	world.due = KUBE_TIMER_OFF;
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
	assert_non_null(world.fn);
	world.due = at_ms;
}

static void put_object(struct buf *out, unsigned i, const struct object *o)
{
	buf_printf(out, "{\"metadata\":{\"name\":\"o%u\",\"resourceVersion\":\"%u\"},\"value\":%u}",
		   i, o->rv, o->value);
}

static void put_event(struct buf *out, const char *type, unsigned i, const struct object *o)
{
	buf_printf(out, "{\"type\":\"%s\",\"object\":", type);
	put_object(out, i, o);
	buf_puts(out, "}\n");
}

static void put_bookmark(struct buf *out, unsigned rv, bool end)
{
	buf_printf(
	    out,
	    "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"%u\"%s}}}\n",
	    rv, end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

static void put_error(struct buf *out, long code)
{
	buf_printf(out, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":%ld}}\n",
		   code);
}

static const char *option(const char *query, const char *name)
{
	const char *at = strstr(query, name);

	return at == NULL ? NULL : at + strlen(name);
}

static void open_list(struct kube_stream *s, const char *query)
{
	const char *more = option(query, "continue=");
	bool paged = option(query, "limit=") != NULL;
	unsigned slot, from = 0, i, n = 0;
	struct snapshot *shot;

	if (more != NULL) {
		assert_int_equal(sscanf(more, "%u-%u", &slot, &from), 2);
	} else {
		slot = world.next_snapshot++ % SNAPSHOTS;
		memcpy(world.snapshots[slot].objects, world.objects, sizeof(world.objects));
		world.snapshots[slot].rv = world.rv;
	}
	shot = &world.snapshots[slot];
	if (more != NULL && shot->rv < world.compacted) {
		s->refused = 410;
		return;
	}
	buf_puts(&s->out, "{\"kind\":\"OList\",\"items\":[");
	for (i = from; i < OBJECTS && !(paged && n == PAGE); i++) {
		if (shot->objects[i].rv == 0)
			continue;
		buf_puts(&s->out, n++ > 0 ? "," : "");
		put_object(&s->out, i, &shot->objects[i]);
	}
	buf_printf(&s->out, "],\"metadata\":{\"resourceVersion\":\"%u\"", shot->rv);
	if (i < OBJECTS)
		buf_printf(&s->out, ",\"continue\":\"%u-%u\"", slot, i);
	buf_puts(&s->out, "}}");
	s->whole = true;
}

static void open_stream(struct kube_stream *s)
{
	unsigned i, first = dice(OBJECTS);

	s->watch = true;
	if (world.streaming == REFUSES_422) {
		s->refused = 422;
		return;
	}
	for (i = 0; i < OBJECTS; i++) {
		unsigned at = (first + i) % OBJECTS;

		if (world.objects[at].rv != 0)
			put_event(&s->out, "ADDED", at, &world.objects[at]);
	}
	s->sent = world.rv;
	if (world.streaming == ERROR_500) {
		put_error(&s->out, 500);
		s->watch = false;
		s->whole = true;
	} else if (world.streaming == STREAMS) {
		put_bookmark(&s->out, world.rv, true);
	}
}

static void open_watch(struct kube_stream *s, const char *query)
{
	s->watch = true;
	s->sent = (unsigned)atoi(option(query, "resourceVersion="));
	assert_true(s->sent <= world.rv);
	if (s->sent >= world.compacted)
		return;
	if (dice(2) == 0) {
		s->refused = 410;
		return;
	}
	put_error(&s->out, 410);
	s->watch = false;
	s->whole = true;
}

static void spoil(struct kube_stream *s)
{
	static const long statuses[] = { 400, 401, 403, 404, 410, 422, 429, 500, 502, 503, 504 };
	static const enum kube_end ends[] = { KUBE_END_CLEAN, KUBE_END_BROKEN, KUBE_END_SILENT };
	long status = statuses[dice(COUNT(statuses))];

	switch (dice(6)) {
	case 0:
		s->refused = status;
		break;
	case 1:
		s->refused = -1; /* unreached */
		break;
	case 2:
		s->frozen = true;
		world.frozen = true;
		break;
	case 3:
		/* inside of a string this is noticed by silence only */
		world.frozen = true;
		buf_truncate(&s->out, dice((uint32_t)s->out.len + 1));
		buf_puts(&s->out, "\n<html>");
		break;
	case 4:
		buf_truncate(&s->out, 0);
		put_error(&s->out, status);
		s->watch = false;
		s->whole = true;
		break;
	default:
		s->cut = (int)dice(6);
		s->end = ends[dice(COUNT(ends))];
	}
}

struct kube_stream *kube_stream_open(struct kube_client *k, const struct kube_stream_options *o,
				     const struct kube_stream_handler *h, void *ctx)
{
	struct kube_stream *s = mem_alloc(sizeof(*s));

	(void)k;
	assert_null(world.stream);
	assert_true(strncmp(o->path, "/apis/t/v1/os?", 14) == 0);
	world.requests++;
	world.opened_now = world.opened_at == world.now ? world.opened_now + 1 : 1;
	world.opened_at = world.now;
	/* no hot loop: only what leads on may be asked for at once */
	assert_true(world.opened_now <= 6);
	*s = (struct kube_stream){ .handler = *h,
				   .ctx = ctx,
				   .out = BUF_INIT,
				   .cut = -1,
				   .deadline = world.now + o->deadline_ms,
				   .bookmark_at = world.now + BOOKMARK_MS };
	if (option(o->path, "watch=1") == NULL)
		open_list(s, o->path);
	else if (option(o->path, "sendInitialEvents=true") != NULL)
		open_stream(s);
	else
		open_watch(s, o->path);
	if (dice(100) < world.faults)
		spoil(s);
	world.stream = s;
	return s;
}

static size_t doubted;

void kube_stream_doubt(struct kube_stream *s)
{
	assert_ptr_equal(world.stream, s);
	doubted++;
}

void kube_stream_free(struct kube_stream *s)
{
	if (s == NULL)
		return;
	assert_ptr_equal(world.stream, s);
	world.stream = NULL;
	world.frozen = false;
	buf_clear(&s->out);
	mem_free(s);
}

/* --- the server's life
 * ---------------------------------------------------------------------------- */

static void change_one(void)
{
	unsigned i = dice(OBJECTS);
	struct object *o = &world.objects[i];
	bool was = o->rv != 0, gone = was && dice(3) == 0;
	struct change *c = &world.history[world.changes++];

	assert_true(world.changes <= HISTORY);
	*o = (struct object){ ++world.rv, dice(1000) };
	*c = (struct change){ world.rv, i, o->value,
			      gone  ? "DELETED"
			      : was ? "MODIFIED"
				    : "ADDED" };
	if (gone)
		o->rv = 0;
}

/* As after a restart: nobody can go on from an older version. */
static void compact(void)
{
	world.compacted = world.rv;
}

static void follow(struct kube_stream *s)
{
	size_t i;

	for (i = 0; i < world.changes; i++) {
		const struct change *c = &world.history[i];
		const struct object o = { c->rv, c->value };

		if (c->rv <= s->sent)
			continue;
		put_event(&s->out, c->type, c->object, &o);
		s->sent = c->rv;
	}
	if (world.now >= s->bookmark_at) {
		put_bookmark(&s->out, s->sent, false);
		s->bookmark_at = world.now + BOOKMARK_MS;
	}
}

static void finish(struct kube_stream *s, enum kube_end how, long status)
{
	const struct kube_answer a = { .status = status,
				       .reason = "",
				       .cause = "",
				       .name = "",
				       .message = "from the test",
				       .retry_ms = status == 429 ? 1000 : 0 };

	s->ended = true;
	s->handler.end(s->ctx, how, &a);
}

static void deliver(struct kube_stream *s)
{
	struct buf piece = BUF_INIT;
	size_t n = dice((uint32_t)s->out.len) + 1;

	buf_put(&piece, s->out.data, n);
	buf_splice(&s->out, 0, n, "", 0);
	s->handler.data(s->ctx, (const char *)piece.data, piece.len);
	buf_clear(&piece);
}

/* Some of what the stream does next. */
static void move_stream(struct kube_stream *s)
{
	if (s->refused != 0) {
		finish(s, s->refused < 0 ? KUBE_END_UNREACHED : KUBE_END_REFUSED,
		       s->refused < 0 ? 0 : s->refused);
		return;
	}
	if (world.now >= s->deadline) {
		finish(s, s->frozen ? KUBE_END_SILENT : KUBE_END_CLEAN, 200);
		return;
	}
	if (s->frozen)
		return;
	if (s->cut == 0) {
		finish(s, s->end, 200);
		return;
	}
	s->cut -= s->cut > 0;
	if (s->watch)
		follow(s);
	if (s->out.len > 0)
		deliver(s);
	else if (s->whole)
		finish(s, KUBE_END_CLEAN, 200);
}

static void pass(int64_t ms)
{
	int i;

	world.now += ms;
	if (world.due <= world.now) {
		world.due = KUBE_TIMER_OFF;
		world.fn(world.ctx, world.now);
	}
	for (i = 0; i < 4 && world.stream != NULL && !world.stream->ended; i++)
		move_stream(world.stream);
}

/* --- the owner's view
 * ----------------------------------------------------------------------------- */

static struct view {
	struct object objects[OBJECTS];
	bool shown[OBJECTS];
	bool listing, synced;
	size_t begins, syncs, failures;
	struct kube_watch *watch;
	int leave_in; /* frees the watch in the so-manieth call; 0: not */
	int relist_in;
} view;

static bool meddle(void)
{
	if (view.relist_in > 0 && --view.relist_in == 0)
		kube_watch_relist(view.watch);
	assert_true(view.leave_in >= 0);
	if (view.leave_in > 0 && --view.leave_in == 0) {
		kube_watch_free(view.watch);
		view.watch = NULL;
		view.leave_in = -1; /* nothing may be called any more */
		return true;
	}
	return false;
}

static void on_begin(void *ctx)
{
	assert_ptr_equal(ctx, &view);
	view.begins++;
	view.listing = true;
	memset(view.shown, 0, sizeof(view.shown));
	assert_false(kube_watch_synced(view.watch));
	meddle();
}

static unsigned index_of(const json_t *o, struct object *out)
{
	const json_t *meta = json_object_get(o, "metadata");
	unsigned i = (unsigned)atoi(json_string_value(json_object_get(meta, "name")) + 1);

	out->rv = (unsigned)atoi(json_string_value(json_object_get(meta, "resourceVersion")));
	out->value = (unsigned)json_integer_value(json_object_get(o, "value"));
	assert_true(i < OBJECTS);
	return i;
}

static void on_object(void *ctx, const json_t *json)
{
	struct object o;
	unsigned i = index_of(json, &o);

	(void)ctx;
	/* never back to an older state */
	assert_true(o.rv >= view.objects[i].rv);
	view.objects[i] = o;
	view.shown[i] = true;
	meddle();
}

static void on_deleted(void *ctx, const json_t *json)
{
	struct object o;
	unsigned i = index_of(json, &o);

	(void)ctx;
	view.objects[i].rv = 0;
	meddle();
}

static void on_synced(void *ctx)
{
	unsigned i;

	(void)ctx;
	view.syncs++;
	assert_true(view.listing && kube_watch_synced(view.watch));
	view.listing = false;
	for (i = 0; i < OBJECTS; i++)
		if (!view.shown[i])
			view.objects[i].rv = 0;
	meddle();
}

static void on_failed(void *ctx, const struct kube_answer *a)
{
	(void)ctx;
	assert_non_null(a->reason);
	assert_non_null(a->message);
	view.failures++;
	meddle();
}

static bool same(void)
{
	unsigned i;

	for (i = 0; i < OBJECTS; i++)
		if (view.objects[i].rv != world.objects[i].rv ||
		    (view.objects[i].rv != 0 && view.objects[i].value != world.objects[i].value))
			return false;
	return kube_watch_synced(view.watch);
}

static void begin(uint32_t seed, enum streaming streaming, int64_t full_ms)
{
	static const struct kube_watch_handler h = { on_begin,	on_object, on_deleted,
						     on_synced, on_failed, NULL };
	const struct kube_watch_options o = { .path = "/apis/t/v1/os", .full_ms = full_ms };
	unsigned i;

	memset(&world, 0, sizeof(world));
	memset(&view, 0, sizeof(view));
	world.seed = seed * 2654435761U + 1;
	world.now = 1000000;
	world.rv = 10;
	world.streaming = streaming;
	for (i = 0; i < 6; i++)
		change_one();
	view.watch = kube_watch_new((struct kube_client *)&world, &o, &h, &view);
	assert_null(world.stream); /* not before the next kube_work */
}

static void end(void)
{
	kube_watch_free(view.watch);
	assert_null(world.stream);
	assert_null(world.fn);
}

/* Until the view is the server's; the time that it took, or -1. */
static int64_t settle(int64_t within_ms)
{
	int64_t from = world.now;

	for (;;) {
		if (same())
			return world.now - from;
		if (world.now - from > within_ms)
			return -1;
		pass(50);
	}
}

static void run_schedule(uint32_t seed, size_t *requests)
{
	int i, rounds;
	int64_t bound;

	begin(seed, seed % MODES, 0);
	rounds = 50 + (int)dice(300);
	world.faults = 10 + dice(70);
	for (i = 0; i < rounds; i++) {
		while (dice(3) == 0)
			change_one();
		if (dice(40) == 0)
			compact();
		if (dice(60) == 0)
			kube_watch_relist(view.watch);
		pass(dice(20) == 0 ? dice(20000) : dice(500));
	}
	world.faults = 0;
	/* a silent connection is noticed after a while; all else within a minute */
	bound = world.frozen || world.streaming == NEVER_ENDS ? 60000 + KUBE_SILENT_MS : 60000;
	if (settle(bound) < 0)
		fail_msg("schedule %u: no convergence", seed);
	/* and it stays so, with the normal ends of watches */
	for (i = 0; i < 100; i++) {
		if (dice(10) == 0)
			change_one();
		pass(dice(10000));
	}
	if (settle(5000) < 0)
		fail_msg("schedule %u: lost it again", seed);
	*requests += world.requests;
	end();
}

static void test_schedules(void **state)
{
	size_t requests = 0;
	uint32_t seed;

	(void)state;
	for (seed = 1; seed <= test_repeats(4000); seed++)
		run_schedule(seed, &requests);
	assert_true(requests > test_repeats(4000) * 10);
	assert_true(doubted > test_repeats(4000) / 100);
}

/* One list and one watch each five to ten minutes: that is all a healthy server sees. */
static void test_quiet(void **state)
{
	int64_t until;

	(void)state;
	begin(1, STREAMS, 0);
	assert_true(settle(1000) >= 0);
	for (until = world.now + 5 * 3600 * 1000; world.now < until;)
		pass(1000);
	assert_int_equal(view.begins, 1);
	assert_int_equal(view.syncs, 1);
	assert_int_equal(view.failures, 0);
	assert_in_range(world.requests, 5 * 6, 5 * 12 + 1);
	assert_true(world.now - kube_watch_heard(view.watch) <= 2 * BOOKMARK_MS);
	/* six hours: a list */
	for (until = world.now + 3600 * 1000; world.now <= until;)
		pass(1000);
	assert_int_equal(view.syncs, 2);
	end();
}

/* The owner may free the watch in each call, at any time. */
static void test_free_inside(void **state)
{
	int at;
	uint32_t seed;

	(void)state;
	for (seed = 1; seed <= 8; seed++)
		for (at = 1; at <= 40; at++) {
			int i;

			begin(seed, seed % MODES, 0);
			view.leave_in = at;
			world.faults = 40;
			for (i = 0; i < 2000 && world.fn != NULL; i++) {
				change_one();
				pass(500);
			}
			assert_null(world.fn);
			assert_null(world.stream);
			end();
		}
}

/* And ask for a list in each; what follows must be whole. */
static void test_relist_inside(void **state)
{
	int at;

	(void)state;
	for (at = 1; at <= 20; at++) {
		int i;

		begin((uint32_t)at, (uint32_t)at % MODES, 0);
		view.relist_in = at;
		for (i = 0; i < 600; i++) {
			change_one();
			pass(500);
		}
		assert_true(view.relist_in == 0 && view.begins >= 2 && view.syncs >= 1);
		assert_true(settle(70000) >= 0);
		end();
	}
}

static void test_full(void **state)
{
	(void)state;
	kube_watch_free(NULL);
	begin(3, REFUSES_422, 3000);
	/* a full list every three seconds */
	assert_true(settle(1000) >= 0);
	for (int i = 0; i < 300; i++)
		pass(100);
	assert_in_range(view.syncs, 8, 12);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_schedules),   cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_free_inside), cmocka_unit_test(test_relist_inside),
		cmocka_unit_test(test_full),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
