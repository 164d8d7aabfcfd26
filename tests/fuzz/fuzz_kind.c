/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds from any input.  An input is a kind's name and words, a byte 0x01 before each word:
 * "FIELD=VALUE", "@type=TYPE", "@alias=NEW=KEY", "@extra=FACT=VALUE".
 *
 * Whatever a kind builds keeps the limits and is verified again; its facts and its secret inputs
 * give the same Secret back, as `set` would; and as an existing Secret it is found to be of some
 * kind.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "kinds/kind.h"

#define NOW 1800000000 /* 2027-01-15T08:00:00Z, when the certificates of the seeds are valid */

static void put(struct kv *kv, const char *word, size_t len)
{
	const char *eq = memchr(word, '=', len);
	char *name;

	if (eq == NULL)
		return;
	name = mem_strn(word, (size_t)(eq - word));
	kv_set(kv, name, eq + 1, len - (size_t)(eq + 1 - word));
	mem_free(name);
}

static bool cut(const char **word, size_t *len, const char *prefix)
{
	size_t n = strlen(prefix);

	if (*len < n || memcmp(*word, prefix, n) != 0)
		return false;
	*word += n;
	*len -= n;
	return true;
}

static void put_word(struct kind_input *in, char **type, const char *word, size_t len)
{
	if (cut(&word, &len, "@type=")) {
		mem_free(*type);
		*type = mem_strn(word, len);
	} else if (cut(&word, &len, "@alias=")) {
		put(&in->aliases, word, len);
	} else if (cut(&word, &len, "@extra=")) {
		put(&in->extra, word, len);
	} else {
		put(&in->fields, word, len);
	}
}

static const struct kind *kind_of(const char *name, size_t len)
{
	char *copy = mem_strn(name, len);
	const struct kind *k = kind_find(copy);
	size_t n = 0;

	mem_free(copy);
	while (kind_table[n] != NULL)
		n++;
	return k != NULL ? k : kind_table[len % n];
}

static const struct kind *read_input(const char *text, size_t size, struct kind_input *in,
				     char **type)
{
	const char *end = text + size, *next;
	const struct kind *k = NULL;

	for (const char *at = text; at <= end; at = next + 1) {
		next = at == end ? NULL : memchr(at, 1, (size_t)(end - at));
		next = next == NULL ? end : next;
		if (k == NULL)
			k = kind_of(at, (size_t)(next - at));
		else
			put_word(in, type, at, (size_t)(next - at));
	}
	in->type = *type;
	return k;
}

static void check_limits(const struct kind *k, const struct kind_secret *s)
{
	must(kind_type_allowed(k, s->type));
	must(s->data.n >= 1 && s->data.n <= KIND_KEYS_MAX && kv_bytes(&s->data) <= KIND_DATA_MAX);
	for (size_t i = 0; i < s->data.n; i++)
		must(name_is_data_key(s->data.items[i].name));
	for (size_t i = 0; i < s->facts.n; i++) {
		const char *text = kv_get_str(&s->facts, s->facts.items[i].name);

		must(kind_fact_allowed(k, s->facts.items[i].name));
		must(text != NULL && text[0] != '\0' && name_is_fact(text));
	}
}

/* Was what `set` replaces given?  Else it was made, and would be made anew: a key pair. */
static bool is_given(const struct kind *k, const struct kv *fields)
{
	for (const struct kind_field *f = k->fields; f->name != NULL; f++)
		if ((f->flags & FIELD_MAIN) != 0 && kv_has(fields, f->name))
			return true;
	return false;
}

/* The same again, from the facts and what the facts cannot tell: secrets, and files. */
static void check_set(const struct kind *k, const struct kind_input *first,
		      const struct kind_secret *s)
{
	struct kind_input in = { .now = NOW, .type = s->type };
	struct kind_secret again = KIND_SECRET_INIT;

	for (const struct kind_field *f = k->fields; f->name != NULL; f++) {
		const struct kv_item *item = kv_get(&first->fields, f->name);

		if (item != NULL && (f->flags & (FIELD_SECRET | FIELD_FILE)) != 0)
			kv_set(&in.fields, f->name, item->data, item->len);
	}
	/* a config with a login added is given back as the one or the other */
	if (is_given(k, &first->fields) && kind_restore(k, &s->facts, &in, NULL) == 0 &&
	    in.fields.n == first->fields.n) {
		must(kind_build(k, &in, &again, NULL, NULL) == 0);
		must(kv_equal(&s->data, &again.data));
		must(kv_equal(&s->facts, &again.facts));
	}
	kind_secret_clear(&again);
	kind_input_clear(&in);
}

static void check_detect(const struct kind_secret *s)
{
	struct kind_input in = { .now = NOW };
	struct kind_secret again = KIND_SECRET_INIT;
	const struct kind *k = kind_detect(s->type, &s->data, &in, NULL);

	must(k != NULL && kind_type_allowed(k, s->type));
	/* some kinds need more than the data: a URL */
	if (kind_build(k, &in, &again, NULL, NULL) == 0)
		for (size_t i = 0; i < s->data.n; i++)
			must(kv_has(&again.data, s->data.items[i].name));
	kind_secret_clear(&again);
	kind_input_clear(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kind_input in = { .now = NOW };
	struct kind_secret s = KIND_SECRET_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	char *type = NULL;
	const struct kind *k = read_input((const char *)data, size, &in, &type);

	if (kind_build(k, &in, &s, &notes, &err) == 0) {
		check_limits(k, &s);
		must(kind_verify(k, KIND_PART, &s, NOW, NULL, &err) == 0);
		check_set(k, &in, &s);
		check_detect(&s);
	} else {
		must(err.class == ERR_INVALID && s.type == NULL && s.data.n + s.facts.n == 0);
		must(strncmp(err.text, k->name, strlen(k->name)) == 0);
	}
	notes_clear(&notes);
	kind_secret_clear(&s);
	kind_input_clear(&in);
	mem_free(type);
	return 0;
}
