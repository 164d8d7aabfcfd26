/* SPDX-License-Identifier: Apache-2.0 */
/* What --generate-key sends, how it reads a list, and what it refuses before it asks a server. */
#include <stdio.h>
#include <string.h>

#include "agent/generate_key.h"
#include "base/b64.h"
#include "base/json.h"
#include "base/mem.h"
#include "keys/keyring.h"
#include "tests/unit/test.h"

#define NOW 1774958400 /* 2026-03-31T12:00:00Z */

static json_t *secret_of(const char *namespace, const struct age_identity *id)
{
	struct buf body = BUF_INIT;
	struct err err = ERR_INIT;
	json_t *v;

	generate_key_secret(namespace, id, NOW, &body);
	assert_false(body.truncated);
	v = json_parse(body.data, body.len, "body", &err);
	if (v == NULL)
		fail_msg("%s", err.text);
	buf_clear(&body);
	return v;
}

static const char *text_at(const json_t *v, const char *a, const char *b)
{
	v = json_object_get(v, a);
	return json_string_value(b == NULL ? v : json_object_get(v, b));
}

static void assert_frame(const json_t *v, const char *namespace, size_t members)
{
	assert_string_equal(text_at(v, "apiVersion", NULL), "v1");
	assert_string_equal(text_at(v, "kind", NULL), "Secret");
	assert_string_equal(text_at(v, "type", NULL), "Opaque");
	assert_string_equal(text_at(v, "metadata", "name"), "bulla-sealing-keys");
	assert_string_equal(text_at(v, "metadata", "namespace"), namespace);
	assert_int_equal(json_object_size(json_object_get(v, "metadata")), 2);
	assert_int_equal(json_object_size(v), members);
}

/* An agent reads the one entry as it reads a key file, and finds that very key. */
static void test_secret(void **state)
{
	struct age_identity *id = age_identity_generate();
	json_t *v = secret_of("bulla-system", id);
	json_t *data = json_object_get(v, "data");
	struct keyring kr = KEYRING_INIT;
	struct buf file = BUF_INIT;
	struct err err = ERR_INIT;
	char *name = mem_printf("20260331T120000Z-%s.key", age_identity_id(id));
	const char *value;

	(void)state;
	assert_frame(v, "bulla-system", 5);
	assert_int_equal(json_object_size(data), 1);
	value = json_string_value(json_object_get(data, name));
	assert_non_null(value);
	assert_int_equal(b64_decode(&file, value, strlen(value)), 0);
	assert_non_null(strstr(buf_str(&file), "# created: 2026-03-31T12:00:00Z\n"));
	assert_int_equal(keyring_add_bytes(&kr, name, file.data, file.len, NULL, NULL, &err), 0);
	assert_int_equal(kr.n, 1);
	assert_string_equal(age_identity_id(kr.ids[0]), age_identity_id(id));
	assert_memory_equal(age_identity_scalar(kr.ids[0]), age_identity_scalar(id), AGE_KEY_SIZE);
	keyring_clear(&kr);
	buf_clear(&file);
	mem_free(name);
	age_identity_free(id);
	json_decref(v);
}

/* What only asks whether there is one carries no key; it is appended, and text cannot break out. */
static void test_secret_without_key(void **state)
{
	struct buf body = BUF_INIT;
	json_t *v = secret_of("a\",\"x\":\"y", NULL);

	(void)state;
	assert_frame(v, "a\",\"x\":\"y", 4);
	json_decref(v);
	buf_puts(&body, "before");
	generate_key_secret("a", NULL, NOW, &body);
	assert_memory_equal(body.data, "before{\"apiVersion\":", 20);
	buf_clear(&body);
}

static void test_two_keys_differ(void **state)
{
	struct age_identity *a = age_identity_generate(), *b = age_identity_generate();
	json_t *one = secret_of("n", a), *two = secret_of("n", b), *again = secret_of("n", a);

	(void)state;
	assert_false(json_equal(one, two));
	assert_true(json_equal(one, again));
	json_decref(one);
	json_decref(two);
	json_decref(again);
	age_identity_free(a);
	age_identity_free(b);
}

static void test_any(void **state)
{
	static const struct {
		const char *list;
		int r;
		bool any;
	} cases[] = {
		{ "{\"items\":[]}", 0, false },
		{ "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[]}", 0, false },
		{ "{\"metadata\":{\"continue\":\"\"},\"items\":[]}", 0, false },
		{ "{\"items\":[{}]}", 0, true },
		{ "{\"items\":[{},{}]}", 0, true },
		{ "{\"metadata\":{\"continue\":\"abc\"},\"items\":[]}", 0, true },
		{ "{}", -1, false },
		{ "{\"items\":null}", -1, false },
		{ "{\"items\":{}}", -1, false },
		{ "{\"items\":\"\"}", -1, false },
		{ "[]", -1, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		json_t *v = json_parse(cases[i].list, strlen(cases[i].list), "list", &err);
		bool any = false;
		int r;

		assert_non_null(v);
		r = generate_key_any(v, &any, &err);
		if (r != cases[i].r || any != cases[i].any)
			fail_msg("%s: %d %d", cases[i].list, r, any);
		assert_int_equal(err.class, r == 0 ? ERR_NONE : ERR_IO);
		json_decref(v);
	}
}

/* An answer that is no JSON object at all comes as NULL. */
static void test_no_list(void **state)
{
	struct err err = ERR_INIT;
	bool any = false;

	(void)state;
	assert_int_equal(generate_key_any(NULL, &any, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_non_null(strstr(err.text, "there may be documents"));
}

static void test_refused_before_asking(void **state)
{
	static const char *const names[] = { "..", "a/b", "A", "a.b", "-", "a?dryRun=All" };
	struct options o = { .mode = OPTIONS_GENERATE_KEY, .kubeconfig = "/nonexistent/config" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct err err = ERR_INIT;

		o.agent_namespace = names[i];
		assert_int_equal(generate_key(&o, &err), ERR_USAGE);
		assert_int_equal(err.class, ERR_USAGE);
		assert_non_null(strstr(err.text, "--agent-namespace"));
	}
}

static void test_no_kubeconfig(void **state)
{
	struct options o = { .mode = OPTIONS_GENERATE_KEY,
			     .agent_namespace = "a",
			     .kubeconfig = "/nonexistent/config" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_not_equal(generate_key(&o, &err), ERR_NONE);
	assert_non_null(strstr(err.text, "/nonexistent/config"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_secret),
		cmocka_unit_test(test_secret_without_key),
		cmocka_unit_test(test_two_keys_differ),
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_no_list),
		cmocka_unit_test(test_refused_before_asking),
		cmocka_unit_test(test_no_kubeconfig),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
