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

static void test_newest_and_oldest_in_turn(void **state)
{
	struct turn t[5] = { 0 };
	const int order[] = { 4, 0, 3, 1, 2 };
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
		cmocka_unit_test(test_newest_and_oldest_in_turn),
		cmocka_unit_test(test_namespaces_take_turns),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_one_or_the_other),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
