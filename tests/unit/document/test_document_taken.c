/* SPDX-License-Identifier: Apache-2.0 */
/* What a sealed document's text may be, and what is read from it. */
#include "tests/unit/test.h"

#include "tests/unit/document/sample.h"

/* --- what is taken ---------------------------------------------------------------------------- */

static const struct {
	const char *what, *from, *to;
} taken[] = {
	{ "as it is", "spec:", "spec:" },
	{ "a version in quotes", "bulla.dev/v1", "'bulla.dev/v1'" },
	{ "a byte order mark", "apiVersion",
	  "\xef\xbb\xbf"
	  "apiVersion" },
	{ "comments", "spec:", "# spec\nspec: # the spec" },
	{ "a flow map", "    labels:\n      app.kubernetes.io/name: api\n",
	  "    labels: {app.kubernetes.io/name: api}\n" },
	{ "an id that is a name", "        eu-west9:", "        " SAMPLE_ID_A ":" },
	{ "an id without quotes that no reader mistakes", "\"" SAMPLE_ID_A "\"", SAMPLE_ID_A },
	{ "quoted names that would be numbers", "    password:", "    \"1_000\":" },
	{ "a name of one word", "    password:", "    'NO':" },
	{ "no policy", "  deletionPolicy: Retain\n", "" },
	{ "no facts but sealed-at", "        not-after: \"2027-01-31T23:59:59Z\"\n", "" },
	{ "a fact with every printable character", "not-after: \"2027-01-31T23:59:59Z\"",
	  "aliases: \"a=b,c=d\"" },
	{ "armor without a last newline", "sealed: |\n", "sealed: |-\n" },
	{ "signatures", "  parts:\n", "  signatures: [\"a\", b]\n  parts:\n" },
	{ "an annotation of many lines", "owner: us", "owner: |\n        line\n        line" },
	{ "the document's own labels", "  annotations:\n    kust",
	  "  labels: {team: \"\"}\n  annotations:\n    kust" },
};

static void test_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(taken); i++) {
		struct document d = DOCUMENT_INIT;
		struct buf text = BUF_INIT;
		struct err err = ERR_INIT;

		sample_text(&text);
		sample_replace(&text, taken[i].from, taken[i].to);
		if (sample_parse(&text, &d, &err) != ERR_NONE)
			fail_msg("%s: %s", taken[i].what, err.text);
		assert_string_equal(d.name, "api-env");
		assert_int_equal(d.n, 1);
		document_clear(&d);
		buf_clear(&text);
	}
}

static void test_fields(void **state)
{
	struct document d = DOCUMENT_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	sample_text(&text);
	assert_int_equal(sample_parse(&text, &d, &err), ERR_NONE);
	assert_string_equal(d.namespace, "team-a");
	assert_ptr_equal(d.kind, kind_find("opaque"));
	assert_string_equal(d.type, "Opaque");
	assert_int_equal(d.policy, POLICY_RETAIN);
	assert_string_equal(kv_get_str(&d.labels, "app.kubernetes.io/name"), "api");
	assert_string_equal(kv_get_str(&d.annotations, "example.org/owner"), "us");
	assert_string_equal(d.parts[0].name, "password");
	assert_int_equal(d.parts[0].line, 18);
	assert_int_equal(d.line, 1);
	assert_string_equal(kv_get_str(&d.parts[0].recipients, "recovery"), SAMPLE_ID_B);
	assert_string_equal(kv_get_str(&d.parts[0].facts, "sealed-at"), "2026-11-23T08:00:00Z");
	assert_true(d.substitute_disabled);
	document_clear(&d);
	sample_replace(&text, "substitute: disabled", "substitute: enabled");
	assert_int_equal(sample_parse(&text, &d, &err), ERR_NONE);
	assert_false(d.substitute_disabled);
	document_clear(&d);
	buf_clear(&text);
}

