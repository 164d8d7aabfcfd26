/* SPDX-License-Identifier: Apache-2.0 */
/* Sealing and opening: who can, what comes back, and what is not sealed. */
#include "tests/unit/test.h"

#include "tests/unit/document/sealed.h"

static void test_round_trip(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(document_check(&f->d, NULL), 0);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct kind_secret out = KIND_SECRET_INIT;
		char id[AGE_KEY_ID_TEXT] = "";
		struct err err = ERR_INIT;

		if (open_part(&f->d, &f->d.parts[0], &f->rings[i], NOW, &out, id, NULL, &err) != 0)
			fail_msg("%s: %s", names[i], err.text);
		assert_string_equal(id, age_identity_id(f->rings[i].ids[0]));
		assert_string_equal(id, kv_get_str(&f->d.parts[0].recipients, names[i]));
		assert_int_equal(out.data.n, 1);
		assert_string_equal(kv_get_str(&out.data, "password"), "hunter2");
		assert_int_equal(out.facts.n, 1);
		assert_string_equal(kv_get_str(&out.facts, "not-after"), "2027-01-31T23:59:59Z");
		assert_string_equal(out.type, "Opaque");
		kind_secret_clear(&out);
	}
}

/* Short and shorter values cannot be told apart by size; the sealed file is an age file. */
static void test_sealed_file(void **state)
{
	struct fixture *f = *state;
	struct age_info info;
	struct buf plain = BUF_INIT;
	struct err err = ERR_INIT;
	size_t len = f->d.parts[0].age.len;
	const struct age_identity *id = f->rings[1].ids[0];

	assert_int_equal(age_inspect(f->d.parts[0].age.data, len, &info, &err), 0);
	assert_int_equal(info.x25519, 3);
	assert_int_equal(info.stanzas, 3);
	assert_int_equal(info.plain_len, 1024);
	assert_int_equal(age_decrypt(&id, 1, 0, f->d.parts[0].age.data, len, &plain, NULL, &err),
			 0);
	assert_int_equal(plain.data[0], '{');
	assert_int_equal(plain.data[1023], ' ');
	must_seal(&f->d, "password", "x", &f->to);
	assert_int_equal(f->d.parts[0].age.len, len);
	buf_clear(&plain);
}

