/* SPDX-License-Identifier: Apache-2.0 */
/* What the real kubeseal and sops made (tests/vectors/neighbours) opens to what went in. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "foreign/sealed_secret.h"
#include "foreign/sops.h"

#define DIR_NAME "tests/vectors/neighbours/"

static struct unseal_keys rsa;
static struct keyring age;

static void load(const char *name, struct buf *out)
{
	char *path = mem_printf(DIR_NAME "%s", name);
	struct err err = ERR_INIT;

	if (file_read(path, 1 << 20, 0, out, NULL, &err) != 0)
		fail_msg("%s (the tests run at the top level)", err.text);
	mem_free(path);
}

static int set_up(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	mem_init();
	load("sealed-secrets.key", &text);
	assert_int_equal(unseal_keys_add(&rsa, "k", text.data, text.len, NULL), 0);
	load("sops.key", &text);
	assert_int_equal(keyring_add_bytes(&age, "k", text.data, text.len, NULL, NULL, NULL), 0);
	buf_clear(&text);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unseal_keys_clear(&rsa);
	keyring_clear(&age);
	return 0;
}

static void parse(const char *name, struct yaml_stream *s)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	load(name, &text);
	if (yaml_parse(name, text.data, text.len, s, &err) != 0)
		fail_msg("%s", err.text);
	buf_clear(&text);
}

static const struct yaml_node *root(const struct yaml_stream *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->docs[i].root != NULL)
			return s->docs[i].root;
	fail_msg("no document");
	return NULL;
}

static void test_sealed_secrets(void **state)
{
	static const struct {
		const char *file, *name;
	} cases[] = {
		{ "strict.yaml", "strict" },
		{ "namespace-wide.yaml", "namespace-wide" },
		{ "cluster-wide.yaml", "cluster-wide" },
		{ "sealed.json", "json" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sealed_secret_open o = { .keys = &rsa };
		struct sealed_secret s = SEALED_SECRET_INIT;
		struct yaml_stream y = YAML_STREAM_INIT;
		struct notes notes = NOTES_INIT;
		struct err err = ERR_INIT;

		parse(cases[i].file, &y);
		assert_true(sealed_secret_claims(root(&y)));
		if (sealed_secret_open(cases[i].file, root(&y), &o, &s, &notes, &err) != 0)
			fail_msg("%s", err.text);
		assert_string_equal(s.name, cases[i].name);
		assert_string_equal(s.namespace, "web");
		assert_string_equal(s.type, "Opaque");
		assert_string_equal(kv_get_str(&s.labels, "app"), "test");
		assert_int_equal(s.annotations.n, 0);
		assert_int_equal(s.data.n, 3);
		assert_string_equal(kv_get_str(&s.data, "PASSWORD"), "value-1");
		assert_int_equal(kv_get(&s.data, "EMPTY")->len, 0);
		assert_memory_equal(kv_get(&s.data, "binary")->data, "value-\0\xff", 8);
		assert_int_equal(notes.n, 0);
		sealed_secret_clear(&s);
		yaml_clear(&y);
	}
}

static const struct yaml_node *value(const struct yaml_node *r, const char *name)
{
	return yaml_get(yaml_get(r, "stringData"), name);
}

static void test_sops(void **state)
{
	static const char *const files[] = { "sops.yaml", "sops-whole.yaml", "sops-mac-only.yaml",
					     "sops.json" };
	const struct sops_open o = { &age, false };

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		struct yaml_stream s = YAML_STREAM_INIT;
		const struct yaml_node *r;
		struct err err = ERR_INIT;

		parse(files[i], &s);
		if (sops_decrypt(files[i], &s, &o, &err) != 0)
			fail_msg("%s", err.text);
		r = root(&s);
		assert_string_equal(yaml_string(yaml_get(r, "kind")), "Secret");
		assert_string_equal(yaml_string(value(r, "PASSWORD")), "value-1");
		assert_string_equal(yaml_string(value(r, "EMPTY")), "");
		assert_string_equal(yaml_string(value(r, "LINES")), "value-2\nvalue-3\n");
		assert_string_equal(yaml_string(value(r, "NUMBER")), "5");
		assert_null(yaml_string(yaml_get(r, "immutable")));
		yaml_clear(&s);
	}
}

static void test_sops_env(void **state)
{
	const struct sops_open o = { &age, false };
	struct buf text = BUF_INIT, plain = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	load("sops.env", &text);
	assert_true(sops_env_claims(&text));
	if (sops_env_decrypt("f", &text, &o, &plain, &err) != 0)
		fail_msg("%s", err.text);
	assert_memory_equal(buf_str(&plain), "A=value-1\n\nB=\"value 2\"\nC=\n", 26);
	assert_string_equal(buf_str(&plain) + 26 + strspn(buf_str(&plain) + 26, "\n"), "");
	buf_clear(&text);
	buf_clear(&plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sealed_secrets),
		cmocka_unit_test(test_sops),
		cmocka_unit_test(test_sops_env),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
