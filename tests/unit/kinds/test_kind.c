/* SPDX-License-Identifier: Apache-2.0 */
/* The frame around the kinds, tried with a kind of its own. */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/facts.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"

#define NOW 1795420800 /* 2026-11-23T08:00:00Z */

/* --- a kind: word (public), secret, file kept as it is; derives "user" from the word ---------- */

static int probe_build(const struct kind_input *in, struct kind_secret *out, struct notes *notes,
		       struct err *err)
{
	const char *names[] = { "word", "secret", "file" };

	if (kv_has(&in->fields, "word") && strcmp(kv_get_str(&in->fields, "word"), "bad") == 0)
		return err_set(err, ERR_INVALID, "word: is bad");
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct kv_item *item = kv_get(&in->fields, names[i]);

		if (item != NULL)
			kv_set(&out->data, names[i], item->data, item->len);
	}
	if (kv_has(&in->fields, "url"))
		kv_set_str(&out->facts, "url", kv_get_str(&in->fields, "url"));
	note_add(notes, "built");
	return 0;
}

static int probe_check(const struct kind_secret *s, int64_t now, struct kv *derived,
		       struct notes *notes, struct err *err)
{
	const struct kv_item *word = kv_get(&s->data, "word");

	(void)now;
	if (word->len > 2000)
		return err_set(err, ERR_INVALID, "word: is long");
	kv_set(derived, "user", word->data, word->len);
	if (strcmp((const char *)word->data, "ending") == 0)
		kv_set_str(derived, "not-after", "2027-01-01T00:00:00Z");
	note_add(notes, "checked");
	return 0;
}

static int probe_restore(const struct kv *facts, struct kv *fields, struct err *err)
{
	(void)fields;
	if (kv_has(facts, "ca"))
		return err_set(err, ERR_INVALID, "ca: cannot be had from the facts; give --ca");
	return 0;
}

static int probe_adopt(const char *type, const struct kv *data, struct kv *fields)
{
	(void)type;
	(void)data;
	(void)fields;
	return -1;
}

static const struct kind probe = {
	.name = "probe",
	.summary = "a kind for this test",
	.types = (const char *const[]){ TYPE_BASIC, TYPE_OPAQUE, NULL },
	.fields =
	    (const struct kind_field[]){
		{ "word", "word", "WORD", "", FIELD_REQUIRED, "user" },
		{ "url", "url", "URL", "", 0, "url" },
		{ "secret", "secret-file", "FILE|-", "", FIELD_SECRET | FIELD_MAIN, NULL },
		{ "file", "file", "FILE", "", FIELD_FILE | FIELD_KEEP, NULL },
		{ NULL, NULL, NULL, NULL, 0, NULL },
	    },
	.keys =
	    (const struct kind_key[]){
		{ "word", true },
		{ "secret", false },
		{ "file", false },
		{ NULL, false },
	    },
	.facts = (const char *const[]){ "user", "url", "ca", NULL },
	.build = probe_build,
	.check = probe_check,
	.restore = probe_restore,
	.adopt = probe_adopt,
};

/*
 * An input from "field=value" words; "alias:NEW=KEY" and "extra:FACT=VALUE" go where they belong.
 */
static void fill(struct kind_input *in, const char *const *words)
{
	memset(in, 0, sizeof(*in));
	in->now = NOW;
	for (; *words != NULL; words++) {
		const char *word = *words, *eq = strchr(word, '=');
		struct kv *to = &in->fields;
		char *name;

		if (strncmp(word, "alias:", 6) == 0)
			to = &in->aliases;
		else if (strncmp(word, "extra:", 6) == 0)
			to = &in->extra;
		word += to == &in->fields ? 0 : 6;
		name = mem_strn(word, (size_t)(eq - word));
		kv_set_str(to, name, eq + 1);
		mem_free(name);
	}
}

static const char *text_of(const struct kv *kv)
{
	static char text[4096];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < kv->n; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s=%s", i == 0 ? "" : " ",
				      kv->items[i].name, (const char *)kv->items[i].data);
	return text;
}

