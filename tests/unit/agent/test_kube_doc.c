/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent remembers of a document in a cluster. */
#include "agent/kube_doc.h"

#include "agent/cover.h"
#include "agent/secret_json.h"
#include "tests/unit/agent/sealed.h"

#define NS "web"
#define NAME "app"

struct bed {
	struct recipients to;
	struct keyring keys;
	struct kube_docs docs;
	json_t *spec;
	char digest[DOCUMENT_DIGEST_TEXT];
};

/* The spec of a sealed document as the API server has it. */
static json_t *make_spec(struct bed *b, const char *value)
{
	const struct sealed s = { NS, NAME, value, POLICY_UNSET, &b->to };
	struct document d = sealed_document(&s);
	struct buf armored = BUF_INIT;
	json_t *spec, *recipients = json_object(), *facts = json_object();

	document_digest(&d, b->digest);
	assert_int_equal(age_armor(d.parts[0].age.data, d.parts[0].age.len, &armored, NULL), 0);
	for (size_t i = 0; i < d.parts[0].recipients.n; i++)
		json_object_set_new(recipients, d.parts[0].recipients.items[i].name,
				    json_string((const char *)d.parts[0].recipients.items[i].data));
	for (size_t i = 0; i < d.parts[0].facts.n; i++)
		json_object_set_new(facts, d.parts[0].facts.items[i].name,
				    json_string((const char *)d.parts[0].facts.items[i].data));
	spec = json_pack("{s:s,s:{s:s},s:{s:{s:o,s:o,s:s}}}", "kind", "opaque", "secret", "type",
			 TYPE_OPAQUE, "parts", "k", "recipients", recipients, "facts", facts,
			 "sealed", buf_str(&armored));
	assert_non_null(spec);
	buf_clear(&armored);
	document_clear(&d);
	return spec;
}

static json_t *object(const struct bed *b, const char *uid, const char *version, int generation)
{
	return json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:s,s:i,s:{s:s}},s:O}", "apiVersion",
			 DOCUMENT_API_VERSION, "kind", DOCUMENT_KIND, "metadata", "namespace", NS,
			 "name", NAME, "uid", uid, "resourceVersion", version, "generation",
			 generation, "annotations", "kubectl.kubernetes.io/last-applied", "{}",
			 "spec", b->spec);
}

static void set_status(json_t *o, const struct bed *b, const char *applied, int generation)
{
	json_object_set_new(o, "status",
			    json_pack("{s:i,s:s,s:s,s:[{s:s,s:s,s:s}]}", "observedGeneration",
				      generation, "digest", b->digest, "applied", applied,
				      "conditions", "type", "Ready", "status", "True", "reason",
				      "Applied"));
}

static bool take(struct kube_doc *d, json_t *o)
{
	bool r = kube_doc_take(d, o);

	json_decref(o);
	return r;
}

static int set_up(void **state)
{
	struct bed *b = mem_alloc(sizeof(*b));

	b->to = (struct recipients)RECIPIENTS_INIT;
	sealed_key("eu", &b->keys, &b->to);
	kube_docs_init(&b->docs);
	b->spec = make_spec(b, "one");
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	json_decref(b->spec);
	kube_docs_clear(&b->docs);
	keyring_clear(&b->keys);
	recipients_clear(&b->to);
	mem_free(b);
	return 0;
}

static void parse(struct kube_doc *d)
{
	struct document doc = DOCUMENT_INIT;

	assert_int_equal(kube_doc_parse(d, &doc), 0);
	assert_string_equal(doc.name, NAME);
	document_clear(&doc);
}

static void test_first_sight(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);

	assert_ptr_equal(kube_docs_find(&b->docs, NS, NAME), d);
	assert_null(kube_docs_find(&b->docs, "we", "b/app"));
	assert_true(take(d, object(b, "u1", "10", 1)));
	assert_int_equal(d->s.documents, 1);
	assert_false(d->s.recorded);
	assert_null(strstr(d->text, "last-applied")); /* other tools' marks are not ours to judge */
	parse(d);
	assert_true(d->parsed && !d->s.invalid);
	assert_int_equal(kube_doc_cover(d, &(struct kv)KV_INIT), COVER_NONE);
	assert_string_equal(d->type, TYPE_OPAQUE);
}

static void test_nothing_new(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);

	assert_true(take(d, object(b, "u1", "10", 1)));
	assert_false(take(d, object(b, "u1", "10", 1)));
	assert_true(take(d, object(b, "u1", "11", 1))); /* it has no status yet */
	assert_true(d->text != NULL);
}

/* What we wrote into the status comes back, and is no reason to look again. */
static void test_our_own_status_comes_back(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);
	json_t *told = object(b, "u1", "11", 1), *wiped = object(b, "u1", "12", 1);

	take(d, object(b, "u1", "10", 1));
	parse(d);
	d->told = REASON_APPLIED;
	kube_doc_settle(d);
	set_status(told, b, "s/5", 1);
	assert_false(take(d, told));
	assert_string_equal(d->version, "11");
	assert_null(d->text);
	assert_true(take(d, wiped)); /* somebody has taken it away */
}

