/* SPDX-License-Identifier: Apache-2.0 */
/* Secret manifests as kubectl prints them and people write them */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/manifest.h"

#define HEAD "apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\n"

static int parse(const char *text, struct manifest *m, struct notes *notes, struct err *err)
{
	return manifest_parse("f", text, strlen(text), m, notes, err);
}

static void test_reads(void **state)
{
	static const char text[] =
	    HEAD "  namespace: web\n"
		 "  labels: {app.kubernetes.io/name: x, team: \"1\"}\n"
		 "  annotations:\n"
		 "    note: \"\"\n"
		 "    kubectl.kubernetes.io/last-applied-configuration: '{}'\n"
		 "    kubernetes.io/description: x\n"
		 "    example.org/x: z\n"
		 "  creationTimestamp: null\n  generation: 1\n  managedFields: [{a: {b: [c]}}]\n"
		 "  resourceVersion: \"1\"\n  selfLink: x\n  uid: y\n  ownerReferences: []\n"
		 "type: kubernetes.io/tls\nimmutable: false\n"
		 "data: {A: aGk=, B: '', C: \"aG\\r\\nk=\"}\n";
	struct manifest m = MANIFEST_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(parse(text, &m, &notes, &err), 0);
	assert_string_equal(err.text, "");
	assert_string_equal(m.name, "app");
	assert_string_equal(m.namespace, "web");
	assert_string_equal(m.type, "kubernetes.io/tls");
	assert_int_equal(m.data.n, 3);
	assert_string_equal(kv_get_str(&m.data, "A"), "hi");
	assert_string_equal(kv_get_str(&m.data, "B"), "");
	assert_string_equal(kv_get_str(&m.data, "C"), "hi");
	assert_int_equal(m.labels.n, 2);
	assert_string_equal(kv_get_str(&m.labels, "team"), "1");
	assert_int_equal(m.annotations.n, 1);
	assert_string_equal(kv_get_str(&m.annotations, "note"), "");
	assert_int_equal(notes.n, 2);
	assert_string_equal(notes.text[0], "f:10: kubernetes.io/description is left out");
	assert_string_equal(notes.text[1], "f:11: example.org/x is left out");
	notes_clear(&notes);
	manifest_clear(&m);
	assert_null(m.name);
}

