/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/reseal_plan.h"

#include "base/err.h"
#include "sealer/newcomer.h"

int reseal_plan_rules(const struct reseal_want *want, const struct document *d, const char *below,
		      struct recipients *out, struct err *err)
{
	return config_select(want->config, below, d->namespace, d->kind->name, out, err);
}

bool reseal_plan_concerns(const struct reseal_want *want, const struct document_part *part)
{
	for (size_t i = 0; i < part->recipients.n; i++) {
		const struct kv_item *bound = &part->recipients.items[i];

		if (kv_has(&want->keys, bound->name) ||
		    kv_has(&want->keys, (const char *)bound->data))
			return true;
	}
	return want->keys.n == 0;
}

/* Put one of those whom the rules name where he belongs; 1 when he is left out. */
static int sort_one(const struct reseal_want *want, const struct document_part *part,
		    const struct recipient *r, struct reseal_part *out)
{
	const char *had;

	switch (newcomer_of(part, r, &had)) {
	case NEWCOMER_SAME:
		break;
	case NEWCOMER_RENAMED:
		kv_set_str(&out->renamed, r->name, had);
		break;
	case NEWCOMER_REPLACED:
		kv_set_str(&out->replaced, r->name, had);
		break;
	case NEWCOMER_NEW:
		kv_set_str(kv_has(&want->add, r->name) ? &out->added : &out->waiting, r->name, "");
		break;
	}
	return kv_has(&out->waiting, r->name);
}

/* Bound keys that nobody has any more; those that were replaced are told as that. */
static void find_dropped(const struct document_part *part, struct reseal_part *out)
{
	for (size_t i = 0; i < part->recipients.n; i++) {
		const struct kv_item *bound = &part->recipients.items[i];

		if (recipients_find_id(&out->to, (const char *)bound->data) == NULL &&
		    !kv_has(&out->replaced, bound->name))
			kv_set(&out->dropped, bound->name, bound->data, bound->len);
	}
}

int reseal_plan_part(const struct reseal_want *want, const struct recipients *rules,
		     const struct document_part *part, struct reseal_part *out, struct err *err)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct recipient *r = &rules->items[i];

		if (sort_one(want, part, r, out) == 0 &&
		    recipients_add(&out->to, r->name, &r->key, err) != 0)
			goto fail;
	}
	if (out->to.n == 0) {
		err_set(err, ERR_RECIPIENT,
			"none of those whom the rules name can open spec.parts.%s now: was the "
			"file moved or copied here?  --add %s would give it to them",
			part->name, rules->n > 0 ? rules->items[0].name : "NAME");
		goto fail;
	}
	find_dropped(part, out);
	out->work = want->all || out->renamed.n + out->replaced.n + out->added.n + out->dropped.n;
	if (!out->work)
		recipients_clear(&out->to);
	return 0;
fail:
	reseal_part_clear(out);
	return -1;
}

void reseal_part_clear(struct reseal_part *p)
{
	recipients_clear(&p->to);
	kv_clear(&p->renamed);
	kv_clear(&p->replaced);
	kv_clear(&p->added);
	kv_clear(&p->waiting);
	kv_clear(&p->dropped);
	*p = (struct reseal_part)RESEAL_PART_INIT;
}

static void put_names(struct buf *out, const struct kv *names, const char *one, const char *many)
{
	for (size_t i = 0; i < names->n; i++)
		buf_printf(out, "%s%s",
			   i > 0	  ? ", "
			   : out->len > 0 ? "; "
					  : "",
			   names->items[i].name);
	if (names->n > 0)
		buf_puts(out, names->n == 1 ? one : many);
}

void reseal_plan_text(const struct reseal_part *p, struct buf *out)
{
	struct buf text = BUF_INIT;

	put_names(&text, &p->replaced, " has another key", " have other keys");
	put_names(&text, &p->renamed, " has another name", " have other names");
	put_names(&text, &p->added, " added", " added");
	put_names(&text, &p->dropped, " dropped", " dropped");
	put_names(&text, &p->waiting, " left out without --add", " left out without --add");
	if (text.len == 0)
		buf_puts(&text, p->work ? "fresh keys" : "nothing changes");
	buf_put(out, text.data, text.len);
	buf_clear(&text);
}
