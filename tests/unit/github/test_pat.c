/* SPDX-License-Identifier: Apache-2.0 */
/* What a token is, by its look and by GitHub's answer, and what a person should know of it. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "github/pat.h"
#include "github/rest_answer.h"

#define NOW 1795689921 /* 2026-11-26T10:45:21Z */
#define DAY 86400

static void test_kinds(void **state)
{
	static const struct {
		const char *token;
		enum pat_kind kind;
	} cases[] = {
		{ "ghp_x", PAT_CLASSIC },
		{ "github_pat_x", PAT_FINE_GRAINED },
		{ "gho_x", PAT_OAUTH },
		{ "ghu_x", PAT_APP_USER },
		{ "ghs_x", PAT_INSTALLATION },
		{ "ghr_x", PAT_UNKNOWN },
		{ "ghp_", PAT_UNKNOWN },
		{ "GHP_x", PAT_UNKNOWN },
		{ " ghp_x", PAT_UNKNOWN },
		{ "github_pat", PAT_UNKNOWN },
		{ "0123456789abcdef0123456789abcdef01234567", PAT_UNKNOWN },
		{ "", PAT_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (pat_kind(cases[i].token, strlen(cases[i].token)) != cases[i].kind)
			fail_msg("%s", cases[i].token);
	/* the bytes that are there, and not what stands behind them */
	assert_int_equal(pat_kind("ghp_x", 4), PAT_UNKNOWN);
	assert_int_equal(pat_kind("github_pat_x", 4), PAT_UNKNOWN);
}

static const struct {
	enum pat_kind kind;
	const char *expiry, *scopes, *body; /* NULL: none */
	bool refused, expires;
	int64_t not_after;
	const char *user, *told;
} answers[] = {
	{ PAT_CLASSIC, NULL, "repo, gist", "{\"login\":\"octo\"}", false, false, 0, "octo",
	  "repo, gist" },
	{ PAT_CLASSIC, "2027-10-12 09:00:00 UTC", "", "{\"login\":\"octo\"}", false, true,
	  1823331600, "octo", "" },
	{ PAT_FINE_GRAINED, "2027-10-12 09:00:00 +0900", "", "{\"login\":\"octo\"}", false, true,
	  1823299200, "octo", NULL },
	{ PAT_FINE_GRAINED, NULL, "repo", "{}", false, false, 0, NULL, NULL },
	{ PAT_INSTALLATION, NULL, NULL, "{\"rate\":{}}", false, false, 0, NULL, NULL },
	{ PAT_OAUTH, NULL, "repo", "{\"login\":7}", false, false, 0, NULL, "repo" },
	{ PAT_UNKNOWN, NULL, "repo", NULL, false, false, 0, NULL, "repo" },
	{ PAT_APP_USER, NULL, "repo", "[]", false, false, 0, NULL, NULL },
	{ PAT_CLASSIC, "tomorrow", "repo", "{\"login\":\"octo\"}", true, false, 0, NULL, NULL },
	{ PAT_CLASSIC, "", "repo", "{\"login\":\"octo\"}", true, false, 0, NULL, NULL },
	{ PAT_CLASSIC, "2027-02-30 09:00:00 UTC", "repo", "{}", true, false, 0, NULL, NULL },
};

static void add(struct rest_answer *a, const char *name, const char *value)
{
	char *line = mem_printf("%s: %s\r\n", name, value == NULL ? "" : value);

	if (value != NULL)
		assert_true(http_answer_add(&a->http, line, strlen(line)));
	mem_free(line);
}

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct rest_answer a = REST_ANSWER_INIT;
		struct pat_facts f;
		struct err err = ERR_INIT;
		int r;

		memset(&f, 'x', sizeof(f));
		add(&a, "GitHub-Authentication-Token-Expiration", answers[i].expiry);
		add(&a, "X-OAuth-Scopes", answers[i].scopes);
		if (answers[i].body != NULL)
			a.body = json_parse(answers[i].body, strlen(answers[i].body), "b", NULL);
		r = pat_read(&a, answers[i].kind, &f, &err);
		assert_int_equal(r, answers[i].refused ? -1 : 0);
		if (r != 0)
			assert_non_null(strstr(err.text, "--expires"));
		else
			assert_int_equal(f.kind, answers[i].kind);
		assert_int_equal(f.expires, answers[i].expires);
		assert_true(f.not_after == answers[i].not_after);
		assert_int_equal(f.user == NULL, answers[i].user == NULL);
		if (f.user != NULL)
			assert_string_equal(f.user, answers[i].user);
		assert_int_equal(f.scopes == NULL, answers[i].told == NULL);
		if (f.scopes != NULL)
			assert_string_equal(f.scopes, answers[i].told);
		pat_facts_clear(&f);
		json_decref(a.body);
		http_answer_clear(&a.http);
	}
}

