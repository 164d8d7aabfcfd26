/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/turns.h"
#include "base/mem.h"

#define MANY 1000

static void test_the_newest_then_the_oldest(void **state)
{
	struct turn t[5] = { 0 };
	const int order[] = { 4, 0, 1, 2, 3 };
	struct turns q;

	(void)state;
	turns_init(&q);
	for (int i = 0; i < 5; i++)
		turns_ask(&q, &t[i], "a");
	turns_ask(&q, &t[2], "a"); /* asked already */
	assert_int_equal(q.n, 5);
	for (int i = 0; i < 5; i++)
		assert_ptr_equal(turns_take(&q), &t[order[i]]);
	assert_null(turns_take(&q));
	assert_int_equal(q.n, 0);
	assert_int_equal(q.lines.n, 0);
	turns_clear(&q);
}

/* However long the line of one namespace is, another's turn comes at once. */
static void test_namespaces_take_turns(void **state)
{
	static struct turn flood[MANY], one, two;
	struct turns q;
	struct turn *first, *second, *third;

	(void)state;
	turns_init(&q);
	for (int i = 0; i < MANY; i++)
		turns_ask(&q, &flood[i], "flood");
	assert_non_null(turns_take(&q));
	turns_ask(&q, &one, "one");
	turns_ask(&q, &two, "two");
	first = turns_take(&q);
	second = turns_take(&q);
	third = turns_take(&q);
	assert_true(first == &one || second == &one || third == &one);
	assert_true(first == &two || second == &two || third == &two);
	turns_drop(&q, &flood[500]);
	assert_int_equal(q.n, MANY - 3);
	turns_clear(&q);
}

static char names[MANY][8];

static const char *name(int i)
{
	snprintf(names[i], sizeof(names[i]), "n%d", i);
	return names[i];
}

/* How many turns until t has its own. */
static int turns_until(struct turns *q, const struct turn *t)
{
	int n = 1;

	while (turns_take(q) != t)
		n++;
	return n;
}

/* Wherever it is, and whatever turn is next. */
static void test_new_work_goes_ahead_of_any_backlog(void **state)
{
	static const struct {
		int namespaces; /* that have a backlog of MANY together */
		const char *of; /* the new one */
	} cases[] = {
		{ 1, "other" }, { 1, "n0" },	   { 50, "other" }, { 50, "n7" },
		{ 50, "n49" },	{ MANY, "other" }, { MANY, "n3" },
	};

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		for (int before = 0; before < 150; before++) {
			struct turn many[MANY] = { 0 }, late = { 0 };
			struct turns q;

			turns_init(&q);
			for (int i = 0; i < MANY; i++)
				turns_ask(&q, &many[i], name(i % cases[c].namespaces));
			for (int i = 0; i < before; i++)
				assert_non_null(turns_take(&q));
			turns_ask(&q, &late, cases[c].of);
			assert_in_range(turns_until(&q, &late), 1, 4);
			turns_clear(&q);
		}
	}
}

/* Others ask faster than turns are taken, in some namespaces; many more have a backlog. */
static void test_who_asks_without_end_keeps_nobody_back(void **state)
{
	static struct turn old[MANY], more[40 * MANY];
	struct turn late = { 0 }, *t;
	struct turns q;
	int taken = 0, n = 0, left = MANY, took = 0;

	(void)state;
	turns_init(&q);
	for (int i = 0; i < MANY; i++)
		turns_ask(&q, &old[i], name(i));
	for (int i = 0; i < 100; i++)
		left -= turns_take(&q) != NULL;
	turns_ask(&q, &late, "late");
	while (left > 0) {
		for (int i = 0; i < 5; i++, n++)
			turns_ask(&q, &more[n], name(n % 5));
		t = turns_take(&q);
		taken++;
		left -= t >= old && t < old + MANY;
		if (t == &late)
			took = taken;
	}
	assert_in_range(took, 1, 4 * TURNS_FRESH);
	assert_true(taken <= 3 * MANY); /* nor the backlog */
	turns_clear(&q);
}

