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

static json_t *parse(const char *text)
{
	char *copy = mem_str(text);
	json_t *v;

	for (char *c = copy; *c != '\0'; c++)
		*c = *c == '\'' ? '"' : *c;
	v = json_loads(copy, 0, NULL);
	mem_free(copy);
	assert_non_null(v);
	return v;
}

#define ROW(document, state) "{'cluster':'eu','document':'" document "','state':'" state "'}"
#define STALLED(document)                                                                          \
	"{'cluster':'eu','document':'" document "','state':'failing','stalled':true}"

#define PAUSED(document)                                                                           \
	"{'cluster':'eu','document':'" document "','state':'paused','stalled':true}"

struct over {
	const char *rows, *before;
	bool patient, over;
	enum wait_end end;
	const char *after; /* of before */
};

static const struct over overs[] = {
	{ "[]", "{}", true, true, WAIT_APPLIED, "{}" },
	{ "[" ROW("a", "applied") "]", "{}", true, true, WAIT_APPLIED, "{}" },
	{ "[" ROW("a", "applied") "," ROW("b", "stale") "]", "{}", true, false, 0, "{}" },
	{ "[" ROW("a", "failing") "]", "{}", true, false, 0, "{}" },
	{ "[" ROW("a", "missing") "," ROW("b", "waiting") "]", "{}", false, false, 0, "{}" },
	{ "[" ROW("a", "expired") "," ROW("b", "orphaned") "," ROW("c", "expiring") "]", "{}", true,
	  true, WAIT_APPLIED, "{}" },
	/* who paused it must act, and may have */
	{ "[" PAUSED("a") "]", "{}", true, true, WAIT_STALLED, "{}" },
	{ "[" PAUSED("a") "]", "{'eu a':true}", true, false, 0, "{'eu a':true}" },
	/* news ends the wait at once, also while others move */
	{ "[" STALLED("a") "]", "{}", true, true, WAIT_STALLED, "{}" },
	{ "[" ROW("b", "stale") "," STALLED("a") "]", "{}", true, true, WAIT_STALLED, "{}" },
	/* what had stalled before may be mended already */
	{ "[" STALLED("a") "]", "{'eu a':true}", true, false, 0, "{'eu a':true}" },
	{ "[" STALLED("a") "]", "{'eu a':true}", false, true, WAIT_STALLED, "{'eu a':true}" },
	{ "[" STALLED("a") "," STALLED("b") "]", "{'eu a':true}", true, true, WAIT_STALLED,
	  "{'eu a':true}" },
	{ "[" STALLED("a") "," ROW("b", "applied") "]", "{'eu a':true,'eu b':true}", true, false, 0,
	  "{'eu a':true}" },
	{ "[" ROW("a", "waiting") "]", "{'eu a':true}", true, false, 0, "{}" },
	/* of another version */
	{ "[{'cluster':'eu','document':'a','state':'stale','stalled':true}]", "{}", true, false, 0,
	  "{}" },
	/* the same name elsewhere */
	{ "[" STALLED("a") "]", "{'us a':true}", true, true, WAIT_STALLED, "{'us a':true}" },
};

static void test_over(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(overs); i++) {
		json_t *rows = parse(overs[i].rows), *before = parse(overs[i].before);
		json_t *after = parse(overs[i].after);
		enum wait_end end;
		bool over = wait_is_over(rows, before, overs[i].patient, &end);

		if (over != overs[i].over || (over && end != overs[i].end) ||
		    !json_equal(before, after))
			fail_msg("case %zu: %d %d", i, over, (int)end);
		json_decref(rows);
		json_decref(before);
		json_decref(after);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_timeouts),
					    cmocka_unit_test(test_what_goes_together),
					    cmocka_unit_test(test_explain),
					    cmocka_unit_test(test_over) };

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
