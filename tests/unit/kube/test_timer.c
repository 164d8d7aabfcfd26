/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "kube/timer.h"

static char called[64];
static char a_name[] = "a", b_name[] = "b", c_name[] = "c";
static struct kube_timer *other;

static void note(void *ctx, int64_t now_ms)
{
	(void)now_ms;
	strncat(called, ctx, sizeof(called) - strlen(called) - 1);
}

static void free_other(void *ctx, int64_t now_ms)
{
	note(ctx, now_ms);
	kube_timer_free(other);
	other = NULL;
}

static void again_now(void *ctx, int64_t now_ms)
{
	strncat(called, "r", sizeof(called) - strlen(called) - 1);
	kube_timer_set(*(struct kube_timer **)ctx, now_ms - 5);
}

static void test_order(void **state)
{
	struct kube_timers *all = kube_timers_new();
	struct kube_timer *a = kube_timer_new(all, note, a_name);
	struct kube_timer *b = kube_timer_new(all, note, b_name);
	struct kube_timer *c = kube_timer_new(all, note, c_name);

	(void)state;
	called[0] = '\0';
	assert_true(kube_timers_next(all) == KUBE_TIMER_OFF);
	kube_timers_run(all, 1000);
	assert_string_equal(called, "");
	kube_timer_set(a, 30);
	kube_timer_set(b, 20);
	kube_timer_set(c, 40);
	assert_int_equal(kube_timers_next(all), 20);
	kube_timers_run(all, 19);
	assert_string_equal(called, "");
	kube_timers_run(all, 30);
	assert_string_equal(called, "ba");
	assert_int_equal(kube_timers_next(all), 40);
	kube_timer_set(c, KUBE_TIMER_OFF);
	kube_timers_run(all, 1000);
	assert_string_equal(called, "ba"); /* each once, and what was put off never */
	kube_timer_free(b);
	kube_timers_free(all); /* with a and c */
}

static void test_freed_by_another(void **state)
{
	struct kube_timers *all = kube_timers_new();
	struct kube_timer *first = kube_timer_new(all, free_other, a_name);

	(void)state;
	called[0] = '\0';
	other = kube_timer_new(all, note, b_name);
	kube_timer_set(first, 1);
	kube_timer_set(other, 2);
	kube_timers_run(all, 10);
	assert_string_equal(called, "a");
	assert_true(kube_timers_next(all) == KUBE_TIMER_OFF);
	kube_timers_free(all);
}

static void test_one_that_is_always_due(void **state)
{
	struct kube_timers *all = kube_timers_new();
	struct kube_timer *t = kube_timer_new(all, again_now, &t);

	(void)state;
	called[0] = '\0';
	kube_timer_set(t, 1);
	kube_timers_run(all, 10);
	assert_string_equal(called, "r");
	kube_timers_run(all, 10);
	assert_string_equal(called, "rr");
	kube_timer_free(NULL);
	kube_timers_free(all);
	kube_timers_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_freed_by_another),
		cmocka_unit_test(test_one_that_is_always_due),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
