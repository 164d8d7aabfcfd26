/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "git/history.h"
#include "git/index.h"
#include "git/range.h"
#include "git/refs.h"
#include "git/tree.h"
#include "tests/unit/git/repo.h"

static void expect(struct buf *list, const char *wanted)
{
	assert_string_equal(buf_str(list), wanted);
	buf_clear(list);
}

/* --- trees ------------------------------------------------------------------------------------ */

static void a_tree_lists_all_that_is_in_it(void **state)
{
	struct buf list = BUF_INIT;
	struct err err = ERR_INIT;
	struct git *g = repo_open();
	const char *format = strlen(git_empty(g)) == 64 ? "sha256" : "sha1";

	(void)state;
	git_close(g);
	repo_write("b/c", "x");
	repo_write("b/\xff\n*", "x");
	repo_write("a", "x");
	assert_int_equal(chmod("a", 0755), 0);
	assert_int_equal(symlink("a", "link"), 0);
	repo_git("init", "-q", "--object-format", format, "sub");
	assert_int_equal(chdir("sub"), 0);
	repo_commit("sub");
	assert_int_equal(chdir(".."), 0);
	repo_commit("one");
	assert_int_equal(chdir("b"), 0);
	g = repo_open();
	assert_int_equal(git_tree_each(g, "HEAD", NULL, repo_list, &list, &err), 0);
	expect(&list,
	       "  100755 a\n  100644 b/c\n  100644 b/\xff\n*\n  120000 link\n  160000 sub\n");
	assert_int_equal(git_tree_each(g, "HEAD", "b", repo_list, &list, &err), 0);
	expect(&list, "  100644 b/c\n  100644 b/\xff\n*\n");
	assert_int_equal(git_tree_each(g, "HEAD", "b/*", repo_list, &list, &err), 0);
	expect(&list, "");
	assert_int_equal(git_tree_each(g, "1234567890", NULL, repo_list, &list, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	git_close(g);
}

static void one_file_of_a_tree(void **state)
{
	static const struct {
		const char *path;
		size_t max;
		int r;
		const char *text; /* or what the error says; NULL: nothing there */
	} cases[] = {
		{ "dir/file", 4, 0, "text" },
		{ "dir/none", 4, 0, NULL },
		{ "file", 4, 0, NULL },
		{ "dir/file", 3, -1, "dir/file: larger than 3 bytes" },
		{ "dir", 100, -1, "not a regular file" },
		{ "link", 100, -1, "not a regular file" },
		{ ":(top)dir/file", 100, 0, NULL },
	};
	char id[GIT_ID_TEXT];
	unsigned mode;
	struct git *g;

	(void)state;
	repo_write("dir/file", "text");
	assert_int_equal(symlink("dir/file", "link"), 0);
	repo_commit("one");
	repo_write("dir/file", "changed since");
	g = repo_open();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct git_tree_file f = { "HEAD", cases[i].path, cases[i].max };
		struct buf out = BUF_INIT;
		struct err err = ERR_INIT;
		bool exists = false;

		assert_int_equal(git_tree_read(g, &f, &out, &exists, &err), cases[i].r);
		if (cases[i].r == 0)
			assert_int_equal(exists, cases[i].text != NULL);
		if (cases[i].r == 0 && exists)
			assert_string_equal(buf_str(&out), cases[i].text);
		if (cases[i].r != 0)
			assert_non_null(strstr(err.text, cases[i].text));
		buf_clear(&out);
	}
	assert_int_equal(git_tree_find(g, "HEAD", "link", id, &mode, NULL), 0);
	assert_int_equal(mode, GIT_MODE_LINK);
	assert_int_equal(git_tree_find(g, "HEAD", "dir", id, &mode, NULL), 0);
	assert_string_equal(id, "");
	git_close(g);
}

/* --- the index -------------------------------------------------------------------------------- */

static void staged_before_the_first_commit(void **state)
{
	struct buf list = BUF_INIT;
	struct err err = ERR_INIT;
	struct git *g = repo_open();

	(void)state;
	assert_int_equal(git_index_staged(g, repo_list, &list, &err), 0);
	expect(&list, "");
	repo_write("a", "x");
	repo_write("announced", "x");
	repo_write("not added", "x");
	repo_git("add", "a");
	repo_git("add", "-N", "announced");
	assert_int_equal(git_index_staged(g, repo_list, &list, &err), 0);
	expect(&list, "A 100644 a\n");
	assert_int_equal(git_index_each(g, repo_list, &list, &err), 0);
	expect(&list, "A 100644 a\n");
	git_close(g);
}

static void staged_is_what_the_commit_would_change(void **state)
{
	struct buf list = BUF_INIT;
	struct err err = ERR_INIT;
	struct git *g;

	(void)state;
	for (const char *name = "abcde"; *name != '\0'; name++)
		repo_write((char[2]){ *name, '\0' }, (char[2]){ *name, '\0' });
	repo_commit("one");
	repo_write("a", "changed");
	repo_write("b", "changed in the work tree only");
	repo_git("rm", "-q", "c");
	repo_git("mv", "d", "renamed");
	remove("e");
	assert_int_equal(symlink("a", "e"), 0);
	repo_git("add", "a", "e");
	repo_write("a", "changed again");
	g = repo_open();
	assert_int_equal(git_index_staged(g, repo_list, &list, &err), 0);
	expect(&list, "M 100644 a\nD 0 c\nD 0 d\nT 120000 e\nA 100644 renamed\n");
	assert_int_equal(git_index_each(g, repo_list, &list, &err), 0);
	expect(&list, "A 100644 a\nA 100644 b\nA 120000 e\nA 100644 renamed\n");
	git_close(g);
}

static void the_index_of_a_hook_counts(void **state)
{
	struct buf list = BUF_INIT;
	struct err err = ERR_INIT;
	struct git *g;

	(void)state;
	repo_write("a", "x");
	repo_commit("one");
	repo_write("b", "x");
	setenv("GIT_INDEX_FILE", ".git/another", 1);
	setenv("GIT_DIR", ".git", 1);
	repo_git("read-tree", "HEAD");
	repo_git("add", "b");
	g = repo_open();
	assert_int_equal(git_index_staged(g, repo_list, &list, &err), 0);
	expect(&list, "A 100644 b\n");
	git_close(g);
	unsetenv("GIT_INDEX_FILE");
	unsetenv("GIT_DIR");
	g = repo_open();
	assert_int_equal(git_index_staged(g, repo_list, &list, &err), 0);
	expect(&list, "");
	git_close(g);
}

static void a_path_that_is_not_merged_is_told(void **state)
{
	static const char *const merge[] = { "merge", "-q", "side", NULL };
	struct buf list = BUF_INIT;
	struct err err = ERR_INIT;
	struct git *g;

	(void)state;
	repo_write("a", "1\n");
	repo_commit("one");
	repo_git("checkout", "-q", "-b", "side");
	repo_write("a", "2\n");
	repo_commit("two");
	repo_git("checkout", "-q", "main");
	repo_write("a", "3\n");
	repo_commit("three");
	assert_int_equal(git_run(".", merge, &err), -1);
	g = repo_open();
	assert_int_equal(git_index_staged(g, repo_list, &list, &err), 0);
	assert_non_null(strstr(buf_str(&list), "U "));
	buf_clear(&list);
	git_close(g);
}

/* --- ranges ----------------------------------------------------------------------------------- */

static void commits_of(const struct git *g, const char *from, const char *without, struct buf *out)
{
	char ids[2][GIT_ID_TEXT];
	const char *a = ids[0], *b = ids[1];
	struct err err = ERR_INIT;

	assert_int_equal(git_resolve(g, from, "commit", ids[0], NULL, &err), 0);
	if (without != NULL)
		assert_int_equal(git_resolve(g, without, "commit", ids[1], NULL, &err), 0);
	assert_int_equal(git_range_commits(g,
					   &(struct git_range){ .from = &a,
								.n_from = 1,
								.without = &b,
								.n_without = without != NULL },
					   out, &err),
			 0);
}

/* A merge of two sides, in which one file is like neither. */
static void make_merge(void)
{
	repo_write("base", "1\n");
	repo_write("both", "1\n");
	repo_commit("one");
	repo_git("checkout", "-q", "-b", "side");
	repo_write("side", "s\n");
	repo_write("both", "2\n");
	repo_commit("two");
	repo_git("checkout", "-q", "main");
	repo_write("main", "m\n");
	repo_commit("three");
	repo_git("merge", "-q", "--no-commit", "side");
	repo_write("both", "evil\n");
	repo_git("rm", "-q", "base");
	repo_commit("merge");
}

static void a_range_has_what_its_commits_bring(void **state)
{
	struct buf commits = BUF_INIT, list = BUF_INIT;
	struct err err = ERR_INIT;
	struct git *g;

	(void)state;
	make_merge();
	g = repo_open();
	commits_of(g, "HEAD", "HEAD^", &commits);
	assert_int_equal(git_range_each(g, &commits, repo_list, &list, &err), 0);
	expect(&list, "M 100644 both\nA 100644 side\nM 100644 both\n");
	buf_clear(&commits);
	commits_of(g, "HEAD", "HEAD", &commits);
	assert_int_equal(commits.len, 0);
	assert_int_equal(git_range_each(g, &commits, repo_list, &list, &err), 0);
	expect(&list, "");
	commits_of(g, "side", NULL, &commits);
	assert_int_equal(git_range_each(g, &commits, repo_list, &list, &err), 0);
	expect(&list, "A 100644 base\nA 100644 both\nM 100644 both\nA 100644 side\n");
	buf_clear(&commits);
	git_close(g);
}

static void a_push_of_something_new_is_without_what_refs_have(void **state)
{
	struct buf commits = BUF_INIT, list = BUF_INIT;
	struct err err = ERR_INIT;
	char id[GIT_ID_TEXT];
	const char *from = id;
	struct git_range range = { .from = &from, .n_from = 1, .without_refs = true };
	struct git *g;

	(void)state;
	repo_write("a", "1\n");
	repo_commit("one");
	repo_git("checkout", "-q", "--detach");
	repo_write("b", "2\n");
	repo_commit("two");
	g = repo_open();
	assert_int_equal(git_resolve(g, "HEAD", "commit", id, NULL, &err), 0);
	repo_git("checkout", "-q", "main");
	assert_int_equal(git_range_commits(g, &range, &commits, &err), 0);
	assert_int_equal(git_range_each(g, &commits, repo_list, &list, &err), 0);
	expect(&list, "A 100644 b\n");
	buf_clear(&commits);
	git_close(g);
}

static void two_trees_are_compared_and_their_base_is_found(void **state)
{
	struct buf list = BUF_INIT;
	struct err err = ERR_INIT;
	char ids[3][GIT_ID_TEXT], base[GIT_ID_TEXT];
	static const char *const revs[] = { "HEAD", "side", "start" };
	struct git *g;

	(void)state;
	repo_write("base", "0\n");
	repo_commit("zero");
	repo_git("tag", "start");
	make_merge();
	g = repo_open();
	for (size_t i = 0; i < COUNT(revs); i++)
		assert_int_equal(git_resolve(g, revs[i], "commit", ids[i], NULL, &err), 0);
	assert_int_equal(git_range_diff(g, ids[2], ids[0], repo_list, &list, &err), 0);
	expect(&list, "D 0 base\nA 100644 both\nA 100644 main\nA 100644 side\n");
	assert_int_equal(git_range_diff(g, git_empty(g), ids[2], repo_list, &list, &err), 0);
	expect(&list, "A 100644 base\n");
	assert_int_equal(git_range_diff(g, ids[0], ids[2], repo_list, &list, &err), 0);
	expect(&list, "A 100644 base\nD 0 both\nD 0 main\nD 0 side\n");
	assert_int_equal(git_range_diff(g, ids[1], ids[1], repo_list, &list, &err), 0);
	expect(&list, "");
	assert_int_equal(git_range_merge_base(g, ids[0], ids[1], base, &err), 0);
	assert_string_equal(base, ids[1]);
	repo_git("checkout", "-q", "--orphan", "apart");
	repo_commit("apart");
	assert_int_equal(git_resolve(g, "HEAD", "commit", ids[1], NULL, &err), 0);
	assert_int_equal(git_range_merge_base(g, ids[0], ids[1], base, &err), 0);
	assert_string_equal(base, "");
	ids[1][0] = ids[1][0] == '0' ? '1' : '0';
	assert_int_equal(git_range_merge_base(g, ids[0], ids[1], base, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	git_close(g);
}

/* --- history ---------------------------------------------------------------------------------- */

static void history_has_each_blob_once(void **state)
{
	struct buf list = BUF_INIT;
	struct err err = ERR_INIT;
	bool shallow = true;
	struct git *g = repo_open();

	(void)state;
	assert_int_equal(git_history_each(g, NULL, repo_list, &list, &err), 0);
	expect(&list, "");
	make_merge();
	repo_write("copy", "evil\n");
	repo_write("base", "1\n");
	repo_commit("again");
	repo_git("branch", "-q", "-D", "side");
	repo_git("update-ref", "refs/tags/blob", "HEAD:main");
	repo_git("rm", "-q", "copy");
	repo_commit("gone");
	repo_write("hidden", "only a tag leads here\n");
	repo_git("add", "hidden");
	repo_git("update-ref", "refs/tags/secret", ":hidden");
	repo_git("rm", "-q", "--cached", "hidden");
	repo_git("tag", "-a", "-m", "1", "t1");
	repo_git("tag", "-a", "-m", "2", "t2", "t1");
	assert_int_equal(git_history_each(g, NULL, repo_list, &list, &err), 0);
	/* "both" of the first commit is the same blob as "base" */
	expect(&list, "A 100644 base\nA 100644 main\nM 100644 both\nA 100644 side\nM 100644 both\n"
		      "  100644 refs/tags/secret\n");
	assert_int_equal(git_history_shallow(g, &shallow, &err), 0);
	assert_false(shallow);
	git_close(g);
}

static unsigned is_copy(const char *path)
{
	return strcmp(path, "copy") == 0 ? GIT_HISTORY_KINDS - 1 : 0;
}

static void history_has_each_blob_once_a_kind(void **state)
{
	struct buf list = BUF_INIT;
	struct err err = ERR_INIT;
	struct git *g = repo_open();

	(void)state;
	repo_write("a", "1\n");
	repo_commit("one");
	repo_git("mv", "a", "b");
	repo_commit("two");
	repo_git("mv", "b", "copy");
	repo_commit("three");
	assert_int_equal(git_history_each(g, NULL, repo_list, &list, &err), 0);
	expect(&list, "A 100644 a\n");
	assert_int_equal(git_history_each(g, is_copy, repo_list, &list, &err), 0);
	expect(&list, "A 100644 a\nA 100644 copy\n");
	git_close(g);
}

static int list_ref(void *ctx, const struct git_ref *ref, struct err *err)
{
	(void)err;
	return buf_printf(ctx, "%s %s\n", ref->name, ref->type);
}

static void refs_are_followed_to_their_end(void **state)
{
	struct buf list = BUF_INIT;
	struct err err = ERR_INIT;
	struct git *g = repo_open();

	(void)state;
	assert_int_equal(git_refs_each(g, list_ref, &list, &err), 0);
	expect(&list, "");
	repo_write("a", "1\n");
	repo_commit("one");
	repo_git("tag", "light");
	repo_git("tag", "-a", "-m", "1", "one");
	repo_git("tag", "-a", "-m", "2", "two", "one");
	repo_git("tag", "-a", "-m", "3", "tree", "HEAD^{tree}");
	assert_int_equal(git_refs_each(g, list_ref, &list, &err), 0);
	expect(&list, "refs/heads/main commit\nrefs/tags/light commit\nrefs/tags/one commit\n"
		      "refs/tags/tree tree\nrefs/tags/two commit\n");
	repo_git("checkout", "-q", "--detach");
	repo_git("branch", "-q", "-D", "main");
	assert_int_equal(git_refs_each(g, list_ref, &list, &err), 0);
	assert_non_null(strstr(buf_str(&list), "\nHEAD commit\n"));
	buf_clear(&list);
	git_close(g);
}

#define BOTH(test)                                                                                 \
	cmocka_unit_test_setup_teardown(test, repo_make, repo_destroy),                            \
	    cmocka_unit_test_setup_teardown(test, repo_make_sha256, repo_destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_tree_lists_all_that_is_in_it),
		BOTH(one_file_of_a_tree),
		BOTH(staged_before_the_first_commit),
		BOTH(staged_is_what_the_commit_would_change),
		BOTH(the_index_of_a_hook_counts),
		BOTH(a_path_that_is_not_merged_is_told),
		BOTH(a_range_has_what_its_commits_bring),
		BOTH(a_push_of_something_new_is_without_what_refs_have),
		BOTH(two_trees_are_compared_and_their_base_is_found),
		BOTH(history_has_each_blob_once),
		BOTH(history_has_each_blob_once_a_kind),
		BOTH(refs_are_followed_to_their_end),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
