/* SPDX-License-Identifier: Apache-2.0 */
/* the options of seal for every kind, and the inputs that they lead to */
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "sealer/fields.h"
#include "sealer/seal_options.h"
#include "tests/unit/sealer/scratch.h"

static bool has(const struct option_spec *specs, const char *name)
{
	for (; specs->name != NULL; specs++)
		if (strcmp(specs->name, name) == 0)
			return true;
	return false;
}

static void check_table(const struct option_spec *specs)
{
	for (size_t i = 0; specs[i].name != NULL; i++) {
		assert_true(specs[i].at + sizeof(void *) <= sizeof(struct seal_options) ||
			    specs[i].arg == NULL);
		assert_non_null(specs[i].help);
		for (size_t k = 0; option_common_specs[k].name != NULL; k++)
			assert_string_not_equal(specs[i].name, option_common_specs[k].name);
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(specs[i].name, specs[k].name);
			assert_true(specs[i].letter == 0 || specs[i].letter != specs[k].letter);
			assert_int_not_equal(specs[i].at, specs[k].at);
		}
	}
}

static void test_tables(void **state)
{
	(void)state;
	for (size_t i = 0; kind_table[i] != NULL; i++) {
		const struct kind *k = kind_table[i];
		const struct option_spec *specs = seal_options_specs(k);
		size_t n = 0;

		check_table(specs);
		assert_ptr_equal(seal_options_specs(k), specs);
		for (; k->fields[n].name != NULL; n++)
			assert_true(has(specs, k->fields[n].option));
		assert_true(n <= SEAL_FIELDS_MAX);
		assert_true(has(specs, "namespace") && has(specs, "write") && has(specs, "accept"));
		assert_int_equal(has(specs, "from-env-file"), k->keys == NULL);
		assert_int_equal(has(specs, "alias"), k->keys != NULL);
		assert_int_equal(has(specs, "namespaces"), strcmp(k->name, "registry") == 0);
		assert_int_equal(has(specs, "secret-type"), k->types[1] != NULL);
	}
	check_table(seal_options_specs(NULL));
	assert_true(has(seal_options_specs(NULL), "filename"));
}

static void test_pairs(void **state)
{
	static const struct {
		const char *items[3];
		const char *error;
	} cases[] = {
		{ { "a=1", "b=x=y", "c=" }, NULL },
		{ { "a" }, "--label: number 1 is not NAME=VALUE" },
		{ { "a=1", "=hunter2" }, "--label: number 2 is not NAME=VALUE" },
		{ { "" }, "--label: number 1 is not NAME=VALUE" },
		{ { "a=1", "b=1", "a=hunter2" }, "--label: number 3 has the name of another" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct option_list list = { (const char **)(uintptr_t)cases[i].items, 0 };
		struct kv kv = KV_INIT;
		struct err err = ERR_INIT;
		int r;

		while (list.n < 3 && cases[i].items[list.n] != NULL)
			list.n++;
		r = seal_options_pairs("label", &list, &kv, &err);
		assert_int_equal(r, cases[i].error == NULL ? 0 : -1);
		assert_string_equal(err.text, cases[i].error == NULL ? "" : cases[i].error);
		if (r == 0) {
			assert_string_equal(kv_get_str(&kv, "b"), "x=y");
			assert_string_equal(kv_get_str(&kv, "c"), "");
		}
		kv_clear(&kv);
	}
}

static const struct option_list none = { NULL, 0 };

static struct option_list list_of(const char *item)
{
	static const char *items[1];

	items[0] = item;
	return (struct option_list){ items, 1 };
}

static void test_fields(void **state)
{
	const struct kind *k = kind_find("registry");
	const char *values[SEAL_FIELDS_MAX] = { "ghcr.io", "user", "../token" };
	struct kv fields = KV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	scratch_write("../token", "t0ken\n");
	assert_int_equal(fields_read(k, values, &fields, NULL), 0);
	assert_int_equal(fields.n, 3);
	assert_string_equal(kv_get_str(&fields, "server"), "ghcr.io");
	assert_string_equal(kv_get_str(&fields, "token"),
			    "t0ken\n"); /* the newline is the kind's */
	kv_clear(&fields);
	values[2] = "../nowhere";
	assert_int_equal(fields_read(k, values, &fields, &err), -1);
	assert_string_equal(err.text,
			    "--token-file: ../nowhere: cannot open: No such file or directory");
	values[2] = NULL; /* nobody to ask: left to the kind to miss */
	assert_int_equal(fields_read(k, values, &fields, NULL), 0);
	assert_false(kv_has(&fields, "token"));
	kv_clear(&fields);
}

/* Standard input from a file, once. */
static void test_free_fields(void **state)
{
	struct option_list file = list_of("K=../file");
	struct fields_free from = { "-", &none, &file, NULL };
	struct kv fields = KV_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	scratch_write("../file", "bytes\n");
	scratch_write("../env", "A=1\nB='2 3'\n");
	fd = open("../env", O_RDONLY);
	dup2(fd, STDIN_FILENO);
	close(fd);
	assert_int_equal(fields_read_free(&from, &fields, &notes, NULL), 0);
	assert_int_equal(fields.n, 3);
	assert_string_equal(kv_get_str(&fields, "B"), "2 3");
	assert_string_equal(kv_get_str(&fields, "K"), "bytes\n");
	assert_int_equal(fields_read_free(&from, &fields, &notes, &err), -1);
	assert_string_equal(err.text,
			    "standard input (\"-\") is given twice; it can be read once only");
	assert_int_equal(err.class, ERR_USAGE);
	from.env_file = NULL; /* K again */
	assert_int_equal(fields_read_free(&from, &fields, &notes, &err), -1);
	assert_string_equal(err.text, "the key K is given twice");
	from.from_file = &none;
	assert_int_equal(fields_read_free(&from, &fields, &notes, &err), -1);
	assert_string_equal(err.text,
			    "nothing to seal: give --from-env-file, --from-file or --stdin");
	kv_clear(&fields);
	notes_clear(&notes);
}

static void test_picks(void **state)
{
	static const struct {
		const char *pick, *name, *value, *error;
	} cases[] = {
		{ "B", "B", "2", NULL },
		{ "NEW=A", "NEW", "1", NULL },
		{ "NEW=C", NULL, NULL, "--pick: the .env file has no such name (1 characters)" },
		{ "a b=A", NULL, NULL,
		  "a key is not one that a Secret takes: letters, digits, \"-\", \"_\" and \".\", "
		  "at "
		  "most 253" },
		{ "=A", NULL, NULL,
		  "a key is not one that a Secret takes: letters, digits, \"-\", \"_\" and \".\", "
		  "at "
		  "most 253" },
	};

	(void)state;
	scratch_write("../env", "A=1\nB=2\n");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct option_list pick = list_of(cases[i].pick);
		struct fields_free from = { "../env", &pick, &none, NULL };
		struct kv fields = KV_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(fields_read_free(&from, &fields, NULL, &err),
				 cases[i].error == NULL ? 0 : -1);
		if (cases[i].error != NULL) {
			assert_string_equal(err.text, cases[i].error);
		} else {
			assert_int_equal(fields.n, 1);
			assert_string_equal(kv_get_str(&fields, cases[i].name), cases[i].value);
		}
		kv_clear(&fields);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_tables),	TEST(test_pairs), TEST(test_fields),
		TEST(test_free_fields), TEST(test_picks),
	};

	/* no controlling terminal: nobody is asked */
	if (fork() != 0) {
		int status = 1;

		wait(&status);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	setsid();
	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
