/* SPDX-License-Identifier: Apache-2.0 */
#include "document/splice.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void splice_init(struct splice_plan *plan, const void *text, size_t len, size_t at)
{
	*plan = (struct splice_plan){ .text = text, .len = len };
	splice_eol(plan, at);
}

void splice_eol(struct splice_plan *plan, size_t at)
{
	const char *nl = NULL;

	if (at < plan->len)
		nl = memchr(plan->text + at, '\n', plan->len - at);
	if (nl == NULL && plan->len > 0)
		nl = memchr(plan->text, '\n', plan->len);
	plan->eol = nl != NULL && nl > plan->text && nl[-1] == '\r' ? "\r\n" : "\n";
}

void splice_clear(struct splice_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		buf_clear(&plan->items[i].text);
	mem_free(plan->items);
	plan->items = NULL;
	plan->n = plan->cap = 0;
}

struct buf *splice_add(struct splice_plan *plan, size_t begin, size_t end)
{
	if (plan->n == plan->cap) {
		plan->cap = plan->cap == 0 ? 8 : plan->cap * 2;
		plan->items = mem_grow(plan->items, plan->cap, sizeof(*plan->items));
	}
	plan->items[plan->n] =
	    (struct splice){ .begin = begin, .end = end, .order = plan->n, .text = BUF_INIT };
	return &plan->items[plan->n++].text;
}

struct buf *splice_at(struct splice_plan *plan, size_t at)
{
	for (size_t i = plan->n; i > 0; i--)
		if (plan->items[i - 1].begin == at && plan->items[i - 1].end == at)
			return &plan->items[i - 1].text;
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const struct splice *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

int splice_apply(struct splice_plan *plan, struct buf *out)
{
	size_t at = 0;
	int rc = 0;

	if (plan->n > 0)
		qsort(plan->items, plan->n, sizeof(*plan->items), compare);
	for (size_t i = 0; i < plan->n && rc == 0; i++) {
		const struct splice *s = &plan->items[i];

		if (s->begin > at)
			rc = buf_put(out, plan->text + at, s->begin - at);
		at = s->end > at ? s->end : s->begin > at ? s->begin : at;
		if (rc == 0)
			rc = buf_put(out, s->text.data, s->text.len);
	}
	if (rc == 0)
		rc = buf_put(out, plan->text + at, plan->len - at);
	return rc;
}

size_t splice_line_begin(const struct splice_plan *plan, size_t at)
{
	while (at > 0 && plan->text[at - 1] != '\n')
		at--;
	return at;
}

size_t splice_line_end(const struct splice_plan *plan, size_t at)
{
	const char *nl = at < plan->len ? memchr(plan->text + at, '\n', plan->len - at) : NULL;

	return nl == NULL ? plan->len : (size_t)(nl - plan->text) + 1;
}

size_t splice_skip(const struct splice_plan *plan, size_t at, const char *set)
{
	while (at < plan->len && plan->text[at] != '\0' && strchr(set, plan->text[at]) != NULL)
		at++;
	return at;
}

bool splice_is_blank(const struct splice_plan *plan, size_t begin)
{
	size_t at = splice_skip(plan, begin, " \t\r");

	return at < plan->len && plan->text[at] == '\n';
}

bool splice_is_comment(const struct splice_plan *plan, size_t begin, size_t *column)
{
	size_t at = splice_skip(plan, begin, " ");

	*column = at - begin;
	return at < plan->len && plan->text[at] == '#';
}
