/* SPDX-License-Identifier: Apache-2.0 */
/* where a document goes, and whose rules hold there */
#include "tests/unit/test.h"

#include "sealer/target.h"
#include "tests/unit/sealer/scratch.h"

#define CONFIG                                                                                     \
	"recipients:\n  a: \"" KEY_A "\"\nrecovery: \"" KEY_B                                      \
	"\"\nrules:\n  - path: \"**\"\n    to: [a]\n"

static void test_places(void **state)
{
	static const struct {
		const char *write, *name, *path, *below;
	} cases[] = {
		{ "a.yaml", "x", "a.yaml", "a.yaml" },
		{ "new/a.yaml", "x", "new/a.yaml", "new/a.yaml" },
		{ "./new//a.yaml", "x", "new/a.yaml", "new/a.yaml" },
		{ ".//./new/./deep///a.yaml", "x", "new/deep/a.yaml", "new/deep/a.yaml" },
		{ "new//", "x", "new/x.yaml", "new/x.yaml" },
		{ "dir/.//", "x", "dir/x.yaml", "dir/x.yaml" },
		{ ".", "x", "x.yaml", "x.yaml" },
		{ "./", "x", "x.yaml", "x.yaml" },
		{ "dir", "x", "dir/x.yaml", "dir/x.yaml" },
		{ "dir/", "x", "dir/x.yaml", "dir/x.yaml" },
		{ "new/", "x.y", "new/x.y.yaml", "new/x.y.yaml" },
		{ "dir/../a.yaml", "x", "dir/../a.yaml", "a.yaml" },
		{ "alias/a.yaml", "x", "alias/a.yaml", "dir/a.yaml" },
		{ "a.yaml", NULL, "a.yaml", "a.yaml" },
	};
	char top[100];

	(void)state;
	snprintf(top, sizeof(top), "%s/repo", scratch);
	mkdir("dir", 0755);
	assert_int_equal(symlink("dir", "alias"), 0);
	scratch_write(".bulla/config", CONFIG);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct target t = TARGET_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(target_open(cases[i].write, cases[i].name, &t, &err), 0);
		assert_string_equal(t.path, cases[i].path);
		assert_string_equal(t.top, top);
		assert_string_equal(t.below, cases[i].below);
		assert_true(t.configured);
		assert_int_equal(t.config.n, 1);
		assert_int_equal(t.config.recipients.n, 2);
		target_clear(&t);
		assert_null(t.path);
	}
}

static void test_standard_output(void **state)
{
	static const char *const writes[] = { NULL, "-" };

	(void)state;
	scratch_write(".bulla/config", CONFIG);
	for (size_t i = 0; i < COUNT(writes); i++) {
		struct target t = TARGET_INIT;

		assert_int_equal(target_open(writes[i], "x", &t, NULL), 0);
		assert_null(t.path);
		assert_null(t.real);
		assert_null(t.below);
		assert_non_null(t.top);
		assert_true(t.configured);
		target_clear(&t);
	}
}

static void test_no_repository(void **state)
{
	struct target t = TARGET_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(chdir(".."), 0);
	assert_int_equal(target_open("a.yaml", "x", &t, NULL), 0);
	assert_null(t.top);
	assert_null(t.below);
	assert_false(t.configured);
	target_clear(&t);
	assert_null(target_top(&err));
	assert_int_equal(err.class, ERR_INVALID);
	/* the file decides, not where we are */
	assert_int_equal(target_open("repo/a.yaml", "x", &t, NULL), 0);
	assert_string_equal(t.below, "a.yaml");
	target_clear(&t);
}

/* A work tree in a work tree (a submodule) is its own top level; .git may be a file. */
static void test_inner_repository(void **state)
{
	struct target t = TARGET_INIT;

	(void)state;
	scratch_write(".bulla/config", CONFIG);
	scratch_write("sub/.git", "gitdir: elsewhere\n");
	assert_int_equal(target_open("sub/dir/a.yaml", "x", &t, NULL), 0);
	assert_string_equal(t.below, "dir/a.yaml");
	assert_false(t.configured);
	target_clear(&t);
}

static void test_refused(void **state)
{
	static const struct {
		const char *write;
		enum err_class class;
		const char *text;
	} cases[] = {
		{ "", ERR_USAGE, "-w: the path is empty" },
		{ "a\nb", ERR_INVALID, "-w: a path with control characters is not written to" },
		{ "a\x7f", ERR_INVALID, "-w: a path with control characters is not written to" },
		{ "out/a.yaml", ERR_INVALID, NULL },
		{ "out/deeper/a.yaml", ERR_INVALID, NULL },
		{ "out/", ERR_INVALID, NULL },
		{ "nope/../a.yaml", ERR_INVALID,
		  "nope/../a.yaml: \"..\" out of a folder that does not exist" },
		{ "nope/../../../a.yaml", ERR_INVALID, NULL },
		{ ".bulla/config", ERR_INVALID,
		  ".bulla/config: no document goes into .bulla or .git, where nothing reads it" },
		{ ".git/x.yaml", ERR_INVALID,
		  ".git/x.yaml: no document goes into .bulla or .git, where nothing reads it" },
		{ "dots/a.yaml", ERR_INVALID, NULL },
		{ "file/a.yaml", ERR_IO, NULL },
		{ "loop/a.yaml", ERR_IO, NULL },
	};

	(void)state;
	mkdir("../outside", 0755);
	assert_int_equal(symlink("../outside", "out"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	mkdir(".bulla", 0755);
	assert_int_equal(symlink(".bulla", "dots"), 0);
	scratch_write("file", "x");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct target t = TARGET_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(target_open(cases[i].write, "x", &t, &err), -1);
		assert_int_equal(err.class, cases[i].class);
		if (cases[i].text != NULL)
			assert_string_equal(err.text, cases[i].text);
		assert_null(t.path);
	}
}

static void test_configs(void **state)
{
	struct config c = CONFIG_INIT;
	struct err err = ERR_INIT;
	bool found = true;

	(void)state;
	assert_int_equal(target_config(".", &c, &found, &err), 0);
	assert_false(found);
	scratch_write(".bulla/config", "recipients: [\n");
	assert_int_equal(target_config(".", &c, &found, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_int_equal(unlink(".bulla/config"), 0);
	scratch_write("elsewhere", CONFIG);
	assert_int_equal(symlink("../elsewhere", ".bulla/config"), 0);
	assert_int_equal(target_config(".", &c, &found, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_int_equal(unlink(".bulla/config"), 0);
	assert_int_equal(mkfifo(".bulla/config", 0644), 0); /* must not wait for a writer */
	assert_int_equal(target_config(".", &c, &found, &err), -1);
	assert_int_equal(unlink(".bulla/config"), 0);
	assert_int_equal(rmdir(".bulla"), 0);
	scratch_write(".bulla", "a file");
	assert_int_equal(target_config(".", &c, &found, &err), -1);
	assert_int_equal(target_config("nowhere", &c, &found, &err), -1);
	assert_int_equal(err.class, ERR_IO);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_places),	     TEST(test_standard_output), TEST(test_no_repository),
		TEST(test_inner_repository), TEST(test_refused),	 TEST(test_configs),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
