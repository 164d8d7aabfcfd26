/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens and keys, where they stand, and what silences them. */
#include "tests/unit/test.h"

#include "base/b64.h"
#include "guard/scan.h"
#include "tests/unit/guard/seen.h"
#include "tests/unit/guard/tokens.h"

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

			seen_scan(&s, "a.txt", text);
			assert_int_equal(s.n, 1);
			assert_string_equal(s.rule[0], "github-token");
			assert_true(s.certain[0]);
			assert_int_equal(s.line[0], 1);
			assert_string_equal(s.token[0], tokens[i]);
			mem_free(text);
		}
		tokens[i][strlen(tokens[i]) - 1] ^= 1;
		seen_scan(&s, "a.txt", tokens[i]);
		/* the first four have a checksum */
		assert_int_equal(s.n, i < 4 ? 0 : 1);
		mem_free(tokens[i]);
	}
	seen_clear(&s);
}

static void test_places(void **state)
{
	(void)state;
	struct seen s = { 0 };
	char *token = tokens_github('p', 1), *other = tokens_github('p', 2);
	char *text = mem_printf("# ü\r\nzürich: %s\nb:\n  TOKEN: \"%s\"", token, other);

	seen_scan(&s, NULL, text);
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
	seen_clear(&s);
}

/* The same digest wherever a token moves, and whatever it is wrapped in. */
static void test_print_stays(void **state)
{
	(void)state;
	struct seen s = { 0 };
	char *token = tokens_github('p', 1), *wrapped = tokens_base64(token);
	char *text = mem_printf("\n\n  other: %s\n", wrapped);
	char first[9];

	seen_scan(&s, "a", token);
	memcpy(first, s.print[0], 9);
	seen_scan(&s, "b", text);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.print[0], first);
	assert_string_equal(s.what[0], "a classic GitHub personal access token, in base64");
	assert_string_equal(s.where[0], "other");
	assert_int_equal(s.line[0], 3);
	assert_int_equal(s.column[0], 10);
	mem_free(token);
	mem_free(wrapped);
	mem_free(text);
	seen_clear(&s);
}

/* What could be guessed has a print that does not depend on it. */
static void test_print_tells_nothing(void **state)
{
	(void)state;
	struct seen s = { 0 };
	char first[9];

	seen_scan(&s, ".env", "DB_PASSWORD=sommer2026\n");
	assert_int_equal(s.n, 1);
	assert_string_equal(s.rule[0], "env-credential");
	assert_string_equal(s.where[0], "DB_PASSWORD");
	memcpy(first, s.print[0], 9);
	seen_scan(&s, ".env", "A=1\nDB_PASSWORD=winter1999x\nDB_PASSWORD=winter1999x\n");
	assert_int_equal(s.n, 2);
	assert_string_equal(s.print[0], first);
	assert_string_not_equal(s.print[1], first);
	seen_clear(&s);
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

		seen_scan(&s, "a.yaml", text);
		assert_int_equal(s.n, cases[i].found);
		assert_int_equal(s.allowed, 1 - cases[i].found);
		mem_free(text);
	}
	mem_free(token);
	seen_clear(&s);
}

/* A comment behind a finding is that finding's alone. */
static void test_allow_is_not_inherited(void **state)
{
	(void)state;
	struct seen s = { 0 };
	char *token = tokens_github('p', 1), *other = tokens_github('p', 2);
	char *text = mem_printf("a: %s # bulla:allow\nb: %s\n", token, other);

	seen_scan(&s, "a.yaml", text);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.allowed, 1);
	assert_int_equal(s.line[0], 2);
	mem_free(text);
	mem_free(token);
	mem_free(other);
	seen_clear(&s);
}

/* --- texts of other kinds -----------------------------------------------------------------------
 */

/* ASCII as UTF-16, either way, with its mark. */
static void widen(struct buf *out, const char *text, bool big)
{
	buf_put(out, big ? "\xfe\xff" : "\xff\xfe", 2);
	for (; *text != '\0'; text++) {
		buf_putc(out, big ? 0 : (unsigned char)*text);
		buf_putc(out, big ? (unsigned char)*text : 0);
	}
}

