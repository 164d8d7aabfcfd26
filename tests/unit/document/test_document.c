/* SPDX-License-Identifier: Apache-2.0 */
/* The struct: its rules where no YAML is (the opener's case), parts, digest, writing. */
#include "tests/unit/test.h"

#include "tests/unit/document/sample.h"

static void make(struct document *d)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	sample_text(&text);
	if (sample_parse(&text, d, &err) != ERR_NONE)
		fail_msg("%s", err.text);
	buf_clear(&text);
}

/* --- what only a process that is not trusted could send --------------------------------------- */

static void no_name(struct document *d)
{
	mem_free(d->name);
	d->name = NULL;
}

static void no_namespace(struct document *d)
{
	mem_free(d->namespace);
	d->namespace = NULL;
}

static void no_kind(struct document *d)
{
	d->kind = NULL;
}

static void no_type(struct document *d)
{
	d->type = NULL;
}

static void wrong_type(struct document *d)
{
	d->type = TYPE_TLS;
}

static void policy(struct document *d)
{
	d->policy = (enum document_policy)3;
}

static void label_nul(struct document *d)
{
	kv_set(&d->labels, "a", "x\0y", 3);
}

static void annotation_nul(struct document *d)
{
	kv_set(&d->annotations, "a", "x\0y", 3);
}

static void annotation_utf8(struct document *d)
{
	kv_set(&d->annotations, "a", "x\xc3", 2);
}

static void signature_utf8(struct document *d)
{
	d->signatures = mem_array(1, sizeof(*d->signatures));
	d->signatures[0] = mem_str("\xff");
	d->n_signatures = 1;
}

static void id_nul(struct document *d)
{
	kv_set(&d->parts[0].recipients, "eu-west9", SAMPLE_ID_A "\0x", 34);
}

static void fact_nul(struct document *d)
{
	kv_set(&d->parts[0].facts, "not-after", "2027-01-31T23:59:59Z\0x", 22);
}

static void no_parts(struct document *d)
{
	document_part_remove(d, "password");
}

static void copy_part(struct document *d, const char *name)
{
	struct document_part *p = document_part_add(d, name);
	const struct document_part *from = document_part(d, "password");

	kv_copy(&p->recipients, &from->recipients);
	kv_copy(&p->facts, &from->facts);
	buf_put(&p->age, from->age.data, from->age.len);
}

static void rename_part(struct document_part *p, const char *name)
{
	mem_free(p->name);
	p->name = mem_str(name);
}

static void twice(struct document *d)
{
	copy_part(d, "user");
	rename_part(&d->parts[1], "password");
}

static void unsorted(struct document *d)
{
	copy_part(d, "user");
	rename_part(&d->parts[1], "host");
}

static void part_name(struct document *d)
{
	rename_part(&d->parts[0], "../../etc/passwd");
}

static void no_age(struct document *d)
{
	buf_reset(&d->parts[0].age);
}

static void bad_age(struct document *d)
{
	buf_truncate(&d->parts[0].age, 100);
}

static void beside(struct document *d)
{
	copy_part(d, "user");
	rename_part(&d->parts[0], "credential");
}

