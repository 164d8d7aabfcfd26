/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people say them, and what is no UTF-8 in what programs read. */
#include "tests/unit/test.h"

#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sealer/hubkey_list.h"
#include "sealer/report.h"

static void test_spans(void **state)
{
	static const struct {
		long long seconds;
		const char *text;
	} cases[] = {
		{ 0, "0 s" },	    { 1, "1 s" },	 { 119, "119 s" },
		{ 120, "2 min" },   { 7199, "119 min" }, { 7200, "2 h" },
		{ 172799, "47 h" }, { 172800, "2 d" },	 { 86400 * 400, "400 d" },
		{ -59, "59 s" },    { -172800, "2 d" },	 { LLONG_MAX, "106751991167300 d" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[24];

		report_span(cases[i].seconds, text);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_texts(void **state)
{
	static const struct {
		const char *text, *json;
	} cases[] = {
		{ "plain", "plain" },
		{ "", "" },
		{ "\xc3\xa4/b", "\xc3\xa4/b" },
		{ "line\nbreak", "line\nbreak" },
		{ "a\xff"
		  "b",
		  "a\\xffb" },
		{ "\xc3", "\\xc3" },
		/* a surrogate is no character */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *v = report_text(cases[i].text);

		assert_true(json_is_string(v));
		assert_string_equal(json_string_value(v), cases[i].json);
		json_decref(v);
	}
}

/* When a deploy key was used last: GitHub says it late, or never. */
static void test_used(void **state)
{
	static const struct {
		int64_t ago;
		const char *text;
	} cases[] = {
		{ 2 * 3600 + 60, "2 h ago" },
		{ 3 * 86400 + 60, "3 d ago" },
		/* by a clock that is ahead of ours */
		{ -5000, "0 s ago" },
	};
	char text[HUBKEY_SPAN];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		hubkey_list_used(clock_now() - cases[i].ago, text);
		assert_string_equal(text, cases[i].text);
	}
	hubkey_list_used(0, text);
	assert_string_equal(text, "never, as far as GitHub says");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_used),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
