/* SPDX-License-Identifier: Apache-2.0 */
/* The half of diff.c for people. */
#include <string.h>

#include "base/out.h"
#include "document/quote.h"
#include "sealer/diff.h"

static void put(struct buf *out, const char *text)
{
	out_escape(out, text, strlen(text));
}

static void put_change(struct buf *out, const char *name, const char *old, const char *new)
{
	buf_puts(out, "  ");
	put(out, name);
	buf_puts(out, ": ");
	put(out, old != NULL ? old : "none");
	buf_puts(out, " -> ");
	put(out, new != NULL ? new : "none");
	buf_puts(out, "\n");
}

/* Each name of either map that is not the same in both. */
static void put_map(struct buf *out, const char *what, const struct kv *old, const struct kv *new)
{
	struct kv names = KV_INIT;

	kv_add_names(&names, old);
	kv_add_names(&names, new);
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.items[i].name;
		const char *a = kv_get_str(old, name), *b = kv_get_str(new, name);
		struct buf label = BUF_INIT;

		if (a != NULL && b != NULL && strcmp(a, b) == 0)
			continue;
		buf_printf(&label, "%s%s", what, name);
		put_change(out, buf_str(&label), a, b);
		buf_clear(&label);
	}
	kv_clear(&names);
}

static void put_fields(const struct diff *d, struct buf *out)
{
	const struct document *a = d->old, *b = d->new;

	if (strcmp(a->kind->name, b->kind->name) != 0)
		put_change(out, "kind", a->kind->name, b->kind->name);
	if (document_policy(a) != document_policy(b))
		put_change(out, "deletionPolicy", document_policy_name(document_policy(a)),
			   document_policy_name(document_policy(b)));
	if (strcmp(a->type, b->type) != 0)
		put_change(out, "type", a->type, b->type);
	put_map(out, "label ", &a->labels, &b->labels);
	put_map(out, "annotation ", &a->annotations, &b->annotations);
}

/* --- parts ------------------------------------------------------------------------------------ */

static void put_names(struct buf *out, const struct kv *kv)
{
	for (size_t i = 0; i < kv->n; i++) {
		buf_puts(out, i > 0 ? ", " : "");
		put(out, kv->items[i].name);
	}
}

/* "; opened by ... too", "no longer by ...", "... has another key". */
static void put_recipients(const struct kv *old, const struct kv *new, struct buf *out)
{
	struct kv more = KV_INIT, less = KV_INIT, other = KV_INIT;

	for (size_t i = 0; i < new->n; i++) {
		const char *name = new->items[i].name, *was = kv_get_str(old, name);

		if (was == NULL)
			kv_set_str(&more, name, "");
		else if (strcmp(was, (const char *)new->items[i].data) != 0)
			kv_set_str(&other, name, "");
	}
	for (size_t i = 0; i < old->n; i++)
		if (!kv_has(new, old->items[i].name))
			kv_set_str(&less, old->items[i].name, "");
	if (more.n > 0)
		buf_puts(out, "; opened by ");
	put_names(out, &more);
	if (more.n > 0)
		buf_puts(out, " too");
	if (less.n > 0)
		buf_puts(out, "; no longer by ");
	put_names(out, &less);
	if (other.n > 0)
		buf_puts(out, "; another key of ");
	put_names(out, &other);
	kv_clear(&more);
	kv_clear(&less);
	kv_clear(&other);
}

static const char *what_became(const struct diff_part *p)
{
	static const char *const words[] = {
		[DIFF_UNKNOWN] = "sealed anew",
		[DIFF_SAME] = "sealed anew, the same value",
		[DIFF_OTHER] = "another value",
		[DIFF_UNTOUCHED] = "changed outside alone, so that it does not open",
	};

	return words[p->value];
}

