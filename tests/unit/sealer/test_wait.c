/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of --wait, and what is said of rows. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/wait.h"

struct one {
	const char *timeout;
	const char *error; /* a part of it, or NULL */
};

static const struct one timeouts[] = {
	{ NULL, NULL },		 { "1s", NULL },
	{ "90s", NULL },	 { "10m", NULL },
	{ "1h", NULL },		 { "7d", NULL },
	{ "604800s", NULL },	 { "604801s", "--timeout" },
	{ "8d", "--timeout" },	 { "0s", "--timeout" },
	{ "", "--timeout" },	 { "s", "--timeout" },
	{ "10", "--timeout" },	 { "10w", "--timeout" },
	{ "10ms", "--timeout" }, { "-1s", "--timeout" },
	{ "+1s", "--timeout" },	 { " 1s", "--timeout" },
	{ "1.5h", "--timeout" }, { "99999999999999999999s", "--timeout" },
};

static void test_timeouts(void **state)
{
	const char *contexts[] = { "eu" };

	(void)state;
	for (size_t i = 0; i < COUNT(timeouts); i++) {
		struct wait_options o = { .wait = true,
					  .contexts = { contexts, 1 },
					  .timeout = timeouts[i].timeout };
		struct err err = ERR_INIT;
		int r = wait_check(&o, &err);

		if ((r == 0) != (timeouts[i].error == NULL) ||
		    (r != 0 && strstr(err.text, timeouts[i].error) == NULL))
			fail_msg("%s: %d %s", timeouts[i].timeout, r, err.text);
		if (r != 0)
			assert_int_equal(err.class, ERR_USAGE);
	}
}

static void test_what_goes_together(void **state)
{
	const char *contexts[65] = { NULL };
	const struct {
		struct wait_options o;
		const char *error;
	} cases[] = {
		{ { .wait = false }, NULL },
		{ { .contexts = { contexts, 2 } }, NULL },
		{ { .wait = true, .contexts = { contexts, 64 } }, NULL },
		{ { .contexts = { contexts, 65 } }, "more than 64" },
		{ { .wait = true }, "say for which clusters" },
		{ { .contexts = { contexts, 1 }, .timeout = "1m" }, "--timeout goes with --wait" },
		{ { .agent_namespace = "bulla-system" }, NULL },
		{ { .agent_namespace = "Bulla" }, "--agent-namespace" },
		{ { .agent_namespace = "a/b" }, "--agent-namespace" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		int r = wait_check(&cases[i].o, &err);

		if ((r == 0) != (cases[i].error == NULL) ||
		    (r != 0 && strstr(err.text, cases[i].error) == NULL))
			fail_msg("case %zu: %d %s", i, r, err.text);
	}
}

static void add_row(json_t *rows, const char *document, const char *state, bool good)
{
	json_array_append_new(rows,
			      json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "cluster", "eu",
					"document", document, "state", state, "reason", "NoKey",
					"message", "sealed to others", "good", good));
}

static void test_explain(void **state)
{
	json_t *rows = json_array();
	struct buf text = BUF_INIT;

	(void)state;
	wait_explain(rows, &text);
	assert_string_equal(buf_str(&text), "");
	add_row(rows, "a/b", "applied", true);
	add_row(rows, "a/c", "failing", false);
	add_row(rows, "a/d", "missing", false);
	wait_explain(rows, &text);
	assert_string_equal(buf_str(&text),
			    "eu: a/c is failing: NoKey: sealed to others; eu: a/d is missing");
	buf_reset(&text);
	for (int i = 0; i < 10; i++)
		add_row(rows, "a/e", "stale", false);
	wait_explain(rows, &text);
	assert_non_null(strstr(buf_str(&text), "eu: a/e is stale; and 4 more"));
	buf_clear(&text);
	json_decref(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_timeouts),
					    cmocka_unit_test(test_what_goes_together),
					    cmocka_unit_test(test_explain) };

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