static void test_utf16(void **state)
{
	(void)state;
	struct seen s = { 0 };
	char *token = tokens_github('p', 1);
	char *text = mem_printf("a\r\nb: %s\r\n", token);

	for (int big = 0; big < 2; big++) {
		struct buf wide = BUF_INIT;

		widen(&wide, text, big);
		buf_putc(&wide, 'x'); /* half a unit */
		seen_clear(&s);
		guard_scan("a.ps1", wide.data, wide.len, seen_collect, &s);
		assert_int_equal(s.n, 1);
		assert_int_equal(s.line[0], 2);
		assert_int_equal(s.column[0], 4);
		buf_clear(&wide);
	}
	mem_free(text);
	mem_free(token);
	seen_clear(&s);
}

static void test_binary(void **state)
{
	(void)state;
	struct seen s = { 0 };
	char *token = tokens_github('p', 1);
	struct buf text = BUF_INIT;

	for (int i = 0; i < 1000; i++)
		buf_putc(&text, (unsigned char)tokens_number((uint32_t)i));
	buf_putc(&text, 0);
	buf_puts(&text, token);
	buf_putc(&text, 0);
	guard_scan("a.bin", text.data, text.len, seen_collect, &s);
	assert_int_equal(s.n, 1);
	buf_clear(&text);
	mem_free(token);
	seen_clear(&s);
}

static void test_nothing(void **state)
{
	(void)state;
	static const char *const texts[] = { "",
					     "\n",
					     "\xff\xfe",
					     "\xff",
					     "\xef\xbb\xbf",
					     "-",
					     "-----BEGIN ",
					     ":",
					     "=",
					     "://",
					     "_",
					     "gh",
					     "ghp_",
					     "\"",
					     "{",
					     "[",
					     "- ",
					     "kind: Secret\ndata:",
					     "%",
					     "\\",
					     "\\u",
					     "auths",
					     "machine" };

	for (size_t i = 0; i < COUNT(texts); i++)
		seen_expect("a.yaml", texts[i], "");
	assert_int_equal(guard_scan(NULL, NULL, 0, seen_collect, NULL), 0);
}

struct counted {
	size_t n, errors, more;
};

static void count(void *ctx, const struct guard_hit *hit)
{
	struct counted *c = ctx;

	assert_non_null(hit->rule);
	assert_int_equal(c->more, 0); /* it is the last */
	assert_true(hit->certain || !hit->more);
	c->n++;
	c->errors += hit->certain;
	c->more += hit->more;
}

static void put_tokens(struct buf *out, unsigned n, const char *end)
{
	for (unsigned i = 0; i < n; i++) {
		char *token = tokens_github('p', i);

		buf_printf(out, "%s%s\n", token, end);
		mem_free(token);
	}
}

static void test_limit(void **state)
{
	(void)state;
	static const unsigned sizes[] = { GUARD_HITS_MAX, GUARD_HITS_MAX + 1, GUARD_HITS_MAX * 5 };

	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct buf text = BUF_INIT;
		struct counted c = { 0 };

		put_tokens(&text, sizes[i], "");
		guard_scan("a", text.data, text.len, count, &c);
		assert_int_equal(c.n, GUARD_HITS_MAX);
		assert_int_equal(c.more, sizes[i] > GUARD_HITS_MAX);
		buf_clear(&text);
	}
}

#define HARMLESS "http://admin:hunter2pw@localhost/\n"

static void harmless(struct buf *out)
{
	for (unsigned i = 0; i <= GUARD_HITS_MAX; i++)
		buf_puts(out, HARMLESS);
}

static void harmless_in_base64(struct buf *out)
{
	struct buf text = BUF_INIT;

	harmless(&text);
	b64_encode(out, text.data, text.len);
	buf_puts(out, "\n");
	buf_clear(&text);
}

static void allowed(struct buf *out)
{
	put_tokens(out, GUARD_HITS_MAX + 1, " # bulla:allow");
}

static void values(struct buf *out)
{
	buf_puts(out, "apiVersion: v1\nkind: Secret\nstringData:\n");
	for (unsigned i = 0; i < 150000; i++)
		buf_printf(out, "  k%u: \"\"\n", i);
	buf_puts(out, "  password: correct horse battery\n");
}