static void put_facts(const struct diff_part *p, struct buf *out)
{
	struct kv old = KV_INIT, new = KV_INIT;

	kv_copy(&old, &p->old->facts);
	kv_copy(&new, &p->new->facts);
	if (p->value != DIFF_UNTOUCHED) {
		/* what is sealed anew was sealed at another time */
		kv_del(&old, "sealed-at");
		kv_del(&new, "sealed-at");
	}
	put_map(out, "  ", &old, &new);
	kv_clear(&old);
	kv_clear(&new);
}

/*
 * Line by line behind its sign, so that none of it can pass for another.  That the end is other
 * than one expects, with a line break or without, is said.
 */
static void put_value(const struct kv_item *item, char sign, struct buf *out)
{
	const char *s = (const char *)item->data, *end = s + item->len;
	bool many;

	if (!quote_is_text(item->data, item->len)) {
		buf_printf(out, "    %c (%zu bytes that are no text)\n", sign, item->len);
		return;
	}
	many = memchr(s, '\n', item->len) != NULL &&
	       memchr(s, '\n', item->len) != (const void *)(end - 1);
	do {
		const char *eol = memchr(s, '\n', (size_t)(end - s));
		size_t n = (size_t)((eol != NULL ? eol : end) - s);

		buf_printf(out, "    %c ", sign);
		out_escape(out, s, n);
		if (item->len == 0)
			buf_puts(out, "(empty)");
		else if (many && eol == NULL)
			buf_puts(out, " (no line break at the end)");
		else if (!many && eol != NULL)
			buf_puts(out, " (and a line break)");
		buf_puts(out, "\n");
		s += n + 1;
	} while (s < end);
}

static void put_values(const struct diff_part *p, struct buf *out)
{
	const struct kv *old = &p->was.data, *new = &p->is.data;
	struct kv names = KV_INIT;

	kv_add_names(&names, old);
	kv_add_names(&names, new);
	for (size_t i = 0; i < names.n; i++) {
		const struct kv_item *a = kv_get(old, names.items[i].name);
		const struct kv_item *b = kv_get(new, names.items[i].name);

		if (a != NULL && b != NULL && a->len == b->len &&
		    memcmp(a->data, b->data, a->len) == 0)
			continue;
		buf_puts(out, "    ");
		put(out, names.items[i].name);
		buf_puts(out, ":\n");
		if (a != NULL)
			put_value(a, '-', out);
		if (b != NULL)
			put_value(b, '+', out);
	}
	kv_clear(&names);
}

static void put_part(const struct diff_part *p, bool values, struct buf *out)
{
	enum out_style style = p->old == NULL ? OUT_GOOD : p->new == NULL ? OUT_BAD : OUT_CARE;

	buf_printf(out, "  %s%c ", out_begin(stdout, style),
		   p->old == NULL   ? '+'
		   : p->new == NULL ? '-'
				    : '~');
	put(out, p->name);
	buf_puts(out, out_end(stdout, style));
	if (p->old == NULL) {
		buf_puts(out, ": sealed to ");
		put_names(out, &p->new->recipients);
	} else if (p->new != NULL) {
		buf_printf(out, ": %s", what_became(p));
		put_recipients(&p->old->recipients, &p->new->recipients, out);
	}
	buf_puts(out, "\n");
	if (p->old != NULL && p->new != NULL)
		put_facts(p, out);
	if (p->why != NULL) {
		buf_puts(out, "    does not open: ");
		put(out, p->why);
		buf_puts(out, "\n");
	}
	if (values)
		put_values(p, out);
}

void diff_text(const struct diff *d, bool values, struct buf *out)
{
	const struct document *one = d->new != NULL ? d->new : d->old;

	put(out, one->namespace);
	buf_puts(out, "/");
	put(out, one->name);
	buf_printf(out, " (%s)%s\n", one->kind->name,
		   d->old == NULL   ? ": new"
		   : d->new == NULL ? ": gone"
		   : !d->differs    ? ": the same"
				    : "");
	if (d->old != NULL && d->new != NULL)
		put_fields(d, out);
	for (size_t i = 0; i < d->n; i++)
		put_part(&d->parts[i], values, out);
}
