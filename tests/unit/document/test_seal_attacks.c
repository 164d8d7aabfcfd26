/* SPDX-License-Identifier: Apache-2.0 */
/* What was sealed, standing where it does not belong, damaged, or never sealed by us. */
#include "tests/unit/test.h"

#include "tests/unit/document/sealed.h"

/* --- attacks: what was sealed stands where it does not belong --------------------------------- */

static void set(char **field, const char *value)
{
	mem_free(*field);
	*field = mem_str(value);
}

static void other_name(struct fixture *f)
{
	set(&f->d.name, "db-env");
}

static void other_namespace(struct fixture *f)
{
	set(&f->d.namespace, "team-b");
}

static void other_label(struct fixture *f)
{
	kv_set_str(&f->d.labels, "app", "web");
}

static void more_labels(struct fixture *f)
{
	kv_set_str(&f->d.labels, "tier", "x");
}

static void other_annotation(struct fixture *f)
{
	kv_clear(&f->d.annotations);
}

static void other_part(struct fixture *f)
{
	set(&f->d.parts[0].name, "user");
}

static void swapped_parts(struct fixture *f)
{
	struct buf age = f->d.parts[0].age;

	must_seal(&f->d, "user", "root", &f->to);
	age = f->d.parts[0].age;
	f->d.parts[0].age = f->d.parts[1].age;
	f->d.parts[1].age = age;
}

static void from_another_document(struct fixture *f)
{
	struct document other = DOCUMENT_INIT;

	make_head(&other, "team-b", "api-env");
	must_seal(&other, "password", "hunter3", &f->to);
	buf_move(&f->d.parts[0].age, &other.parts[0].age);
	document_clear(&other);
}

static void renamed_recipient(struct fixture *f)
{
	struct kv *r = &f->d.parts[0].recipients;

	kv_set_str(r, "us-west1", kv_get_str(r, "us-east1"));
	kv_del(r, "us-east1");
}

static void swapped_ids(struct fixture *f)
{
	struct kv *r = &f->d.parts[0].recipients;
	char *first = mem_str(kv_get_str(r, "eu-west9"));

	kv_set_str(r, "eu-west9", kv_get_str(r, "us-east1"));
	kv_set_str(r, "us-east1", first);
	mem_free(first);
}

static void other_fact(struct fixture *f)
{
	kv_set_str(&f->d.parts[0].facts, "not-after", "2030-01-31T23:59:59Z");
}

static void more_facts(struct fixture *f)
{
	kv_set_str(&f->d.parts[0].facts, "namespaces", "*");
}

static void fewer_facts(struct fixture *f)
{
	kv_del(&f->d.parts[0].facts, "not-after");
}

static void older(struct fixture *f)
{
	kv_set_str(&f->d.parts[0].facts, "sealed-at", "2020-01-01T00:00:00Z");
}

/* The bytes of stanza i: two lines from "-> ". */
static size_t stanza(const struct buf *age, int i, size_t *len)
{
	const char *at = buf_str(age);

	for (; i >= 0; i--)
		at = strstr(at + 1, "\n-> ");
	*len = (size_t)(strchr(strchr(at + 1, '\n') + 1, '\n') - at);
	return (size_t)(at + 1 - buf_str(age));
}

static void dropped_stanza(struct fixture *f)
{
	struct buf *age = &f->d.parts[0].age;
	size_t len, at = stanza(age, 2, &len);

	buf_splice(age, at, len, NULL, 0);
	kv_del(&f->d.parts[0].recipients, "us-east1");
}

static void added_stanza(struct fixture *f)
{
	struct buf *age = &f->d.parts[0].age, copy = BUF_INIT;
	size_t len, at = stanza(age, 2, &len);

	buf_put(&copy, age->data + at, len);
	buf_splice(age, at, 0, copy.data, copy.len);
	kv_set_str(&f->d.parts[0].recipients, "zz", SAMPLE_ID_A);
	buf_clear(&copy);
}

