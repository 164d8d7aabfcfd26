/* SPDX-License-Identifier: Apache-2.0 */
/* Which tokens found in plain text are kept to be asked about. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "github/revoke.h"
#include "sealer/leaks.h"

static void add(struct leaks *l, const char *token, const char *file, const char *commit)
{
	const struct guard_hit hit = { .rule = "github-token",
				       .line = 7,
				       .what = "a token",
				       .token = token,
				       .certain = true };

	leaks_add(l, file, commit, &hit);
}

static void test_kept(void **state)
{
	struct leaks l = { 0 };

	(void)state;
	add(&l, "ghp_one", "a.env", NULL);
	add(&l, "github_pat_two", "b.env", "0123456789abcdef0123");
	add(&l, "ghp_one", "c.env", NULL);
	add(&l, "ghs_installation", "d.env", NULL);
	add(&l, NULL, "e.env", NULL);
	assert_int_equal(l.tokens.n, 2);
	assert_string_equal(kv_get_str(&l.tokens, "ghp_one"), "a.env:7: a token, c.env:7");
	assert_string_equal(kv_get_str(&l.tokens, "github_pat_two"),
			    "b.env:7 (commit 0123456789ab): a token");
	leaks_clear(&l);
	assert_int_equal(l.tokens.n, 0);
}

static void test_no_more_than_one_request_takes(void **state)
{
	struct leaks l = { 0 };
	char token[32];

	(void)state;
	for (int i = 0; i < REVOKE_MAX + 5; i++) {
		snprintf(token, sizeof(token), "ghp_%d", i);
		add(&l, token, "a", NULL);
	}
	assert_int_equal(l.tokens.n, REVOKE_MAX);
	assert_true(l.full);
	/* places of one that is kept are added up to a length */
	for (int i = 0; i < 1000; i++)
		add(&l, "ghp_0", "a/rather/long/path/to/a/file.env", NULL);
	assert_true(strlen(kv_get_str(&l.tokens, "ghp_0")) < 500);
	leaks_clear(&l);
}

static void test_takes(void **state)
{
	(void)state;
	assert_true(revoke_takes("ghp_x") && revoke_takes("gho_x") && revoke_takes("ghu_x"));
	assert_true(revoke_takes("ghr_x") && revoke_takes("github_pat_x"));
	assert_false(revoke_takes("ghs_x") || revoke_takes("") || revoke_takes("glpat-x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_no_more_than_one_request_takes),
		cmocka_unit_test(test_takes),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
