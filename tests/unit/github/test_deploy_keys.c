/* SPDX-License-Identifier: Apache-2.0 */
/* Deploy keys as GitHub tells them, and which of them is a given one. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "github/deploy_keys.h"

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{ "ssh-ed25519 AAAA", "ssh-ed25519 AAAA", true },
	{ "ssh-ed25519 AAAA", "ssh-ed25519 AAAA me@host", true },
	{ "ssh-ed25519 AAAA one", "ssh-ed25519 AAAA two\n", true },
	{ "ssh-ed25519 AAAA\n", "ssh-ed25519 AAAA\r\n", true },
	{ "ssh-ed25519 AAAA\tx", "ssh-ed25519 AAAA", true },
	{ "ssh-ed25519 AAAA", "ssh-ed25519 AAAB", false },
	{ "ssh-ed25519 AAAA", "ssh-ed25519 AAAAB", false },
	{ "ssh-ed25519 AAAA", "ssh-ed25519 AAA", false },
	{ "ssh-ed25519 AAAA", "ssh-rsa AAAA", false },
	{ "ssh-ed25519 AAAA", "ssh-ed25519  AAAA", false },
	{ "ssh-ed25519", "ssh-ed25519 AAAA", false },
	{ "", "", false },
	{ " ", "ssh-ed25519", false },
	{ "\n", "\n", false },
};

static void test_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++)
		if (deploy_key_same(pairs[i].a, pairs[i].b) != pairs[i].same ||
		    deploy_key_same(pairs[i].b, pairs[i].a) != pairs[i].same)
			fail_msg("\"%s\" and \"%s\"", pairs[i].a, pairs[i].b);
}

static json_t *parse(const char *text)
{
	json_t *v = json_parse(text, strlen(text), "case", NULL);

	if (v == NULL)
		fail_msg("%s", text);
	return v;
}

static void test_read(void **state)
{
	json_t *v = parse("{\"id\":9007199254740993,\"key\":\"ssh-ed25519 AAAA me\",\"title\":\"t "
			  "\\u202e\",\"read_only\":true,\"verified\":true,\"created_at\":"
			  "\"2026-11-26T10:45:21Z\",\"last_used\":\"2026-11-26T19:45:21+09:00\","
			  "\"added_by\":\"octo\",\"enabled\":false,\"new_field\":[1]}");
	struct deploy_key k;

	(void)state;
	assert_int_equal(deploy_key_read(v, &k, NULL), 0);
	assert_true(k.id == INT64_C(9007199254740993));
	assert_string_equal(k.key, "ssh-ed25519 AAAA");
	assert_string_equal(k.title, "t \xe2\x80\xae");
	assert_string_equal(k.added_by, "octo");
	assert_true(k.created == 1795689921 && k.last_used == 1795689921);
	assert_true(k.read_only && k.verified && k.disabled);
	deploy_key_clear(&k);
	assert_null(k.title);
	json_decref(v);
	/* the least that is taken: what is not told is not assumed */
	v = parse("{\"id\":1,\"key\":\"ssh-rsa B\",\"title\":\"\",\"read_only\":false}");
	assert_int_equal(deploy_key_read(v, &k, NULL), 0);
	assert_true(k.added_by == NULL && k.created == 0 && k.last_used == 0);
	assert_false(k.read_only || k.verified || k.disabled);
	deploy_key_clear(&k);
	json_decref(v);
}

