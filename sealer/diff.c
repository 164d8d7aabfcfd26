/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/diff.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

static bool same_parts(const struct document_part *a, const struct document_part *b)
{
	return a->age.len == b->age.len && memcmp(a->age.data, b->age.data, a->age.len) == 0;
}

/* --- opening ---------------------------------------------------------------------------------- */

struct opening {
	const struct keyring *keys;
	int64_t now;
};

/* Whoever has no key for it cannot know; anything else is worth saying. */
static bool open_one(const struct opening *o, const struct document *d,
		     const struct document_part *part, struct kind_secret *out, char **why)
{
	struct err err = ERR_INIT;

	if (open_part(d, part, o->keys, o->now, out, NULL, NULL, &err) == 0)
		return true;
	if (err.class != ERR_NOKEY && *why == NULL)
		*why = mem_str(err.text);
	return false;
}

static void look_inside(const struct opening *o, const struct diff *d, struct diff_part *p)
{
	bool was = false, is = false;

	if (o->keys == NULL || p->value == DIFF_UNTOUCHED)
		return;
	if (p->old != NULL)
		was = open_one(o, d->old, p->old, &p->was, &p->why);
	if (p->new != NULL)
		is = open_one(o, d->new, p->new, &p->is, &p->why);
	if (was && is)
		p->value = kv_equal(&p->was.data, &p->is.data) ? DIFF_SAME : DIFF_OTHER;
}

/* --- comparing -------------------------------------------------------------------------------- */

struct pair {
	const char *name;
	const struct document_part *old, *new;
};

static void add_part(struct diff *d, const struct pair *pair, const struct opening *o)
{
	const struct document_part *old = pair->old, *new = pair->new;
	struct diff_part *p;

	if (old != NULL && new != NULL && document_part_equal(old, new))
		return;
	d->parts = mem_grow(d->parts, d->n + 1, sizeof(*d->parts));
	p = &d->parts[d->n++];
	p->name = pair->name;
	p->old = old;
	p->new = new;
	if (old != NULL && new != NULL && same_parts(old, new))
		p->value = DIFF_UNTOUCHED;
	look_inside(o, d, p);
}

static void compare_parts(struct diff *d, const struct opening *o)
{
	size_t n = d->old != NULL ? d->old->n : 0, m = d->new != NULL ? d->new->n : 0;
	size_t i = 0, k = 0;

	while (i < n || k < m) {
		int order = i == n   ? 1
			    : k == m ? -1
				     : strcmp(d->old->parts[i].name, d->new->parts[k].name);
		struct pair pair = { NULL, NULL, NULL };

		if (order <= 0) {
			pair.old = &d->old->parts[i++];
			pair.name = pair.old->name;
		}
		if (order >= 0) {
			pair.new = &d->new->parts[k++];
			pair.name = pair.new->name;
		}
		add_part(d, &pair, o);
	}
}

static const char *kind_text(const struct document *d)
{
	return d->kind->name;
}

static const char *policy_text(const struct document *d)
{
	return document_policy_name(document_policy(d));
}

static const char *type_text(const struct document *d)
{
	return d->type;
}

/* What stands outside of the parts: how it is called, and its text in a document. */
static const struct field {
	const char *name;
	const char *(*text)(const struct document *d);
} fields[] = {
	{ "kind", kind_text },
	{ "deletionPolicy", policy_text },
	{ "type", type_text },
};
#define FIELDS (sizeof(fields) / sizeof(*fields))

static bool same_fields(const struct document *a, const struct document *b)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (strcmp(fields[i].text(a), fields[i].text(b)) != 0)
			return false;
	return kv_equal(&a->labels, &b->labels) && kv_equal(&a->annotations, &b->annotations);
}

void diff_make(const struct document *old, const struct document *new, const struct keyring *keys,
	       int64_t now, struct diff *out)
{
	const struct opening o = { keys, now };

	*out = (struct diff){ .old = old, .new = new };
	compare_parts(out, &o);
	out->differs = out->n > 0 || old == NULL || new == NULL || !same_fields(old, new);
}

void diff_clear(struct diff *d)
{
	for (size_t i = 0; i < d->n; i++) {
		kind_secret_clear(&d->parts[i].was);
		kind_secret_clear(&d->parts[i].is);
		mem_free(d->parts[i].why);
	}
	mem_free(d->parts);
	*d = (struct diff){ 0 };
}

/* --- names of two sides ----------------------------------------------------------------------- */

static const struct kv none = KV_INIT;

/* Called for each name of two maps, in order; old or new is NULL where it is not there. */
typedef void each_name(void *ctx, const char *name, const char *old, const char *new);