static const struct {
	void (*spoil)(struct document *d);
	const char *text;
} refusals[] = {
	{ no_name, "metadata.name: is missing; give the name that the Secret will have" },
	{ no_namespace,
	  "metadata.namespace: is missing; it is bound into the credential, so it must "
	  "be written" },
	{ no_kind, "spec.kind: is missing; say what the credential is for" },
	{ no_type, "spec.secret.type: is not a Secret type of kind opaque; use Opaque" },
	{ wrong_type, "spec.secret.type: is not a Secret type of kind opaque; use Opaque" },
	{ policy, "spec.deletionPolicy: is neither Delete nor Retain; use one of them or leave it "
		  "out" },
	{ label_nul, "spec.secret.labels.a: is not a label's value (at most 63 letters, digits, "
		     "\"-\", \"_\" and \".\", alphanumeric at both ends); correct it" },
	{ annotation_nul, "spec.secret.annotations.a: is not UTF-8 text without NUL characters; "
			  "correct it" },
	{ annotation_utf8, "spec.secret.annotations.a: is not UTF-8 text without NUL characters; "
			   "correct it" },
	{ signature_utf8, "spec.signatures: number 1 is not UTF-8 text; it is no signature" },
	{ id_nul, "spec.parts.password.recipients.eu-west9: is not a key id (32 lower-case "
		  "hexadecimal digits); seal again" },
	{ fact_nul, "spec.parts.password.facts.not-after: is not printable ASCII; seal again" },
	{ no_parts, "spec.parts: is missing or empty; nothing is sealed" },
	{ twice, "spec.parts.password: stands twice or out of order" },
	{ unsorted, "spec.parts.host: stands twice or out of order" },
	{ part_name,
	  "spec.parts.../../etc/passwd: is not a Secret's data key (at most 253 letters, "
	  "digits, \"-\", \"_\" and \".\", not beginning \"..\"); choose another" },
	{ no_age, "spec.parts.password.sealed: is missing; seal again" },
	{ bad_age, "spec.parts.password.sealed: age header: line 3: the header ends before its "
		   "last line (\"--- \" and the MAC): the file is cut short" },
	{ beside, "spec.parts.credential: \"credential\" holds values sealed together and must be "
		  "the only part; choose another key for this value" },
};

static void test_check(void **state)
{
	struct document d = DOCUMENT_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make(&d);
	assert_int_equal(document_check(&d, &err), 0);
	document_clear(&d);
	for (size_t i = 0; i < COUNT(refusals); i++) {
		make(&d);
		refusals[i].spoil(&d);
		assert_int_equal(document_check(&d, &err), -1);
		assert_int_equal(err.class, ERR_INVALID);
		assert_string_equal(err.text, refusals[i].text);
		document_clear(&d);
	}
}

/* A part that is to become the document's own. */
static void test_check_part(void **state)
{
	struct document d = DOCUMENT_INIT;
	struct document_part part = { .name = mem_str("user") };
	struct err err = ERR_INIT;

	(void)state;
	make(&d);
	kv_copy(&part.recipients, &d.parts[0].recipients);
	kv_copy(&part.facts, &d.parts[0].facts);
	assert_int_equal(document_check_claims(&d, &part, &err), 0);
	assert_int_equal(document_check_part(&d, &part, &err), -1);
	assert_string_equal(err.text, "spec.parts.user.sealed: is missing; seal again");
	buf_put(&part.age, d.parts[0].age.data, d.parts[0].age.len);
	assert_int_equal(document_check_part(&d, &part, &err), 0);
	rename_part(&part, "credential");
	assert_int_equal(document_check_claims(&d, &part, &err), -1);
	rename_part(&d.parts[0], "credential");
	assert_int_equal(document_check_claims(&d, &part, &err), 0);
	rename_part(&part, "user");
	assert_int_equal(document_check_claims(&d, &part, &err), -1);
	assert_string_equal(err.text, "spec.parts.user: cannot stand beside part \"credential\", "
				      "whose values are sealed together; seal all values again");
	d.type = NULL;
	assert_int_equal(document_check_part(&d, &part, &err), -1);
	document_part_clear(&part);
	document_clear(&d);
}

static void test_parts(void **state)
{
	static const char *const names[] = { "m", "b", "z", "a", "n", "b" };
	struct document d = DOCUMENT_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		assert_string_equal(document_part_add(&d, names[i])->name, names[i]);
	assert_int_equal(d.n, 5);
	for (size_t i = 1; i < d.n; i++)
		assert_true(strcmp(d.parts[i - 1].name, d.parts[i].name) < 0);
	assert_null(document_part(&d, "c"));
	assert_string_equal(document_part(&d, "z")->name, "z");
	document_part_remove(&d, "c");
	document_part_remove(&d, "a");
	document_part_remove(&d, "m");
	assert_int_equal(d.n, 3);
	assert_string_equal(d.parts[0].name, "b");
	assert_string_equal(d.parts[1].name, "n");
	assert_string_equal(d.parts[2].name, "z");
	document_clear(&d);
	assert_null(d.parts);
	document_clear(&d);
}

