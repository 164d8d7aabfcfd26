/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/fresh.h"

#include <string.h>

#include "base/mem.h"
#include "base/out.h"

#define NAMES_MAX 8 /* named one by one */

void fresh_begin(const struct document *d, struct document *out)
{
	*out = (struct document){
		.name = mem_str(d->name),
		.namespace = mem_str(d->namespace),
		.kind = d->kind,
		.policy = d->policy,
		.type = d->type,
	};
	kv_copy(&out->labels, &d->labels);
	kv_copy(&out->annotations, &d->annotations);
}

int fresh_seal(struct document *fresh, const struct kind_secret *s, const struct recipients *to,
	       int64_t now, struct err *err)
{
	if (fresh->kind->keys != NULL)
		return seal_part(fresh, KIND_PART, s, to, now, err);
	for (size_t i = 0; i < s->data.n; i++) {
		const struct kv_item *item = &s->data.items[i];
		struct kind_secret one = { .type = s->type };
		int r;

		kv_set(&one.data, item->name, item->data, item->len);
		kv_copy(&one.facts, &s->facts);
		r = seal_part(fresh, item->name, &one, to, now, err);
		kind_secret_clear(&one);
		if (r != 0)
			return -1;
	}
	return 0;
}

int fresh_put(struct edit_file *f, size_t i, const struct document *fresh, struct err *err)
{
	const struct document_part **parts = mem_array(fresh->n, sizeof(struct document_part *));
	int r;

	for (size_t k = 0; k < fresh->n; k++)
		parts[k] = &fresh->parts[k];
	r = edit_put_parts(f, i, parts, fresh->n, err);
	mem_free(parts);
	return r;
}

void fresh_names(const struct document *fresh, struct buf *out)
{
	if (fresh->n > NAMES_MAX) {
		buf_printf(out, "%zu values", fresh->n);
		return;
	}
	for (size_t i = 0; i < fresh->n; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", fresh->parts[i].name);
}

static bool is_listed(const struct document_part *part, const char *id)
{
	for (size_t i = 0; i < part->recipients.n; i++)
		if (strcmp((const char *)part->recipients.items[i].data, id) == 0)
			return true;
	return false;
}

/* Could it open the part that is replaced, or for a new one any other? */
static bool was_listed(const struct document *d, const char *part, const char *id)
{
	const struct document_part *old = document_part(d, part);

	if (old != NULL)
		return is_listed(old, id);
	for (size_t i = 0; i < d->n; i++)
		if (is_listed(&d->parts[i], id))
			return true;
	return false;
}

void fresh_tell_added(const struct document *d, const struct kv *names, const struct recipients *to,
		      const char *where)
{
	for (size_t i = 0; i < to->n; i++) {
		bool all = true;

		for (size_t k = 0; k < names->n; k++)
			all = all && was_listed(d, names->items[k].name, to->items[i].id);
		if (!all)
			out_warn("%s: %s is among the recipients now and was not before", where,
				 to->items[i].name);
	}
}

void fresh_tell_expiry(const struct document *d, const struct document *fresh)
{
	bool many = fresh->n > 1;

	for (size_t i = 0; i < fresh->n; i++) {
		const struct document_part *new = &fresh->parts[i];
		const struct document_part *old = document_part(d, new->name);

		if (old != NULL && kv_has(&old->facts, "not-after") &&
		    !kv_has(&new->facts, "not-after"))
			out_warn("%s%sthe old value's expiry is not the new one's; give --expires",
				 many ? new->name : "", many ? ": " : "");
	}
}
