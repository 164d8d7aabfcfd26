/* SPDX-License-Identifier: Apache-2.0 */
/* Files as sops_write makes them, and what sops_decrypt says when they are changed. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "foreign/sops.h"
#include "foreign/sops_meta.h"
#include "foreign/sops_write.h"

static struct keyring keys, others;
static struct kv data, labels, none;

static void add_key(struct keyring *kr)
{
	struct age_identity *id = age_identity_generate();
	struct buf text = BUF_INIT;

	age_identity_format(id, &text);
	assert_int_equal(keyring_add_bytes(kr, "k", text.data, text.len, NULL, NULL, NULL), 0);
	buf_clear(&text);
	age_identity_free(id);
}

static int set_up(void **state)
{
	(void)state;
	mem_init();
	add_key(&keys);
	add_key(&others);
	kv_set_str(&data, "A", "value-1");
	kv_set_str(&data, "B", "value-2");
	kv_set_str(&data, "EMPTY", "");
	kv_set_str(&labels, "no", "123");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	keyring_clear(&keys);
	keyring_clear(&others);
	kv_clear(&data);
	kv_clear(&labels);
	return 0;
}

static void make(size_t n, const struct keyring *to, struct buf *out)
{
	const struct sops_secret secrets[] = {
		{ "db", "web", "Opaque", &labels, &none, &data },
		{ "two", "web", "Opaque", &none, &none, &data },
	};
	struct age_recipient recipients[2] = { *age_identity_recipient(others.ids[0]),
					       *age_identity_recipient(to->ids[0]) };
	const struct sops_write w = { secrets, n, recipients, 2, 1800000000 };
	struct err err = ERR_INIT;

	if (sops_write(&w, out, &err) != 0)
		fail_msg("%s", err.text);
}

static int open_text(const char *text, const struct sops_open *o, struct yaml_stream *s,
		     struct err *err)
{
	assert_int_equal(yaml_parse("f", text, strlen(text), s, err), 0);
	return sops_decrypt("f", s, o, err);
}

static void check_secret(const struct yaml_node *root, const char *name)
{
	const struct yaml_node *values = yaml_get(root, "data");

	assert_string_equal(yaml_string(yaml_get(yaml_get(root, "metadata"), "name")), name);
	assert_string_equal(yaml_string(yaml_get(values, "A")), "dmFsdWUtMQ==");
	assert_string_equal(yaml_string(yaml_get(values, "B")), "dmFsdWUtMg==");
	assert_string_equal(yaml_string(yaml_get(values, "EMPTY")), "");
}

static void test_there_and_back(void **state)
{
	static const char *const names[] = { "db", "two" };
	const struct sops_open o = { &keys, false };

	(void)state;
	for (size_t n = 1; n <= 2; n++) {
		struct buf text = BUF_INIT;
		struct yaml_stream s = YAML_STREAM_INIT;
		struct err err = ERR_INIT;

		make(n, &keys, &text);
		assert_null(strstr(buf_str(&text), "dmFsdWU"));
		if (open_text(buf_str(&text), &o, &s, &err) != 0)
			fail_msg("%s", err.text);
		assert_int_equal(s.n, n);
		for (size_t i = 0; i < n; i++) {
			assert_true(sops_claims(s.docs[i].root));
			check_secret(s.docs[i].root, names[i]);
		}
		yaml_clear(&s);
		buf_clear(&text);
	}
}

static void test_two_are_never_the_same(void **state)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	(void)state;
	make(1, &keys, &a);
	make(1, &keys, &b);
	assert_string_not_equal(buf_str(&a), buf_str(&b));
	buf_clear(&a);
	buf_clear(&b);
}

/* --- changed ---------------------------------------------------------------------------------- */

/* The text with the first `from` replaced; a new string. */
static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	return mem_printf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static const struct {
	const char *from, *to, *why;
	enum err_class class;
	bool forgiven; /* by ignore_mac */
} changes[] = {
	{ "name: db", "name: evil", "sops.mac: it is not", ERR_REFUSED, true },
	{ "namespace: web", "namespace: kube-system", "sops.mac: it is not", ERR_REFUSED, true },
	{ "type: Opaque", "type: kubernetes.io/tls", "sops.mac: it is not", ERR_REFUSED, true },
	{ "EMPTY: \"\"", "EMPTY: x", "sops.mac: it is not", ERR_REFUSED, true },
	{ "\ndata:\n", "\ndata:\n    MORE: x\n", "sops.mac: it is not", ERR_REFUSED, true },
	{ "lastmodified: \"2", "lastmodified: \"3", "sops.mac: it is not", ERR_REFUSED, true },
	{ "    mac: ", "    cam: ", "sops.mac: missing", ERR_INVALID, true },
	{ "    lastmodified: ", "    modified: ", "sops.lastmodified: missing", ERR_INVALID, true },
	{ "\ndata:\n", "\ndata:\n    MORE: 1.5\n", "a plain value that readers take", ERR_INVALID,
	  true },
	{ "    A: ENC", "    C: ENC", "f:10: data.C: it does not open", ERR_REFUSED, false },
	{ "\ndata:\n", "\nstringData:\n", "stringData.A: it does not open", ERR_REFUSED, false },
	{ ",type:str]", ",type:xxx]", "not an encrypted value", ERR_INVALID, false },
	{ ",type:str]", ",type:comment]", "a comment where a value", ERR_INVALID, false },
	{ ",type:str]", ",type:bytes]", "of YAML's type binary", ERR_INVALID, false },
	{ "          enc: |", "          cne: |", "sops.age[0].enc: missing", ERR_INVALID, false },
	{ "    age:\n", "    key_groups: [x]\n    age:\n", "sops.key_groups", ERR_INVALID, false },
	{ "sops:\n", "pgp: [x]\nsops:\n    pgp: [x]\n", "sops.mac: it is not", ERR_REFUSED, true },
	{ "sops:\n    age:\n", "sops:\n    mac: [1]\n    age:\n", "a key given twice", ERR_INVALID,
	  false },
};

