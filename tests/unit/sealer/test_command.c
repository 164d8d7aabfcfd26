/* SPDX-License-Identifier: Apache-2.0 */
/* the table of commands, the user's own folder, git, recipients of a repository */
#include "tests/unit/test.h"

#include "base/out.h"
#include "sealer/command.h"
#include "git/run.h"
#include "sealer/home.h"
#include "sealer/roster.h"
#include "sealer/target.h"
#include "tests/unit/sealer/scratch.h"

static void check_row(const struct command *c)
{
	const struct option_spec *specs = command_options(c);

	assert_true(strlen(c->name) > 0 &&
		    strspn(c->name, "abcdefghijklmnopqrstuvwxyz-") == strlen(c->name));
	assert_true(strlen(c->summary) > 0 && c->summary[strlen(c->summary) - 1] != '.');
	assert_non_null(c->arguments);
	assert_true(c->run != NULL || c->sub != NULL);
	for (size_t i = 0; specs != NULL && specs[i].name != NULL; i++) {
		size_t size = specs[i].arg == NULL		    ? sizeof(bool)
			      : (specs[i].flags & OPTION_MANY) != 0 ? sizeof(struct option_list)
								    : sizeof(const char *);

		assert_true(specs[i].at + size <= c->options_size);
		assert_true(specs[i].arg != NULL || specs[i].flags == 0);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(specs[i].name, specs[k].name);
	}
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; command_table[i] != NULL; i++) {
		check_row(command_table[i]);
		for (const struct command *s =
			 command_table[i]->sub != NULL ? command_table[i]->sub() : NULL;
		     s != NULL && s->name != NULL; s++) {
			check_row(s);
			assert_null(s->sub); /* two words deep, no more */
			assert_ptr_equal(command_sub(command_table[i], s->name), s);
		}
	}
}

static void test_finds(void **state)
{
	static const struct {
		const char *argv[5];
		const char *name, *path;
		int words;
	} cases[] = {
		{ { "bulla" }, NULL, "bulla", 0 },
		{ { "bulla", "nope" }, NULL, "bulla", 0 },
		{ { "bulla", "-h" }, NULL, "bulla", 0 },
		{ { "bulla", "seal" }, "seal", "bulla seal", 1 },
		{ { "bulla", "seal", "-f" }, "seal", "bulla seal", 1 },
		{ { "bulla", "seal", "nokind" }, "seal", "bulla seal", 1 },
		{ { "bulla", "seal", "tls", "x" }, "tls", "bulla seal tls", 2 },
		{ { "bulla", "keys", "id", "list" }, "id", "bulla keys id", 2 },
		{ { "bulla", "show", "seal" }, "show", "bulla show", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *argv[5] = { NULL };
		struct buf path = BUF_INIT;
		const struct command *c;
		int argc = 0, words = -1;

		for (; argc < 5 && cases[i].argv[argc] != NULL; argc++)
			argv[argc] = mem_str(cases[i].argv[argc]);
		c = command_find(argc, argv, &words, &path);
		assert_int_equal(c == NULL, cases[i].name == NULL);
		if (c != NULL)
			assert_string_equal(c->name, cases[i].name);
		assert_string_equal(buf_str(&path), cases[i].path);
		assert_int_equal(words, cases[i].words);
		buf_clear(&path);
		while (argc > 0)
			mem_free(argv[--argc]);
	}
}

static void test_home(void **state)
{
	static const struct {
		const char *xdg, *home, *path;
	} cases[] = {
		{ NULL, "/h", "/h/.config/bulla/pins" },
		{ "/x", "/h", "/x/bulla/pins" },
		{ "/x", NULL, "/x/bulla/pins" },
		{ "", "/h", "/h/.config/bulla/pins" },
		{ "relative", "/h", "/h/.config/bulla/pins" }, /* to be ignored, says XDG */
		{ NULL, "relative", NULL },
		{ NULL, "", NULL },
		{ NULL, NULL, NULL },
	};
	char *path;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;

		unsetenv("HOME");
		unsetenv("XDG_CONFIG_HOME");
		if (cases[i].xdg != NULL)
			setenv("XDG_CONFIG_HOME", cases[i].xdg, 1);
		if (cases[i].home != NULL)
			setenv("HOME", cases[i].home, 1);
		path = home_path("pins", &err);
		if (cases[i].path != NULL) {
			assert_string_equal(path, cases[i].path);
		} else {
			assert_null(path);
			assert_int_equal(err.class, ERR_IO);
		}
		mem_free(path);
	}
	setenv("XDG_CONFIG_HOME", scratch, 1);
	path = home_path_made("pins", NULL);
	assert_non_null(path);
	assert_int_equal(access("../bulla", F_OK), 0);
	mem_free(path);
}

