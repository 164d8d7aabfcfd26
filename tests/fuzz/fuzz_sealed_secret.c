/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SealedSecret is refused, with where and without what, or opened; what was opened is named as
 * the SealedSecret is, and its manifest is YAML that says the same.  The first byte chooses: the
 * rest is a SealedSecret, a file of keys, or one sealed value.  (No input holds a value that the
 * key here opens, so most of it is what happens before and around that.)
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void set_up(void);
#include "base/b64.h"
#include "base/err.h"
#include "base/mem.h"
#include "foreign/sealed_secret.h"
#include "foreign/unseal.h"

static struct unseal_keys keys;

static void check_manifest(const struct sealed_secret *s)
{
	struct yaml_stream y = YAML_STREAM_INIT;
	struct buf text = BUF_INIT, value = BUF_INIT;
	const struct yaml_node *root, *data;

	must(sealed_secret_format(s, &text) == 0);
	if (yaml_parse("m", text.data, text.len, &y, NULL) != 0) {
		buf_clear(&text); /* characters that no YAML of ours may have */
		return;
	}
	root = y.docs[0].root;
	must(strcmp(yaml_get(yaml_get(root, "metadata"), "name")->text, s->name) == 0);
	must(strcmp(yaml_get(yaml_get(root, "metadata"), "namespace")->text, s->namespace) == 0);
	data = yaml_get(root, "data");
	must(data->n == s->data.n);
	for (size_t i = 0; i < data->n; i++) {
		buf_reset(&value);
		must(strcmp(data->keys[i]->text, s->data.items[i].name) == 0);
		must(b64_decode(&value, data->values[i]->text, data->values[i]->len) == 0);
		must(value.len == s->data.items[i].len);
	}
	yaml_clear(&y);
	buf_clear(&value);
	buf_clear(&text);
}

static void check_object(const struct yaml_node *root)
{
	struct sealed_secret_open o = { .keys = &keys, .namespace = "given" };
	struct sealed_secret s = SEALED_SECRET_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;

	if (sealed_secret_open("f", root, &o, &s, &notes, &err) == 0) {
		must(s.name != NULL && s.namespace != NULL && s.type != NULL);
		must(strcmp(yaml_get(yaml_get(root, "metadata"), "name")->text, s.name) == 0);
		check_manifest(&s);
	} else {
		must(err.class == ERR_INVALID || err.class == ERR_NOKEY ||
		     err.class == ERR_REFUSED);
		must(strncmp(err.text, "f:", 2) == 0 && s.name == NULL && s.data.n == 0);
	}
	notes_clear(&notes);
	sealed_secret_clear(&s);
}

static void fuzz_object(const uint8_t *data, size_t size)
{
	struct yaml_stream y = YAML_STREAM_INIT;
	struct err err = ERR_INIT;

	if (yaml_parse("f", data, size, &y, &err) != 0)
		return;
	for (size_t i = 0; i < y.n; i++)
		if (sealed_secret_claims(y.docs[i].root))
			check_object(y.docs[i].root);
	yaml_clear(&y);
}

static void fuzz_keys(const uint8_t *data, size_t size)
{
	struct unseal_keys some = UNSEAL_KEYS_INIT;
	struct err err = ERR_INIT;

	if (unseal_keys_add(&some, "k", data, size, &err) == 0) {
		must(some.n > 0);
		for (size_t i = 0; i < some.n; i++)
			must(some.items[i].type == PKEY_RSA && some.items[i].evp != NULL);
	} else {
		must(err.class == ERR_INVALID && err.text[0] == 'k' && some.n == 0);
	}
	unseal_keys_clear(&some);
}

static void fuzz_value(const uint8_t *data, size_t size)
{
	struct unseal u = { .keys = &keys, .label = "a/b" };
	struct buf out = BUF_INIT;

	must(unseal_value(&u, data, size, &out) != UNSEAL_OK && out.len == 0);
	buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(const uint8_t *, size_t) = { fuzz_object, fuzz_object,
								    fuzz_keys, fuzz_value };

	if (keys.n == 0)
		set_up();
	if (size > 0)
		targets[data[0] % 4](data + 1, size - 1);
	return 0;
}

static void set_up(void)
{
	struct pkey key = PKEY_INIT;
	struct buf pem = BUF_INIT;

	must(pkey_generate(PKEY_RSA, &key, NULL) == 0 && pkey_format(&key, &pem, NULL) == 0);
	must(unseal_keys_add(&keys, "k", pem.data, pem.len, NULL) == 0);
	pkey_clear(&key);
	buf_clear(&pem);
}