static void test_changes(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);

	take(d, object(b, "u1", "10", 1));
	parse(d);
	assert_true(take(d, object(b, "u1", "11", 2)));
	assert_false(d->parsed);
	parse(d);
	assert_true(take(d, object(b, "u2", "12", 1))); /* replaced: as good as new */
	assert_false(d->parsed);
}

/* A server restored from a backup counts a generation twice. */
static void test_another_text_of_the_same_generation(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);
	unsigned char before[SUBJECT_DIGEST];
	json_t *o;

	take(d, object(b, "u1", "10", 2));
	parse(d);
	memcpy(before, d->s.digest, sizeof(before));
	d->told = REASON_APPLIED;
	kube_doc_settle(d);
	json_decref(b->spec);
	b->spec = make_spec(b, "another");
	o = object(b, "u1", "11", 2);
	set_status(o, b, "s/5", 2);
	assert_true(take(d, o));
	assert_false(d->parsed);
	parse(d);
	assert_memory_not_equal(before, d->s.digest, sizeof(before));
}

static void test_applied_before_us(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);
	json_t *o = object(b, "u1", "10", 3);

	set_status(o, b, "s/5", 3);
	assert_true(take(d, o));
	assert_true(d->s.recorded);
	assert_string_equal(d->applied_uid, "s");
	assert_string_equal(d->applied_version, "5");
	parse(d);
	assert_memory_equal(d->s.made, d->s.digest, SUBJECT_DIGEST);
	/* a later status says nothing that we do not know better */
	o = object(b, "u1", "11", 3);
	set_status(o, b, "other/6", 3);
	take(d, o);
	assert_string_equal(d->applied_uid, "s");
}

/* The digest leaves out facts: those of a later generation are looked at before they count. */
static void test_the_digest_counts_for_its_generation(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);
	json_t *o = object(b, "u1", "10", 4);

	set_status(o, b, "s/5", 3);
	take(d, o);
	parse(d);
	assert_true(d->s.recorded);
	assert_memory_not_equal(d->s.made, d->s.digest, SUBJECT_DIGEST);
}

static void test_the_inventory_is_believed_before_a_status(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);
	json_t *o = object(b, "u1", "10", 1);

	kube_doc_recorded(d, "mine");
	set_status(o, b, "forged/5", 1);
	take(d, o);
	assert_string_equal(d->applied_uid, "mine");
	assert_int_equal(d->s.target, TARGET_CHANGED);
	o = object(b, "u1", "11", 1);
	set_status(o, b, "mine/7", 1);
	kube_doc_gone(d);
	take(d, o);
	assert_string_equal(d->applied_version, "7");
}

static void test_invalid(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);
	struct document doc = DOCUMENT_INIT;
	json_t *o = object(b, "u1", "10", 1);

	json_object_set_new(o, "spec", json_pack("{s:s}", "kind", "nonsense"));
	take(d, o);
	assert_int_equal(kube_doc_parse(d, &doc), -1);
	assert_true(d->s.invalid && d->parsed);
	assert_true(strncmp(d->why, "spec.kind: ", 11) == 0);
	assert_int_equal(kube_doc_cover(d, &(struct kv)KV_INIT), COVER_NONE);
}

/* It is looked at again, whatever its generation says; the one that comes after it is another. */
static void test_one_that_is_being_deleted(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);
	json_t *o;

	take(d, object(b, "u1", "10", 1));
	parse(d);
	d->told = REASON_APPLIED;
	kube_doc_settle(d);
	assert_false(d->s.going);
	o = object(b, "u1", "11", 1);
	set_status(o, b, "s/5", 1);
	json_object_set_new(json_object_get(o, "metadata"), "deletionTimestamp",
			    json_string("2026-01-01T00:00:00Z"));
	assert_true(take(d, o));
	assert_true(d->s.going && d->s.documents == 1);
	kube_doc_gone(d);
	assert_false(d->s.going);
	take(d, object(b, "u2", "12", 1));
	assert_false(d->s.going);
}

static json_t *with_pause(json_t *o, const char *value)
{
	json_t *annotations = json_object_get(json_object_get(o, "metadata"), "annotations");

	json_object_set_new(annotations, KUBE_DOC_PAUSED, json_string(value));
	return o;
}

static json_t *told_paused(json_t *o)
{
	json_array_append_new(
	    json_object_get(json_object_get(o, "status"), "conditions"),
	    json_pack("{s:s, s:s, s:s}", "type", "Paused", "status", "True", "reason", "Paused"));
	return o;
}