static void test_policy(void **state)
{
	static const struct kind keeps = { .retain = true }, drops = { .retain = false };
	struct document d = DOCUMENT_INIT;

	(void)state;
	d.kind = &keeps;
	assert_int_equal(document_policy(&d), POLICY_RETAIN);
	d.kind = &drops;
	assert_int_equal(document_policy(&d), POLICY_DELETE);
	d.policy = POLICY_RETAIN;
	assert_int_equal(document_policy(&d), POLICY_RETAIN);
	assert_string_equal(document_policy_name(POLICY_UNSET), "");
	assert_string_equal(document_policy_name(POLICY_DELETE), "Delete");
	assert_string_equal(document_policy_name(POLICY_RETAIN), "Retain");
}

/* --- digest ----------------------------------------------------------------------------------- */

/*
 * Not a document that passes the check: the digest of exactly these bytes was computed elsewhere.
 */
static void fixed(struct document *d)
{
	d->namespace = mem_str("flux-system");
	d->name = mem_str("flux-ssh");
	d->kind = kind_find("opaque");
	d->type = TYPE_OPAQUE;
	buf_puts(&document_part_add(d, "b")->age, "second");
	buf_puts(&document_part_add(d, "a")->age, "first");
}

static void check_digest(struct document *d, const char *expected)
{
	char hex[DOCUMENT_DIGEST_TEXT];

	document_digest(d, hex);
	assert_string_equal(hex, expected);
}

static void test_digest(void **state)
{
	struct document d = DOCUMENT_INIT;

	(void)state;
	fixed(&d);
	check_digest(&d, "2cfd946fb99bba05414f775e86c3662821ac9a5c233ed2c86d705fa3b055d696");
	d.policy = POLICY_RETAIN;
	check_digest(&d, "0a00b1c004fd822cc194a5446d9fa2455c8c94bf58a51ca2a43d18f5af79ed38");
	kv_set_str(&d.labels, "app.kubernetes.io/name", "api");
	kv_set_str(&d.annotations, "example.org/a", "1");
	kv_set_str(&d.annotations, "example.org/b", "");
	check_digest(&d, "0f164f8d9298241cc126f59281740999c1944fd53c32a4f1374e894b2e7fa0d8");
	document_clear(&d);
}

