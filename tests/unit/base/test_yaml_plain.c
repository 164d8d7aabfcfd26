/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/yaml.h"

#define TABLE "tests/vectors/yaml-plain/plain.tsv"

/* What the readers say, a word a line: none that any of them takes for a number may be missed. */
static void test_table(void **state)
{
	FILE *f = fopen(TABLE, "r");
	size_t n = 0, strings = 0;
	char line[256];

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		char *tab = strchr(line, '\t');
		bool is;

		assert_non_null(tab);
		is = yaml_plain_ambiguous(line, (size_t)(tab - line));
		n++;
		strings += tab[1] == '-' && !is;
		/* wider than they are only where a number or a date begins */
		if (tab[1] == '-' ? is && strspn(line, "+-.0123456789") == 0 : !is)
			fail_msg("%s", line);
	}
	fclose(f);
	assert_true(n > 1500);
	assert_true(strings > 550);
}

static const char *const ambiguous[] = {
	"",
	"~",
	"null",
	"Null",
	"NULL",
	"nULL",
	"true",
	"TRUE",
	"tRue",
	"false",
	"False",
	"yes",
	"Yes",
	"YES",
	"yeS",
	"no",
	"NO",
	"No",
	"on",
	"ON",
	"off",
	"Off",
	"y",
	"Y",
	"n",
	"N",
	"=",
	"<<",
	".inf",
	"-.INF",
	"+.Inf",
	".NaN",
	"0",
	"-1",
	"+1",
	"1_000",
	"0x1f",
	"0X1F",
	"0o17",
	"0b11",
	"017",
	"089",
	"1.",
	".5",
	"1.5",
	"1e5",
	"1E+5",
	"1.5e-3",
	"0x",
	"0x_",
	"0b+1",
	"-0o7",
	"+_1",
	"12:30",
	"1:30:45",
	"1:99",
	"190:20:30.15",
	"2001-01-01",
	"2001-1-1",
	"2001-12-14t21:59:43.10-05:00",
	"2001-12-14 21:59:43",
	"20260101",
	"4193850",
	"91826407013860105",
	"12345678901234567890123456789012",
	"4193e5",
	"00000000000000000000000000000000",
	"+infinity",
	"-nan",
};

static const char *const strings[] = {
	"a",	     "NOPE",	     "yess",	    "nu",      "nulls",
	"true1",     "_1",	     "__",	    "1a",      "v1",
	"1.2.3",     "10.0.0.1",     "-",	    "+",       ".",
	"..",	     "...",	     "-a",	    "1-2",     "2001-1",
	"2001-1-1x", "2001-01-01-x", "2001-01-01T", "1e",      "1e+",
	"e5",	     ".e5",	     "0xg",	    "0o8",     "0b2",
	"0x1p4",     "12:3a",	     ":1",	    "1:",      "::",
	"inf",	     "nan",	     "infinity",    "1,000",   "4c1d9a0e5b7f22338d01c6b2a4e7f905",
	"eu-west9",  "us-east1",     "1/2",	    "--1",     "1+1",
	"<",	     "deploy-key",   "SHA256:abc",  "age1qqq", "ssh://git@github.com/a/b",
	"1\xc3\xa9", "\xc3\xa9",
};

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ambiguous); i++)
		if (!yaml_plain_ambiguous(ambiguous[i], strlen(ambiguous[i])))
			fail_msg("a string: %s", ambiguous[i]);
	for (size_t i = 0; i < COUNT(strings); i++)
		if (yaml_plain_ambiguous(strings[i], strlen(strings[i])))
			fail_msg("ambiguous: %s", strings[i]);
}

/* The length decides, not a NUL behind it: callers give slices. */
static void test_slices(void **state)
{
	(void)state;
	assert_true(yaml_plain_ambiguous("123x", 3));
	assert_false(yaml_plain_ambiguous("123x", 4));
	assert_true(yaml_plain_ambiguous("nobody", 2));
	assert_false(yaml_plain_ambiguous("1\0", 2));
	assert_false(yaml_plain_ambiguous("1\0"
					  "2",
					  3));
	assert_false(yaml_plain_ambiguous("no\0", 3));
	assert_true(yaml_plain_ambiguous("2001-01-01-x", 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_slices),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
