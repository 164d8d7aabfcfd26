/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "foreign/unseal_keys.h"
#include "tests/unit/foreign/sealing.h"

#include "base/err.h"
#include "base/mem.h"

static struct buf rsa, second, ec, rsa64;

static void make_ec(struct buf *out)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	sealing_pem(key, out);
	EVP_PKEY_free(key);
}

static int set_up(void **state)
{
	EVP_PKEY *key;

	(void)state;
	mem_init();
	key = sealing_key();
	sealing_pem(key, &rsa);
	EVP_PKEY_free(key);
	key = sealing_key();
	sealing_pem(key, &second);
	EVP_PKEY_free(key);
	make_ec(&ec);
	b64_encode(&rsa64, rsa.data, rsa.len);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_clear(&rsa);
	buf_clear(&second);
	buf_clear(&ec);
	buf_clear(&rsa64);
	return 0;
}

static int add(struct unseal_keys *keys, const char *text, struct err *err)
{
	return unseal_keys_add(keys, "f", text, strlen(text), err);
}

static void test_forms(void **state)
{
	struct unseal_keys keys = UNSEAL_KEYS_INIT;
	struct err err = ERR_INIT;
	char *texts[] = {
		mem_str(buf_str(&rsa)),
		mem_printf("apiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\nmetadata:\n"
			   "  name: k\ndata:\n  tls.crt: eA==\n  tls.key: %s\n",
			   buf_str(&rsa64)),
		mem_printf(
		    "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{\"kind\":\"Secret\","
		    "\"data\":{\"tls.key\":\"%s\"}}]}",
		    buf_str(&rsa64)),
		mem_printf("---\nkind: Secret\ndata: {tls.key: %s}\n---\n", buf_str(&rsa64)),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(add(&keys, texts[i], &err), 0);
		assert_int_equal(keys.n, i + 1);
		mem_free(texts[i]);
	}
	unseal_keys_clear(&keys);
	assert_int_equal(keys.n, 0);
}

/* What is refused leaves what was there, and nothing of its own. */
static void test_refused(void **state)
{
	struct unseal_keys keys = UNSEAL_KEYS_INIT;
	struct err err = ERR_INIT;
	const struct {
		char *text;
		const char *why;
	} cases[] = {
		{ mem_str(buf_str(&ec)), "not an RSA key" },
		{ mem_printf("%s%s", buf_str(&second), buf_str(&ec)), "not an RSA key" },
		{ mem_str("-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n"),
		  "holds certificates and no private key" },
		{ mem_str(""), "holds no private key" },
		{ mem_str("hello"), "neither a PEM file nor" },
		{ mem_str("kind: ConfigMap\ndata: {tls.key: eA==}\n"), "neither a PEM file nor" },
		{ mem_str("kind: Secret\n"), "f:1: data.tls.key: not there" },
		{ mem_str("kind: Secret\ndata: {tls.key: [x]}\n"), "data.tls.key: not there" },
		{ mem_str("kind: Secret\ndata: {tls.key: \"e\"}\n"), "not base64" },
		{ mem_str("kind: Secret\ndata: {tls.key: \"eA==\"}\n"), "data.tls.key: " },
		{ mem_printf("kind: List\nitems:\n- kind: Secret\n  data: {tls.key: %s}\n- kind: "
			     "Pod\n",
			     buf_str(&rsa64)),
		  "f:5: not a Secret" },
		{ mem_str("kind: List\nitems: x\n"), "neither a PEM file nor" },
		{ mem_str("kind: List\nitems: []\n"), "holds no private key" },
		{ mem_str("a: &x 1\n"), "f:1" },
	};

	(void)state;
	assert_int_equal(add(&keys, buf_str(&rsa), &err), 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(add(&keys, cases[i].text, &err), -1);
		assert_int_equal(err.class, ERR_INVALID);
		if (strstr(err.text, cases[i].why) == NULL)
			fail_msg("case %zu: %s", i, err.text);
		assert_int_equal(keys.n, 1);
		mem_free(cases[i].text);
	}
	unseal_keys_clear(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