/* The header of one file on the payload of another, both ours. */
static void mixed_payload(struct fixture *f)
{
	struct document other = DOCUMENT_INIT;
	struct buf *age = &f->d.parts[0].age;
	size_t payload = age->len - 16 - 1024 - 16;

	make_head(&other, "team-a", "api-env");
	must_seal(&other, "password", "hunter3", &f->to);
	assert_int_equal(other.parts[0].age.len, age->len);
	memcpy(age->data + payload, other.parts[0].age.data + payload, age->len - payload);
	document_clear(&other);
}

#define PART "spec.parts.password.sealed: "
#define MAC PART "age header: its MAC is wrong: the header was changed after it was made"
#define CHANGED ": changed or mixed after sealing; restore the document or seal again"

static const struct {
	const char *attack;
	void (*spoil)(struct fixture *f);
	const char *text;
} attacks[] = {
	{ "name", other_name,
	  PART "it was sealed for team-a/api-env, not for team-a/db-env: moved or renamed after "
	       "sealing; move it back or seal again" },
	{ "namespace", other_namespace,
	  PART "it was sealed for team-a/api-env, not for team-b/api-env: moved or renamed after "
	       "sealing; move it back or seal again" },
	{ "label", other_label, PART "the Secret's labels are not those that were sealed" CHANGED },
	{ "more labels", more_labels,
	  PART "the Secret's labels are not those that were sealed" CHANGED },
	{ "annotation", other_annotation,
	  PART "the Secret's annotations are not those that were sealed" CHANGED },
	{ "part", other_part,
	  "spec.parts.user.sealed: the part's name is not the one it was sealed "
	  "under" CHANGED },
	{ "swapped parts", swapped_parts,
	  PART "the part's name is not the one it was sealed under" CHANGED },
	{ "from another document", from_another_document,
	  PART "it was sealed for team-b/api-env, not for team-a/api-env: moved or renamed after "
	       "sealing; move it back or seal again" },
	{ "renamed recipient", renamed_recipient,
	  PART "the recipients are not those it was sealed to" CHANGED },
	{ "swapped ids", swapped_ids,
	  PART "the recipients are not those it was sealed to" CHANGED },
	{ "fact", other_fact, PART "the facts are not those that were sealed" CHANGED },
	{ "more facts", more_facts, PART "the facts are not those that were sealed" CHANGED },
	{ "fewer facts", fewer_facts, PART "the facts are not those that were sealed" CHANGED },
	{ "older", older, PART "the facts are not those that were sealed" CHANGED },
	{ "dropped stanza", dropped_stanza, MAC },
	{ "added stanza", added_stanza, MAC },
	{ "mixed payload", mixed_payload,
	  PART "age payload: chunk 1 is damaged, cut short, or not where it was written" },
};

static void test_attacks(void **state)
{
	int failed = 0;

	for (size_t i = 0; i < COUNT(attacks); i++) {
		struct kind_secret out = KIND_SECRET_INIT;
		struct kv ids = KV_INIT;
		struct err err = ERR_INIT;
		struct fixture *f;

		set_up(state);
		f = *state;
		attacks[i].spoil(f);
		assert_int_equal(open_document(&f->d, &f->rings[0], NOW, &out, &ids, NULL, &err),
				 -1);
		if (err.class != ERR_REFUSED || strcmp(err.text, attacks[i].text) != 0) {
			print_error("%s: %d %s\n", attacks[i].attack, (int)err.class, err.text);
			failed++;
		}
		assert_int_equal(out.data.n, 0);
		assert_int_equal(ids.n, 0);
		tear_down(state);
	}
	assert_int_equal(failed, 0);
}

