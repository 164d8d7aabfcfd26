/* SPDX-License-Identifier: Apache-2.0 */
/* The file of known findings: what is read, what is refused, and that both ways agree. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "guard/baseline.h"
#include "guard/scan.h"

static struct guard_hit make_hit(const char *rule, const char *print)
{
	struct guard_hit hit = { .rule = rule, .line = 3 };

	memcpy(hit.print, print, sizeof(hit.print));
	return hit;
}

static void test_there_and_back(void **state)
{
	(void)state;
	static const char *const paths[] = {
		"a.yaml", "b c/%d.env", "\xc3\xbc/\xff", "tab\tnew\nline", "#hash",
		"\x7f",	  " ",		"a.yaml "
	};
	struct guard_hit hit = make_hit("github-token", "0123abcd");
	struct guard_hit other = make_hit("github-token", "0123abce");
	struct guard_hit rule = make_hit("jwt", "0123abcd");
	struct baseline b = BASELINE_INIT, again = BASELINE_INIT;
	struct buf text = BUF_INIT, twice = BUF_INIT;

	for (size_t i = 0; i < COUNT(paths); i++) {
		assert_false(baseline_has(&b, paths[i], &hit));
		baseline_add(&b, paths[i], &hit);
		baseline_add(&b, paths[i], &hit);
		assert_int_equal(b.n, i + 1);
	}
	baseline_format(&b, &text);
	assert_int_equal(baseline_parse("b", text.data, text.len, &again, NULL), 0);
	assert_int_equal(again.n, COUNT(paths));
	for (size_t i = 0; i < COUNT(paths); i++) {
		assert_true(baseline_has(&again, paths[i], &hit));
		assert_false(baseline_has(&again, paths[i], &other));
		assert_false(baseline_has(&again, paths[i], &rule));
	}
	assert_false(baseline_has(&again, "a", &hit));
	baseline_format(&again, &twice);
	assert_string_equal(buf_str(&text), buf_str(&twice));
	buf_clear(&text);
	buf_clear(&twice);
	baseline_clear(&b);
	baseline_clear(&again);
}

static void test_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t n;
	} cases[] = {
		{ "", 0 },
		{ "\n\n", 0 },
		{ "# only words\n", 0 },
		{ "jwt 01234567 a", 1 },
		{ "jwt 01234567 a\r\n\r\n", 1 },
		{ "jwt 01234567 b\njwt 01234567 a\njwt 01234567 b\n", 2 },
		{ "recipients 01234567 a\nshape 01234567 a\njwt 01234567 a\n", 3 },
		{ "# x\n\njwt 01234567 a\n# y\nnetrc 01234567 a\n", 2 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct baseline b = BASELINE_INIT;

		assert_int_equal(
		    baseline_parse("b", cases[i].text, strlen(cases[i].text), &b, NULL), 0);
		assert_int_equal(b.n, cases[i].n);
		for (size_t k = 1; k < b.n; k++)
			assert_true(strcmp(b.lines[k - 1], b.lines[k]) < 0);
		baseline_clear(&b);
	}
}

static void test_refused(void **state)
{
	(void)state;
#define RULE "b:1: does not begin with the name of a rule and a blank; a line is RULE PRINT PATH"
#define PRINT                                                                                      \
	"b:1: the rule is not followed by eight hex digits and a blank; a line is RULE PRINT PATH"
#define PATH "b:1: the path is empty or holds what must be written %XX; a line is RULE PRINT PATH"
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "jwt", RULE },
		{ "jwx 01234567 a", RULE },
		{ " jwt 01234567 a", RULE },
		{ "recipient 01234567 a", RULE },
		{ "recipientss 01234567 a", RULE },
		{ "plaintext 01234567 a", RULE },
		{ "growth 01234567 a", RULE },
		{ "jwt 0123456 a", PRINT },
		{ "jwt 0123456g a", PRINT },
		{ "jwt 0123456A a", PRINT },
		{ "jwt 012345678 a", PRINT },
		{ "jwt 01234567", PRINT },
		{ "jwt 01234567 ", PATH },
		{ "jwt 01234567 a b", PATH },
		{ "jwt 01234567 a%2", PATH },
		{ "jwt 01234567 a%2g", PATH },
		{ "jwt 01234567 a%2f", PATH },
		{ "jwt 01234567 a\tb", PATH },
		{ "\njwt",
		  "b:2: does not begin with the name of a rule and a blank; a line is RULE "
		  "PRINT PATH" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct baseline b = BASELINE_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(
		    baseline_parse("b", cases[i].text, strlen(cases[i].text), &b, &err), -1);
		assert_int_equal(err.class, ERR_INVALID);
		assert_string_equal(err.text, cases[i].error);
		assert_int_equal(b.n, 0);
	}
}

static void test_sizes(void **state)
{
	(void)state;
	struct baseline b = BASELINE_INIT;
	struct err err = ERR_INIT;
	char *text = mem_alloc(BASELINE_MAX + 1);

	memset(text, '\n', BASELINE_MAX + 1);
	assert_int_equal(baseline_parse("b", text, BASELINE_MAX, &b, &err), 0);
	assert_int_equal(baseline_parse("b", text, BASELINE_MAX + 1, &b, &err), -1);
	assert_string_equal(err.text, "b: larger than 4194304 bytes");
	memset(text, 'a', 20000);
	assert_int_equal(baseline_parse("b", text, 20001, &b, &err), -1);
	assert_string_equal(err.text, "b:1: too long, or not text");
	assert_int_equal(baseline_parse("b", "jwt \0", 5, &b, &err), -1);
	assert_string_equal(err.text, "b:1: too long, or not text");
	mem_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_sizes),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
