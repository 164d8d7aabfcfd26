/* SPDX-License-Identifier: Apache-2.0 */
/* the options of set: every kind's inputs are there, once, and each kind takes its own alone */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/set_options.h"

static bool is_file(const struct kind_field *f)
{
	return (f->flags & (FIELD_SECRET | FIELD_FILE)) != 0;
}

/* Where its value goes in the struct, or -1. */
static long find(const char *name)
{
	const struct option_spec *specs = set_options_specs();

	for (size_t i = 0; specs[i].name != NULL; i++)
		if (strcmp(specs[i].name, name) == 0)
			return (long)specs[i].at;
	return -1;
}

static void test_every_input_has_an_option(void **state)
{
	const struct option_spec *specs = set_options_specs();
	size_t n = 0;

	(void)state;
	assert_ptr_equal(set_options_specs(), specs);
	for (; specs[n].name != NULL; n++) {
		assert_non_null(specs[n].help);
		assert_true(specs[n].at < sizeof(struct set_options));
		for (size_t k = 0; k < n; k++) {
			assert_string_not_equal(specs[n].name, specs[k].name);
			assert_int_not_equal(specs[n].at, specs[k].at);
		}
	}
	for (size_t i = 0; kind_table[i] != NULL; i++)
		for (const struct kind_field *f = kind_table[i]->fields; f->name != NULL; f++)
			assert_int_equal(find(f->option) >= 0, is_file(f));
}

static void give(struct set_options *o, const char *name, const char *value)
{
	*(const char **)((char *)o + find(name)) = value;
}

static void test_each_kind_takes_its_own(void **state)
{
	(void)state;
	for (size_t i = 0; kind_table[i] != NULL; i++) {
		const struct kind *k = kind_table[i];

		for (size_t j = 0; kind_table[j] != NULL; j++) {
			for (const struct kind_field *f = kind_table[j]->fields; f->name != NULL;
			     f++) {
				const char *values[SET_FILES_MAX] = { NULL };
				struct set_options o = { 0 };
				struct err err = ERR_INIT;
				const struct kind_field *own = k->fields;

				if (!is_file(f))
					continue;
				while (own->name != NULL &&
				       (!is_file(own) || strcmp(own->option, f->option) != 0))
					own++;
				give(&o, f->option, "x");
				if (own->name != NULL) {
					assert_int_equal(set_options_values(&o, k, values, &err),
							 0);
					assert_string_equal(values[own - k->fields], "x");
				} else {
					assert_int_equal(set_options_values(&o, k, values, &err),
							 -1);
					assert_int_equal(err.class, ERR_USAGE);
				}
			}
		}
	}
}

static void test_from_file(void **state)
{
	static const struct {
		const char *kind, *option; /* that --from-file stands for; NULL: none */
	} cases[] = {
		{ "registry", "token-file" }, { "basic-auth", "password-file" },
		{ "tls", "bundle" },	      { "age-key", "private-key" },
		{ "opaque", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct kind *k = kind_find(cases[i].kind);
		const char *values[SET_FILES_MAX] = { NULL };
		struct set_options o = { .from_file = "main" };
		struct err err = ERR_INIT;
		size_t given = 0;

		if (cases[i].option == NULL) {
			assert_int_equal(set_options_values(&o, k, values, &err), -1);
			assert_non_null(strstr(err.text, "has no single secret"));
			continue;
		}
		assert_int_equal(set_options_values(&o, k, values, &err), 0);
		for (size_t f = 0; k->fields[f].name != NULL; f++) {
			given += values[f] != NULL;
			if (values[f] != NULL)
				assert_string_equal(k->fields[f].option, cases[i].option);
		}
		assert_int_equal(given, 1);
		/* both at once say the same thing twice */
		memset(values, 0, sizeof(values));
		give(&o, cases[i].option, "other");
		assert_int_equal(set_options_values(&o, k, values, &err), -1);
		assert_non_null(strstr(err.text, "mean the same; give one"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_input_has_an_option),
		cmocka_unit_test(test_each_kind_takes_its_own),
		cmocka_unit_test(test_from_file),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