/* A login shown as another type of Secret, as another kind, and other values shown as a login. */
static void test_kind_and_type(void **state)
{
	struct fixture *f = *state;
	struct kind_secret secret = { .type = TYPE_BASIC }, out = KIND_SECRET_INIT;
	struct document d = DOCUMENT_INIT;
	struct err err = ERR_INIT;

	make_head(&d, "team-a", "login");
	d.kind = kind_find("basic-auth");
	d.type = TYPE_BASIC;
	kv_set_str(&secret.data, "username", "admin");
	kv_set_str(&secret.data, "password", "correct horse");
	kv_set_str(&secret.facts, "user", "admin");
	if (seal_part(&d, "credential", &secret, &f->to, NOW, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(open_document(&d, &f->rings[0], NOW, &out, NULL, NULL, &err), 0);
	assert_true(kv_equal(&out.data, &secret.data) && kv_equal(&out.facts, &secret.facts));
	kind_secret_clear(&out);
	d.type = TYPE_OPAQUE;
	assert_int_equal(open_document(&d, &f->rings[0], NOW, &out, NULL, NULL, &err), -1);
	assert_int_equal(err.class, ERR_REFUSED);
	assert_string_equal(err.text,
			    "spec.parts.credential.sealed: the Secret's type is not the one "
			    "that was sealed" CHANGED);
	d.kind = kind_find("opaque");
	kv_clear(&d.parts[0].facts);
	kv_set_str(&d.parts[0].facts, "sealed-at", "2026-11-23T08:00:00Z");
	assert_int_equal(open_document(&d, &f->rings[0], NOW, &out, NULL, NULL, &err), -1);
	assert_int_equal(err.class, ERR_REFUSED);
	assert_string_equal(err.text,
			    "spec.parts.credential.sealed: the kind is not the one it was "
			    "sealed as" CHANGED);
	secret.type = TYPE_OPAQUE;
	kv_clear(&secret.facts);
	assert_int_equal(seal_part(&d, "credential", &secret, &f->to, NOW, &err), 0);
	d.kind = kind_find("basic-auth");
	assert_int_equal(open_document(&d, &f->rings[0], NOW, &out, NULL, NULL, &err), -1);
	assert_int_equal(err.class, ERR_REFUSED);
	kind_secret_clear(&secret);
	document_clear(&d);
}

/* Our id is put in the place of another's. */
static void test_wrongly_listed(void **state)
{
	struct fixture *f = *state;
	struct kind_secret out = KIND_SECRET_INIT;
	struct err err = ERR_INIT;

	kv_set_str(&f->d.parts[0].recipients, "us-east1", age_identity_id(f->stranger.ids[0]));
	assert_int_equal(open_document(&f->d, &f->stranger, NOW, &out, NULL, NULL, &err), -1);
	assert_int_equal(err.class, ERR_REFUSED);
	assert_string_equal(err.text,
			    PART "lists us-east1, whose key does not open it: damaged or "
				 "mixed after sealing; restore the document or seal again");
}

/* Anyone can seal anything: the opener looks at the kind as the sealer does. */
static void test_hostile_plaintext(void **state)
{
	static const char *const hostile[] = {
		"",
		"null",
		"{}",
		"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}",
	};
	struct fixture *f = *state;
	struct age_recipient *keys = recipients_keys(&f->to);

	for (size_t i = 0; i < COUNT(hostile); i++) {
		struct kind_secret out = KIND_SECRET_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(age_encrypt(keys, f->to.n, hostile[i], strlen(hostile[i]),
					     &f->d.parts[0].age, &err),
				 0);
		assert_int_equal(open_document(&f->d, &f->rings[0], NOW, &out, NULL, NULL, &err),
				 -1);
		assert_int_equal(err.class, ERR_INVALID);
		assert_memory_equal(err.text, PART, strlen(PART));
	}
	mem_free(keys);
}

/* One wrong bit anywhere in the file is refused. */
static void test_bits(void **state)
{
	struct fixture *f = *state;
	struct buf *age = &f->d.parts[0].age;

	for (size_t i = 0; i < age->len * 8; i += 3) {
		struct kind_secret out = KIND_SECRET_INIT;
		struct err err = ERR_INIT;

		age->data[i / 8] ^= (unsigned char)(1 << i % 8);
		assert_int_equal(
		    open_part(&f->d, &f->d.parts[0], &f->rings[1], NOW, &out, NULL, NULL, &err),
		    -1);
		assert_true(err.class == ERR_REFUSED || err.class == ERR_INVALID);
		assert_int_equal(out.data.n, 0);
		age->data[i / 8] ^= (unsigned char)(1 << i % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attacks),
		cmocka_unit_test_setup_teardown(test_kind_and_type, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wrongly_listed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile_plaintext, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bits, set_up, tear_down),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
