/* SPDX-License-Identifier: Apache-2.0 */
/* sorted search, names with bytes */
#include "tests/unit/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/kv.h"
#include "base/search.h"

static int compare(const void *key, const void *item)
{
	int a = *(const int *)key, b = *(const int *)item;

	return (a > b) - (a < b);
}

/* Every size up to 20, every key on, before, between and behind the items. */
static void test_search(void **state)
{
	int items[20];

	(void)state;
	for (size_t i = 0; i < COUNT(items); i++)
		items[i] = 10 * (int)(i + 1);
	for (size_t n = 0; n <= COUNT(items); n++) {
		const struct search s = { items, n, sizeof(items[0]), compare };

		for (int key = 5; key <= 10 * (int)(n + 1); key += 5) {
			size_t want = ((size_t)key + 9) / 10 - 1;
			bool found;

			assert_int_equal(search_sorted(&s, &key, &found), want);
			assert_int_equal(found, key % 10 == 0 && want < n);
		}
	}
}

static void test_order(void **state)
{
	struct kv kv = KV_INIT, copy = KV_INIT;
	char name[8];

	(void)state;
	for (int i = 0; i < 100; i++) { /* 37 and 101 have no common factor: each number once */
		snprintf(name, sizeof(name), "k%02d", i * 37 % 101 % 100);
		kv_set_fmt(&kv, name, "%s=%d", name, i);
	}
	for (size_t i = 1; i < kv.n; i++)
		assert_true(strcmp(kv.items[i - 1].name, kv.items[i].name) < 0);
	assert_string_equal(kv_get_str(&kv, "k37"), "k37=1");
	kv_copy(&copy, &kv);
	assert_true(kv_equal(&copy, &kv));
	assert_true(kv_del(&copy, "k37"));
	assert_false(kv_del(&copy, "k37"));
	assert_false(kv_has(&copy, "k37"));
	assert_false(kv_equal(&copy, &kv));
	assert_int_equal(copy.n, kv.n - 1);
	kv_add_names(&copy, &kv);
	assert_int_equal(copy.n, kv.n);
	assert_string_equal(kv_get_str(&copy, "k37"), "");
	assert_string_equal(kv_get_str(&copy, "k00"), kv_get_str(&kv, "k00")); /* stays */
	kv_clear(&kv);
	kv_clear(&copy);
	assert_int_equal(kv.n, 0);
}

static void test_values(void **state)
{
	struct kv kv = KV_INIT;

	(void)state;
	kv_set(&kv, "b", "x\0y", 3);
	kv_set_str(&kv, "a", "");
	kv_set_fmt(&kv, "c", "%0300d", 7);
	assert_int_equal(kv_get(&kv, "b")->len, 3);
	assert_null(kv_get_str(&kv, "b"));
	assert_string_equal(kv_get_str(&kv, "a"), "");
	assert_null(kv_get_str(&kv, "d"));
	assert_int_equal(kv_get(&kv, "c")->len, 300);
	assert_int_equal(kv_bytes(&kv), 303);
	kv_set(&kv, "c", kv_get(&kv, "b")->data, 3); /* from itself */
	kv_set(&kv, "b", kv_get(&kv, "b")->data, 2);
	assert_memory_equal(kv_get(&kv, "c")->data, "x\0y", 4);
	assert_memory_equal(kv_get(&kv, "b")->data, "x\0", 3);
	assert_int_equal(kv.n, 3);
	kv_clear(&kv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
