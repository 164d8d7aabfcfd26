/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/mem.h"
#include "github/grant.h"

static const struct {
	const char *text, *why;
} wrong[] = {
	{ "", "token answer" },
	{ "<html>", "token answer" },
	{ "[]", "not an object" },
	{ "\"abc\"", "token answer" },
	{ "{}", "no token" },
	{ "{\"token\":\"\"}", "no token" },
	{ "{\"token\":\"\",\"access_token\":\"\"}", "no token" },
	{ "{\"token\":1}", "token" },
	{ "{\"token\":\"a\",\"token\":\"b\"}", "token answer" },
	{ "{\"token\":\"a b\"}", "character 2" },
	{ "{\"token\":\"\xc3\xa4\"}", "character 1" },
	{ "{\"token\":\"a\\n\"}", "character 2" },
	{ "{\"token\":\"a\",\"scope\":[]}", "scope" },
	{ "{\"token\":\"a\"} x", "token answer" },
};

static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct err err = ERR_INIT;
		struct grant g;

		if (grant_parse(wrong[i].text, strlen(wrong[i].text), &g, &err) == 0)
			fail_msg("taken: %s", wrong[i].text);
		assert_int_equal(err.class, ERR_INVALID);
		if (strstr(err.text, wrong[i].why) == NULL)
			fail_msg("%s: %s", wrong[i].text, err.text);
		assert_int_equal(g.token.len, 0);
		assert_null(g.scope);
	}
}

static void test_good(void **state)
{
	static const struct {
		const char *text, *token, *scope;
	} cases[] = {
		{ "{\"token\":\"abc\"}", "abc", NULL },
		{ "{\"access_token\":\"abc\",\"expires_in\":300}", "abc", NULL },
		{ "{\"token\":\"\",\"access_token\":\"x\"}", "x", NULL },
		{ "{\"token\":\"a\",\"access_token\":\"b\"}", "a", NULL },
		{ "{\"token\":\"a\",\"scope\":\"repository:o/a:pull\"}", "a",
		  "repository:o/a:pull" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct grant g;

		assert_int_equal(grant_parse(cases[i].text, strlen(cases[i].text), &g, NULL), 0);
		assert_string_equal(buf_str(&g.token), cases[i].token);
		assert_int_equal(g.scope == NULL, cases[i].scope == NULL);
		if (g.scope != NULL)
			assert_string_equal(g.scope, cases[i].scope);
		grant_clear(&g);
	}
}

static void test_longest(void **state)
{
	char *text = mem_alloc(GRANT_TOKEN_MAX + 32);
	struct err err = ERR_INIT;
	struct grant g;

	(void)state;
	strcpy(text, "{\"token\":\"");
	memset(text + 10, 'a', GRANT_TOKEN_MAX);
	strcpy(text + 10 + GRANT_TOKEN_MAX, "\"}");
	assert_int_equal(grant_parse(text, strlen(text), &g, NULL), 0);
	assert_int_equal(g.token.len, GRANT_TOKEN_MAX);
	grant_clear(&g);
	strcpy(text + 10 + GRANT_TOKEN_MAX, "a\"}");
	assert_int_equal(grant_parse(text, strlen(text), &g, &err), -1);
	assert_non_null(strstr(err.text, "more than"));
	mem_free(text);
}

/* A grant whose token is "h.CLAIMS.s". */
static void set_claims(struct grant *g, const char *claims)
{
	size_t at;

	buf_puts(&g->token, "h.");
	at = g->token.len;
	b64_encode_raw(&g->token, claims, strlen(claims));
	for (size_t i = at; i < g->token.len; i++)
		if (strchr("+/", g->token.data[i]) != NULL)
			g->token.data[i] = g->token.data[i] == '+' ? '-' : '_';
	buf_puts(&g->token, ".s");
}

#define ACCESS(name, actions)                                                                      \
	"{\"access\":[{\"type\":\"repository\",\"name\":\"" name "\",\"actions\":[" actions "]}]}"

static void test_claims(void **state)
{
	static const struct {
		const char *claims;
		enum grant_word pull, push;
	} cases[] = {
		{ ACCESS("o/a", "\"pull\""), GRANT_YES, GRANT_NO },
		{ ACCESS("o/a", "\"pull\",\"push\""), GRANT_YES, GRANT_YES },
		{ ACCESS("o/a", "\"*\""), GRANT_YES, GRANT_YES },
		{ ACCESS("o/a", ""), GRANT_NO, GRANT_NO },
		{ ACCESS("o/ab", "\"pull\""), GRANT_NO, GRANT_NO },
		{ ACCESS("o/a", "7,\"pull\""), GRANT_YES, GRANT_NO },
		/* "-" and "_" of base64url */
		{ ACCESS("o/a", "\"pull\",\"~~~?~?>~>\""), GRANT_YES, GRANT_NO },
		{ "{\"access\":[]}", GRANT_NO, GRANT_NO },
		{ "{\"access\":[7,{},{\"type\":\"registry\",\"name\":\"o/"
		  "a\",\"actions\":[\"*\"]}]}",
		  GRANT_NO, GRANT_NO },
		{ "{\"access\":[{\"type\":\"repository\",\"name\":\"o/a\",\"actions\":\"pull\"}]}",
		  GRANT_NO, GRANT_NO },
		{ "{\"access\":{}}", GRANT_UNTOLD, GRANT_UNTOLD },
		{ "{}", GRANT_UNTOLD, GRANT_UNTOLD },
		{ "x", GRANT_UNTOLD, GRANT_UNTOLD },
		{ "", GRANT_UNTOLD, GRANT_UNTOLD },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct grant g = GRANT_INIT;

		set_claims(&g, cases[i].claims);
		if (grant_allows(&g, "o/a", "pull") != cases[i].pull ||
		    grant_allows(&g, "o/a", "push") != cases[i].push)
			fail_msg("%s", cases[i].claims);
		grant_clear(&g);
	}
}

static void test_scope(void **state)
{
	static const struct {
		const char *token, *scope;
		enum grant_word pull, push;
	} cases[] = {
		{ "opaque", NULL, GRANT_UNTOLD, GRANT_UNTOLD },
		{ "opaque", "", GRANT_UNTOLD, GRANT_UNTOLD },
		{ "opaque", "read write", GRANT_UNTOLD, GRANT_UNTOLD },
		{ "opaque", "repository:o/a:pull", GRANT_YES, GRANT_NO },
		{ "opaque", "repository:o/b:pull repository:o/a:push,pull", GRANT_YES, GRANT_YES },
		{ "opaque", "repository:o/a:pullpush", GRANT_NO, GRANT_NO },
		{ "opaque", "repository:o/ab:pull", GRANT_NO, GRANT_NO },
		{ "opaque", "repository:o/a", GRANT_NO, GRANT_NO },
		{ "a.b", "repository:o/a:pull", GRANT_YES, GRANT_NO },
		{ "a.b.c.d", "repository:o/a:pull", GRANT_YES, GRANT_NO },
		{ "..", "repository:o/a:pull", GRANT_YES, GRANT_NO },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct grant g = GRANT_INIT;

		buf_puts(&g.token, cases[i].token);
		g.scope = mem_str(cases[i].scope);
		assert_int_equal(grant_allows(&g, "o/a", "pull"), cases[i].pull);
		assert_int_equal(grant_allows(&g, "o/a", "push"), cases[i].push);
		grant_clear(&g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong),	cmocka_unit_test(test_good),
		cmocka_unit_test(test_longest), cmocka_unit_test(test_claims),
		cmocka_unit_test(test_scope),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
