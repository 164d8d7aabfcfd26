/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "git/run.h"

#include "git/proc.h"
#include "tests/unit/git/repo.h"

static void finds_the_repository_from_below(void **state)
{
	struct git *g;

	(void)state;
	repo_write("a/b/file", "x");
	assert_int_equal(chdir("a/b"), 0);
	g = repo_open();
	assert_string_equal(git_top(g), repo_dir);
	assert_string_equal(git_dir(g), git_common_dir(g));
	assert_non_null(strstr(git_dir(g), "/.git"));
	git_close(g);
}

static void a_bare_repository_has_no_top(void **state)
{
	struct git *g;

	(void)state;
	repo_git("init", "-q", "--bare", "bare.git");
	assert_int_equal(chdir("bare.git"), 0);
	g = repo_open();
	assert_null(git_top(g));
	git_close(g);
}

static void a_linked_work_tree_shares_the_common_folder(void **state)
{
	struct git *g;

	(void)state;
	repo_write("file", "x");
	repo_commit("one");
	repo_git("worktree", "add", "-q", "other");
	assert_int_equal(chdir("other"), 0);
	g = repo_open();
	assert_string_not_equal(git_dir(g), git_common_dir(g));
	assert_non_null(strstr(git_top(g), "/other"));
	git_close(g);
}

static void no_repository_is_said_with_what_to_do(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_null(git_open("/", &err));
	assert_int_equal(err.class, ERR_IO);
	assert_string_equal(err.text, "/ is in no Git repository: change into one, or make one "
				      "with 'git init'");
	assert_null(git_open("/", NULL));
}

/* What git refuses for another reason it says itself. */
static void another_refusal_is_in_gits_words(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	setenv("GIT_DIR", "/nowhere", 1);
	assert_null(git_open(".", &err));
	unsetenv("GIT_DIR");
	assert_non_null(strstr(err.text, "fatal: not a git repository: '/nowhere'"));
}

static void no_git_in_relative_folders_of_the_path(void **state)
{
	struct err err = ERR_INIT;
	char *path = mem_str(getenv("PATH"));

	(void)state;
	repo_write("git", "#!/bin/sh\ntouch run\n");
	assert_int_equal(chmod("git", 0755), 0);
	setenv("PATH", ".:", 1);
	assert_null(git_open(".", &err));
	setenv("PATH", path, 1);
	mem_free(path);
	assert_non_null(strstr(err.text, "no git program"));
	assert_int_equal(access("run", F_OK), -1);
}

static void resolves_what_people_call_a_revision(void **state)
{
	static const struct {
		const char *rev, *type;
		bool found;
	} cases[] = {
		{ "HEAD", "commit", true },	   { "HEAD", "tree", true },
		{ "HEAD", "blob", false },	   { "HEAD:file", "blob", false },
		{ "v1", "commit", true },	   { "nothing", "commit", false },
		{ "--all", "commit", false },	   { "-n", "commit", false },
		{ "", "commit", false },	   { "HEAD^", "commit", false },
		{ "HEAD..HEAD", "commit", false },
	};
	char id[GIT_ID_TEXT];
	struct git *g;

	(void)state;
	repo_write("file", "x");
	repo_commit("one");
	repo_git("tag", "-a", "-m", "m", "v1");
	g = repo_open();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		bool found = !cases[i].found;
		int r = git_resolve(g, cases[i].rev, cases[i].type, id, NULL, &err);

		assert_int_equal(r, cases[i].found ? 0 : -1);
		assert_int_equal(err.class, cases[i].found ? ERR_NONE : ERR_INVALID);
		if (cases[i].found)
			assert_true(git_is_id(g, id));
		assert_int_equal(git_resolve(g, cases[i].rev, cases[i].type, id, &found, &err), 0);
		assert_int_equal(found, cases[i].found);
	}
	git_close(g);
}

static void ids_are_full_and_lower_case(void **state)
{
	struct git *g = repo_open();
	char id[GIT_ID_TEXT];

	(void)state;
	strcpy(id, git_empty(g));
	assert_true(git_is_id(g, id));
	assert_false(git_is_zero(id));
	id[3] = 'A';
	assert_false(git_is_id(g, id));
	id[3] = '\0';
	assert_false(git_is_id(g, id));
	assert_true(git_is_zero("0000"));
	git_close(g);
}