/* The annotation is no part of the text, and no generation comes with it. */
static void test_pause_and_resume(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);
	json_t *o;

	take(d, object(b, "u1", "10", 1));
	parse(d);
	assert_false(d->s.paused || d->resumed);
	d->told = REASON_APPLIED;
	kube_doc_settle(d);
	o = with_pause(object(b, "u1", "11", 1), "true");
	set_status(o, b, "s/5", 1);
	assert_true(take(d, o));
	assert_true(d->s.paused && !d->parsed && !d->resumed);
	parse(d);
	/* our own status comes back, and is no reason to look again; without Paused it is */
	d->told = REASON_PAUSED;
	kube_doc_settle(d);
	o = with_pause(object(b, "u1", "12", 1), "true");
	set_status(o, b, "s/5", 1);
	assert_false(take(d, told_paused(o)));
	o = with_pause(object(b, "u1", "13", 1), "true");
	set_status(o, b, "s/5", 1);
	assert_true(take(d, o));
	/* what failed before is tried again at once */
	subject_failed(&d->s, REASON_WRITE_FAILED, 1000);
	o = with_pause(object(b, "u1", "14", 1), "false");
	set_status(o, b, "s/5", 1);
	assert_true(take(d, told_paused(o)));
	assert_true(!d->s.paused && d->resumed && !d->parsed);
	assert_int_equal(d->s.attempt.reason, REASON_PENDING);
	/* a document that comes again under the name of a paused one is not */
	take(d, with_pause(object(b, "u1", "15", 1), "true"));
	kube_doc_gone(d);
	assert_false(d->s.paused || d->resumed);
}

static void test_a_pause_that_is_no_word(void **state)
{
	static const char *const values[] = { "", "True", "yes", "1", " true", "s3cret" };
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);
	struct document doc = DOCUMENT_INIT;
	char version[8];

	for (size_t i = 0; i < COUNT(values); i++) {
		snprintf(version, sizeof(version), "%zu", 10 + i);
		take(d, with_pause(object(b, "u1", version, 1), values[i]));
		assert_false(d->s.paused);
		assert_int_equal(kube_doc_parse(d, &doc), -1);
		document_clear(&doc);
		assert_true(d->s.invalid);
		assert_string_equal(d->why, "metadata.annotations: bulla.dev/paused is neither "
					    "\"true\" nor \"false\"; correct it, or remove it");
		assert_non_null(d->recipients); /* for who asks which documents need a key */
	}
	assert_true(take(d, object(b, "u1", "20", 1)));
	parse(d);
	assert_false(d->s.invalid);
}

static void test_what_was_done(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);
	json_t *metadata = json_pack("{s:s,s:s}", "uid", "s", "resourceVersion", "9");

	take(d, object(b, "u1", "10", 1));
	parse(d);
	kube_doc_applied(d, metadata);
	assert_true(d->s.recorded);
	assert_int_equal(d->s.target, TARGET_INTACT);
	assert_string_equal(d->seen, "s/9");
	/* what a watch showed meanwhile may be newer: it stands */
	d->seen_anew = true;
	mem_free(d->seen);
	d->seen = mem_str("s/11");
	kube_doc_applied(d, metadata);
	assert_string_equal(d->seen, "s/11");
	assert_string_equal(d->applied_version, "9");
	/* what a probe found: of now, though it is not what we left */
	json_object_set_new(metadata, "resourceVersion", json_string("12"));
	kube_doc_saw(d, metadata);
	assert_string_equal(d->seen, "s/12");
	assert_string_equal(d->applied_version, "9");
	d->letting_go = d->held = true; /* of the time before */
	kube_doc_gone(d);
	assert_false(d->letting_go || d->held);
	assert_int_equal(d->s.documents, 0);
	assert_true(d->s.recorded); /* its Secret is still there */
	d->letting_go = d->held = true;
	kube_doc_unapplied(d);
	assert_false(d->letting_go || d->held);
	assert_false(d->s.recorded);
	assert_null(d->applied_uid);
	json_decref(metadata);
}

/* Another Secret of the same name is told apart from it, and what let the first one go is over. */
static void test_what_was_let_go(void **state)
{
	struct bed *b = *state;
	struct kube_doc *d = kube_docs_need(&b->docs, NS, NAME);
	uint64_t first;

	take(d, object(b, "u1", "10", 1));
	assert_int_equal(kube_doc_incarnation(d), 0);
	kube_doc_recorded(d, "one");
	first = kube_doc_incarnation(d);
	kube_doc_recorded(d, "two");
	assert_true(first != 0 && kube_doc_incarnation(d) != first);
	kube_doc_recorded(d, "one");
	assert_true(kube_doc_incarnation(d) == first);

	kube_doc_gone(d);
	d->s.released = d->s.ended = true;
	kube_doc_gone(d);
	assert_true(d->s.released && d->s.ended && kube_doc_incarnation(d) == first);
	take(d, object(b, "u2", "12", 1)); /* it is back */
	assert_false(d->s.released || d->s.ended);
	kube_doc_gone(d);
	d->s.released = d->s.ended = true;
	kube_doc_unapplied(d);
	assert_false(d->s.released || d->s.ended);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_first_sight),
		TEST(test_nothing_new),
		TEST(test_our_own_status_comes_back),
		TEST(test_changes),
		TEST(test_another_text_of_the_same_generation),
		TEST(test_applied_before_us),
		TEST(test_the_digest_counts_for_its_generation),
		TEST(test_the_inventory_is_believed_before_a_status),
		TEST(test_invalid),
		TEST(test_one_that_is_being_deleted),
		TEST(test_pause_and_resume),
		TEST(test_a_pause_that_is_no_word),
		TEST(test_what_was_done),
		TEST(test_what_was_let_go),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