static bool same_items(const struct kv_item *a, const struct kv_item *b)
{
	return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

static void each_difference(const struct kv *old, const struct kv *new, each_name *visit, void *ctx)
{
	size_t i = 0, k = 0;

	while (i < old->n || k < new->n) {
		int order = i == old->n	  ? 1
			    : k == new->n ? -1
					  : strcmp(old->items[i].name, new->items[k].name);

		if (order < 0) {
			visit(ctx, old->items[i].name, (const char *)old->items[i].data, NULL);
		} else if (order > 0) {
			visit(ctx, new->items[k].name, NULL, (const char *)new->items[k].data);
		} else if (!same_items(&old->items[i], &new->items[k])) {
			visit(ctx, old->items[i].name, (const char *)old->items[i].data,
			      (const char *)new->items[k].data);
		}
		i += order <= 0;
		k += order >= 0;
	}
}

static const struct kv *recipients_of(const struct document_part *part)
{
	return part != NULL ? &part->recipients : &none;
}

static const struct kv *facts_of(const struct document_part *part)
{
	return part != NULL ? &part->facts : &none;
}

static const char *change_of(const void *old, const void *new)
{
	return old == NULL ? "added" : new == NULL ? "removed" : "changed";
}

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *pair(const char *old, const char *new)
{
	return json_pack("{s:s?, s:s?}", "old", old, "new", new);
}

static void put_pair(void *ctx, const char *name, const char *old, const char *new)
{
	json_object_set_new(ctx, name, pair(old, new));
}

static void put_recipient(void *ctx, const char *name, const char *old, const char *new)
{
	const char *change = change_of(old, new);

	if (json_object_get(ctx, change) == NULL)
		json_object_set_new(ctx, change, json_array());
	json_array_append_new(json_object_get(ctx, change), json_string(name));
}

static void put_key(void *ctx, const char *name, const char *old, const char *new)
{
	json_object_set_new(ctx, name, json_string(change_of(old, new)));
}

static const char *const value_words[] = {
	[DIFF_UNKNOWN] = "unknown",
	[DIFF_SAME] = "same",
	[DIFF_OTHER] = "changed",
	[DIFF_UNTOUCHED] = "untouched",
};

static json_t *part_json(const struct diff_part *p)
{
	json_t *recipients = json_object(), *facts = json_object(), *keys = json_object();
	json_t *v = json_pack("{s:s, s:s, s:o, s:o}", "part", p->name, "change",
			      change_of(p->old, p->new), "recipients", recipients, "facts", facts);

	each_difference(recipients_of(p->old), recipients_of(p->new), put_recipient, recipients);
	each_difference(facts_of(p->old), facts_of(p->new), put_pair, facts);
	if (p->old != NULL && p->new != NULL)
		json_object_set_new(v, "value", json_string(value_words[p->value]));
	if (p->was.data.n + p->is.data.n > 0)
		each_difference(&p->was.data, &p->is.data, put_key, keys);
	if (json_object_size(keys) > 0)
		json_object_set(v, "keys", keys);
	if (p->why != NULL)
		json_object_set_new(v, "problem", json_string(p->why));
	json_decref(keys);
	return v;
}

static json_t *fields_json(const struct diff *d)
{
	json_t *v = json_object(), *labels = json_object(), *annotations = json_object();

	if (d->old != NULL && d->new != NULL) {
		for (size_t i = 0; i < FIELDS; i++)
			if (strcmp(fields[i].text(d->old), fields[i].text(d->new)) != 0)
				json_object_set_new(
				    v, fields[i].name,
				    pair(fields[i].text(d->old), fields[i].text(d->new)));
		each_difference(&d->old->labels, &d->new->labels, put_pair, labels);
		each_difference(&d->old->annotations, &d->new->annotations, put_pair, annotations);
	}
	if (json_object_size(labels) > 0)
		json_object_set(v, "labels", labels);
	if (json_object_size(annotations) > 0)
		json_object_set(v, "annotations", annotations);
	json_decref(labels);
	json_decref(annotations);
	return v;
}

json_t *diff_json(const struct diff *d)
{
	const struct document *one = d->new != NULL ? d->new : d->old;
	json_t *parts = json_array(), *v;
	char *name = mem_printf("%s/%s", one->namespace, one->name);

	for (size_t i = 0; i < d->n; i++)
		json_array_append_new(parts, part_json(&d->parts[i]));
	v = json_pack("{s:s, s:s, s:s, s:o, s:o}", "document", name, "change",
		      d->differs ? change_of(d->old, d->new) : "same", "kind", one->kind->name,
		      "fields", fields_json(d), "parts", parts);
	mem_free(name);
	return v;
}