/* A program of the repository is not run, whatever PATH says. */
static void test_git(void **state)
{
	static const char *const version[] = { "version", NULL };
	static const char *const nonsense[] = { "frobnicate", NULL };
	char *path = mem_str(getenv("PATH"));
	struct err err = ERR_INIT;
	char *hostile;

	(void)state;
	assert_int_equal(git_run(".", version, NULL), 0);
	assert_int_equal(git_run(".", nonsense, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	scratch_write("git", "#!/bin/sh\ntouch run\n");
	assert_int_equal(chmod("git", 0755), 0);
	hostile = mem_printf(".::repo:%s", path);
	setenv("PATH", hostile, 1);
	assert_int_equal(git_run(".", version, NULL), 0);
	assert_int_equal(access("run", F_OK), -1);
	setenv("PATH", ".:", 1);
	assert_int_equal(git_run(".", version, &err), -1);
	assert_non_null(strstr(err.text, "there is no git program"));
	assert_int_equal(access("run", F_OK), -1);
	setenv("PATH", path, 1);
	mem_free(path);
	mem_free(hostile);
}

#define CONFIG                                                                                     \
	"# ours\nrecipients:\n  a: \"" KEY_A "\"\nrecovery: \"" KEY_C                              \
	"\"\nrules:\n  - path: \"**\"\n    to: [a]\n"

static void test_roster(void **state)
{
	struct config c = CONFIG_INIT;
	struct age_recipient key;
	struct err err = ERR_INIT;
	char *top = target_top(NULL);
	struct roster_add add = { .name = "b", .key = &key };
	const char *recovery = KEY_C;
	const struct option_list accept = { .items = &recovery, .n = 1 };
	char program[] = "bulla", *line[] = { program, NULL };
	struct result result;

	(void)state;
	out_quiet = true;
	result_begin(&result, "json");
	assert_int_equal(age_recipient_parse(KEY_B, &key, NULL), 0);
	assert_int_equal(roster_add(top, &add, &err), -1);
	assert_int_equal(err.class, ERR_INVALID); /* no config */
	scratch_write(".bulla/config", CONFIG);
	assert_int_equal(roster_add(top, &add, NULL), 0);
	assert_int_equal(roster_add(top, &add, NULL), 0); /* again, after it was cut off */
	assert_int_equal(age_recipient_parse(KEY_A, &key, NULL), 0);
	assert_int_equal(roster_add(top, &add, &err), -1);
	assert_int_equal(err.class, ERR_CONFLICT); /* another key under the name */
	assert_int_equal(roster_load(top, &c, NULL), 0);
	assert_int_equal(c.recipients.n, 3);
	assert_string_equal(recipients_find(&c.recipients, "b")->id,
			    "05fd323179930a65868e8e4366ed0f61");
	config_clear(&c);
	assert_int_equal(roster_remove(top, "a", &result, &err), -1);
	assert_int_equal(err.class, ERR_CONFLICT);
	assert_int_equal(roster_remove(top, "b", &result, NULL), 0);
	assert_true(json_is_true(json_object_get(result.v, "changed")));
	assert_string_equal(json_string_value(json_object_get(result.v, "keyId")),
			    "05fd323179930a65868e8e4366ed0f61");
	assert_null(json_object_get(result.v, "backup")); /* its key was not made here */
	result_clear(&result);
	assert_int_equal(roster_remove(top, "b", &result, &err), -1);
	assert_int_equal(err.class, ERR_RECIPIENT);
	/* a key made here has a backup, and none without recovery */
	add.key = NULL;
	assert_int_equal(roster_add(top, &add, &err), -1);
	assert_int_equal(err.class, ERR_RECIPIENT); /* nobody has agreed to that recovery key */
	add.user = (struct roster_user){ .accept = &accept, .line = line, .line_n = 1 };
	assert_int_equal(roster_add(top, &add, NULL), 0);
	assert_int_equal(access(".bulla/keys/b.age", F_OK), 0);
	add.replace = true;
	add.to = "../keys";
	assert_int_equal(roster_add(top, &add, NULL), 0);
	add.to = "keys";
	assert_int_equal(roster_add(top, &add, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	add.name = "recovery";
	assert_int_equal(roster_add(top, &add, &err), -1);
	assert_int_equal(err.class, ERR_RECIPIENT);
	scratch_write(".bulla/config", "recipients:\n  a: \"" KEY_A "\"\n");
	add = (struct roster_add){ .name = "c" };
	assert_int_equal(roster_add(top, &add, &err), -1);
	assert_int_equal(err.class, ERR_RECIPIENT);
	assert_int_equal(access(".bulla/keys/c.age", F_OK), -1);
	mem_free(top);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_rows), TEST(test_finds),  TEST(test_home),
		TEST(test_git),	 TEST(test_roster),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