static const char *const wrong[] = {
	"{}",
	"[]",
	"[7, null]",
	"{\"id\":0,\"key\":\"k\",\"title\":\"t\",\"read_only\":true}",
	"{\"id\":-1,\"key\":\"k\",\"title\":\"t\",\"read_only\":true}",
	"{\"id\":1.0,\"key\":\"k\",\"title\":\"t\",\"read_only\":true}",
	"{\"id\":\"1\",\"key\":\"k\",\"title\":\"t\",\"read_only\":true}",
	"{\"id\":1,\"title\":\"t\",\"read_only\":true}",
	"{\"id\":1,\"key\":7,\"title\":\"t\",\"read_only\":true}",
	"{\"id\":1,\"key\":\"k\",\"title\":null,\"read_only\":true}",
	/* a right that is not told is none to guess */
	"{\"id\":1,\"key\":\"k\",\"title\":\"t\"}",
	"{\"id\":1,\"key\":\"k\",\"title\":\"t\",\"read_only\":\"true\"}",
	"{\"id\":1,\"key\":\"k\",\"title\":\"t\",\"read_only\":1}",
};

static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		json_t *v = parse(wrong[i]), *list = json_pack("[O]", v);
		struct deploy_keys keys = DEPLOY_KEYS_INIT;
		struct err err = ERR_INIT;
		struct deploy_key k;

		memset(&k, 'x', sizeof(k));
		if (deploy_key_read(v, &k, &err) == 0)
			fail_msg("%s", wrong[i]);
		assert_int_equal(err.class, ERR_IO);
		assert_true(k.title == NULL && k.key == NULL && k.added_by == NULL && k.id == 0);
		assert_int_equal(deploy_keys_read(list, &keys, &err), -1);
		assert_true(keys.items == NULL && keys.n == 0);
		json_decref(list);
		json_decref(v);
	}
}

#define ONE(id, key) "{\"id\":" #id ",\"key\":\"" key "\",\"title\":\"t\",\"read_only\":true}"

/* A page that moves shows a key twice; one that is broken behind others spoils the list. */
static void test_list(void **state)
{
	json_t *v = parse("[" ONE(1, "ssh-rsa A x") "," ONE(2, "ssh-rsa B") "," ONE(
	    1, "ssh-rsa A x") "," ONE(3, "ssh-rsa A") "]");
	struct deploy_keys keys = DEPLOY_KEYS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(deploy_keys_read(v, &keys, &err), 0);
	assert_int_equal(keys.n, 3);
	assert_true(keys.items[0].id == 1 && keys.items[1].id == 2 && keys.items[2].id == 3);
	assert_ptr_equal(deploy_keys_find(&keys, "ssh-rsa B comment\n"), &keys.items[1]);
	assert_ptr_equal(deploy_keys_find(&keys, "ssh-rsa A"), &keys.items[0]);
	assert_null(deploy_keys_find(&keys, "ssh-rsa"));
	assert_null(deploy_keys_find(&keys, "ssh-rsa C"));
	assert_null(deploy_keys_find(&keys, ""));
	json_decref(v);
	v = parse("[" ONE(1, "ssh-rsa A") ",{}]");
	assert_int_equal(deploy_keys_read(v, &keys, &err), -1);
	assert_true(keys.n == 0 && keys.items == NULL);
	assert_null(deploy_keys_find(&keys, "ssh-rsa A"));
	json_decref(v);
	v = parse("[]");
	assert_int_equal(deploy_keys_read(v, &keys, &err), 0);
	assert_int_equal(keys.n, 0);
	deploy_keys_clear(&keys);
	json_decref(v);
}

static void test_too_many(void **state)
{
	json_t *one = parse(ONE(1, "ssh-rsa A")), *list = json_array();
	struct deploy_keys keys = DEPLOY_KEYS_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < 5000; i++)
		json_array_append(list, one);
	assert_int_equal(deploy_keys_read(list, &keys, &err), 0);
	assert_int_equal(keys.n, 1);
	json_array_append(list, one);
	assert_int_equal(deploy_keys_read(list, &keys, &err), -1);
	assert_non_null(strstr(err.text, "more than 5000"));
	json_decref(list);
	json_decref(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),	 cmocka_unit_test(test_read),
		cmocka_unit_test(test_wrong),	 cmocka_unit_test(test_list),
		cmocka_unit_test(test_too_many),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
