/* SPDX-License-Identifier: Apache-2.0 */
/* The headers of an answer, as they come line by line. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "github/http_answer.h"

static bool add(struct http_answer *a, const char *line)
{
	return http_answer_add(a, line, strlen(line));
}

static void test_lines(void **state)
{
	static const struct {
		const char *line, *name, *value; /* NULL: passed over */
	} cases[] = {
		{ "Content-Type: application/json\r\n", "content-type", "application/json" },
		{ "X:y", "x", "y" },
		{ "X:\t y \t\r\n", "x", "y" },
		{ "X:", "x", "" },
		{ "X: \r\n", "x", "" },
		{ "X: a: b", "x", "a: b" },
		{ "X: a\r\n b", "x", "a\r\n b" },
		{ "\r\n", NULL, NULL },
		{ "", NULL, NULL },
		{ "no colon\r\n", NULL, NULL },
		{ ": no name\r\n", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http_answer a = HTTP_ANSWER_INIT;

		assert_true(add(&a, cases[i].line));
		assert_int_equal(a.n, cases[i].name != NULL);
		if (a.n > 0) {
			assert_string_equal(a.headers[0].name, cases[i].name);
			assert_string_equal(a.headers[0].value, cases[i].value);
		}
		http_answer_clear(&a);
	}
}

/* What no header can hold is none, and cuts nothing short. */
static void test_nul(void **state)
{
	static const char *const lines[] = { "\0X: y", "X\0: y", "X: \0y", "X: y\0" };
	static const size_t lens[] = { 5, 5, 5, 5 };
	struct http_answer a = HTTP_ANSWER_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++)
		assert_true(http_answer_add(&a, lines[i], lens[i]));
	assert_int_equal(a.n, 0);
	/* a line is as long as it is said to be */
	assert_true(http_answer_add(&a, "X: yz", 4));
	assert_string_equal(a.headers[0].value, "y");
	http_answer_clear(&a);
}

static void test_found(void **state)
{
	struct http_answer a = HTTP_ANSWER_INIT;

	(void)state;
	assert_null(http_header(&a, "link", 0));
	assert_true(add(&a, "Link: one") && add(&a, "Links: two") && add(&a, "LINK: three"));
	assert_string_equal(http_header(&a, "link", 0), "one");
	assert_string_equal(http_header(&a, "Link", 1), "three");
	assert_null(http_header(&a, "link", 2));
	assert_null(http_header(&a, "lin", 0));
	buf_puts(&a.body, "x");
	http_answer_drop(&a);
	assert_true(a.n == 0 && a.body.len == 0 && http_header(&a, "link", 0) == NULL);
	/* the next answer's begin anew */
	assert_true(add(&a, "Link: four"));
	assert_string_equal(http_header(&a, "link", 0), "four");
	http_answer_clear(&a);
	http_answer_clear(&a);
}

static void test_bounds(void **state)
{
	struct http_answer a = HTTP_ANSWER_INIT;
	char *line = mem_alloc(HTTP_HEADER_MAX + 1);

	(void)state;
	memset(line, 'a', HTTP_HEADER_MAX + 1);
	line[1] = ':';
	assert_true(http_answer_add(&a, line, HTTP_HEADER_MAX));
	assert_int_equal(strlen(http_header(&a, "a", 0)), HTTP_HEADER_MAX - 2);
	assert_false(http_answer_add(&a, line, HTTP_HEADER_MAX + 1));
	assert_int_equal(a.n, 1);
	while (a.n < HTTP_HEADERS_MAX)
		assert_true(add(&a, "b: c"));
	assert_false(add(&a, "b: c"));
	assert_int_equal(a.n, HTTP_HEADERS_MAX);
	http_answer_clear(&a);
	mem_free(line);
}

static void test_json(void **state)
{
	static const struct {
		const char *type;
		bool json;
	} types[] = {
		{ "application/json", true },
		{ "Application/JSON; charset=utf-8", true },
		{ "application/json;charset=utf-8", true },
		{ "application/vnd.github+json", true },
		{ "application/vnd.oci.image.index.v1+json", true },
		{ "application/jsonx", false },
		{ "application/json-seq", false },
		{ "text/html", false },
		{ "text/html; x=application/json", false },
		{ "text/html+jsonp", false },
		{ "+json", false },
		{ "json", false },
		{ "", false },
		{ NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct http_answer a = HTTP_ANSWER_INIT;
		char *line =
		    mem_printf("Content-Type: %s", types[i].type != NULL ? types[i].type : "");

		assert_true(types[i].type == NULL || add(&a, line));
		if (http_answer_is_json(&a) != types[i].json)
			fail_msg("%s", line);
		mem_free(line);
		http_answer_clear(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines), cmocka_unit_test(test_nul),
		cmocka_unit_test(test_found), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_json),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