/* What is part of the digest, and what is not. */
static void test_digest_covers(void **state)
{
	struct document d = DOCUMENT_INIT;
	char before[DOCUMENT_DIGEST_TEXT], after[DOCUMENT_DIGEST_TEXT];

	(void)state;
	make(&d);
	document_digest(&d, before);
	kv_set_str(&d.parts[0].facts, "namespaces", "a,b");
	d.line = 77;
	d.signatures = mem_array(1, sizeof(*d.signatures));
	d.signatures[d.n_signatures++] = mem_str("x");
	document_digest(&d, after);
	assert_string_equal(before, after);
	d.parts[0].age.data[200] ^= 1;
	document_digest(&d, after);
	assert_string_not_equal(before, after);
	d.parts[0].age.data[200] ^= 1;
	/* a byte that wanders from one field to the next */
	mem_free(d.name);
	mem_free(d.namespace);
	d.name = mem_str("pi-env");
	d.namespace = mem_str("team-aa");
	document_digest(&d, after);
	assert_string_not_equal(before, after);
	document_clear(&d);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void test_format_sample(void **state)
{
	struct buf text = BUF_INIT, written = BUF_INIT;
	struct document d = DOCUMENT_INIT;
	struct err err = ERR_INIT;

	(void)state;
	sample_text(&text);
	assert_int_equal(sample_parse(&text, &d, &err), ERR_NONE);
	buf_puts(&written, "kept\n"); /* appended to */
	assert_int_equal(document_format(&d, &written, &err), 0);
	assert_memory_equal(written.data, "kept\n", 5);
	assert_string_equal(buf_str(&written) + 5, buf_str(&text));
	document_clear(&d);
	buf_clear(&text);
	buf_clear(&written);
}

/* Names that are numbers, bools, dates to some readers; values of all sorts. */
static void test_format_adversarial(void **state)
{
	static const char *const names[] = { "NO",	   "1_000", "0x1f", "1e5",  "12345",
					     "2026-11-23", ".inf",  "null", "-",    "_",
					     "y",	   "1.5",   "on",   ".env", "0o7" };
	struct buf text = BUF_INIT, again = BUF_INIT;
	struct document d = DOCUMENT_INIT, e = DOCUMENT_INIT;
	char before[DOCUMENT_DIGEST_TEXT], after[DOCUMENT_DIGEST_TEXT];
	struct err err = ERR_INIT;

	(void)state;
	make(&d);
	for (size_t i = 0; i < COUNT(names); i++)
		copy_part(&d, names[i]);
	kv_set_str(&d.labels, "NO", "1e5");
	kv_set_str(&d.labels, "empty", "");
	kv_set_str(&d.annotations, "a", "line\nline \"quoted\" \\ \t\xe2\x80\xae ~\xc3\xbc");
	kv_set_str(&d.annotations, "1", "12:30:45");
	d.signatures = mem_array(1, sizeof(*d.signatures));
	d.signatures[d.n_signatures++] = mem_str("yes");
	if (document_format(&d, &text, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(sample_parse(&text, &e, &err), ERR_NONE);
	assert_int_equal(document_format(&e, &again, &err), 0);
	assert_string_equal(buf_str(&text), buf_str(&again));
	assert_true(kv_equal(&d.labels, &e.labels));
	assert_true(kv_equal(&d.annotations, &e.annotations));
	assert_int_equal(e.n, COUNT(names) + 1);
	assert_string_equal(e.signatures[0], "yes");
	document_digest(&d, before);
	document_digest(&e, after);
	assert_string_equal(before, after);
	document_clear(&d);
	document_clear(&e);
	buf_clear(&text);
	buf_clear(&again);
}

static void test_format_refuses(void **state)
{
	struct document d = DOCUMENT_INIT;
	struct buf text = BUF_INIT, age = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make(&d);
	no_age(&d);
	assert_int_equal(document_format(&d, &text, &err), -1);
	assert_string_equal(err.text, "spec.parts.password.sealed: is missing; seal again");
	/* fits until it is indented */
	sample_age(2, 700000, &age);
	buf_move(&d.parts[0].age, &age);
	assert_int_equal(document_check(&d, &err), 0);
	assert_int_equal(document_format(&d, &text, &err), -1);
	assert_string_equal(err.text,
			    "spec.parts: make the document larger than 1048576 bytes; split it");
	assert_int_equal(text.len, 0);
	document_clear(&d);
	make(&d);
	text.max = 1000;
	assert_int_equal(document_format(&d, &text, &err), -1);
	assert_int_equal(err.class, ERR_INTERNAL);
	assert_int_equal(text.len, 0);
	document_clear(&d);
	buf_clear(&text);
}

/* A kind of one part has no other, under whatever name. */
static void test_one_part(void **state)
{
	struct document d = DOCUMENT_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make(&d);
	d.kind = kind_find("basic-auth");
	d.type = TYPE_BASIC;
	assert_int_equal(document_check(&d, &err), -1);
	assert_string_equal(err.text, "spec.parts.password: kind basic-auth has exactly one part, "
				      "named \"credential\"; remove or rename this one");
	copy_part(&d, "credential");
	assert_int_equal(document_check(&d, &err), -1);
	assert_string_equal(err.text, "spec.parts.password: kind basic-auth has exactly one part, "
				      "named \"credential\"; remove or rename this one");
	document_part_remove(&d, "password");
	assert_int_equal(document_check(&d, &err), 0);
	document_clear(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),	       cmocka_unit_test(test_check_part),
		cmocka_unit_test(test_parts),	       cmocka_unit_test(test_policy),
		cmocka_unit_test(test_digest),	       cmocka_unit_test(test_digest_covers),
		cmocka_unit_test(test_format_sample),  cmocka_unit_test(test_format_adversarial),
		cmocka_unit_test(test_format_refuses), cmocka_unit_test(test_one_part),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
