/* SPDX-License-Identifier: Apache-2.0 */
#include "base/library.h"

#include <string.h>

#include "base/err.h"
#include "tests/unit/test.h"

#ifdef __APPLE__
#define LIBC "libSystem.B.dylib"
#else
#define LIBC "libc.so.6"
#endif

struct table {
	size_t (*length)(const char *s);
	void *other;
};

static const struct library_symbol symbols[] = {
	{ "strlen", offsetof(struct table, length) },
	{ "no_such_function", offsetof(struct table, other) },
};

static void test_load(void **state)
{
	const struct library l = { LIBC, "libc", "libc6", symbols, 1 };
	struct table table = { NULL, NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(library_load(&l, &table, &err));
	assert_int_equal(table.length("four"), 4);
}

static void test_what_is_missing(void **state)
{
	const struct library lacking = { LIBC, "libc", "libc6", symbols, 2 };
	const struct library none = { "libnone.so.0", "libnone", "libnone0", symbols, 1 };
	struct table table = { NULL, NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_null(library_load(&lacking, &table, &err));
	assert_int_equal(err.class, ERR_IO);
	assert_string_equal(err.text, LIBC " has no function no_such_function");
	assert_null(library_load(&none, &table, &err));
	assert_int_equal(err.class, ERR_IO);
	assert_non_null(strstr(err.text, "cannot load libnone (install libnone0): "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
