/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/findings.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/report.h"

const char *const finding_rules[RULE_COUNT] = {
	[RULE_READ] = "read",
	[RULE_CONFLICT] = "conflict",
	[RULE_SHAPE] = "shape",
	[RULE_LIST] = "list",
	[RULE_SUBSTITUTE] = "substitute",
	[RULE_DUPLICATE] = "duplicate",
	[RULE_RECIPIENTS] = "recipients",
	[RULE_CONFIG] = "config",
	[RULE_EXPIRY] = "expiry",
	[RULE_KUSTOMIZATION] = "kustomization",
	[RULE_SIZE] = "size",
	[RULE_OPEN] = "open",
	[RULE_READER] = "reader",
};

/* "FILE:LINE: text": the line is taken from there, and the text without it. */
static const char *take_place(const char *text, const char *file, unsigned *line)
{
	size_t n = file == NULL ? 0 : strlen(file);
	unsigned long v;
	char *end;

	if (n == 0 || strncmp(text, file, n) != 0 || text[n] != ':')
		return text;
	if (text[n + 1] == ' ')
		return text + n + 2;
	v = strtoul(text + n + 1, &end, 10);
	if (end == text + n + 1 || strncmp(end, ": ", 2) != 0)
		return text;
	*line = (unsigned)v;
	return end + 2;
}

void findings_add(struct findings *f, const struct finding *where, const char *fmt, ...)
{
	struct finding *item;
	char text[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (f->n == f->cap) {
		f->cap = f->cap == 0 ? 32 : f->cap * 2;
		f->items = mem_grow(f->items, f->cap, sizeof(*f->items));
	}
	item = &f->items[f->n++];
	*item = *where;
	item->file = mem_str(where->file);
	item->text = mem_str(take_place(text, item->file, &item->line));
	f->errors += !item->warning;
}

static int by_place(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	int c = strcmp(x->file == NULL ? "" : x->file, y->file == NULL ? "" : y->file);

	if (c != 0)
		return c;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->rule == y->rule ? strcmp(x->text, y->text) : (int)x->rule - (int)y->rule;
}

static void sort(struct findings *f)
{
	if (f->n > 1)
		qsort(f->items, f->n, sizeof(*f->items), by_place);
}

int findings_print_text(struct findings *f, struct err *err)
{
	(void)err;
	sort(f);
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *item = &f->items[i];

		if (item->file != NULL && item->line > 0)
			out_printf(stdout, "%s:%u: ", item->file, item->line);
		else if (item->file != NULL)
			out_printf(stdout, "%s: ", item->file);
		out_printf(stdout, "%s%s [%s]\n", item->warning ? "warning: " : "", item->text,
			   finding_rules[item->rule]);
	}
	out_note("%zu document%s checked, %zu opened: %zu finding%s, %zu warning%s", f->documents,
		 f->documents == 1 ? "" : "s", f->opened, f->errors, f->errors == 1 ? "" : "s",
		 f->n - f->errors, f->n - f->errors == 1 ? "" : "s");
	return 0;
}

int findings_print_json(struct findings *f, struct err *err)
{
	json_t *list = json_array();

	sort(f);
	for (size_t i = 0; i < f->n; i++) {
		const struct finding *item = &f->items[i];
		json_t *v =
		    json_pack("{s:s, s:s, s:s}", "severity", item->warning ? "warning" : "error",
			      "rule", finding_rules[item->rule], "message", item->text);

		if (item->file != NULL)
			json_object_set_new(v, "file", json_string(item->file));
		if (item->line > 0)
			json_object_set_new(v, "line", json_integer(item->line));
		json_array_append_new(list, v);
	}
	return report_json(json_pack("{s:I, s:I, s:o}", "documents", (json_int_t)f->documents,
				     "opened", (json_int_t)f->opened, "findings", list),
			   err);
}

void findings_clear(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		mem_free(f->items[i].file);
		mem_free(f->items[i].text);
	}
	mem_free(f->items);
	*f = (struct findings){ 0 };
}
