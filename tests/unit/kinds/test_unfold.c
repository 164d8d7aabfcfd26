/* SPDX-License-Identifier: Apache-2.0 */
/* the fields of a kind, given back from its data, make the same data again */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/kind.h"

#define NOW 1795420800 /* 2026-11-23T08:00:00Z */
#define WORD "Zx8-correct-horse-battery-staple-1"

static const struct {
	const char *kind;
	const char *given[4][2]; /* name, value */
	const char *back[4];	 /* names of the fields that the data gives back */
} cases[] = {
	{ "registry",
	  { { "server", "registry.example.org" }, { "username", "bot" }, { "token", WORD } },
	  { "server", "token", "username" } },
	/* the key of Docker Hub is no name that a person would give */
	{ "registry",
	  { { "server", "docker.io" }, { "username", "bot" }, { "token", WORD } },
	  { "server", "token", "username" } },
	{ "registry",
	  { { "docker-config", "{\"auths\": {\"a.example.org\": {\"username\": \"u\", "
			       "\"password\": \"p\"}, \"b.example.org\": {\"username\": "
			       "\"v\", \"password\": \"q\"}}}" } },
	  { "docker-config" } },
	/* nothing but its kind tells that these are for Git */
	{ "git-https",
	  { { "url", "https://git.example.org/a" }, { "username", "git" }, { "token", WORD } },
	  { "token", "username" } },
	{ "basic-auth",
	  { { "username", "bot" }, { "password", WORD } },
	  { "password", "username" } },
	{ "webhook-token", { { "token", WORD } }, { "token" } },
	{ "proxy",
	  { { "address", "http://proxy.example.org:3128" },
	    { "username", "bot" },
	    { "password", WORD } },
	  { "address", "password", "username" } },
};

static void build(const struct kind *k, struct kv *fields, struct kind_secret *out)
{
	struct kind_input in = { .now = NOW };
	struct err err = ERR_INIT;

	kv_copy(&in.fields, fields);
	if (kind_build(k, &in, out, NULL, &err) != 0)
		fail_msg("%s", err.text);
	kind_input_clear(&in);
}

static void test_back_and_forth(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct kind *k = kind_find(cases[i].kind);
		struct kind_secret first = KIND_SECRET_INIT, second = KIND_SECRET_INIT;
		struct kind_input again = { .now = NOW };
		struct kv fields = KV_INIT;
		struct err err = ERR_INIT;
		size_t n = 0;

		for (size_t f = 0; f < 4 && cases[i].given[f][0] != NULL; f++)
			kv_set_str(&fields, cases[i].given[f][0], cases[i].given[f][1]);
		build(k, &fields, &first);
		kv_set_str(&fields, "left", "over");
		assert_int_equal(kind_unfold(k, &first, &fields, &err), 0);
		while (n < 4 && cases[i].back[n] != NULL) {
			assert_string_equal(fields.items[n].name, cases[i].back[n]);
			n++;
		}
		assert_int_equal(fields.n, n);
		kv_copy(&again.fields, &fields);
		assert_int_equal(kind_restore(k, &first.facts, &again, &err), 0);
		build(k, &again.fields, &second);
		assert_true(kv_equal(&first.data, &second.data));
		assert_true(kv_equal(&first.facts, &second.facts));
		kind_input_clear(&again);
		kind_secret_clear(&first);
		kind_secret_clear(&second);
		kv_clear(&fields);
	}
}

/* Several logins are shown as lines, and nothing is said twice that could then disagree. */
static void test_several_logins(void **state)
{
	const struct kind *k = kind_find("registry");
	struct kind_secret s = KIND_SECRET_INIT;
	struct kv fields = KV_INIT;
	struct err err = ERR_INIT;
	const char *text;

	(void)state;
	kv_set_str(&fields, "docker-config", cases[2].given[0][1]);
	build(k, &fields, &s);
	assert_non_null(strstr(kv_get_str(&s.data, ".dockerconfigjson"), "\"auth\""));
	assert_int_equal(kind_unfold(k, &s, &fields, &err), 0);
	text = kv_get_str(&fields, "docker-config");
	assert_null(strstr(text, "\"auth\""));
	assert_non_null(strstr(text, "\n    \"a.example.org\": {\n"));
	kind_secret_clear(&s);
	kv_clear(&fields);
}

static void test_not_its_data(void **state)
{
	const struct kind *k = kind_find("registry");
	struct kind_secret s = { .type = TYPE_DOCKER };
	struct kv fields = KV_INIT;
	struct err err = ERR_INIT;

	(void)state;
	kv_set_str(&s.data, ".dockerconfigjson", "s3cret");
	assert_int_equal(kind_unfold(k, &s, &fields, &err), -1);
	assert_int_equal(err.class, ERR_INTERNAL);
	assert_null(strstr(err.text, "s3cret"));
	assert_int_equal(fields.n, 0);
	kind_secret_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_back_and_forth),
		cmocka_unit_test(test_several_logins),
		cmocka_unit_test(test_not_its_data),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
