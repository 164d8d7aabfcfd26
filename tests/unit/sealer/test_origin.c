/* SPDX-License-Identifier: Apache-2.0 */
/* Which repository of a GitHub a remote is. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/origin.h"

#define GHES "https://git.example.com/api/v3"
#define LOCAL "http://127.0.0.1:8080"

static const struct {
	const char *url, *api, *is; /* is NULL: refused, for why */
	const char *why;
} cases[] = {
	{ "git@github.com:o/r.git", NULL, "o/r", NULL },
	{ "github.com:o/r", NULL, "o/r", NULL },
	{ "git@github.com:/o/r.git", NULL, "o/r", NULL },
	{ "ssh://git@github.com/o/r", NULL, "o/r", NULL },
	{ "ssh://git@ssh.github.com:443/o/r.git", NULL, "o/r", NULL },
	{ "https://github.com/o/r.git", NULL, "o/r", NULL },
	{ "https://user:s3cr3t@github.com/o/r", NULL, "o/r", NULL },
	{ "https://GitHub.com/o/r/", "https://api.github.com", "o/r", NULL },
	{ "git@git.example.com:o/r.git", GHES, "o/r", NULL },
	{ "https://git.example.com:8443/o/r", GHES, "o/r", NULL },
	{ "git@acme.ghe.com:o/r", "https://api.acme.ghe.com", "o/r", NULL },
	{ "git@127.0.0.1:o/r.git", LOCAL, "o/r", NULL },
	{ "git@gitlab.com:o/r.git", NULL, NULL, "origin is at gitlab.com" },
	{ "git@github.com:o/r.git", GHES, NULL, "origin is at github.com" },
	{ "git@work-github:o/r.git", NULL, NULL, "origin is at work-github" },
	{ "https://github.com@evil.example/o/r", NULL, NULL, "origin is at evil.example" },
	{ "https://evil.example/github.com/o/r", NULL, NULL, "origin is at evil.example" },
	{ "https://x:s3cr3t@evil.example/o/r", NULL, NULL, "origin is at evil.example" },
	{ "git@github.com:o/r/s.git", NULL, NULL, "not a repository" },
	{ "git@github.com:r.git", NULL, NULL, "not a repository" },
	{ "https://github.com/o/../r", NULL, NULL, "not a repository" },
	{ "/srv/git/r.git", NULL, NULL, "its URL has no host" },
	{ "../r.git", NULL, NULL, "its URL has no host" },
	{ "file:///srv/git/r.git", NULL, NULL, "its URL has no host" },
	{ "https://", NULL, NULL, "its URL has no host" },
	{ "https:///o/r", NULL, NULL, "its URL has no host" },
	{ ":o/r", NULL, NULL, "its URL has no host" },
	{ "@:o/r", NULL, NULL, "its URL has no host" },
	{ "", NULL, NULL, "its URL has no host" },
};

static void test_repository(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		char *name = origin_repository(cases[i].url, cases[i].api, &err);

		if (cases[i].is != NULL) {
			if (name == NULL || strcmp(name, cases[i].is) != 0)
				fail_msg("%s: %s", cases[i].url, name != NULL ? name : err.text);
		} else {
			if (name != NULL || strstr(err.text, cases[i].why) == NULL)
				fail_msg("%s: %s", cases[i].url, name != NULL ? name : err.text);
			assert_int_equal(err.class, ERR_INVALID);
			assert_null(strstr(err.text, "s3cr3t"));
		}
		mem_free(name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_repository) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
