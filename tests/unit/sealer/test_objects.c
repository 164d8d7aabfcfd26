/* SPDX-License-Identifier: Apache-2.0 */
/* objects of Kubernetes out of YAML, without a cluster */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/install_manifest.h"
#include "sealer/objects.h"

#define CONFIG_MAP "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"

static const struct {
	const char *text;
	size_t n;
	const char *names; /* of all, each with a line break */
	const char *error; /* NULL: it is read */
} cases[] = {
	{ "", 0, "", NULL },
	{ "---\n# only a remark\n---\n", 0, "", NULL },
	{ CONFIG_MAP, 1, "ConfigMap a\n", NULL },
	{ "---\n# Flux Version: v2\n---\n" CONFIG_MAP "---\n" CONFIG_MAP "  namespace: b\n", 2,
	  "ConfigMap a\nConfigMap b/a\n", NULL },
	{ "kind: ConfigMap\nmetadata: {name: a}\n", 0, NULL, "f:1: not an object of Kubernetes" },
	{ "apiVersion: v1\nmetadata: {name: a}\n", 0, NULL, "not an object of Kubernetes" },
	{ CONFIG_MAP "---\napiVersion: v1\nkind: List\nitems: []\n", 0, NULL,
	  "f:6: not an object" },
	{ "apiVersion: 1\nkind: ConfigMap\nmetadata: {name: a}\n", 0, NULL, "not an object" },
	{ "- a\n", 0, NULL, "not an object" },
	{ "just words\n", 0, NULL, "not an object" },
	{ "a: *b\n", 0, NULL, "f:1" },
	{ "a: 1\na: 2\n", 0, NULL, "f:2" },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf text = BUF_INIT, names = BUF_INIT;
		struct err err = ERR_INIT;
		json_t *list;

		buf_puts(&text, cases[i].text);
		list = objects_parse("f", &text, &err);
		if ((list == NULL) != (cases[i].error != NULL))
			fail_msg("case %zu: %s", i, err.text);
		for (size_t k = 0; k < json_array_size(list); k++) {
			objects_name(json_array_get(list, k), &names);
			buf_putc(&names, '\n');
		}
		assert_int_equal(json_array_size(list), cases[i].n);
		if (list != NULL)
			assert_string_equal(buf_str(&names), cases[i].names);
		else if (err.class != ERR_INVALID || strstr(err.text, cases[i].error) == NULL)
			fail_msg("case %zu: \"%s\"", i, err.text);
		json_decref(list);
		buf_clear(&text);
		buf_clear(&names);
	}
}

/* The manifest that is carried: no object twice, the kind of documents and the agent among them. */
static void test_the_manifest(void **state)
{
	struct buf text = BUF_INIT, all = BUF_INIT;
	struct err err = ERR_INIT;
	json_t *list;

	(void)state;
	buf_put(&text, install_manifest, install_manifest_len);
	list = objects_parse("install.yaml", &text, &err);
	if (list == NULL)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct buf one = BUF_INIT;

		objects_name(json_array_get(list, i), &one);
		buf_putc(&one, '\n');
		if (strstr(buf_str(&all), buf_str(&one)) != NULL)
			fail_msg("twice: %s", buf_str(&one));
		buf_put(&all, one.data, one.len);
		buf_clear(&one);
	}
	assert_non_null(
	    strstr(buf_str(&all), "CustomResourceDefinition sealedcredentials.bulla.dev\n"));
	assert_non_null(strstr(buf_str(&all), "Deployment bulla-system/bulla-agent\n"));
	assert_null(strstr(buf_str(&all), "bulla-sealing-keys"));
	json_decref(list);
	buf_clear(&text);
	buf_clear(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_the_manifest),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