/* Through text and back, several parts, one replaced. */
static void test_whole(void **state)
{
	struct fixture *f = *state;
	struct document again = DOCUMENT_INIT;
	struct kind_secret out = KIND_SECRET_INIT;
	struct kv ids = KV_INIT;
	struct buf text = BUF_INIT, before = BUF_INIT;
	struct err err = ERR_INIT;

	buf_put(&before, f->d.parts[0].age.data, f->d.parts[0].age.len);
	must_seal(&f->d, "user", "root", &f->to);
	must_seal(&f->d, "NO", "", &f->to);
	must_seal(&f->d, "user", "admin", &f->to);
	assert_int_equal(f->d.n, 3);
	assert_memory_equal(document_part(&f->d, "password")->age.data, before.data, before.len);
	assert_int_equal(document_format(&f->d, &text, &err), 0);
	assert_int_equal(sample_parse(&text, &again, &err), ERR_NONE);
	assert_true(again.substitute_disabled);
	if (open_document(&again, &f->rings[0], NOW, &out, &ids, NULL, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(out.data.n, 3);
	assert_string_equal(kv_get_str(&out.data, "user"), "admin");
	assert_string_equal(kv_get_str(&out.data, "password"), "hunter2");
	assert_int_equal(kv_get(&out.data, "NO")->len, 0);
	assert_int_equal(ids.n, 1);
	assert_string_equal(ids.items[0].name, age_identity_id(f->rings[0].ids[0]));
	document_clear(&again);
	kind_secret_clear(&out);
	kv_clear(&ids);
	buf_clear(&text);
	buf_clear(&before);
}

/* Of many parts the soonest expiry is the document's. */
static void test_soonest(void **state)
{
	static const struct {
		const char *part, *not_after;
	} parts[] = { { "a", "2028-01-01T00:00:00Z" },
		      { "b", NULL },
		      { "c", "2026-12-01T00:00:00Z" },
		      { "d", "2027-06-01T00:00:00Z" } };
	struct fixture *f = *state;
	struct kind_secret out = KIND_SECRET_INIT;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < COUNT(parts); i++) {
		struct kind_secret secret = { .type = TYPE_OPAQUE };

		kv_set_str(&secret.data, parts[i].part, "x");
		if (parts[i].not_after != NULL)
			kv_set_str(&secret.facts, "not-after", parts[i].not_after);
		assert_int_equal(seal_part(&f->d, parts[i].part, &secret, &f->to, NOW, &err), 0);
		kind_secret_clear(&secret);
	}
	assert_int_equal(open_document(&f->d, &f->rings[0], NOW, &out, NULL, NULL, &err), 0);
	assert_int_equal(out.facts.n, 1);
	assert_string_equal(kv_get_str(&out.facts, "not-after"), "2026-12-01T00:00:00Z");
	kind_secret_clear(&out);
}

/* Values sealed together stand alone. */
static void test_together(void **state)
{
	struct fixture *f = *state;
	struct kind_secret secret = { .type = TYPE_OPAQUE }, out = KIND_SECRET_INIT;
	struct document d = DOCUMENT_INIT;
	struct err err = ERR_INIT;

	make_head(&d, "team-a", "db");
	kv_set_str(&secret.data, "url", "postgres://db");
	kv_set_str(&secret.data, "password", "hunter2");
	assert_int_equal(seal_part(&d, "credential", &secret, &f->to, NOW, &err), 0);
	assert_int_equal(open_document(&d, &f->rings[2], NOW, &out, NULL, NULL, &err), 0);
	assert_true(kv_equal(&out.data, &secret.data));
	assert_int_equal(seal(&d, "extra", "x", &f->to, &err), -1);
	assert_string_equal(err.text, "spec.parts.extra: cannot stand beside part \"credential\", "
				      "whose values are sealed together; seal all values again");
	assert_int_equal(seal_part(&f->d, "credential", &secret, &f->to, NOW, &err), -1);
	assert_int_equal(f->d.n, 1);
	kind_secret_clear(&out);
	kind_secret_clear(&secret);
	document_clear(&d);
}

/* --- what is not sealed, and that the document is then as it was ------------------------------ */

static void test_seal_refuses(void **state)
{
	struct fixture *f = *state;
	struct recipients nobody = RECIPIENTS_INIT, many = RECIPIENTS_INIT;
	struct kind_secret secret = { .type = TYPE_OPAQUE };
	char before[DOCUMENT_DIGEST_TEXT], after[DOCUMENT_DIGEST_TEXT];
	struct err err = ERR_INIT;

	document_digest(&f->d, before);
	assert_int_equal(seal(&f->d, "password", "x", &nobody, &err), -1);
	assert_int_equal(err.class, ERR_RECIPIENT);
	assert_string_equal(err.text, "nobody to seal to; name a recipient");

	for (int i = 0; i < 33; i++) {
		struct keyring ring = KEYRING_INIT;
		struct age_recipient key;

		add_key(&ring, &key);
		assert_int_equal(recipients_add(&many, NULL, &key, &err), 0);
		keyring_clear(&ring);
	}
	assert_int_equal(seal(&f->d, "password", "x", &many, &err), -1);
	assert_int_equal(err.class, ERR_RECIPIENT);
	assert_string_equal(err.text, "33 recipients are more than 32; name fewer");
	recipients_clear(&many);

	assert_int_equal(seal(&f->d, "pass word", "x", &f->to, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_string_equal(err.text, "spec.parts.(9 bytes): is not a Secret's data key (at most "
				      "253 letters, digits, \"-\", \"_\" and \".\", not beginning "
				      "\"..\"); choose another");

	kv_set_str(&secret.data, "user", "x"); /* not the part's name */
	assert_int_equal(seal_part(&f->d, "password", &secret, &f->to, NOW, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_non_null(strstr(err.text, "spec.parts.password.sealed: opaque: part password"));

	secret.type = TYPE_TLS;
	assert_int_equal(seal_part(&f->d, "user", &secret, &f->to, NOW, &err), -1);
	assert_string_equal(err.text,
			    "spec.secret.type: is not the type of the value to seal; seal "
			    "all parts again");
	secret.type = TYPE_OPAQUE;

	kv_set_str(&secret.facts, "url", "ssh://x");
	assert_int_equal(seal_part(&f->d, "user", &secret, &f->to, NOW, &err), -1);
	assert_string_equal(err.text,
			    "spec.parts.user.facts.url: is not a fact of kind opaque; remove it");
	kv_clear(&secret.facts);

	kv_clear(&secret.data);
	assert_int_equal(seal_part(&f->d, "user", &secret, &f->to, NOW, &err), -1);
	assert_string_equal(err.text,
			    "spec.parts.user.sealed: the plaintext is not a sealed Secret: "
			    "its data is missing, empty or no object; seal again");

	kv_set_str(&f->d.labels, "node.kubernetes.io/x", "y");
	assert_int_equal(seal(&f->d, "password", "x", &f->to, &err), -1);
	assert_string_equal(err.text,
			    "spec.secret.labels.node.kubernetes.io/x: a sealed Secret may "
			    "not carry this label: kubernetes.io/ belongs to Kubernetes; "
			    "remove it");
	kv_del(&f->d.labels, "node.kubernetes.io/x");
	document_digest(&f->d, after);
	assert_string_equal(before, after);
	assert_int_equal(f->d.n, 1);
	kind_secret_clear(&secret);
}

/* A plaintext of little data, but much around it. */
static void test_plain_limit(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	char *big = mem_alloc(300000), odd[DOCUMENT_ANNOTATION_MAX + 1] = "";
	char name[16];

	memset(odd, 1, sizeof(odd) - 1); /* six bytes each in JSON */
	for (int i = 0; i < DOCUMENT_METADATA_MAX; i++) {
		snprintf(name, sizeof(name), "a%d", i);
		kv_set_str(&f->d.annotations, name, odd);
	}
	kv_del(&f->d.annotations, "example.org/owner");
	must_seal(&f->d, "password", "x", &f->to);
	memset(big, 'x', 299999);
	assert_int_equal(seal(&f->d, "password", big, &f->to, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_string_equal(err.text, "spec.parts.password.sealed: holds 1212416 bytes, more than "
				      "1048576; seal less");
	mem_free(big);
}

static void test_parts_limit(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	char name[16];

	for (int i = 1; i < DOCUMENT_PARTS_MAX; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		must_seal(&f->d, name, "x", &f->to);
	}
	assert_int_equal(seal(&f->d, "more", "x", &f->to, &err), -1);
	assert_string_equal(err.text, "spec.parts: are 256 already; split the document");
	must_seal(&f->d, "k7", "y", &f->to); /* one that is there can be replaced */
	assert_int_equal(f->d.n, DOCUMENT_PARTS_MAX);
}

/* Parts that fit alone, but not together. */
static void test_values_limit(void **state)
{
	struct fixture *f = *state;
	struct kind_secret out = KIND_SECRET_INIT;
	struct err err = ERR_INIT;
	char *big = mem_alloc(270000);

	memset(big, 'x', 269999);
	must_seal(&f->d, "a", big, &f->to);
	must_seal(&f->d, "b", big, &f->to);
	assert_int_equal(open_document(&f->d, &f->rings[0], NOW, &out, NULL, NULL, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_string_equal(err.text, "spec.parts: hold more than 524288 bytes together; split the "
				      "document");
	assert_int_equal(out.data.n, 0);
	mem_free(big);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void test_no_key(void **state)
{
	struct fixture *f = *state;
	struct kind_secret out = KIND_SECRET_INIT;
	struct keyring none = KEYRING_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(open_document(&f->d, &f->stranger, NOW, &out, NULL, NULL, &err), -1);
	assert_int_equal(err.class, ERR_NOKEY);
	assert_string_equal(err.text, "spec.parts.password.sealed: no key at hand opens it; it is "
				      "sealed to eu-west9, recovery, us-east1");
	assert_int_equal(open_document(&f->d, &none, NOW, &out, NULL, NULL, &err), -1);
	assert_int_equal(err.class, ERR_NOKEY);
	assert_string_equal(err.text, "spec.parts.password.sealed: there is no key at hand; it is "
				      "sealed to eu-west9, recovery, us-east1");
}

/* The older part waits for reseal: the new region opens one and not the other. */
static void test_some_parts(void **state)
{
	struct fixture *f = *state;
	struct kind_secret out = KIND_SECRET_INIT;
	struct recipients one = RECIPIENTS_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(recipients_add(&one, names[0], &f->to.items[0].key, &err), 0);
	must_seal(&f->d, "zone", "x", &one);
	assert_int_equal(open_document(&f->d, &f->rings[0], NOW, &out, NULL, NULL, &err), 0);
	kind_secret_clear(&out);
	assert_int_equal(open_document(&f->d, &f->rings[1], NOW, &out, NULL, NULL, &err), -1);
	assert_int_equal(err.class, ERR_NOKEY);
	assert_int_equal(out.data.n, 0);
	assert_int_equal(open_part(&f->d, document_part(&f->d, "password"), &f->rings[1], NOW, &out,
				   NULL, NULL, &err),
			 0);
	kind_secret_clear(&out);
	recipients_clear(&one);
}

/* A ring with many keys, ours among them. */
static void test_many_keys(void **state)
{
	struct fixture *f = *state;
	struct kind_secret out = KIND_SECRET_INIT;
	struct keyring ring = KEYRING_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	char id[AGE_KEY_ID_TEXT];

	for (int i = 0; i < 20; i++)
		add_key(&ring, NULL);
	for (size_t i = 1; i < COUNT(names); i++) {
		age_identity_format(f->rings[i].ids[0], &text);
		buf_putc(&text, '\n');
	}
	assert_int_equal(keyring_add_bytes(&ring, "test", text.data, text.len, NULL, NULL, &err),
			 0);
	assert_int_equal(open_part(&f->d, &f->d.parts[0], &ring, NOW, &out, id, NULL, &err), 0);
	assert_string_equal(id, kv_get_str(&f->d.parts[0].recipients, "recovery"));
	kind_secret_clear(&out);
	keyring_clear(&ring);
	buf_clear(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sealed_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_soonest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_together, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_seal_refuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_plain_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parts_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_values_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_some_parts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_many_keys, set_up, tear_down),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
