/* SPDX-License-Identifier: Apache-2.0 */
/* what an object says of another: exactly in its lists, or among what else there is */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "sealer/subset.h"

static const struct {
	const char *part, *whole;
	bool exact, any;
	const char *where; /* of the first difference, exact */
} cases[] = {
	{ "{}", "{}", true, true, NULL },
	{ "{}", "{\"a\":1}", true, true, NULL },
	{ "{\"a\":1}", "{\"a\":1,\"b\":2}", true, true, NULL },
	{ "{\"a\":1}", "{\"a\":2}", false, false, "a" },
	{ "{\"a\":1}", "{\"a\":\"1\"}", false, false, "a" },
	{ "{\"a\":1}", "{}", false, false, "a" },
	{ "{\"a\":{\"b\":{\"c\":true}}}", "{\"a\":{\"b\":{\"c\":false}}}", false, false, "a.b.c" },
	{ "{\"a\":{\"b\":1}}", "{\"a\":1}", false, false, "a" },
	/* a server leaves out what is empty, and fills in what it has a default for */
	{ "{\"a\":{},\"b\":[],\"c\":null}", "{}", true, true, NULL },
	{ "{\"a\":{\"b\":{}}}", "{\"a\":{\"b\":null}}", true, true, NULL },
	{ "{\"a\":[]}", "{\"a\":[1]}", false, true, "a" },
	/* lists */
	{ "[1,2]", "[1,2]", true, true, NULL },
	{ "[1,2]", "[2,1]", false, true, "[0]" },
	{ "[1]", "[1,2]", false, true, "" },
	{ "[1,2]", "[1]", false, false, "" },
	{ "{\"a\":[{\"n\":\"x\"}]}", "{\"a\":[{\"n\":\"x\",\"d\":1}]}", true, true, NULL },
	{ "{\"a\":[{\"n\":\"x\"}]}", "{\"a\":[{\"n\":\"y\"},{\"n\":\"x\"}]}", false, true, "a" },
	{ "{\"a\":[{\"n\":\"x\"}]}", "{\"a\":[{\"n\":\"y\"}]}", false, false, "a[0].n" },
	{ "[1]", "{\"0\":1}", false, false, "" },
};

static void test_subset(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *part = json_parse(cases[i].part, strlen(cases[i].part), "part", NULL);
		json_t *whole = json_parse(cases[i].whole, strlen(cases[i].whole), "whole", NULL);
		struct buf where = BUF_INIT;

		assert_non_null(part);
		assert_non_null(whole);
		if (subset(part, whole, SUBSET_EXACT, &where) != cases[i].exact ||
		    subset(part, whole, SUBSET_ANY, NULL) != cases[i].any)
			fail_msg("case %zu: %s in %s", i, cases[i].part, cases[i].whole);
		assert_string_equal(buf_str(&where), cases[i].where != NULL ? cases[i].where : "");
		/* everything says itself */
		assert_true(subset(whole, whole, SUBSET_EXACT, NULL));
		assert_true(subset(whole, whole, SUBSET_ANY, NULL));
		json_decref(part);
		json_decref(whole);
		buf_clear(&where);
	}
}

static void test_nothing_there(void **state)
{
	json_t *one = json_integer(1), *empty = json_object();

	(void)state;
	assert_false(subset(one, NULL, SUBSET_EXACT, NULL));
	assert_true(subset(empty, NULL, SUBSET_EXACT, NULL));
	json_decref(one);
	json_decref(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subset),
		cmocka_unit_test(test_nothing_there),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