/* What does no harm must not keep what is behind it from being found. */
static void test_hidden_behind_many(void **state)
{
	(void)state;
	static void (*const before[])(struct buf *) = { harmless, harmless_in_base64, allowed,
							values };

	for (size_t i = 0; i < COUNT(before); i++) {
		struct buf text = BUF_INIT;
		struct counted c = { 0 };

		before[i](&text);
		put_tokens(&text, 1, "");
		guard_scan("a.yaml", text.data, text.len, count, &c);
		assert_true(c.errors > 0);
		assert_true(c.n <= GUARD_HITS_MAX);
		assert_int_equal(c.more, 1);
		buf_clear(&text);
	}
}

/* Many keys of what is no Secret are no reason to say that. */
static void test_many_values_of_others(void **state)
{
	(void)state;
	struct buf text = BUF_INIT;
	struct counted c = { 0 };

	buf_puts(&text, "kind: Words\ndata:\n");
	for (unsigned i = 0; i < 150000; i++)
		buf_printf(&text, "  k%u: word\n", i);
	buf_puts(&text, "---\nkind: ConfigMap\ndata:\n  a: b\n");
	guard_scan("a.yaml", text.data, text.len, count, &c);
	assert_int_equal(c.n, 0);
	buf_clear(&text);
}

/* Columns of a line with a finding every 50 bytes: counted once, not once for each. */
static void test_long_line(void **state)
{
	(void)state;
	struct seen s = { 0 };
	struct buf text = BUF_INIT;

	for (unsigned i = 0; i < 20; i++) {
		char *token = tokens_github('p', i);

		buf_printf(&text, "\u00e9 %s ", token);
		mem_free(token);
	}
	guard_scan("a", text.data, text.len, seen_collect, &s);
	assert_int_equal(s.n, 20);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(s.line[i], 1);
		assert_int_equal(s.column[i], 3 + i * 43);
	}
	buf_clear(&text);
	seen_clear(&s);
}

/* --- the table of rules -------------------------------------------------------------------------
 */

static void test_rules(void **state)
{
	(void)state;

	for (size_t i = 0; i < GUARD_RULES; i++) {
		const struct guard_rule *r = &guard_rules[i];

		assert_non_null(r->name);
		assert_true(strlen(r->summary) > 0 && strlen(r->advice) > 0);
		assert_true(strspn(r->name, "abcdefghijklmnopqrstuvwxyz-") == strlen(r->name));
		assert_ptr_equal(guard_rule_find(r->name, strlen(r->name)), r);
		assert_null(guard_rule_find(r->name, strlen(r->name) - 1));
	}
	assert_null(guard_rule_find("", 0));
}

/* What a name decides is in its kind. */
static void test_kinds(void **state)
{
	(void)state;
	static const char *const apart[] = { "a.txt",  "a.md",	    "a.json",	    ".env",
					     "a.yaml", "a.tfstate", "a.tfvars.json" };
	static const char *const same[][2] = {
		{ "a.txt", "b/c.go" },	     { "a.yaml", "b.yml" },	{ ".env", "b.env" },
		{ "a.tfstate", "a.tfvars" }, { "a.md", "README.html" }, { "a.env.sample", "a.py" }
	};

	for (size_t i = 0; i < COUNT(apart); i++) {
		assert_true(guard_kind(apart[i]) < GUARD_KINDS);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(guard_kind(apart[i]), guard_kind(apart[j]));
	}
	for (size_t i = 0; i < COUNT(same); i++)
		assert_int_equal(guard_kind(same[i][0]), guard_kind(same[i][1]));
	assert_int_equal(guard_kind(NULL), guard_kind("a"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_github),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_print_stays),
		cmocka_unit_test(test_print_tells_nothing),
		cmocka_unit_test(test_allow),
		cmocka_unit_test(test_allow_is_not_inherited),
		cmocka_unit_test(test_utf16),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_hidden_behind_many),
		cmocka_unit_test(test_many_values_of_others),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_rules),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
