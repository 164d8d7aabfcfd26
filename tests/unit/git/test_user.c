/* SPDX-License-Identifier: Apache-2.0 */
/* git as its user would run it: a commit of some files and no others */
#include "tests/unit/test.h"

#include "git/user.h"

#include "git/tree.h"
#include "tests/unit/git/repo.h"

static void as_somebody(void)
{
	setenv("GIT_AUTHOR_NAME", "t", 1);
	setenv("GIT_AUTHOR_EMAIL", "t@example.org", 1);
	setenv("GIT_COMMITTER_NAME", "t", 1);
	setenv("GIT_COMMITTER_EMAIL", "t@example.org", 1);
}

/* All files of HEAD, "PATH\n" each. */
static void list_head(struct buf *out)
{
	struct git *g = repo_open();
	char id[GIT_ID_TEXT];
	bool found;

	assert_int_equal(git_resolve(g, "HEAD", "commit", id, &found, NULL), 0);
	assert_true(found);
	assert_int_equal(git_tree_each(g, id, NULL, repo_list, out, NULL), 0);
	git_close(g);
}

static void commits_these_files_alone(void **state)
{
	static char a[] = "a/new", b[] = "b*";
	char *paths[] = { a, b };
	struct buf files = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	as_somebody();
	repo_write("a/new", "1");
	repo_write("b*", "2"); /* a name, not a pattern */
	repo_write("bee", "3");
	repo_write("staged", "4");
	repo_git("add", "staged");
	if (git_user_commit(".", "First", paths, 2, &err) != 0)
		fail_msg("%s", err.text);
	list_head(&files);
	assert_non_null(strstr(buf_str(&files), " a/new\n"));
	assert_non_null(strstr(buf_str(&files), " b*\n"));
	assert_null(strstr(buf_str(&files), "bee"));
	assert_null(strstr(buf_str(&files), "staged"));
	buf_clear(&files);
}

/* The user's hooks decide, and what they say goes to the user. */
static void hooks_run(void **state)
{
	static char a[] = "a";
	char *paths[] = { a };
	struct err err = ERR_INIT;

	(void)state;
	as_somebody();
	repo_write("a", "1");
	repo_write(".git/hooks/pre-commit", "#!/bin/sh\nexit 3\n");
	assert_int_equal(chmod(".git/hooks/pre-commit", 0755), 0);
	assert_int_equal(git_user_commit(".", "First", paths, 1, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_non_null(strstr(err.text, "git commit: it ended with status "));
	assert_int_equal(unlink(".git/hooks/pre-commit"), 0);
	assert_int_equal(git_user_commit(".", "First", paths, 1, &err), 0);
}

static void an_unknown_command_is_told(void **state)
{
	const char *const args[] = { "no-such-command", NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(git_user(".", args, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_non_null(strstr(err.text, "git no-such-command: it ended with status 1"));
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, repo_make, repo_destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(commits_these_files_alone),
		EACH(hooks_run),
		EACH(an_unknown_command_is_told),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
