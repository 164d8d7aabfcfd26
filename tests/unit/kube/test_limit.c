/* SPDX-License-Identifier: Apache-2.0 */
/* The room against simulated servers: each works on so many at a time, in the order they came. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "kube/limit.h"

#define SEND_MAX 1024

struct server {
	int64_t travel_us; /* there and back */
	int64_t work_us;
	size_t at_once;
	size_t others;	 /* requests of other clients that always wait before ours */
	long status;	 /* of its answers; 0: 200 */
	unsigned jitter; /* per cent of work_us, at random */
};

struct world {
	struct kube_limit limit;
	int64_t now_us;
	int64_t free_us[SEND_MAX]; /* when each of its workers is */
	struct {
		int64_t sent_us, done_us;
	} flying[SEND_MAX];
	size_t n_flying;
	unsigned random;
};

static struct world *world_new(void)
{
	struct world *w = mem_alloc(sizeof(*w));

	kube_limit_init(&w->limit);
	w->now_us = 1000000;
	w->random = 1;
	return w;
}

static int64_t work_of(struct world *w, const struct server *s)
{
	w->random = w->random * 1103515245 + 12345;
	return s->work_us + s->work_us * (int64_t)(w->random / 65536 % (s->jitter + 1)) / 100;
}

static void send(struct world *w, const struct server *s)
{
	int64_t begin = w->now_us + s->travel_us / 2;
	size_t first = 0;

	for (size_t i = 1; i < s->at_once; i++)
		if (w->free_us[i] < w->free_us[first])
			first = i;
	if (w->free_us[first] > begin)
		begin = w->free_us[first];
	begin += (int64_t)s->others * s->work_us / (int64_t)s->at_once;
	w->free_us[first] = begin + work_of(w, s);
	assert_true(w->n_flying < SEND_MAX);
	w->flying[w->n_flying].sent_us = w->now_us;
	w->flying[w->n_flying++].done_us = w->free_us[first] + s->travel_us / 2;
}

static void receive(struct world *w, const struct server *s)
{
	size_t next = 0;

	for (size_t i = 1; i < w->n_flying; i++)
		if (w->flying[i].done_us < w->flying[next].done_us)
			next = i;
	w->now_us = w->flying[next].done_us;
	kube_limit_answered(&w->limit,
			    &(struct kube_limit_answer){ .under_way = w->n_flying,
							 .took_us = w->flying[next].done_us -
								    w->flying[next].sent_us,
							 .status = s->status == 0 ? 200 : s->status,
							 .now_ms = w->now_us / 1000 });
	w->flying[next] = w->flying[--w->n_flying];
}

/* A backlog of so many is worked off, at most `most` at a time; how many a second. */
static double work_off(struct world *w, const struct server *s, size_t n, size_t most)
{
	int64_t start = w->now_us;

	for (size_t sent = 0, got = 0; got < n; got++) {
		for (; sent < n && w->n_flying < kube_limit_room(&w->limit) && w->n_flying < most;
		     sent++)
			send(w, s);
		receive(w, s);
		assert_in_range(kube_limit_room(&w->limit), KUBE_LIMIT_LOOK, KUBE_LIMIT_MOST);
	}
	return (double)n * 1e6 / (double)(w->now_us - start);
}

/* What it would do with KUBE_LIMIT_MOST at all times. */
static double at_best(const struct server *s)
{
	double work_us = (double)s->work_us * (1 + (double)s->jitter / 200);
	double sent = KUBE_LIMIT_MOST * 1e6 / ((double)s->travel_us + work_us);
	double done = (double)s->at_once * 1e6 / work_us;

	return sent < done ? sent : done;
}

