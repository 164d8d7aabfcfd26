/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/fresh.h"

#include "base/mem.h"

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
	const struct document_part **parts = mem_array(fresh->n, sizeof(*parts));
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