static void says_what_git_said(void **state)
{
	static const char *const words[] = { "cat-file", "-p", "no-such-thing", NULL };
	struct git *g = repo_open();
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(git_output(g, words, &out, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_non_null(strstr(err.text, "git cat-file: it failed (status 128): "));
	assert_non_null(strstr(err.text, "no-such-thing"));
	assert_null(strchr(err.text, '\n'));
	buf_clear(&out);
	git_close(g);
}

static void an_answer_has_a_limit(void **state)
{
	static const char *const words[] = { "version", NULL };
	struct git *g = repo_open();
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	out.max = 3;
	assert_int_equal(git_output(g, words, &out, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	buf_clear(&out);
	git_close(g);
}

/* --- tokens ----------------------------------------------------------------------------------- */

static int count_token(void *ctx, const char *token, size_t len, struct err *err)
{
	size_t *n = ctx;

	assert_int_equal(strlen(token), len);
	if (++*n == 7)
		return err_set(err, ERR_CONFLICT, "the seventh");
	return 0;
}

static void a_long_input_and_a_long_answer_do_not_block(void **state)
{
	static const char *const words[] = { "check-ref-format", "--normalize", "refs/heads/x",
					     NULL };
	static const char *const echo[] = { "stripspace", NULL };
	struct git *g = repo_open();
	struct buf input = BUF_INIT;
	struct err err = ERR_INIT;
	size_t n = 100;

	(void)state;
	for (int i = 0; i < 200000; i++)
		buf_printf(&input, "line %d of many\n", i);
	assert_int_equal(git_tokens(g,
				    &(struct git_tokens){ .args = echo,
							  .input = &input,
							  .separator = '\n',
							  .visit = count_token,
							  .ctx = &n },
				    &err),
			 0);
	assert_int_equal(n, 200100);
	/* one that reads nothing of its input does not end us by a signal */
	assert_int_equal(git_tokens(g,
				    &(struct git_tokens){ .args = words,
							  .input = &input,
							  .separator = '\n',
							  .visit = count_token,
							  .ctx = &n },
				    &err),
			 0);
	buf_clear(&input);
	git_close(g);
}

static void a_visit_can_end_the_run(void **state)
{
	static const char *const echo[] = { "stripspace", NULL };
	struct git *g = repo_open();
	struct buf input = BUF_INIT;
	struct err err = ERR_INIT;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_printf(&input, "line %d\n", i);
	assert_int_equal(git_tokens(g,
				    &(struct git_tokens){ .args = echo,
							  .input = &input,
							  .separator = '\n',
							  .visit = count_token,
							  .ctx = &n },
				    &err),
			 -1);
	assert_int_equal(n, 7);
	assert_int_equal(err.class, ERR_CONFLICT);
	buf_clear(&input);
	git_close(g);
}

static void a_token_has_a_limit_and_an_end(void **state)
{
	static const char *const echo[] = { "stripspace", NULL };
	struct git *g = repo_open();
	struct buf input = BUF_INIT;
	struct err err = ERR_INIT;
	size_t n = 100;
	struct git_tokens t = { .args = echo, .input = &input, .visit = count_token, .ctx = &n };

	(void)state;
	buf_puts(&input, "no separator\n");
	assert_int_equal(git_tokens(g, &t, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_non_null(strstr(err.text, "breaks off"));
	memset(buf_reserve(&input, GIT_TOKEN_MAX), 'x', GIT_TOKEN_MAX);
	buf_puts(&input, "\n");
	t.separator = '\n';
	n = 100;
	assert_int_equal(git_tokens(g, &t, &err), 0);
	buf_splice(&input, 20, 0, "y", 1);
	assert_int_equal(git_tokens(g, &t, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	buf_clear(&input);
	git_close(g);
}

/* --- what a repository could make git run ------------------------------------------------------
 */

static void nothing_of_the_repository_is_run(void **state)
{
	static const char *const settings[][2] = {
		{ "core.fsmonitor", "touch ran-fsmonitor; false" },
		{ "core.pager", "touch ran-pager" },
		{ "core.hooksPath", "hooks" },
		{ "core.sshCommand", "touch ran-ssh" },
		{ "diff.external", "touch ran-external" },
		{ "diff.x.textconv", "touch ran-textconv" },
		{ "diff.x.command", "touch ran-command" },
		{ "filter.x.clean", "touch ran-clean" },
		{ "filter.x.smudge", "touch ran-smudge" },
		{ "gpg.program", "./ran.sh" },
		{ "log.showSignature", "true" },
		{ "alias.rev-parse", "!touch ran-alias" },
		{ "alias.cat-file", "!touch ran-alias" },
	};
	static const char *const commands[][6] = {
		{ "rev-parse", "HEAD" },
		{ "diff-index", "--cached", "--raw", "HEAD", "--" },
		{ "cat-file", "-p", "HEAD:file" },
		{ "ls-tree", "-r", "HEAD" },
		{ "rev-list", "HEAD" },
	};
	struct git *g;

	(void)state;
	repo_write("file", "x");
	repo_write(".gitattributes", "* diff=x filter=x\n");
	repo_write("hooks/post-index-change", "#!/bin/sh\ntouch ran-hook\n");
	repo_write("ran.sh", "#!/bin/sh\ntouch ran-gpg\n");
	assert_int_equal(chmod("hooks/post-index-change", 0755), 0);
	assert_int_equal(chmod("ran.sh", 0755), 0);
	repo_commit("one");
	repo_write("file", "y");
	repo_git("add", "file");
	for (size_t i = 0; i < COUNT(settings); i++)
		repo_git("config", settings[i][0], settings[i][1]);
	setenv("GIT_EXTERNAL_DIFF", "touch ran-env", 1);
	g = repo_open();
	for (size_t i = 0; i < COUNT(commands); i++) {
		struct buf out = BUF_INIT;
		struct err err = ERR_INIT;

		if (git_output(g, commands[i], &out, &err) != 0)
			fail_msg("%s", err.text);
		assert_true(out.len > 0);
		buf_clear(&out);
	}
	git_close(g);
	unsetenv("GIT_EXTERNAL_DIFF");
	for (const char *const *name =
		 (const char *const[]){ "fsmonitor", "pager", "ssh", "external", "textconv",
					"command", "clean", "smudge", "alias", "hook", "gpg", "env",
					NULL };
	     *name != NULL; name++) {
		char *path = mem_printf("ran-%s", *name);

		if (access(path, F_OK) == 0)
			fail_msg("%s: it was run", path);
		mem_free(path);
	}
}

static void a_partial_clone_fetches_nothing(void **state)
{
	static const char *const ask[] = { "cat-file", "-e",
					   "1234567890123456789012345678901234567890", NULL };
	struct git *g;
	struct err err = ERR_INIT;

	(void)state;
	repo_git("config", "core.repositoryFormatVersion", "1");
	repo_git("config", "extensions.partialClone", "origin");
	repo_git("config", "remote.origin.promisor", "true");
	repo_git("config", "remote.origin.url", "ext::touch ran-transport");
	repo_git("config", "protocol.ext.allow", "always");
	g = repo_open();
	assert_int_equal(git_output(g, ask, NULL, &err), -1);
	assert_int_equal(access("ran-transport", F_OK), -1);
	git_close(g);
}

static void replaced_objects_are_seen_as_they_are(void **state)
{
	static const char *const show[] = { "cat-file", "-p", "HEAD:file", NULL };
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	struct git *g;

	(void)state;
	repo_write("file", "the truth");
	repo_commit("one");
	repo_write("other", "a lie");
	repo_commit("two");
	repo_git("replace", "HEAD:file", "HEAD:other");
	g = repo_open();
	assert_int_equal(git_output(g, show, &out, &err), 0);
	assert_string_equal(buf_str(&out), "the truth");
	buf_clear(&out);
	git_close(g);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, repo_make, repo_destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(finds_the_repository_from_below),
		EACH(a_bare_repository_has_no_top),
		EACH(a_linked_work_tree_shares_the_common_folder),
		EACH(no_repository_is_said_with_what_to_do),
		EACH(another_refusal_is_in_gits_words),
		EACH(no_git_in_relative_folders_of_the_path),
		EACH(resolves_what_people_call_a_revision),
		EACH(ids_are_full_and_lower_case),
		EACH(says_what_git_said),
		EACH(an_answer_has_a_limit),
		EACH(a_long_input_and_a_long_answer_do_not_block),
		EACH(a_visit_can_end_the_run),
		EACH(a_token_has_a_limit_and_an_end),
		EACH(nothing_of_the_repository_is_run),
		EACH(a_partial_clone_fetches_nothing),
		EACH(replaced_objects_are_seen_as_they_are),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