/* stringData wins over data, in whichever order the two stand; JSON is read too. */
static void test_string_data(void **state)
{
	static const char *const texts[] = {
		HEAD "data: {A: b2xk, B: Yg==}\nstringData: {A: new}\n",
		HEAD "stringData: {A: new}\ndata: {A: b2xk, B: Yg==}\n",
		"{\"stringData\":{\"A\":\"new\"},\"data\":{\"A\":\"b2xk\",\"B\":\"Yg==\"},"
		"\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"app\"}}",
		"---\n" HEAD "stringData:\n  A: |-\n    new\n  B: >-\n    b\n---\n",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct manifest m = MANIFEST_INIT;

		assert_int_equal(parse(texts[i], &m, NULL, NULL), 0);
		assert_int_equal(m.data.n, 2);
		assert_string_equal(kv_get_str(&m.data, "A"), "new");
		assert_string_equal(kv_get_str(&m.data, "B"), "b");
		assert_string_equal(m.type, "Opaque");
		assert_null(m.namespace);
		manifest_clear(&m);
	}
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "f: holds no manifest" },
		{ "# nothing\n", "f: holds no manifest" },
		{ HEAD "---\n" HEAD, "f: holds 2 manifests; seal them one at a time" },
		{ "a\n", "f:1: not a manifest with apiVersion, kind and metadata" },
		{ "kind: Secret\nmetadata: {}\n",
		  "f:1: not a manifest with apiVersion, kind and metadata" },
		{ "apiVersion: v1\nkind: List\nmetadata: {}\nitems: []\n",
		  "f:2: kind: not \"Secret\"; only a Secret can be sealed" },
		{ "apiVersion: bulla.dev/v1\nkind: SealedCredential\nmetadata: {}\n",
		  "f:1: it is sealed already; 'bulla set' replaces what it holds" },
		{ "apiVersion: 1\nkind: Secret\nmetadata: {}\n",
		  "f:1: apiVersion: not \"v1\"; only a Secret can be sealed" },
		{ "apiVersion: v1\nkind: Secret\nmetadata: []\n", "f:3: metadata: not a map" },
		{ "apiVersion: v1\nkind: Secret\nmetadata: {}\n", "f:1: metadata.name: missing" },
		{ HEAD "data: []\n", "f:5: data: not a map" },
		{ HEAD "data: {A: 1234}\n", "f:5: data.A: not base64" },
		{ HEAD "data: {A: [x]}\n", "f:5: data.A: not base64" },
		{ HEAD "data: {A: \"aGk\"}\n", "f:5: data.A: not base64" },
		{ HEAD "data: {A: \"aGl=\"}\n", "f:5: data.A: not base64" },
		{ HEAD "data: {A: \"a Gk=\"}\n", "f:5: data.A: not base64" },
		{ HEAD "data: {A: aGk=, A: aGk=}\n", NULL },
		{ HEAD "data: {A/B: aGk=}\n",
		  "f:5: data: key 1 is not a name that a Secret takes" },
		{ HEAD "stringData: x\n", "f:5: stringData: not a map" },
		{ HEAD "stringData: {..a: x}\n",
		  "f:5: stringData: key 1 is not a name that a Secret takes" },
		{ HEAD "stringData: {A: true}\n", "f:5: stringData.A: not a string; quote it" },
		{ HEAD "stringData: {A: 0x1f}\n", "f:5: stringData.A: not a string; quote it" },
		{ HEAD "immutable: true\n",
		  "f:5: immutable: such a Secret could never get a new value; remove it" },
		{ HEAD "immutable: \"false\"\n",
		  "f:5: immutable: such a Secret could never get a new value; remove it" },
		{ HEAD "type: 1\n", "f:5: type: not a string; quote it" },
		{ HEAD "type: \"\"\n", "f:5: type: not a string; quote it" },
		{ HEAD "status: {}\n",
		  "f:5: the Secret: a field (number 4) that a Secret has not" },
		{ HEAD "  labels: [x]\n", "f:5: metadata: labels and annotations are maps" },
		{ HEAD "  labels: {a b: x}\n",
		  "f:5: metadata: the key of a label or annotation is none" },
		{ HEAD "  labels: {a: 1}\n", "f:5: metadata: a is not a string; quote it" },
		{ HEAD "  labels: {bulla.dev/owner: x}\n",
		  "f:5: metadata: bulla.dev/owner: bulla.dev/ is Bulla's own; seal it where that "
		  "gets it from" },
		{ HEAD "  deletionTimestamp: x\n",
		  "f:5: metadata: another controller owns this Secret (ownerReferences, finalizers "
		  "or deletion); seal it where that controller gets it from" },
		{ HEAD "  namespace: \"\"\n", "f:5: metadata.namespace: not a string; quote it" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct manifest m = MANIFEST_INIT;
		struct notes notes = NOTES_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(parse(cases[i].text, &m, &notes, &err), -1);
		assert_int_equal(err.class, ERR_INVALID);
		if (cases[i].error != NULL)
			assert_string_equal(err.text, cases[i].error);
		assert_null(m.name);
		assert_int_equal(m.data.n, 0);
		notes_clear(&notes);
	}
}

static void test_formats(void **state)
{
	struct manifest m = MANIFEST_INIT;
	struct kv data = KV_INIT;
	struct buf text = BUF_INIT;

	(void)state;
	kv_set(&data, "a.key", "\0\1\2", 3);
	kv_set(&data, "1_000", "", 0);
	manifest_format("bulla-sealing-keys", "1e5", &data, &text);
	assert_string_equal(buf_str(&text), "apiVersion: v1\nkind: Secret\nmetadata:\n"
					    "  name: \"bulla-sealing-keys\"\n  namespace: \"1e5\"\n"
					    "type: Opaque\ndata:\n  \"1_000\": \"\"\n"
					    "  \"a.key\": \"AAEC\"\n");
	assert_int_equal(manifest_parse("f", text.data, text.len, &m, NULL, NULL), 0);
	assert_true(kv_equal(&m.data, &data));
	assert_string_equal(m.namespace, "1e5");
	manifest_clear(&m);
	buf_reset(&text);
	manifest_format("x", NULL, &data, &text);
	assert_null(strstr(buf_str(&text), "namespace"));
	buf_clear(&text);
	kv_clear(&data);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_string_data),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_formats),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
