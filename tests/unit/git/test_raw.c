/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "git/raw.h"

#define ID "78981922613b2afb6025042ff6bd878ac1994e85"
#define ID2 "61780798228d17af2d34fce4cfbdf35556832472"
#define LONG "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"

static void reads_changes(void **state)
{
	static const struct {
		const char *token;
		bool good;
		unsigned mode;
		const char *id;
		char status;
	} cases[] = {
		{ ":100644 100755 " ID " " ID2 " M", true, 0100755, ID2, 'M' },
		{ ":000000 120000 " LONG " " LONG " A", true, 0120000, LONG, 'A' },
		{ "::100644 100644 100644 " ID " " ID " " ID2 " MM", true, 0100644, ID2, 'M' },
		{ ":::100644 100644 100644 100644 " ID " " ID " " ID " " ID2 " MAM", true, 0100644,
		  ID2, 'M' },
		{ ":100644 000000 " ID " " ID2 " D", true, 0, ID2, 'D' },
		{ ":100644 000000 " ID " " ID2 " U", true, 0, ID2, 'U' },
		{ "", false, 0, NULL, 0 },
		{ ":", false, 0, NULL, 0 },
		{ ID, false, 0, NULL, 0 },
		{ ":100644 100755 " ID " " ID2, false, 0, NULL, 0 },
		{ ":100644 100755 " ID " " ID2 " ", false, 0, NULL, 0 },
		{ ":100644 100755 " ID " " ID2 " MM", false, 0, NULL, 0 },
		{ ":100644 100755 " ID " " ID2 " R100", false, 0, NULL, 0 },
		{ ":100644 100755 " ID " " ID2 "x M", false, 0, NULL, 0 },
		{ ":100684 100755 " ID " " ID2 " M", false, 0, NULL, 0 },
		{ ":10064 100755 " ID " " ID2 " M", false, 0, NULL, 0 },
		{ ":100644 100755 7898192 " ID2 " M", false, 0, NULL, 0 },
		{ "::100644 100644 " ID " " ID2 " M", false, 0, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct raw_line line;

		assert_int_equal(raw_change(cases[i].token, &line), cases[i].good);
		if (!cases[i].good)
			continue;
		assert_int_equal(line.mode, cases[i].mode);
		assert_string_equal(line.id, cases[i].id);
		assert_int_equal(line.status, cases[i].status);
		assert_null(line.path);
	}
}

static void reads_trees(void **state)
{
	static const struct {
		const char *token, *path;
		unsigned mode;
	} cases[] = {
		{ "100644 blob " ID "\ta", "a", 0100644 },
		{ "100755 blob " LONG "\ta\tb\n c", "a\tb\n c", 0100755 },
		{ "160000 commit " ID "\tsub", "sub", 0160000 },
		{ "040000 tree " ID "\tsub", "sub", 040000 },
		{ "100644 blob " ID "\t\xff\x01", "\xff\x01", 0100644 },
		{ "100644 blob " ID "\t", NULL, 0 },
		{ "100644 blob " ID " a", NULL, 0 },
		{ "100644 tag " ID "\ta", NULL, 0 },
		{ "100644 blob 12\ta", NULL, 0 },
		{ "", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct raw_line line;

		assert_int_equal(raw_tree(cases[i].token, &line), cases[i].path != NULL);
		if (cases[i].path == NULL)
			continue;
		assert_string_equal(line.path, cases[i].path);
		assert_int_equal(line.mode, cases[i].mode);
		assert_int_equal(line.status, ' ');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_changes),
		cmocka_unit_test(reads_trees),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
