/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Table-driven tests of kinds.  An input is a list of words: "FIELD=VALUE", "type=TYPE" as
 * "@type=TYPE", an alias as "@alias=NEW=KEY", an extra fact as "@extra=FACT=VALUE".
 */
#ifndef BULLA_TESTS_UNIT_KINDS_KINDTEST_H
#define BULLA_TESTS_UNIT_KINDS_KINDTEST_H

#include "tests/unit/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "kinds/kind.h"
#include "kinds/kinds.h"

#define KINDTEST_NOW 1795420800 /* 2026-11-23T08:00:00Z */
#define KINDTEST_WORDS 8

struct kindtest_taken {
	const char *words[KINDTEST_WORDS];
	const char *data;  /* "key=value key=value", or NULL: not looked at */
	const char *facts; /* the same */
	const char *note;  /* the only one, or NULL: none */
};

struct kindtest_refused {
	const char *words[KINDTEST_WORDS];
	const char *text; /* of the error, behind "KIND: " */
};

/* An opened Secret: data and facts ("@fact=NAME=VALUE"), which verify refuses. */
struct kindtest_unverified {
	const char *words[KINDTEST_WORDS];
	enum err_class class;
	const char *text;
};

static inline void kindtest_put(struct kv *kv, const char *word)
{
	const char *eq = strchr(word, '=');
	char *name = mem_strn(word, (size_t)(eq - word));

	kv_set_str(kv, name, eq + 1);
	mem_free(name);
}

static inline bool kindtest_cut(const char **word, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(*word, prefix, n) != 0)
		return false;
	*word += n;
	return true;
}

static inline void kindtest_input(struct kind_input *in, const char *const *words)
{
	memset(in, 0, sizeof(*in));
	in->now = KINDTEST_NOW;
	for (size_t i = 0; i < KINDTEST_WORDS && words[i] != NULL; i++) {
		const char *word = words[i];

		if (kindtest_cut(&word, "@type="))
			in->type = word;
		else if (kindtest_cut(&word, "@alias="))
			kindtest_put(&in->aliases, word);
		else if (kindtest_cut(&word, "@extra="))
			kindtest_put(&in->extra, word);
		else
			kindtest_put(&in->fields, word);
	}
}

/* "name=value name=value" */
static inline char *kindtest_text(const struct kv *kv)
{
	struct buf text = BUF_INIT;
	char *s;

	for (size_t i = 0; i < kv->n; i++)
		buf_printf(&text, "%s%s=%s", i == 0 ? "" : " ", kv->items[i].name,
			   (const char *)kv->items[i].data);
	s = mem_str(buf_str(&text));
	buf_clear(&text);
	return s;
}

static inline void kindtest_same(const struct kv *kv, const char *expected)
{
	char *text = kindtest_text(kv);

	if (expected != NULL)
		assert_string_equal(text, expected);
	mem_free(text);
}

/* Nothing of a value may stand in an error or note: not even twelve bytes of a secret in a row. */
static inline void kindtest_silent(const char *text, const struct kind *k, const struct kv *fields)
{
	for (const struct kind_field *f = k->fields; f->name != NULL; f++) {
		const struct kv_item *item = kv_get(fields, f->name);

		if (item == NULL || (f->flags & FIELD_SECRET) == 0 || item->data[0] == '{')
			continue;
		for (size_t i = 0; i + 12 <= item->len; i++) {
			char part[13] = { 0 };

			memcpy(part, item->data + i, 12);
			assert_null(strstr(text, part));
		}
	}
}

static inline void kindtest_take(const struct kind *k, const struct kindtest_taken *t)
{
	struct kind_secret s = KIND_SECRET_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	struct kind_input in;

	kindtest_input(&in, t->words);
	if (kind_build(k, &in, &s, &notes, &err) != 0)
		fail_msg("%s", err.text);
	kindtest_same(&s.data, t->data);
	kindtest_same(&s.facts, t->facts);
	if (t->note == NULL && notes.n != 0)
		fail_msg("noted: %s", notes.text[0]);
	assert_int_equal(notes.n, t->note != NULL);
	if (t->note != NULL) {
		assert_string_equal(notes.text[0], t->note);
		kindtest_silent(notes.text[0], k, &in.fields);
	}
	assert_int_equal(kind_verify(k, KIND_PART, &s, in.now, NULL, &err), 0);
	notes_clear(&notes);
	kind_secret_clear(&s);
	kind_input_clear(&in);
}

static inline void kindtest_refuse(const struct kind *k, const struct kindtest_refused *t)
{
	struct kind_secret s = KIND_SECRET_INIT;
	struct err err = ERR_INIT;
	struct kind_input in;

	kindtest_input(&in, t->words);
	if (kind_build(k, &in, &s, NULL, &err) == 0)
		fail_msg("taken, but expected: %s", t->text);
	assert_memory_equal(err.text, k->name, strlen(k->name));
	assert_string_equal(err.text + strlen(k->name) + 2, t->text);
	assert_int_equal(err.class, ERR_INVALID);
	kindtest_silent(err.text, k, &in.fields);
	assert_int_equal(s.data.n + s.facts.n, 0);
	kind_input_clear(&in);
}

static inline void kindtest_unverify(const struct kind *k, const struct kindtest_unverified *t)
{
	struct kind_secret s = KIND_SECRET_INIT;
	struct err err = ERR_INIT;

	s.type = k->types[0];
	for (size_t i = 0; i < KINDTEST_WORDS && t->words[i] != NULL; i++) {
		const char *word = t->words[i];

		if (kindtest_cut(&word, "@fact="))
			kindtest_put(&s.facts, word);
		else
			kindtest_put(&s.data, word);
	}
	if (kind_verify(k, KIND_PART, &s, KINDTEST_NOW, NULL, &err) == 0)
		fail_msg("verified, but expected: %s", t->text);
	assert_string_equal(err.text + strlen(k->name) + 2, t->text);
	assert_int_equal(err.class, t->class);
	kind_secret_clear(&s);
}

#endif
