/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and keys, where they stand, and what silences them. */
#include "tests/unit/test.h"

#include "guard/scan.h"
#include "tests/unit/guard/tokens.h"

struct seen {
	size_t n, allowed;
	char *rule[32], *what[32], *where[32];
	char print[32][9];
	unsigned line[32], column[32];
	bool certain[32];
};

static void collect(void *ctx, const struct guard_hit *hit)
{
	struct seen *s = ctx;

	assert_true(s->n < COUNT(s->rule));
	s->rule[s->n] = mem_str(hit->rule);
	s->what[s->n] = mem_str(hit->what);
	s->where[s->n] = mem_str(hit->where);
	memcpy(s->print[s->n], hit->print, 9);
	s->line[s->n] = hit->line;
	s->column[s->n] = hit->column;
	s->certain[s->n] = hit->certain;
	s->n++;
}

static void clear(struct seen *s)
{
	for (size_t i = 0; i < s->n; i++) {
		mem_free(s->rule[i]);
		mem_free(s->what[i]);
		mem_free(s->where[i]);
	}
	*s = (struct seen){ 0 };
}

static void scan(struct seen *s, const char *path, const char *text)
{
	clear(s);
	s->allowed = guard_scan(path, text, strlen(text), collect, s);
}

static void test_github(void **state)
{
	(void)state;
	struct seen s = { 0 };
	char *tokens[] = {
		tokens_github('p', 1),
		tokens_github('o', 2),
		tokens_github('u', 3),
		tokens_github('r', 4),
		tokens_fine(5),
		tokens_prefixed("ghs_", 36, 6),
		tokens_prefixed("ghr_", 76, 7),
	};

	for (size_t i = 0; i < COUNT(tokens); i++) {
		static const char *const around[][2] = {
			{ "", "" },
			{ "x: ", "\n" },
			{ "\"a\": \"", "\"," },
			{ "export T='", "'" },
			{ "a\\n", "\\nb" },
			{ "https://x@", "@github.com/" },
			{ "é ", "." },
		};

		for (size_t k = 0; k < COUNT(around); k++) {
			char *text = mem_printf("%s%s%s", around[k][0], tokens[i], around[k][1]);

			scan(&s, "a.txt", text);
			assert_int_equal(s.n, 1);
			assert_string_equal(s.rule[0], "github-token");
			assert_true(s.certain[0]);
			assert_int_equal(s.line[0], 1);
			mem_free(text);
		}
		tokens[i][strlen(tokens[i]) - 1] ^= 1;
		scan(&s, "a.txt", tokens[i]);
		/* the first four have a checksum */
		assert_int_equal(s.n, i < 4 ? 0 : 1);
		mem_free(tokens[i]);
	}
	clear(&s);
}

static void test_places(void **state)
{
	(void)state;
	struct seen s = { 0 };
	char *token = tokens_github('p', 1), *other = tokens_github('p', 2);
	char *text = mem_printf("# ü\r\nzürich: %s\nb:\n  TOKEN: \"%s\"", token, other);

	scan(&s, NULL, text);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.line[0], 2);
	assert_int_equal(s.column[0], 9);
	assert_string_equal(s.where[1], "TOKEN");
	assert_int_equal(s.line[1], 4);
	assert_int_equal(s.column[1], 11);
	assert_string_not_equal(s.print[0], s.print[1]);
	assert_int_equal(strlen(s.print[0]), 8);
	mem_free(text);
	mem_free(token);
	mem_free(other);
	clear(&s);
}

/* The same digest wherever a token moves, and whatever it is wrapped in. */
static void test_print_stays(void **state)
{
	(void)state;
	struct seen s = { 0 };
	char *token = tokens_github('p', 1), *wrapped = tokens_base64(token);
	char *text = mem_printf("\n\n  other: %s\n", wrapped);
	char first[9];

	scan(&s, "a", token);
	memcpy(first, s.print[0], 9);
	scan(&s, "b", text);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.print[0], first);
	assert_string_equal(s.what[0], "a classic GitHub personal access token, in base64");
	assert_string_equal(s.where[0], "other");
	assert_int_equal(s.line[0], 3);
	assert_int_equal(s.column[0], 10);
	mem_free(token);
	mem_free(wrapped);
	mem_free(text);
	clear(&s);
}

/* What could be guessed has a print that does not depend on it. */
static void test_print_tells_nothing(void **state)
{
	(void)state;
	struct seen s = { 0 };
	char first[9];

	scan(&s, ".env", "DB_PASSWORD=sommer2026\n");
	assert_int_equal(s.n, 1);
	assert_string_equal(s.rule[0], "env-credential");
	assert_string_equal(s.where[0], "DB_PASSWORD");
	memcpy(first, s.print[0], 9);
	scan(&s, ".env", "A=1\nDB_PASSWORD=winter1999x\nDB_PASSWORD=winter1999x\n");
	assert_int_equal(s.n, 2);
	assert_string_equal(s.print[0], first);
	assert_string_not_equal(s.print[1], first);
	clear(&s);
}

static void test_allow(void **state)
{
	(void)state;
	static const struct {
		const char *before, *behind;
		size_t found;
	} cases[] = {
		{ "", "", 1 },
		{ "", " # bulla:allow", 0 },
		{ "", " # bulla:allow a test", 0 },
		{ "", " # bulla:allow=github-token", 0 },
		{ "", " # bulla:allow=jwt,github-token because", 0 },
		{ "", " # bulla:allow=jwt", 1 },
		{ "", " # bulla:allow=github-toke", 1 },
		{ "", " # bulla:allow=", 1 },
		{ "", " # bulla:allowed", 1 },
		{ "", " # bulla:allowed bulla:allow", 0 },
		{ "# bulla:allow\n", "", 0 },
		{ "key: | # bulla:allow\n", "", 0 },
		{ "# bulla:allow\n\n", "", 1 },
		{ "", "\n# bulla:allow", 1 },
	};
	struct seen s = { 0 };
	char *token = tokens_github('p', 1);

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = mem_printf("%sa: %s%s\n", cases[i].before, token, cases[i].behind);

		scan(&s, "a.yaml", text);
		assert_int_equal(s.n, cases[i].found);
		assert_int_equal(s.allowed, 1 - cases[i].found);
		mem_free(text);
	}
	mem_free(token);
	clear(&s);
}

/* A comment behind a finding is that finding's alone. */
static void test_allow_is_not_inherited(void **state)
{
	(void)state;
	struct seen s = { 0 };
	char *token = tokens_github('p', 1), *other = tokens_github('p', 2);
	char *text = mem_printf("a: %s # bulla:allow\nb: %s\n", token, other);

	scan(&s, "a.yaml", text);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.allowed, 1);
	assert_int_equal(s.line[0], 2);
	mem_free(text);
	mem_free(token);
	mem_free(other);
	clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_github),	    cmocka_unit_test(test_places),
		cmocka_unit_test(test_print_stays), cmocka_unit_test(test_print_tells_nothing),
		cmocka_unit_test(test_allow),	    cmocka_unit_test(test_allow_is_not_inherited),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