/* Lines are those of the file, also in its third document. */
static void test_lines(void **state)
{
	struct yaml_stream yaml = { 0 };
	struct document d = DOCUMENT_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	sample_text(&text);
	sample_replace(&text, "apiVersion", "a: 1\n---\n---\napiVersion");
	assert_int_equal(yaml_parse("f", text.data, text.len, &yaml, &err), 0);
	assert_int_equal(yaml.n, 3);
	assert_int_equal(document_parse("f", &yaml.docs[1], &d, &err), -1);
	assert_string_equal(err.text, "f:3: document: is empty");
	assert_int_equal(document_parse("f", &yaml.docs[2], &d, &err), 0);
	assert_int_equal(d.line, 4);
	assert_int_equal(d.parts[0].line, 21);
	yaml_clear(&yaml);
	document_clear(&d);
	buf_clear(&text);
}

/* Windows line ends change nothing that is read. */
static void test_crlf(void **state)
{
	struct document d = DOCUMENT_INIT, e = DOCUMENT_INIT;
	struct buf text = BUF_INIT, crlf = BUF_INIT;
	char one[DOCUMENT_DIGEST_TEXT], two[DOCUMENT_DIGEST_TEXT];
	struct err err = ERR_INIT;

	(void)state;
	sample_text(&text);
	for (size_t i = 0; i < text.len; i++)
		buf_puts(&crlf, text.data[i] == '\n' ? "\r\n" : (char[]){ (char)text.data[i], 0 });
	assert_int_equal(sample_parse(&text, &d, &err), ERR_NONE);
	assert_int_equal(sample_parse(&crlf, &e, &err), ERR_NONE);
	document_digest(&d, one);
	document_digest(&e, two);
	assert_string_equal(one, two);
	document_clear(&d);
	document_clear(&e);
	buf_clear(&text);
	buf_clear(&crlf);
}

static void test_claims(void **state)
{
	static const struct {
		const char *text;
		bool claims, list;
	} cases[] = {
		{ "apiVersion: bulla.dev/v1\nkind: SealedCredential\n", true, false },
		{ "apiVersion: bulla.dev/v2\nkind: SealedCredential\n", true, false },
		{ "apiVersion: bulla.dev\nkind: SealedCredential\n", true, false },
		{ "apiVersion: bulla.dev/v1\nkind: sealedcredential\n", true, false },
		{ "apiVersion: bulla.dev/v1\n", true, false },
		{ "apiVersion: bulla.dev/v1\nkind: [SealedCredential]\n", true, false },
		{ "kind: SealedCredential\n", true, false },
		{ "apiVersion: {}\nkind: SealedCredential\n", true, false },
		{ "apiVersion: bulla.device/v1\nkind: SealedCredential\n", false, false },
		{ "apiVersion: example.org/v1\nkind: SealedCredential\n", false, false },
		{ "apiVersion: bulla.dev/v1\nkind: SignerPolicy\n", false, false },
		{ "apiVersion: v1\nkind: Secret\n", false, false },
		{ "kind: Secret\n", false, false },
		{ "[]\n", false, false },
		{ "text\n", false, false },
		{ "# nothing\n", false, false },
		{ "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: bulla.dev/v1, kind: "
		  "SealedCredential}\n",
		  false, true },
		{ "apiVersion: bulla.dev/v1\nkind: SealedCredentialList\nitems:\n- kind: "
		  "SealedCredential\n",
		  false, true },
		{ "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret}\n", false,
		  false },
		{ "items: {a: b}\n", false, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct yaml_stream yaml = { 0 };
		struct yaml_doc none = { 0 };
		const struct yaml_doc *doc = &none;
		struct err err = ERR_INIT;

		assert_int_equal(yaml_parse("f", cases[i].text, strlen(cases[i].text), &yaml, &err),
				 0);
		if (yaml.n != 0)
			doc = &yaml.docs[0];
		if (document_claims(doc) != cases[i].claims ||
		    document_in_list(doc) != cases[i].list)
			fail_msg("wrong about: %s", cases[i].text);
		yaml_clear(&yaml);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),  cmocka_unit_test(test_fields),
		cmocka_unit_test(test_lines),  cmocka_unit_test(test_crlf),
		cmocka_unit_test(test_claims),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
