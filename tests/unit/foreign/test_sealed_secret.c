/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "foreign/sealed_secret.h"
#include "foreign/unseal.h"
#include "tests/unit/foreign/sealing.h"

#include "base/err.h"
#include "base/mem.h"

static EVP_PKEY *key, *other;
static struct unseal_keys keys;

static int set_up(void **state)
{
	struct buf pem = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	mem_init();
	key = sealing_key();
	other = sealing_key();
	sealing_pem(other, &pem);
	assert_int_equal(unseal_keys_add(&keys, "other.pem", pem.data, pem.len, &err), 0);
	buf_reset(&pem);
	sealing_pem(key, &pem);
	assert_int_equal(unseal_keys_add(&keys, "key.pem", pem.data, pem.len, &err), 0);
	buf_clear(&pem);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unseal_keys_clear(&keys);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	return 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

struct opened {
	struct sealed_secret s;
	struct notes notes;
	struct err err;
	struct sealed_secret_open o;
	int r;
};

static void open_text(const char *text, const char *namespace, struct opened *out)
{
	struct yaml_stream s = YAML_STREAM_INIT;

	*out = (struct opened){ .o = { .keys = &keys, .namespace = namespace } };
	assert_int_equal(yaml_parse("f", text, strlen(text), &s, &out->err), 0);
	assert_true(sealed_secret_claims(s.docs[0].root));
	out->r = sealed_secret_open("f", s.docs[0].root, &out->o, &out->s, &out->notes, &out->err);
	yaml_clear(&s);
}

static void opened_clear(struct opened *o)
{
	sealed_secret_clear(&o->s);
	notes_clear(&o->notes);
}

/* A SealedSecret in flow style; %s of spec is one value, "hunter2" under that label. */
static char *make(const char *metadata, const char *spec, const char *label)
{
	struct buf value = BUF_INIT;
	char *inner, *text;

	sealing_text(key, label, "hunter2", &value);
	inner = mem_alloc(strlen(spec) + value.len + 1);
	{
		const char *at = strstr(spec, "%s");

		assert_non_null(at);
		memcpy(inner, spec, (size_t)(at - spec));
		strcat(inner, buf_str(&value));
		strcat(inner, at + 2);
	}
	text = mem_printf("{apiVersion: bitnami.com/v1alpha1, kind: SealedSecret, metadata: %s, "
			  "spec: %s}",
			  metadata, inner);
	mem_free(inner);
	buf_clear(&value);
	return text;
}

#define WIDE "sealedsecrets.bitnami.com/cluster-wide: \"true\""
#define NARROW "sealedsecrets.bitnami.com/namespace-wide: \"true\""
#define SPEC "{encryptedData: {pw: \"%s\"}}"

static void test_scopes(void **state)
{
	static const struct {
		const char *metadata, *label;
		bool opens;
	} cases[] = {
		{ "{name: a, namespace: b}", "b/a", true },
		{ "{name: a, namespace: b}", "b/x", false },
		{ "{name: a, namespace: b}", "x/a", false },
		{ "{name: a, namespace: b}", "b", false },
		{ "{name: a, namespace: b}", "", false },
		{ "{name: a, namespace: b, annotations: {" NARROW "}}", "b", true },
		{ "{name: x, namespace: b, annotations: {" NARROW "}}", "b", true },
		{ "{name: a, namespace: b, annotations: {" NARROW "}}", "b/a", false },
		{ "{name: a, namespace: c, annotations: {" NARROW "}}", "b", false },
		{ "{name: a, namespace: b, annotations: {" WIDE "}}", "", true },
		{ "{name: x, namespace: z, annotations: {" WIDE "}}", "", true },
		{ "{name: a, namespace: b, annotations: {" WIDE ", " NARROW "}}", "", true },
		{ "{name: a, namespace: b, annotations: {" WIDE ", " NARROW "}}", "b", false },
		/* only the exact text counts */
		{ "{name: a, namespace: b, annotations: {sealedsecrets.bitnami.com/cluster-wide: "
		  "\"True\"}}",
		  "", false },
		{ "{name: a, namespace: b, annotations: {sealedsecrets.bitnami.com/cluster-wide: "
		  "true}}",
		  "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = make(cases[i].metadata, SPEC, cases[i].label);
		struct opened o;

		open_text(text, NULL, &o);
		if (cases[i].opens) {
			assert_int_equal(o.r, 0);
			assert_string_equal(kv_get_str(&o.s.data, "pw"), "hunter2");
			assert_int_equal(o.o.first, 1);
		} else {
			assert_int_equal(o.r, -1);
			assert_int_equal(o.err.class, ERR_NOKEY);
			assert_non_null(strstr(o.err.text, "f:1: spec.encryptedData.pw: no key"));
			assert_null(o.s.name);
			assert_int_equal(o.s.data.n, 0);
		}
		opened_clear(&o);
		mem_free(text);
	}
}

static void test_namespace_given(void **state)
{
	char *text = make("{name: a}", SPEC, "b/a");
	struct opened o;

	(void)state;
	open_text(text, NULL, &o);
	assert_int_equal(o.r, -1);
	assert_non_null(strstr(o.err.text, "metadata.namespace: missing"));
	opened_clear(&o);
	open_text(text, "b", &o);
	assert_int_equal(o.r, 0);
	assert_string_equal(o.s.namespace, "b");
	opened_clear(&o);
	open_text(text, "c", &o);
	assert_int_equal(o.err.class, ERR_NOKEY);
	opened_clear(&o);
	mem_free(text);
}

static void test_template(void **state)
{
	char *text =
	    make("{name: a, namespace: b}",
		 "{encryptedData: {pw: \"%s\"}, template: {type: kubernetes.io/basic-auth, "
		 "immutable: true, "
		 "metadata: {name: evil, namespace: kube-system, creationTimestamp: null, labels: "
		 "{app: x}, "
		 "annotations: {team: t, " WIDE "}}, data: {plain: text, pw: lost, gone: null}}}",
		 "b/a");
	struct buf json = BUF_INIT;
	struct opened o;

	(void)state;
	open_text(text, NULL, &o);
	assert_int_equal(o.r, 0);
	assert_string_equal(o.s.name, "a");
	assert_string_equal(o.s.namespace, "b");
	assert_string_equal(o.s.type, "kubernetes.io/basic-auth");
	assert_true(o.s.immutable);
	assert_string_equal(kv_get_str(&o.s.data, "pw"), "hunter2");
	assert_string_equal(kv_get_str(&o.s.data, "plain"), "text");
	assert_int_equal(o.s.data.n, 2);
	assert_int_equal(o.s.annotations.n, 1);
	assert_int_equal(o.notes.n, 3);
	assert_int_equal(sealed_secret_format(&o.s, &json), 0);
	assert_string_equal(
	    buf_str(&json),
	    "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"a\",\"namespace\":"
	    "\"b\",\"labels\":{\"app\":\"x\"},\"annotations\":{\"team\":\"t\"}},\"type\":"
	    "\"kubernetes.io/"
	    "basic-auth\",\"data\":{\"plain\":\"dGV4dA==\",\"pw\":\"aHVudGVyMg==\"}}"
	    "\n");
	buf_clear(&json);
	opened_clear(&o);
	mem_free(text);
}

static void test_refused(void **state)
{
	static const struct {
		const char *metadata, *spec, *text;
	} cases[] = {
		{ "{namespace: b}", SPEC, "metadata.name: missing" },
		{ "{name: ../x, namespace: b}", SPEC, "metadata.name: missing, or not" },
		{ "{name: a, namespace: B_}", SPEC, "metadata.namespace: not a namespace" },
		{ "[]", SPEC, "metadata: not a map" },
		{ "{name: a, namespace: b, annotations: []}", SPEC, "annotations: not a map" },
		{ "{name: a, namespace: b}", "{encryptedData: [\"%s\"]}",
		  "encryptedData: not a map" },
		{ "{name: a, namespace: b}", "{data: \"%s\"}", "spec.data: the form before" },
		{ "{name: a, namespace: b}", "{encryptedData: {..x: \"%s\"}}",
		  "spec.encryptedData: key 1 is not a name" },
		{ "{name: a, namespace: b}", "{encryptedData: {pw: \"%s!\"}}",
		  "spec.encryptedData.pw: not base64" },
		{ "{name: a, namespace: b}", "{encryptedData: {pw: \"%s\", x: 5}}",
		  "spec.encryptedData.x: not base64" },
		{ "{name: a, namespace: b}", "{encryptedData: {pw: \"%s\", x: \"AgA=\"}}",
		  "spec.encryptedData.x: too short" },
		{ "{name: a, namespace: b}", "{encryptedData: {pw: \"%s\", x: \"AA==\"}}",
		  "spec.encryptedData.x: too short" },
		{ "{name: a, namespace: b}",
		  "{encryptedData: {pw: \"%s\"}, template: {data: {x: \"a{{ .pw }}\"}}}",
		  "spec.template.data.x: a template" },
		{ "{name: a, namespace: b}",
		  "{encryptedData: {pw: \"%s\"}, template: {data: {x: [1]}}}",
		  "spec.template.data.x: not a string" },
		{ "{name: a, namespace: b}",
		  "{encryptedData: {pw: \"%s\"}, template: {data: {a/b: x}}}",
		  "spec.template.data: key 1" },
		{ "{name: a, namespace: b}",
		  "{encryptedData: {pw: \"%s\"}, template: {metadata: {finalizers: [x]}}}",
		  "spec.template.metadata.finalizers" },
		{ "{name: a, namespace: b}",
		  "{encryptedData: {pw: \"%s\"}, template: {metadata: {labels: {x: 1}}}}",
		  "spec.template.metadata: a label" },
		{ "{name: a, namespace: b}", "{encryptedData: {pw: \"%s\"}, template: {type: 5}}",
		  "spec.template.type" },
		{ "{name: a, namespace: b}", "{encryptedData: {pw: \"%s\"}, template: x}",
		  "template: not a map" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = make(cases[i].metadata, cases[i].spec, "b/a");
		struct opened o;

		open_text(text, NULL, &o);
		assert_int_equal(o.r, -1);
		assert_int_equal(o.err.class, ERR_INVALID);
		if (strstr(o.err.text, cases[i].text) == NULL)
			fail_msg("case %zu: %s", i, o.err.text);
		assert_null(strstr(o.err.text, "hunter2"));
		assert_null(o.s.name);
		opened_clear(&o);
		mem_free(text);
	}
}

static void test_claims(void **state)
{
	static const struct {
		const char *text;
		bool claims;
	} cases[] = {
		{ "{apiVersion: bitnami.com/v1alpha1, kind: SealedSecret}", true },
		{ "{apiVersion: bitnami.com/v1, kind: SealedSecret}", true },
		{ "{apiVersion: v1, kind: SealedSecret}", false },
		{ "{apiVersion: bitnami.com/v1alpha1, kind: Secret}", false },
		{ "{kind: SealedSecret}", false },
		{ "[a]", false },
		{ "text", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct yaml_stream s = YAML_STREAM_INIT;

		assert_int_equal(yaml_parse("f", cases[i].text, strlen(cases[i].text), &s, NULL),
				 0);
		assert_int_equal(sealed_secret_claims(s.docs[0].root), cases[i].claims);
		yaml_clear(&s);
	}
	assert_false(sealed_secret_claims(NULL));
}

/* --- single values ---------------------------------------------------------------------------- */

static void test_each_bit_counts(void **state)
{
	struct buf sealed = BUF_INIT, plain = BUF_INIT;
	struct unseal u = { .keys = &keys, .label = "b/a", .first = 1 };

	(void)state;
	sealing_bytes(key, "b/a", "hunter2", &sealed);
	assert_int_equal(unseal_value(&u, sealed.data, sealed.len, &plain), UNSEAL_OK);
	assert_memory_equal(plain.data, "hunter2", 7);
	for (size_t i = 0; i < sealed.len; i += i < 258 ? 16 : 1) {
		enum unseal_verdict v;

		sealed.data[i] ^= 1;
		v = unseal_value(&u, sealed.data, sealed.len, &plain);
		assert_int_not_equal(v, UNSEAL_OK);
		assert_int_equal(plain.len, 0);
		if (i >= 258)
			assert_int_equal(v, UNSEAL_DAMAGED);
		sealed.data[i] ^= 1;
	}
	for (size_t n = 0; n < sealed.len; n += n < 250 ? 25 : 1)
		assert_int_not_equal(unseal_value(&u, sealed.data, n, &plain), UNSEAL_OK);
	buf_clear(&sealed);
	buf_clear(&plain);
}

static void test_no_keys(void **state)
{
	static const struct unseal_keys none = UNSEAL_KEYS_INIT;
	struct buf sealed = BUF_INIT, plain = BUF_INIT;
	struct unseal u = { .keys = &none, .label = "" };

	(void)state;
	sealing_bytes(key, "", "x", &sealed);
	assert_int_equal(unseal_value(&u, sealed.data, sealed.len, &plain), UNSEAL_NO_KEY);
	buf_clear(&sealed);
	buf_clear(&plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scopes),	 cmocka_unit_test(test_namespace_given),
		cmocka_unit_test(test_template), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_claims),	 cmocka_unit_test(test_each_bit_counts),
		cmocka_unit_test(test_no_keys),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