static void test_changed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++) {
		struct buf text = BUF_INIT;
		char *changed;

		make(1, &keys, &text);
		changed = replaced(buf_str(&text), changes[i].from, changes[i].to);
		for (int ignore = 0; ignore <= 1; ignore++) {
			const struct sops_open o = { &keys, ignore == 1 };
			struct yaml_stream s = YAML_STREAM_INIT;
			struct err err = ERR_INIT;
			int r = yaml_parse("f", changed, strlen(changed), &s, &err);

			if (r == 0)
				r = sops_decrypt("f", &s, &o, &err);
			if (r != (ignore == 1 && changes[i].forgiven ? 0 : -1))
				fail_msg("change %zu: %d with %d", i, r, ignore);
			if (r != 0 && (strstr(err.text, changes[i].why) == NULL ||
				       err.class != changes[i].class))
				fail_msg("change %zu: %s", i, err.text);
			assert_null(strstr(err.text, "dmFsdWU"));
			yaml_clear(&s);
		}
		mem_free(changed);
		buf_clear(&text);
	}
}

static void test_another_key(void **state)
{
	struct keyring third = KEYRING_INIT;
	const struct sops_open o = { &third, false };
	struct yaml_stream s = YAML_STREAM_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	add_key(&third);
	make(1, &keys, &text);
	assert_int_equal(open_text(buf_str(&text), &o, &s, &err), -1);
	assert_int_equal(err.class, ERR_NOKEY);
	assert_non_null(strstr(err.text, "no private key at hand is one of its 2 recipients'"));
	keyring_clear(&third);
	yaml_clear(&s);
	buf_clear(&text);
}

static void test_a_document_that_has_none(void **state)
{
	const struct sops_open o = { &keys, false };
	static const char *const heads[] = { "a: b\n---\n", "[]\n---\n", "x\n---\n" };

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++) {
		struct yaml_stream s = YAML_STREAM_INIT;
		struct buf text = BUF_INIT;
		struct err err = ERR_INIT;

		buf_puts(&text, heads[i]);
		make(1, &keys, &text);
		assert_int_equal(open_text(buf_str(&text), &o, &s, &err), -1);
		assert_non_null(strstr(err.text, "f:1: a document without the metadata of SOPS"));
		yaml_clear(&s);
		buf_clear(&text);
	}
}

static void test_nobody(void **state)
{
	const struct sops_secret secret = { "a", "b", "Opaque", &none, &none, &data };
	const struct sops_write w = { .secrets = &secret, .n = 1 };
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(sops_write(&w, &text, &err), -1);
	assert_int_equal(err.class, ERR_RECIPIENT);
	assert_int_equal(text.len, 0);
}

/* --- metadata of dotenv files ----------------------------------------------------------------- */

static void test_flat_metadata(void **state)
{
	static const char *const names[] = { "mac",
					     "lastmodified",
					     "mac_only_encrypted",
					     "age__list_0__map_enc",
					     "age__list_1__map_recipient",
					     "pgp__list_0__map_fp",
					     "version" };
	struct sops_meta m = SOPS_META_INIT;
	struct err err = ERR_INIT;
	unsigned char key[SOPS_KEY];

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(sops_meta_put(&m, names[i], "true", &err), 0);
	assert_string_equal(m.mac, "true");
	assert_string_equal(m.modified, "true");
	assert_true(m.only_encrypted && m.others && !m.groups);
	assert_int_equal(m.n, 1);
	assert_int_equal(sops_meta_key(&m, &keys, key, &err), -1);
	assert_int_equal(err.class, ERR_NOKEY);
	assert_int_equal(sops_meta_put(&m, "key_groups__list_0__map_age", "x", &err), 0);
	assert_int_equal(sops_meta_key(&m, &keys, key, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	sops_meta_clear(&m);
}

static void test_recipients_are_bounded(void **state)
{
	struct sops_meta m = SOPS_META_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < SOPS_RECIPIENTS_MAX; i++)
		assert_int_equal(sops_meta_put(&m, "age__list_0__map_enc", "x", &err), 0);
	assert_int_equal(sops_meta_put(&m, "age__list_0__map_enc", "x", &err), -1);
	sops_meta_clear(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_two_are_never_the_same),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_another_key),
		cmocka_unit_test(test_a_document_that_has_none),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_flat_metadata),
		cmocka_unit_test(test_recipients_are_bounded),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
