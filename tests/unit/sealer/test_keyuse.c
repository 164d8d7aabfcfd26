/* SPDX-License-Identifier: Apache-2.0 */
/* who still needs a key, by what documents list; and a cluster's objects */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "sealer/keyuse.h"

#define ID "4c1d9a0e5b7f22338d01c6b2a4e7f905"

/* "eu=K other=x": name=id pairs; K is the key, N its owner's new one. */
static void put_pairs(const char *text, struct kv *out)
{
	char *copy = mem_str(text), *rest = copy;

	for (char *word = strtok_r(copy, " ", &rest); word != NULL;
	     word = strtok_r(NULL, " ", &rest)) {
		char *sign = strchr(word, '=');

		*sign = '\0';
		kv_set_str(out, word, sign[1] == 'K' ? ID : sign + 1);
	}
	mem_free(copy);
}

static void test_needs(void **state)
{
	static const struct {
		const char *recipients;
		bool needs;
	} cases[] = {
		{ "", false },
		{ "eu=K", true },
		{ "eu=K recovery=r us=u", true },
		{ "eu=N recovery=r", false },
		{ "eu=N old=K", false }, /* the new one does as well */
		{ "old=K zz=N", false },
		{ "recovery=r us=u", false },
	};
	struct kv others = KV_INIT;
	const struct keyuse u = { ID, &others };

	(void)state;
	kv_set_str(&others, "N", "");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kv listed = KV_INIT;

		put_pairs(cases[i].recipients, &listed);
		assert_int_equal(keyuse_needs(&u, &listed), cases[i].needs);
		kv_clear(&listed);
	}
	kv_clear(&others);
}

static void test_may_list(void **state)
{
	static const struct {
		const char *text;
		bool may;
	} cases[] = {
		{ "", false },
		{ ID, false }, /* no document of Bulla's */
		{ "bulla.dev/v1", false },
		{ "bulla.dev/v1 \"" ID "\"", true },
		{ "\"" ID "\" bulla.dev/v1", true },
		{ "bulla.dev/v1 \"\\x34c1d\"", true },
		{ "bulla.dev/v1 \\", true },
		{ "bulla.dev/v1 4c1d9a0e5b7f22338d01c6b2a4e7f90", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(keyuse_may_list(ID, cases[i].text, strlen(cases[i].text)),
				 cases[i].may);
}

/* What an API server may hold, also what no sealer made. */
static void test_objects(void **state)
{
	static const struct {
		const char *spec;
		size_t uses;
	} cases[] = {
		{ "{\"parts\":{\"a\":{\"recipients\":{\"eu\":\"" ID "\"}}}}", 1 },
		{ "{\"parts\":{\"a\":{\"recipients\":{\"eu\":\"" ID "\",\"x\":\"N\"}}}}", 0 },
		{ "{\"parts\":{\"a\":{\"recipients\":{\"eu\":\"" ID
		  "\"}},\"b\":{\"recipients\":{\"eu\":\"N\"}},\"c\":{\"recipients\":{\"y\":\"" ID
		  "\"}}}}",
		  2 },
		{ "{\"parts\":{\"a\":{\"recipients\":{\"eu\":1}}}}", 0 },
		{ "{\"parts\":{\"a\":{\"recipients\":[\"" ID "\"]}}}", 0 },
		{ "{\"parts\":{\"a\":[]}}", 0 },
		{ "{\"parts\":[]}", 0 },
		{ "{}", 0 },
		{ "[]", 0 },
	};
	struct kv others = KV_INIT;
	const struct keyuse u = { ID, &others };

	(void)state;
	kv_set_str(&others, "N", "");
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *objects =
		    json_pack("{s:{s:o}}", "web/app", "spec", json_loads(cases[i].spec, 0, NULL));
		json_t *uses = json_array(), *first;

		keyuse_in_objects(&u, objects, "eu", uses);
		assert_int_equal(json_array_size(uses), cases[i].uses);
		first = json_array_get(uses, 0);
		if (first != NULL) {
			assert_string_equal(json_string_value(json_object_get(first, "document")),
					    "web/app");
			assert_string_equal(json_string_value(json_object_get(first, "where")),
					    "eu");
			assert_string_equal(json_string_value(json_object_get(first, "part")), "a");
			assert_null(json_object_get(first, "file"));
		}
		json_decref(uses);
		json_decref(objects);
	}
	kv_clear(&others);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_may_list),
		cmocka_unit_test(test_objects),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