/* A login is at most 39 characters at GitHub; what is far longer is nobody's name. */
static void test_long_login(void **state)
{
	(void)state;
	for (size_t n = 100; n <= 101; n++) {
		char login[102] = { 0 };
		struct rest_answer a = REST_ANSWER_INIT;
		struct pat_facts f;

		memset(login, 'a', n);
		a.body = json_pack("{s:s}", "login", login);
		assert_int_equal(pat_read(&a, PAT_CLASSIC, &f, NULL), 0);
		assert_int_equal(f.user != NULL, n == 100);
		pat_facts_clear(&f);
		json_decref(a.body);
	}
}

static const struct {
	enum pat_kind kind;
	const char *scopes;
	enum pat_use use;
	int64_t days; /* until it ends; -1000: it never does */
	const char *notes[3];
} judged[] = {
	{ PAT_CLASSIC, "read:packages", PAT_PULL, 90, { "reads every package that octo may" } },
	{ PAT_CLASSIC, "read:packages, repo", PAT_PULL, 90, { "more than pull images: repo;" } },
	{ PAT_CLASSIC,
	  "write:packages, delete:packages",
	  PAT_PULL,
	  90,
	  { "images: write:packages, delete:packages;" } },
	{ PAT_CLASSIC,
	  "gist",
	  PAT_PULL,
	  90,
	  { "cannot pull: it lacks the scope read:packages (it has: gist)",
	    "more than pull images: gist" } },
	{ PAT_CLASSIC, "", PAT_PULL, 90, { "(it has: none)" } },
	/* a scope is a whole word */
	{ PAT_CLASSIC,
	  "read:packages2",
	  PAT_PULL,
	  90,
	  { "cannot pull", "images: read:packages2" } },
	{ PAT_OAUTH, "read:packages", PAT_PULL, 90, { NULL } },
	{ PAT_FINE_GRAINED, NULL, PAT_PULL, 90, { "this one is fine-grained" } },
	{ PAT_INSTALLATION, NULL, PAT_PULL, -1000, { "this one is an App's" } },
	{ PAT_CLASSIC, "repo", PAT_READ, 90, { "can write to every repository of octo" } },
	{ PAT_CLASSIC, "public_repo", PAT_READ, 90, { "can write to every repository" } },
	{ PAT_CLASSIC,
	  "repo,admin:org,,gist ",
	  PAT_READ,
	  90,
	  { "can write to every", "more than read repositories: admin:org, gist" } },
	{ PAT_CLASSIC,
	  "repo:status",
	  PAT_READ,
	  90,
	  { "reads no private repository: it lacks the scope repo (it has: repo:status)",
	    "more than read repositories: repo:status" } },
	{ PAT_FINE_GRAINED, NULL, PAT_READ, 90, { NULL } },
	{ PAT_INSTALLATION, NULL, PAT_READ, -1000, { "ends within an hour; seal the App's key" } },
	/* ends */
	{ PAT_FINE_GRAINED, NULL, PAT_READ, 14, { NULL } },
	{ PAT_FINE_GRAINED, NULL, PAT_READ, 13, { "expires in 13 days, on 2026-12-09T10:45:21Z" } },
	{ PAT_FINE_GRAINED, NULL, PAT_READ, 0, { "expired on 2026-11-26T10:45:21Z" } },
	{ PAT_FINE_GRAINED, NULL, PAT_READ, -5, { "expired on 2026-11-21" } },
	{ PAT_FINE_GRAINED, NULL, PAT_READ, -1000, { "never expires" } },
};

static void test_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(judged); i++) {
		char user[] = "octo", *scopes = mem_str(judged[i].scopes);
		const struct pat_facts f = { judged[i].kind, user, scopes, judged[i].days != -1000,
					     NOW + judged[i].days * DAY };
		struct notes notes = NOTES_INIT;
		size_t n = 0;

		pat_judge(&f, judged[i].use, NOW, &notes);
		while (n < COUNT(judged[i].notes) && judged[i].notes[n] != NULL)
			n++;
		if (notes.n != n)
			fail_msg("case %zu: %zu notes: %s", i, notes.n,
				 notes.n > 0 ? notes.text[notes.n - 1] : "");
		for (size_t k = 0; k < n; k++)
			if (strstr(notes.text[k], judged[i].notes[k]) == NULL)
				fail_msg("case %zu: %s", i, notes.text[k]);
		notes_clear(&notes);
		mem_free(scopes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_long_login),
		cmocka_unit_test(test_judged),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
