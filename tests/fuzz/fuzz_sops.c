/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of SOPS is refused, with where, or decrypted; its MAC covers all of it, so with a MAC that
 * is checked nothing opens but what is written here.  The first byte chooses: YAML, a dotenv file,
 * one value, or a Secret that is written and must read back.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/mem.h"
#include "foreign/sops.h"
#include "foreign/sops_value.h"
#include "foreign/sops_write.h"

static struct keyring keys;

static void set_up(void)
{
	struct age_identity *id = age_identity_generate();
	struct buf text = BUF_INIT;

	age_identity_format(id, &text);
	must(keyring_add_bytes(&keys, "k", text.data, text.len, NULL, NULL, NULL) == 0);
	buf_clear(&text);
	age_identity_free(id);
}

static void check_error(const struct err *err)
{
	must(err->class == ERR_INVALID || err->class == ERR_NOKEY || err->class == ERR_REFUSED);
	must(strncmp(err->text, "f:", 2) == 0);
}

static void fuzz_yaml(const uint8_t *data, size_t size)
{
	const struct sops_open o = { &keys, size % 2 == 0 };
	struct yaml_stream s = YAML_STREAM_INIT;
	struct err err = ERR_INIT;

	if (yaml_parse("f", data, size, &s, NULL) != 0)
		return;
	/* nothing is encrypted to the key here */
	must(sops_decrypt("f", &s, &o, &err) != 0);
	check_error(&err);
	yaml_clear(&s);
}

static void fuzz_env(const uint8_t *data, size_t size)
{
	const struct sops_open o = { &keys, size % 2 == 0 };
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;

	buf_put(&text, data, size);
	(void)sops_env_claims(&text);
	must(sops_env_decrypt("f", &text, &o, &out, &err) != 0 && out.len == 0);
	check_error(&err);
	buf_clear(&text);
}

static void fuzz_value(const uint8_t *data, size_t size)
{
	static const unsigned char key[SOPS_KEY] = { 1 };
	struct buf out = BUF_INIT;
	enum sops_type type;

	must(sops_value_open(key, "a:", (const char *)data, size, &out, &type) != SOPS_OK);
	must(out.len == 0);
	buf_clear(&out);
}

/* What is written reads back, value by value and with its MAC. */
static void fuzz_write(const uint8_t *data, size_t size)
{
	struct kv values = KV_INIT, none = KV_INIT;
	const struct sops_secret secret = { "a", "b", "Opaque", &none, &none, &values };
	const struct sops_write w = { &secret, 1, age_identity_recipient(keys.ids[0]), 1, 0 };
	const struct sops_open o = { &keys, false };
	struct yaml_stream s = YAML_STREAM_INIT;
	struct buf text = BUF_INIT, b64 = BUF_INIT;
	const struct yaml_node *got;

	kv_set(&values, "first", data, size / 2);
	kv_set(&values, "no", data + size / 2, size - size / 2);
	must(sops_write(&w, &text, NULL) == 0);
	must(yaml_parse("f", text.data, text.len, &s, NULL) == 0);
	must(sops_decrypt("f", &s, &o, NULL) == 0);
	got = yaml_get(s.docs[0].root, "data");
	for (size_t i = 0; i < values.n; i++) {
		buf_reset(&b64);
		b64_encode(&b64, values.items[i].data, values.items[i].len);
		must(strcmp(yaml_get(got, values.items[i].name)->text, buf_str(&b64)) == 0);
	}
	yaml_clear(&s);
	buf_clear(&text);
	buf_clear(&b64);
	kv_clear(&values);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(const uint8_t *, size_t) = { fuzz_yaml, fuzz_env, fuzz_value,
								    fuzz_write };

	if (keys.n == 0)
		set_up();
	if (size > 0)
		targets[data[0] % 4](data + 1, size - 1);
	return 0;
}
