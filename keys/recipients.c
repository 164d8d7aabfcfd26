/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/recipients.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"

/* The index of name, or where it would go. */
static size_t position(const struct recipients *r, const char *name)
{
	size_t i = 0;

	while (i < r->n && strcmp(r->items[i].name, name) < 0)
		i++;
	return i;
}

static bool same_key(const struct age_recipient *a, const struct age_recipient *b)
{
	return memcmp(a->point, b->point, sizeof(a->point)) == 0;
}

static int check_name(const char *name, const char *id, struct err *err)
{
	if (!name_is_label(name))
		return err_set(err, ERR_RECIPIENT,
			       "the name of a recipient (%zu bytes) is not at most 63 of a-z, 0-9 "
			       "and \"-\", with \"-\" at neither end",
			       strlen(name));
	if (name_is_key_id(name) && strcmp(name, id) != 0)
		return err_set(err, ERR_RECIPIENT,
			       "recipient %s: the name looks like a key id, but the key's is %s",
			       name, id);
	return 0;
}

static void insert(struct recipients *r, size_t at, const struct recipient *item)
{
	r->items = mem_grow(r->items, r->n + 1, sizeof(*r->items));
	memmove(r->items + at + 1, r->items + at, (r->n - at) * sizeof(*r->items));
	r->items[at] = *item;
	r->n++;
}

int recipients_add(struct recipients *r, const char *name, const struct age_recipient *key,
		   struct err *err)
{
	struct recipient item = { .key = *key };
	size_t at;

	age_recipient_id(key, item.id);
	if (name == NULL)
		name = item.id;
	if (check_name(name, item.id, err) != 0)
		return -1;
	at = position(r, name);
	if (at < r->n && strcmp(r->items[at].name, name) == 0) {
		if (same_key(&r->items[at].key, key))
			return 0;
		return err_set(err, ERR_RECIPIENT,
			       "recipient %s: two different keys have this name (%s and %s)", name,
			       r->items[at].id, item.id);
	}
	for (size_t i = 0; i < r->n; i++)
		if (same_key(&r->items[i].key, key))
			return err_set(
			    err, ERR_RECIPIENT,
			    "recipients %s and %s are the same key (%s): give it one name",
			    r->items[i].name, name, item.id);
	if (r->n == RECIPIENTS_NAMED_MAX)
		return err_set(err, ERR_RECIPIENT, "more than %d recipients", RECIPIENTS_NAMED_MAX);
	item.name = mem_str(name);
	insert(r, at, &item);
	return 0;
}

/* A line may be a private key by mistake: its copy is wiped and its text goes nowhere. */
static int add_line(struct recipients *r, const char *text, size_t len, struct err *err)
{
	struct age_recipient key;
	char *line;
	int result;

	if (memchr(text, '\0', len) != NULL)
		return err_set(err, ERR_RECIPIENT, "the line holds a NUL byte");
	line = mem_strn(text, len);
	result = age_recipient_parse(line, &key, err);
	mem_free(line);
	return result == 0 ? recipients_add(r, NULL, &key, err) : -1;
}

int recipients_add_lines(struct recipients *r, const char *file, const void *text, size_t len,
			 struct err *err)
{
	const char *at = text;
	size_t left = len;

	for (unsigned number = 1; left != 0; number++) {
		const char *end = memchr(at, '\n', left);
		size_t whole = end == NULL ? left : (size_t)(end - at) + 1;
		size_t line = end == NULL ? left : whole - 1;

		if (line != 0 && at[line - 1] == '\r')
			line--;
		if (line != 0 && at[0] != '#' && add_line(r, at, line, err) != 0)
			return err_wrap(err, "%s:%u", file, number);
		at += whole;
		left -= whole;
	}
	return 0;
}

const struct recipient *recipients_find(const struct recipients *r, const char *name)
{
	size_t at = position(r, name);

	return at < r->n && strcmp(r->items[at].name, name) == 0 ? &r->items[at] : NULL;
}

const struct recipient *recipients_find_id(const struct recipients *r, const char *id)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->items[i].id, id) == 0)
			return &r->items[i];
	return NULL;
}

void recipients_ids(const struct recipients *r, struct kv *out)
{
	for (size_t i = 0; i < r->n; i++)
		kv_set_str(out, r->items[i].name, r->items[i].id);
}

void recipients_names(const struct recipients *r, struct buf *out)
{
	for (size_t i = 0; i < r->n; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", r->items[i].name);
}

struct age_recipient *recipients_keys(const struct recipients *r)
{
	struct age_recipient *keys = mem_array(r->n, sizeof(*keys));

	for (size_t i = 0; i < r->n; i++)
		keys[i] = r->items[i].key;
	return keys;
}

void recipients_clear(struct recipients *r)
{
	for (size_t i = 0; i < r->n; i++)
		mem_free(r->items[i].name);
	mem_free(r->items);
	*r = (struct recipients)RECIPIENTS_INIT;
}