static void test_build(void **state)
{
	(void)state;
	static const struct {
		const char *fields[8], *type, *data, *facts;
	} cases[] = {
		{ { "word=w" }, TYPE_BASIC, "word=w", "user=w" },
		{ { "word=w", "secret=s\n" }, TYPE_BASIC, "secret=s word=w", "user=w" },
		{ { "word=w", "secret=s\r\n" }, TYPE_BASIC, "secret=s word=w", "user=w" },
		{ { "word=w", "secret=s\n\n" }, TYPE_BASIC, "secret=s\n word=w", "user=w" },
		{ { "word=w", "secret=s\r" }, TYPE_BASIC, "secret=s\r word=w", "user=w" },
		{ { "word=w", "file=f\n" }, TYPE_BASIC, "file=f\n word=w", "user=w" },
		{ { "word=w", "file=\n" }, TYPE_BASIC, "file=\n word=w", "user=w" },
		{ { "word=w", "url=u" }, TYPE_BASIC, "word=w", "url=u user=w" },
		{ { "word=w", "secret=s", "alias:b=secret", "alias:a.B=word" },
		  TYPE_BASIC,
		  "a.B=w b=s secret=s word=w",
		  "aliases=a.B=word,b=secret user=w" },
		{ { "word=w", "extra:namespaces=web,team-*,a", "extra:service-accounts=d,b.c" },
		  TYPE_BASIC,
		  "word=w",
		  "namespaces=a,team-*,web service-accounts=b.c,d user=w" },
		{ { "word=ending" },
		  TYPE_BASIC,
		  "word=ending",
		  "not-after=2027-01-01T00:00:00Z user=ending" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kind_secret s = KIND_SECRET_INIT;
		struct notes notes = NOTES_INIT;
		struct kind_input in;
		struct err err = ERR_INIT;

		fill(&in, cases[i].fields);
		assert_int_equal(kind_build(&probe, &in, &s, &notes, &err), 0);
		assert_string_equal(s.type, cases[i].type);
		assert_string_equal(text_of(&s.data), cases[i].data);
		assert_string_equal(text_of(&s.facts), cases[i].facts);
		assert_int_equal(notes.n, 1); /* the build's, not again the check's */
		assert_int_equal(kind_verify(&probe, KIND_PART, &s, NOW, NULL, &err), 0);
		notes_clear(&notes);
		kind_secret_clear(&s);
		kind_input_clear(&in);
	}
}

static void test_build_type_and_expiry(void **state)
{
	(void)state;
	const char *fields[] = { "word=w", NULL };
	struct kind_secret s = KIND_SECRET_INIT;
	struct err err = ERR_INIT;
	struct kind_input in;

	fill(&in, fields);
	in.type = TYPE_OPAQUE;
	in.expires = NOW + 86400;
	assert_int_equal(kind_build(&probe, &in, &s, NULL, &err), 0);
	assert_string_equal(s.type, TYPE_OPAQUE);
	assert_string_equal(text_of(&s.facts), "not-after=2026-11-24T08:00:00Z user=w");
	kind_secret_clear(&s);
	kind_input_clear(&in);
}

static void test_build_refused(void **state)
{
	(void)state;
	static const struct {
		const char *fields[8], *type;
		int64_t expires;
		const char *text;
	} cases[] = {
		{ { NULL }, NULL, 0, "probe: word: missing; give --word WORD" },
		{ { "word=w", "token=x" }, NULL, 0, "probe: token: no field of this kind" },
		{ { "word=" }, NULL, 0, "probe: word: is empty" },
		{ { "word=w", "secret=" }, NULL, 0, "probe: secret: is empty" },
		{ { "word=w", "secret=\n" }, NULL, 0, "probe: secret: is empty" },
		{ { "word=w", "secret=\r\n" }, NULL, 0, "probe: secret: is empty" },
		{ { "word=bad" }, NULL, 0, "probe: word: is bad" },
		{ { "word=w" },
		  TYPE_TLS,
		  0,
		  "probe: type kubernetes.io/tls: not one that this kind makes "
		  "(kubernetes.io/basic-auth or Opaque)" },
		{ { "word=w" }, NULL, NOW, "probe: expires: that time is past" },
		{ { "word=ending" },
		  NULL,
		  NOW + 1,
		  "probe: expires: the data says itself when it ends; leave it out" },
		{ { "word=w\n" },
		  NULL,
		  0,
		  "probe: fact user: holds a character that is not printable ASCII" },
		{ { "word=w", "alias:a=b" }, NULL, 0, "probe: alias a: this Secret has no key b" },
		{ { "word=w", "alias:a=secret" },
		  NULL,
		  0,
		  "probe: alias a: this Secret has no key secret" },
		{ { "word=w", "alias:secret=word" },
		  NULL,
		  0,
		  "probe: alias secret: is itself a key of this kind" },
		{ { "word=w", "alias:a=word", "alias:b=a" },
		  NULL,
		  0,
		  "probe: alias b: this Secret has no key a" },
		{ { "word=w", "alias:a/b=word" },
		  NULL,
		  0,
		  "probe: alias 1: not a name that a Secret takes" },
		{ { "word=w", "extra:user=x" },
		  NULL,
		  0,
		  "probe: user: not a fact that can be given" },
		{ { "word=w", "extra:namespaces=a,,b" },
		  NULL,
		  0,
		  "probe: namespaces: entry 2 is not a namespace or a pattern of namespaces" },
		{ { "word=w", "extra:namespaces=" },
		  NULL,
		  0,
		  "probe: namespaces: entry 1 is not a namespace or a pattern of namespaces" },
		{ { "word=w", "extra:namespaces=a,-*" },
		  NULL,
		  0,
		  "probe: namespaces: entry 2 is not a namespace or a pattern of namespaces" },
		{ { "word=w", "extra:namespaces=A" },
		  NULL,
		  0,
		  "probe: namespaces: entry 1 is not a namespace or a pattern of namespaces" },
		{ { "word=w", "extra:namespaces=b,a,b" },
		  NULL,
		  0,
		  "probe: namespaces: \"b\" stands twice" },
		{ { "word=w", "extra:service-accounts=a*" },
		  NULL,
		  0,
		  "probe: service-accounts: entry 1 is not the name of a service account" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kind_secret s = KIND_SECRET_INIT;
		struct kind_input in;
		struct err err = ERR_INIT;

		fill(&in, cases[i].fields);
		in.type = cases[i].type;
		in.expires = cases[i].expires;
		assert_int_equal(kind_build(&probe, &in, &s, NULL, &err), -1);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.class, ERR_INVALID);
		assert_null(s.type);
		assert_int_equal(s.data.n + s.facts.n, 0);
		kind_input_clear(&in);
	}
}

static void test_build_sizes(void **state)
{
	(void)state;
	char *big = mem_alloc(KIND_DATA_MAX);
	struct kind_secret s = KIND_SECRET_INIT;
	struct err err = ERR_INIT;
	struct kind_input in = { .now = NOW };
	char text[128];

	memset(big, 'x', KIND_DATA_MAX);
	kv_set_str(&in.fields, "word", "w");
	kv_set(&in.fields, "file", big, KIND_DATA_MAX - 1);
	assert_int_equal(kind_build(&probe, &in, &s, NULL, &err), 0);
	kind_secret_clear(&s);

	kv_set_str(&in.aliases, "a", "word");
	assert_int_equal(kind_build(&probe, &in, &s, NULL, &err), -1);
	snprintf(text, sizeof(text),
		 "probe: data: %d bytes in all, and one Secret may hold %d here", KIND_DATA_MAX + 1,
		 KIND_DATA_MAX);
	assert_string_equal(err.text, text);

	kv_set(&in.fields, "file", big, KIND_DATA_MAX);
	assert_int_equal(kind_build(&probe, &in, &s, NULL, &err), -1);
	snprintf(text, sizeof(text),
		 "probe: input: %d bytes in all, and one Secret may hold %d here",
		 KIND_DATA_MAX + 1, KIND_DATA_MAX);
	assert_string_equal(err.text, text);
	kind_input_clear(&in);

	kv_set(&in.fields, "word", big, 1025);
	assert_int_equal(kind_build(&probe, &in, &s, NULL, &err), -1);
	assert_string_equal(err.text, "probe: fact user: 1025 bytes, and a fact may have 1024");
	kv_set(&in.fields, "word", big, 2001);
	assert_int_equal(kind_build(&probe, &in, &s, NULL, &err), -1);
	assert_string_equal(err.text, "probe: word: is long");
	kind_input_clear(&in);
	mem_free(big);
}

static void refuse(struct kind_input *in, const char *text)
{
	struct kind_secret s = KIND_SECRET_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(kind_build(&probe, in, &s, NULL, &err), -1);
	assert_string_equal(err.text, text);
	kind_input_clear(in);
}

static void test_build_bounds(void **state)
{
	(void)state;
	struct kind_input in = { .now = NOW };
	char *list = mem_alloc(FACTS_MAX + 1);

	memset(list, 'a', FACTS_MAX + 1);
	kv_set_str(&in.fields, "word", "w");
	kv_set(&in.extra, "namespaces", list, FACTS_MAX + 1);
	refuse(&in, "probe: namespaces: longer than 1024 bytes");
	mem_free(list);

	kv_set_str(&in.fields, "word", "w");
	kv_set(&in.extra, "namespaces", "a\0b", 3);
	refuse(&in, "probe: namespaces: holds a NUL byte");

	kv_set_str(&in.fields, "word", "w");
	for (int i = 0; i <= KIND_KEYS_MAX; i++) {
		char name[16];

		snprintf(name, sizeof(name), "a%d", i);
		kv_set_str(&in.aliases, name, "word");
	}
	refuse(&in, "probe: aliases: more than 256");

	/* as a fact they reach its limit before */
	kv_set_str(&in.fields, "word", "w");
	for (int i = 0; i < 150; i++) {
		char name[16];

		snprintf(name, sizeof(name), "a%d", i);
		kv_set_str(&in.aliases, name, "word");
	}
	refuse(&in, "probe: fact aliases: 1389 bytes, and a fact may have 1024");
}

/* A Secret from words: "fact:NAME=VALUE" is a fact, the rest is data. */
static void fill_secret(struct kind_secret *s, const char *const *words)
{
	*s = (struct kind_secret)KIND_SECRET_INIT;
	s->type = TYPE_BASIC;
	for (; *words != NULL; words++) {
		bool fact = strncmp(*words, "fact:", 5) == 0;
		const char *word = fact ? *words + 5 : *words, *eq = strchr(word, '=');
		char *name = mem_strn(word, (size_t)(eq - word));

		kv_set_str(fact ? &s->facts : &s->data, name, eq + 1);
		mem_free(name);
	}
}

static void test_verify_refused(void **state)
{
	(void)state;
	static const struct {
		const char *words[8], *part, *type;
		enum err_class class;
		const char *text;
	} cases[] = {
		{ { "word=w" }, NULL, NULL, ERR_REFUSED, "fact user: missing" },
		{ { "word=w", "fact:user=x" },
		  NULL,
		  NULL,
		  ERR_REFUSED,
		  "fact user: the data says something else" },
		{ { "word=w", "fact:user=w", "fact:ca=x" },
		  NULL,
		  NULL,
		  ERR_REFUSED,
		  "fact ca: nothing in the data says so" },
		{ { "word=w", "fact:user=w", "fact:project=x" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "fact project: not one of this kind" },
		{ { "word=w", "fact:user=w", "fact:url=" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "fact url: is empty" },
		{ { "word=w", "fact:user=w", "fact:url=\x1b[m" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "fact url: holds a character that is not printable ASCII" },
		{ { "word=w", "fact:user=w", "fact:sealed-at=2026-11-23" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "fact sealed-at: not a time like 2026-11-23T08:00:00Z" },
		{ { "word=w", "fact:user=w", "fact:not-after=never" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "fact not-after: not a time like 2026-11-23T08:00:00Z" },
		{ { "word=w", "fact:user=w", "fact:namespaces=b,a" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "fact namespaces: the list is not sorted" },
		{ { "word=ending", "fact:user=ending", "fact:not-after=2027-01-02T00:00:00Z" },
		  NULL,
		  NULL,
		  ERR_REFUSED,
		  "fact not-after: the data says something else" },
		{ { "fact:user=w" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "data: empty; there is nothing to seal" },
		{ { "secret=s" }, NULL, NULL, ERR_INVALID, "data key word: missing" },
		{ { "word=w", "fact:user=w", "more=x" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "data key more: neither a key of this kind nor an alias" },
		{ { "word=w", "fact:user=w", "..x=x" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "data key 1: not a name that a Secret takes: letters, digits, \"-\", \"_\" and "
		  "\".\", at most 253, not beginning with \"..\"" },
		{ { "word=w", "fact:user=w", "more=x", "fact:aliases=more=word" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "alias more: holds other bytes than word" },
		{ { "word=w", "fact:user=w", "fact:aliases=more=word" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "alias more: its data key is missing" },
		{ { "word=w", "fact:user=w", "more=w", "fact:aliases=more=secret" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "alias more: this Secret has no key secret" },
		{ { "word=w", "fact:user=w", "secret=w", "fact:aliases=secret=word" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "alias secret: is itself a key of this kind" },
		{ { "word=w", "fact:user=w", "a=w", "b=w", "fact:aliases=b=word,a=word" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "fact aliases: not sorted, or one name twice" },
		{ { "word=w", "fact:user=w", "a=w", "fact:aliases=a=word,a=word" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "fact aliases: not sorted, or one name twice" },
		{ { "word=w", "fact:user=w", "fact:aliases=word" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "fact aliases: an entry is not NEW=KEY" },
		{ { "word=w", "fact:user=w", "fact:aliases=a=b=c" },
		  NULL,
		  NULL,
		  ERR_INVALID,
		  "fact aliases: an entry names no data key" },
		{ { "word=w", "fact:user=w" },
		  "other",
		  NULL,
		  ERR_INVALID,
		  "part other: the one part of this kind is \"credential\"" },
		{ { "word=w", "fact:user=w" },
		  NULL,
		  TYPE_DOCKER,
		  ERR_INVALID,
		  "type kubernetes.io/dockerconfigjson: not one that this kind makes "
		  "(kubernetes.io/basic-auth or Opaque)" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kind_secret s;
		struct err err = ERR_INIT;

		fill_secret(&s, cases[i].words);
		if (cases[i].type != NULL)
			s.type = cases[i].type;
		assert_int_equal(kind_verify(&probe,
					     cases[i].part == NULL ? KIND_PART : cases[i].part, &s,
					     NOW, NULL, &err),
				 -1);
		assert_memory_equal(err.text, "probe: ", 7);
		assert_string_equal(err.text + 7, cases[i].text);
		assert_int_equal(err.class, cases[i].class);
		kind_secret_clear(&s);
	}
}

static void test_verify_time(void **state)
{
	(void)state;
	const char *words[] = { "word=w", "fact:user=w", "fact:not-after=2026-11-23T08:00:00Z",
				"fact:sealed-at=2026-11-01T00:00:00Z", NULL };
	struct notes notes = NOTES_INIT;
	struct kind_secret s;
	struct err err = ERR_INIT;

	fill_secret(&s, words);
	assert_int_equal(kind_verify(&probe, KIND_PART, &s, NOW - 1, &notes, &err), 0);
	assert_int_equal(notes.n, 1);
	assert_string_equal(notes.text[0], "checked");
	notes_clear(&notes);
	assert_int_equal(kind_verify(&probe, KIND_PART, &s, NOW, &notes, &err), 0);
	assert_int_equal(notes.n, 2);
	assert_string_equal(notes.text[1], "expired at 2026-11-23T08:00:00Z");
	notes_clear(&notes);
	kind_secret_clear(&s);
}

static void test_restore(void **state)
{
	(void)state;
	const char *given[] = { "word=mine", NULL };
	struct kind_input in;
	struct kv facts = KV_INIT;
	struct err err = ERR_INIT;

	/* what comes out below, and what does not */
	assert_true(kind_restores(&probe, "url") && kind_restores(&probe, "user"));
	assert_true(kind_restores(&probe, "aliases") && kind_restores(&probe, "namespaces"));
	assert_true(kind_restores(&probe, "service-accounts"));
	assert_true(kind_restores(kind_find("registry"), "registry"));
	assert_false(kind_restores(&probe, "not-after") || kind_restores(&probe, "sealed-at"));
	assert_false(kind_restores(kind_find("opaque"), "user"));
	kv_set_str(&facts, "user", "w");
	kv_set_str(&facts, "url", "u");
	kv_set_str(&facts, "aliases", "a=word,b=file");
	kv_set_str(&facts, "namespaces", "x");
	kv_set_str(&facts, "not-after", "2027-01-01T00:00:00Z");
	kv_set_str(&facts, "sealed-at", "2026-01-01T00:00:00Z");
	fill(&in, given);
	assert_int_equal(kind_restore(&probe, &facts, &in, &err), 0);
	assert_string_equal(text_of(&in.fields), "url=u word=mine");
	assert_string_equal(text_of(&in.aliases), "a=word b=file");
	assert_string_equal(text_of(&in.extra), "namespaces=x");
	assert_int_equal(in.expires, 0);
	kv_set_str(&facts, "ca", "x");
	assert_int_equal(kind_restore(&probe, &facts, &in, &err), -1);
	assert_string_equal(err.text, "probe: ca: cannot be had from the facts; give --ca");
	kv_del(&facts, "ca");
	kind_input_clear(&in);
	kv_set_str(&facts, "aliases", "a");
	assert_int_equal(kind_restore(&probe, &facts, &in, &err), -1);
	assert_string_equal(err.text, "probe: fact aliases: an entry is not NEW=KEY");
	kind_input_clear(&in);
	kv_clear(&facts);
}

static void test_table(void **state)
{
	(void)state;
	size_t n = 0;

	for (; kind_table[n] != NULL; n++) {
		const struct kind *k = kind_table[n];
		size_t mains = 0;

		assert_ptr_equal(kind_find(k->name), k);
		assert_non_null(k->types[0]);
		assert_true(kind_type_allowed(k, k->types[0]));
		assert_false(kind_type_allowed(k, "kubernetes.io/service-account-token"));
		assert_true(kind_fact_allowed(k, "sealed-at"));
		assert_true(kind_fact_allowed(k, "aliases"));
		assert_false(kind_fact_allowed(k, "owned-by"));
		for (const struct kind_field *f = k->fields; f->name != NULL; f++) {
			mains += (f->flags & FIELD_MAIN) != 0;
			assert_non_null(f->option);
			assert_non_null(f->arg);
			assert_non_null(f->help);
			assert_true(f->fact == NULL || kind_fact_allowed(k, f->fact));
			/* a fact is public, so what it gives back is */
			assert_true(f->fact == NULL || (f->flags & FIELD_SECRET) == 0);
		}
		assert_in_range(mains, 0, 1);
		assert_true(k->keys == NULL || mains == 1);
	}
	assert_ptr_equal(kind_table[n - 1], &kind_opaque);
	assert_null(kind_find("no-such-kind"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_build),	      cmocka_unit_test(test_build_type_and_expiry),
		cmocka_unit_test(test_build_refused), cmocka_unit_test(test_build_sizes),
		cmocka_unit_test(test_build_bounds),  cmocka_unit_test(test_verify_refused),
		cmocka_unit_test(test_verify_time),   cmocka_unit_test(test_restore),
		cmocka_unit_test(test_table),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/kind", tests, NULL, NULL);
}
