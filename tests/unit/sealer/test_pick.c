/* SPDX-License-Identifier: Apache-2.0 */
/* The one document of a file that is meant, or why it cannot be told. */
#include "tests/unit/test.h"

#include <stdint.h>

#include "sealer/pick.h"
#include "tests/unit/document/sample.h"
#include "tests/unit/sealer/scratch.h"

static void test_is(void **state)
{
	static const struct {
		const char *which;
		bool is;
	} cases[] = {
		{ "flux-ssh", true },
		{ "flux-system/flux-ssh", true },
		{ "flux-ss", false },
		{ "flux-sshx", false },
		{ "other/flux-ssh", false },
		{ "flux-syste/flux-ssh", false },
		{ "flux-systemx/flux-ssh", false },
		{ "flux-system/other", false },
		{ "flux-system/", false },
		{ "/flux-ssh", false },
		{ "flux-system", false },
		{ "flux-system/flux-ssh/x", false },
		{ "", false },
	};
	const struct document d = { .name = (char *)(uintptr_t) "flux-ssh",
				    .namespace = (char *)(uintptr_t) "flux-system" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (pick_is(&d, cases[i].which) != cases[i].is)
			fail_msg("%s", cases[i].which);
}

/* "team-a/api-env team-b/x": a file of these documents, others between. */
static void put(const char *path, const char *names)
{
	struct buf text = BUF_INIT;

	buf_puts(&text, "kind: Other\n");
	while (*names != '\0') {
		size_t n = strcspn(names, " "), namespace = strcspn(names, "/");
		char *head =
		    mem_printf("name: %.*s\n", (int)(n - namespace - 1), names + namespace + 1);
		char *where = mem_printf("namespace: %.*s\n", (int)namespace, names);
		struct buf one = BUF_INIT;

		sample_text(&one);
		sample_replace(&one, "name: api-env\n", head);
		sample_replace(&one, "namespace: team-a\n", where);
		buf_printf(&text, "---\n%s", buf_str(&one));
		buf_clear(&one);
		mem_free(head);
		mem_free(where);
		names += n + (names[n] == ' ');
	}
	scratch_write(path, buf_str(&text));
	buf_clear(&text);
}

static const struct {
	const char *names, *which;
	size_t index;
	enum err_class class;
	const char *why;
} cases[] = {
	{ "a/one", NULL, 0, ERR_NONE, NULL },
	{ "a/one", "one", 0, ERR_NONE, NULL },
	{ "a/one", "two", 0, ERR_INVALID, "no sealed document of that name" },
	{ "a/one", "b/one", 0, ERR_INVALID, "no sealed document of that name" },
	{ "a/one a/two", NULL, 0, ERR_USAGE, "holds 2 sealed documents; say which" },
	{ "a/one a/two", "two", 1, ERR_NONE, NULL },
	{ "a/one b/one", "one", 0, ERR_USAGE, "holds 2 documents of that name" },
	{ "a/one b/one c/two", "b/one", 1, ERR_NONE, NULL },
	{ "", NULL, 0, ERR_INVALID, "holds no sealed document" },
	{ "", "one", 0, ERR_INVALID, "holds no sealed document" },
};

static void test_load(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct edit_file file = { 0 };
		struct err err = ERR_INIT;
		size_t index = 99;
		struct stat st;
		int r;

		put("f.yaml", cases[i].names);
		r = pick_load("f.yaml", cases[i].which, &file, &index, &st, &err);
		if ((r == 0) != (cases[i].class == ERR_NONE) || err.class != cases[i].class)
			fail_msg("case %zu: %s", i, err.text);
		if (r == 0) {
			assert_int_equal(index, cases[i].index);
			assert_true(S_ISREG(st.st_mode));
		} else if (strstr(err.text, cases[i].why) == NULL ||
			   strncmp(err.text, "f.yaml: ", 8) != 0) {
			fail_msg("case %zu: %s", i, err.text);
		}
		if (r == 0)
			edit_clear(&file);
		assert_true(r == 0 || file.documents == NULL);
	}
}

static void test_unreadable(void **state)
{
	struct edit_file file = { 0 };
	struct err err = ERR_INIT;
	struct stat st;
	size_t index;

	(void)state;
	assert_int_equal(pick_load("nothing.yaml", NULL, &file, &index, &st, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	scratch_write("bad.yaml", "apiVersion: bulla.dev/v1\nkind: SealedCredential\nspec: [");
	assert_int_equal(pick_load("bad.yaml", NULL, &file, &index, &st, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_int_equal(mkdir("folder", 0755), 0);
	assert_int_equal(pick_load("folder", NULL, &file, &index, &st, &err), -1);
	assert_int_equal(err.class, ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_is),
		cmocka_unit_test_setup_teardown(test_load, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_unreadable, scratch_make, scratch_remove),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
