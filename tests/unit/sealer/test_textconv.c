/* SPDX-License-Identifier: Apache-2.0 */
/* what git shows of a file: age files as a line each, everything else as it is */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "keys/armor.h"
#include "sealer/textconv.h"

#define BEGIN "-----BEGIN AGE ENCRYPTED FILE-----"
#define END "-----END AGE ENCRYPTED FILE-----"
/* SHA-256 of "abc" (FIPS 180-2, appendix B.1) */
#define ABC                                                                                        \
	"<age file, 3 bytes, SHA-256 "                                                             \
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad>"

static const struct {
	const char *text, *shown;
} cases[] = {
	{ "", "" },
	{ "a: \033[1m\n" BEGIN "\nYWJj\n" END "\n", "a: \033[1m\n" BEGIN "\nYWJj\n" END "\n" },
	{ "# bulla.dev\n\ta: \033[1m\r\n", "# bulla.dev\n\ta: \\x1b[1m\r\n" },
	{ "bulla.dev\n" BEGIN "\nYWJj\n" END "\n", "bulla.dev\n" ABC "\n" },
	{ "bulla.dev: |\n  " BEGIN "\n  YWJj\n  " END "\n# x", "bulla.dev: |\n  " ABC "\n# x" },
	{ "bulla.dev\r\n  " BEGIN "\r\n  YWJj\r\n  " END "\r\n", "bulla.dev\r\n  " ABC "\r\n" },
	{ "{\"bulla.dev\": \"" BEGIN "\\nYWJj\\n" END "\\n\"}", "{\"bulla.dev\": \"" ABC "\\n\"}" },
	{ "bulla.dev " BEGIN "\nYWJj\n" END BEGIN "\nYWJj\n" END, "bulla.dev " ABC ABC },
	/* no end, no begin, one in another */
	{ "bulla.dev " BEGIN "\nYWJj\n", "bulla.dev " BEGIN "\nYWJj\n" },
	{ "bulla.dev -----BEGIN AGE ENCRYPTED FILE" END,
	  "bulla.dev -----BEGIN AGE ENCRYPTED FILE" END },
	{ "bulla.dev " END "\n" BEGIN, "bulla.dev " END "\n" BEGIN },
	{ "bulla.dev " BEGIN "\nx\n" BEGIN "\nYWJj\n" END, "bulla.dev " BEGIN "\nx\n" ABC },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf out = BUF_INIT;

		textconv_text(cases[i].text, strlen(cases[i].text), &out);
		assert_string_equal(buf_str(&out), cases[i].shown);
		buf_clear(&out);
	}
}

/* Each of these is another text, and shows as another. */
static void test_damaged(void **state)
{
	static const char *const texts[] = {
		"bulla.dev " BEGIN "\nYWJ\n" END,    "bulla.dev " BEGIN "\nYWJjX\n" END,
		"bulla.dev " BEGIN "\nYWJk=\n" END,  "bulla.dev " BEGIN "YWJj" END,
		"bulla.dev " BEGIN "\n\nYWJj\n" END, "bulla.dev " BEGIN "\n# YWJj\n" END,
	};
	struct buf out[COUNT(texts)];

	(void)state;
	memset(out, 0, sizeof(out));
	for (size_t i = 0; i < COUNT(texts); i++) {
		textconv_text(texts[i], strlen(texts[i]), &out[i]);
		assert_non_null(strstr(buf_str(&out[i]), "bulla.dev <damaged age file, "));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(buf_str(&out[i]), buf_str(&out[k]));
	}
	for (size_t i = 0; i < COUNT(texts); i++)
		buf_clear(&out[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_damaged),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
