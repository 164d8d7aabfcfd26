/* SPDX-License-Identifier: Apache-2.0 */
/* Which recipients of a part are clusters: those that the repository has a key's backup of. */
#include "tests/unit/test.h"

#include "sealer/readers.h"
#include "tests/unit/sealer/scratch.h"

#define ID "4c1d9a0e5b7f22338d01c6b2a4e7f905"

static const struct {
	const char *recipients, *files; /* names, a space between */
	const char *clusters;		/* those that are known to be one */
	const char *names;		/* what a title has */
} cases[] = {
	{ "eu us recovery", "eu.age us.age", "eu us", "eu,us" },
	{ "eu anna recovery", "eu.age us.age", "eu", "eu" },
	/* of none it is known: all are named, for one of them must be */
	{ "eu anna recovery", "", "", "anna,eu" },
	{ "eu anna", "other.age", "", "anna,eu" },
	/* an earlier key's backup is one of the same cluster */
	{ "eu anna", "eu." ID ".age", "eu", "eu" },
	/* what is no backup's name makes nobody a cluster */
	{ "eu anna", "eu.txt eu anna.age.bak .age", "", "anna,eu" },
	{ "recovery", "recovery.age", "", "" },
	{ "", "eu.age", "", "" },
};

static void put_words(const char *text, struct kv *out)
{
	while (*text != '\0') {
		size_t n = strcspn(text, " ");
		char *word = mem_strn(text, n);

		kv_set_str(out, word, ID);
		mem_free(word);
		text += n + (text[n] == ' ');
	}
}

static void list(const struct kv *readers, struct buf *out)
{
	for (size_t i = 0; i < readers->n; i++)
		if (strcmp(kv_get_str(readers, readers->items[i].name), "cluster") == 0)
			buf_printf(out, "%s%s", out->len > 0 ? " " : "", readers->items[i].name);
}

static void make_files(const char *names)
{
	while (*names != '\0') {
		size_t n = strcspn(names, " ");
		char *path = mem_printf(".bulla/keys/%.*s", (int)n, names);

		scratch_write(path, "x");
		mem_free(path);
		names += n + (names[n] == ' ');
	}
}

static void check(size_t i)
{
	struct document_part part = { .name = NULL };
	struct kv readers = KV_INIT;
	struct buf clusters = BUF_INIT, names = BUF_INIT;
	struct err err = ERR_INIT;

	make_files(cases[i].files);
	put_words(cases[i].recipients, &part.recipients);
	if (readers_of(".", &part, &readers, &err) != 0)
		fail_msg("case %zu: %s", i, err.text);
	list(&readers, &clusters);
	readers_names(&readers, &names);
	assert_string_equal(buf_str(&clusters), cases[i].clusters);
	assert_string_equal(buf_str(&names), cases[i].names);
	buf_clear(&clusters);
	buf_clear(&names);
	kv_clear(&readers);
	kv_clear(&part.recipients);
}

/* Each in a repository of its own. */
static void test_cases(void **state)
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(scratch_make(state), 0);
		check(i);
		assert_int_equal(scratch_remove(state), 0);
	}
}

/* Outside of a repository nobody is known. */
static void test_no_repository(void **state)
{
	struct document_part part = { .name = NULL };
	struct kv readers = KV_INIT;
	struct buf names = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	put_words("eu recovery us", &part.recipients);
	assert_int_equal(readers_of(NULL, &part, &readers, &err), 0);
	readers_names(&readers, &names);
	assert_string_equal(buf_str(&names), "eu,us");
	buf_clear(&names);
	kv_clear(&readers);
	kv_clear(&part.recipients);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_no_repository),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
