/* SPDX-License-Identifier: Apache-2.0 */
/* What steps found, and what is told of it. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "sealer/steps.h"

static void test_found_and_left(void **state)
{
	struct step_look l = { .todo = false };

	(void)state;
	step_found(&l, true, "%d keys", 2);
	assert_true(l.todo && !l.stop);
	assert_string_equal(l.text, "2 keys");
	step_leave(&l, "push %s", "it");
	assert_true(!l.todo && l.stop);
	assert_string_equal(l.text, "push it");
	assert_string_equal(buf_str(&l.left), "push it\n");
	/* looked at again: it is there by now, and what was left before stays told */
	step_found(&l, false, "there");
	assert_true(!l.todo && !l.stop);
	mem_free(l.text);
	buf_clear(&l.left);
}

static void test_result(void **state)
{
	struct step_outcome steps[] = {
		{ .name = "one" }, { .name = "two" }, { .name = "three" }, { .name = "four" }
	};
	const size_t n = sizeof(steps) / sizeof(steps[0]);
	struct result r = { NULL };
	struct buf left = BUF_INIT;
	char *said;

	(void)state;
	step_found(&steps[0].look, true, "made");
	steps[0].done = true;
	step_leave(&steps[1].look, "first line");
	buf_puts(&steps[1].look.left, "and \xff another");
	step_leave(&steps[2].look, "first line"); /* it waits for the same */
	steps_left(steps, n, &left);
	assert_string_equal(buf_str(&left), "first line\nand \xff another\n");
	result_begin(&r, "json");
	steps_result(steps, n, &left, &r);
	said = json_dumps(r.v, JSON_COMPACT | JSON_SORT_KEYS);
	assert_non_null(
	    strstr(said, "{\"done\":true,\"name\":\"one\",\"text\":\"made\",\"todo\":false}"));
	assert_non_null(strstr(
	    said, "{\"done\":false,\"name\":\"two\",\"text\":\"first line\",\"todo\":false}"));
	assert_non_null(strstr(
	    said, "{\"done\":false,\"name\":\"three\",\"text\":\"first line\",\"todo\":false}"));
	assert_non_null(
	    strstr(said, "{\"done\":false,\"name\":\"four\",\"text\":\"\",\"todo\":false}"));
	assert_int_equal(json_array_size(json_object_get(r.v, "left")), 2);
	mem_free(said);
	buf_clear(&left);
	result_clear(&r);
	steps_clear(steps, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_and_left),
		cmocka_unit_test(test_result),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
