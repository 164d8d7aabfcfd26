/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 as it stands in files. */
#include "tests/unit/test.h"

#include "guard/wrapped.h"
#include "tests/unit/guard/tokens.h"

#define L40 "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNk" /* 40 characters */

static void test_find(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t end, first;
		bool url;
	} cases[] = {
		{ "abc", 3, 3, false },
		{ "abc=", 3, 3, false },
		{ "ab-c_d.e", 6, 6, true },
		{ L40 "\n" L40, 81, 40, false },
		{ L40 "\r\n  \t" L40 "==\n", 85, 40, false },
		{ L40 "\\n" L40 "\"", 82, 40, false },
		{ L40 "\\\\n" L40 "\\\\n" L40 "'", 126, 40, false },
		{ L40 "\n" L40 "\n" L40 "\n", 122, 40, false },
		{ L40 "\nabc: d", 40, 40, false },
		{ L40 "\n\n" L40, 82, 40, false },
		{ L40 " " L40, 40, 40, false },
		{ L40 "=\n" L40, 40, 40, false },
		{ "QUJD\n" L40, 4, 4, false },
		{ L40 "\nQUJD\n" L40, 45, 40, false },
		{ "", 0, 0, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wrapped w;

		wrapped_find(cases[i].text, strlen(cases[i].text), 0, &w);
		assert_int_equal(w.begin, 0);
		assert_int_equal(w.end, cases[i].end);
		assert_int_equal(w.first_end, cases[i].first);
		assert_int_equal(w.url, cases[i].url);
	}
}

static void test_decode(void **state)
{
	(void)state;
	static const struct {
		const char *text, *plain;
	} cases[] = {
		{ "", "" },
		{ "Q", "" },
		{ "QQ", "A" },
		{ "QQ==", "A" },
		{ "QUI", "AB" },
		{ "QUJD", "ABC" },
		{ "QU\n  JD", "ABC" },
		{ "QU\\nJD", "ABC" },
		{ "QU\\\\nJD", "ABC" },
		{ "QU\\r\\nJD\"", "ABC" },
		{ "Pz8_Pz8/", "??????" },
		{ "Pj4-Pj4+", ">>>>>>" },
	};
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < COUNT(cases); i++) {
		wrapped_decode(cases[i].text, strlen(cases[i].text), &out);
		assert_int_equal(out.len, strlen(cases[i].plain));
		assert_memory_equal(buf_str(&out), cases[i].plain, out.len);
	}
	buf_clear(&out);
}

/* What base/b64.h writes comes back, whatever the length. */
static void test_both_ways(void **state)
{
	(void)state;
	struct buf plain = BUF_INIT, text = BUF_INIT, back = BUF_INIT;

	for (uint32_t n = 0; n < 300; n++) {
		buf_reset(&text);
		b64_encode(&text, plain.data, plain.len);
		wrapped_decode(buf_str(&text), text.len, &back);
		assert_int_equal(back.len, plain.len);
		assert_memory_equal(buf_str(&back), buf_str(&plain), plain.len);
		buf_putc(&plain, (unsigned char)tokens_number(n));
	}
	buf_clear(&plain);
	buf_clear(&text);
	buf_clear(&back);
}

static void test_digits(void **state)
{
	(void)state;

	for (int c = 0; c < 256; c++)
		assert_int_equal(wrapped_is_digit((unsigned char)c),
				 c != 0 && strchr("+/-_", c) != NULL
				     ? true
				     : c != 0 && strchr(tokens_base62, c) != NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_digits),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