/* Several that are new, in namespaces of their own: the first does not wait for the last. */
static void test_many_new_ones(void **state)
{
	static struct turn old[MANY], more[MANY];
	struct turn first = { 0 };
	struct turns q;
	int n = 0;

	(void)state;
	turns_init(&q);
	for (int i = 0; i < MANY; i++)
		turns_ask(&q, &old[i], name(i % 50));
	for (int i = 0; i < 200; i++)
		assert_non_null(turns_take(&q));
	turns_ask(&q, &first, "first");
	for (int i = 0; i < 100; i++)
		turns_ask(&q, &more[i], name(100 + i));
	while (turns_take(&q) != &first)
		n++;
	assert_in_range(n, 0, 2 * 150);
	turns_clear(&q);
}

/* The last of a fresh namespace goes: no turn is lost, none is given twice. */
static void test_dropped_while_fresh(void **state)
{
	static struct turn t[MANY];
	struct turns q;
	size_t n = 0, dropped = 0;

	(void)state;
	turns_init(&q);
	srand(11);
	for (int i = 0; i < MANY; i++)
		turns_ask(&q, &t[i], name(rand() % 300));
	for (int i = 0; i < MANY; i += 3) {
		dropped += t[i].line != NULL;
		turns_drop(&q, &t[i]);
		n += turns_take(&q) != NULL;
		if (i % 5 == 0 && t[i].line == NULL) {
			turns_ask(&q, &t[i], name(rand() % 300));
			dropped--;
		}
	}
	while (turns_take(&q) != NULL)
		n++;
	assert_int_equal(n + dropped, MANY);
	assert_null(q.freshest);
	assert_null(q.stalest);
	assert_int_equal(q.lines.n, 0);
	turns_clear(&q);
}

static void test_waiting(void **state)
{
	static struct turn t[MANY];
	struct turns q;
	int64_t last = 0;
	size_t n = 0;

	(void)state;
	turns_init(&q);
	assert_int_equal(turns_next_due(&q), INT64_MAX);
	srand(7);
	for (int i = 0; i < MANY; i++)
		turns_wait(&q, &t[i], 1 + rand() % 500);
	for (int i = 0; i < MANY; i += 3)
		turns_wait(&q, &t[i], 2000); /* later: the earlier one stands */
	for (int i = 0; i < MANY; i += 7)
		turns_wait(&q, &t[i], 0);
	for (int i = 0; i < MANY; i += 10)
		turns_drop(&q, &t[i]);
	assert_null(turns_due(&q, -1));
	for (struct turn *x; (x = turns_due(&q, 499)) != NULL; n++) {
		assert_true(x->due >= last && x->due <= 499);
		last = x->due;
	}
	for (struct turn *x; (x = turns_due(&q, 500)) != NULL; n++)
		assert_int_equal(x->due, 500);
	assert_int_equal(n, MANY - MANY / 10);
	assert_int_equal(q.waiting, 0);
	turns_clear(&q);
}

/* Who asks does not wait as well, and the other way round. */
static void test_one_or_the_other(void **state)
{
	struct turn t = { 0 };
	struct turns q;

	(void)state;
	turns_init(&q);
	turns_wait(&q, &t, 5);
	turns_ask(&q, &t, "a");
	assert_int_equal(q.waiting, 0);
	turns_wait(&q, &t, 1);
	assert_int_equal(q.waiting, 0);
	assert_ptr_equal(turns_take(&q), &t);
	turns_wait(&q, &t, 5);
	assert_int_equal(turns_next_due(&q), 5);
	assert_ptr_equal(turns_due(&q, 5), &t);
	assert_null(turns_take(&q));
	turns_clear(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_newest_then_the_oldest),
		cmocka_unit_test(test_namespaces_take_turns),
		cmocka_unit_test(test_new_work_goes_ahead_of_any_backlog),
		cmocka_unit_test(test_who_asks_without_end_keeps_nobody_back),
		cmocka_unit_test(test_many_new_ones),
		cmocka_unit_test(test_dropped_while_fresh),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_one_or_the_other),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