static void test_finds_its_room(void **state)
{
	static const struct {
		const char *what;
		struct server server;
		size_t from, to;
	} cases[] = {
		{ "near, two cores",
		  { .travel_us = 100, .work_us = 3000, .at_once = 2, .jitter = 100 },
		  12,
		  16 },
		{ "near, one core", { .travel_us = 100, .work_us = 2000, .at_once = 1 }, 12, 14 },
		{ "near, eight cores",
		  { .travel_us = 100, .work_us = 3000, .at_once = 8, .jitter = 100 },
		  17,
		  26 },
		{ "2 ms away",
		  { .travel_us = 2000, .work_us = 3000, .at_once = 2, .jitter = 50 },
		  14,
		  18 },
		{ "10 ms away",
		  { .travel_us = 10000, .work_us = 3000, .at_once = 2, .jitter = 50 },
		  19,
		  25 },
		{ "10 ms away, eight cores",
		  { .travel_us = 10000, .work_us = 3000, .at_once = 8, .jitter = 50 },
		  30,
		  32 },
		{ "slow to write, many at once",
		  { .travel_us = 200, .work_us = 20000, .at_once = 64, .jitter = 20 },
		  30,
		  32 },
		{ "50 ms away", { .travel_us = 50000, .work_us = 3000, .at_once = 4 }, 32, 32 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct world *w = world_new();
		double rate = work_off(w, &cases[i].server, 2000, SEND_MAX);

		print_message("%s: room %zu, %.0f %% of the best\n", cases[i].what, w->limit.room,
			      100 * rate / at_best(&cases[i].server));
		assert_in_range(w->limit.room, cases[i].from, cases[i].to);
		assert_true(rate > 0.85 * at_best(&cases[i].server));
		mem_free(w);
	}
}

/* A long backlog: what waits because of us does not become the least time. */
static void test_does_not_creep(void **state)
{
	static const struct server near = { .travel_us = 100, .work_us = 3000, .at_once = 2 };
	struct world *w = world_new();
	double rate = work_off(w, &near, 200000, SEND_MAX); /* five minutes */

	(void)state;
	assert_in_range(w->limit.room, 12, 16);
	assert_in_range(w->limit.least_us, 3000, 3200);
	assert_true(rate > 0.95 * at_best(&near));
	mem_free(w);
}

static void test_overloaded_by_others(void **state)
{
	static const struct server busy = {
		.travel_us = 100, .work_us = 3000, .at_once = 2, .others = 200
	};
	static const struct server near = {
		.travel_us = 100, .work_us = 3000, .at_once = 2, .jitter = 100
	};
	struct world *w = world_new();

	(void)state;
	work_off(w, &near, 500, SEND_MAX);
	work_off(w, &busy, 300, SEND_MAX);
	assert_in_range(w->limit.room, KUBE_LIMIT_WAITING, KUBE_LIMIT_WAITING + 4);
	work_off(w, &near, 500, SEND_MAX);
	assert_in_range(w->limit.room, 12, 16);
	mem_free(w);
}

/* It does as many at once as ever, each in ten times the time: found within KUBE_LIMIT_AGE_MS. */
static void test_suddenly_slow(void **state)
{
	static const struct server fast = {
		.travel_us = 200, .work_us = 3000, .at_once = 64, .jitter = 20
	};
	static const struct server slow = {
		.travel_us = 200, .work_us = 30000, .at_once = 64, .jitter = 20
	};
	struct world *w = world_new();
	int64_t from;

	(void)state;
	work_off(w, &fast, 2000, SEND_MAX);
	assert_in_range(w->limit.room, 30, 32);
	from = w->now_us;
	while (w->limit.room > KUBE_LIMIT_WAITING + 4)
		work_off(w, &slow, 100, SEND_MAX);
	while (w->limit.room < 30)
		work_off(w, &slow, 100, SEND_MAX);
	assert_true(w->now_us - from < 2 * KUBE_LIMIT_AGE_MS * INT64_C(1000));
	mem_free(w);
}

static void test_refusals(void **state)
{
	static const struct {
		long status;
		bool halves;
	} cases[] = { { 429, true },  { 500, true },  { 503, true },  { 504, true }, { 0, true },
		      { 403, false }, { 404, false }, { 409, false }, { 422, false } };
	static const struct server far = { .travel_us = 50000, .work_us = 3000, .at_once = 4 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct server refuses = far;
		struct world *w = world_new();

		work_off(w, &far, 2000, SEND_MAX);
		assert_int_equal(w->limit.room, 32);
		refuses.status = cases[i].status;
		if (cases[i].status == 0) { /* no answer, not the server's default */
			kube_limit_answered(&w->limit, &(struct kube_limit_answer){ .under_way = 32,
										    .took_us = 1 });
		} else {
			work_off(w, &refuses, 20, SEND_MAX);
		}
		assert_int_equal(w->limit.room, cases[i].halves ? 16 : 32);
		if (cases[i].halves && cases[i].status != 0) {
			work_off(w, &refuses, 100, SEND_MAX);
			assert_int_equal(w->limit.room, KUBE_LIMIT_LEAST);
		}
		work_off(w, &far, 2000, SEND_MAX);
		assert_int_equal(w->limit.room, 32);
		mem_free(w);
	}
}

/* Single documents, now and then: nothing is learned of a larger room, and none is lost. */
static void test_little_to_do(void **state)
{
	static const struct server far = { .travel_us = 50000, .work_us = 3000, .at_once = 4 };
	struct world *w = world_new();

	(void)state;
	work_off(w, &far, 500, 1);
	assert_int_equal(w->limit.room, KUBE_LIMIT_FIRST);
	work_off(w, &far, 2000, SEND_MAX);
	work_off(w, &far, 500, 2);
	assert_int_equal(w->limit.room, 32);
	mem_free(w);
}

/* Clocks may stand still. */
static void test_no_time_at_all(void **state)
{
	struct kube_limit l;

	(void)state;
	kube_limit_init(&l);
	for (int i = 0; i < 1000; i++)
		kube_limit_answered(&l, &(struct kube_limit_answer){ kube_limit_room(&l), 0, 200,
								     INT64_C(100) * i });
	assert_int_equal(kube_limit_room(&l), KUBE_LIMIT_MOST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finds_its_room),
		cmocka_unit_test(test_does_not_creep),
		cmocka_unit_test(test_overloaded_by_others),
		cmocka_unit_test(test_suddenly_slow),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_little_to_do),
		cmocka_unit_test(test_no_time_at_all),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
