/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/findings.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "guard/rules.h"
#include "sealer/report.h"

const struct finding_rule_text finding_rules[RULE_COUNT] = {
	[RULE_READ] = { "read", "a file cannot be read or is not what it must be" },
	[RULE_CONFLICT] = { "conflict", "conflict markers of git" },
	[RULE_SHAPE] = { "shape", "a sealed document breaks a rule of its format" },
	[RULE_LIST] = { "list", "a sealed document inside a List" },
	[RULE_SUBSTITUTE] = { "substitute", "Flux could rewrite the facts of a document" },
	[RULE_DUPLICATE] = { "duplicate", "the same namespace and name twice" },
	[RULE_RECIPIENTS] = { "recipients", "not sealed to exactly those whom the rules name" },
	[RULE_CONFIG] = { "config", ".bulla/config is not valid, or stands in the wrong place" },
	[RULE_EXPIRY] = { "expiry", "a credential has expired or will soon" },
	[RULE_KUSTOMIZATION] = { "kustomization",
				 "a kustomization leaves out or changes a document" },
	[RULE_SIZE] = { "size", "too large for kubectl apply" },
	[RULE_OPEN] = { "open", "a key is at hand and the document does not open as it should" },
	[RULE_READER] = { "reader", "the reader of a credential will not be content with it" },
	[RULE_LIVE] = { "live", "the source of a credential refuses it, or could not be asked" },
	[RULE_GROWTH] = { "growth", "a range of commits lets more people in, or more through" },
	[RULE_PLAINTEXT] = { "plaintext", "a credential in plain text" },
};

const char *finding_rule_name(const struct finding *item)
{
	return item->guard != NULL ? item->guard->name : finding_rules[item->rule].name;
}

void findings_fingerprint(const void *data, size_t len, char print[static 9])
{
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(hash, data, len);
	sodium_bin2hex(print, 9, hash, 4);
}

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

	f->errors += !where->warning;
	if (f->n == FINDINGS_MAX) {
		f->dropped++;
		return;
	}
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
	item->below = mem_str(where->below);
	item->commit = mem_str(where->commit);
	item->text = mem_str(take_place(text, item->file, &item->line));
}

static int by_place(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	int c = strcmp(x->file == NULL ? "" : x->file, y->file == NULL ? "" : y->file);

	if (c != 0)
		return c;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return x->rule == y->rule ? strcmp(x->text, y->text) : (int)x->rule - (int)y->rule;
}

void findings_sort(struct findings *f)
{
	if (f->n > 1)
		qsort(f->items, f->n, sizeof(*f->items), by_place);
}

/* --- for people ------------------------------------------------------------------------------- */

#define COMMIT_SHORT 12

static void print_one(const struct finding *item)
{
	enum out_style style = item->warning ? OUT_CARE : OUT_BAD;
	struct buf line = BUF_INIT;

	/* escaped apart: a newline in a name would make two lines of one */
	if (item->file != NULL)
		out_escape(&line, item->file, strlen(item->file));
	if (item->file != NULL && item->line > 0)
		buf_printf(&line, ":%u", item->line);
	buf_printf(&line, "%s%s", item->file != NULL ? ": " : "", item->warning ? "warning: " : "");
	out_escape(&line, item->text, strlen(item->text));
	if (item->commit != NULL)
		buf_printf(&line, " (commit %.*s)", COMMIT_SHORT, item->commit);
	out_printf(stdout, "%s ", buf_str(&line));
	printf("%s[%s]%s\n", out_begin(stdout, style), finding_rule_name(item),
	       out_end(stdout, style));
	buf_clear(&line);
}

/* What to do about the credentials that were found, each kind of them once. */
static void print_advice(const struct findings *f)
{
	bool said[GUARD_RULES] = { false };
	bool any = false;

	for (size_t i = 0; i < f->n; i++) {
		const struct guard_rule *rule = f->items[i].guard;

		if (rule == NULL || said[rule - guard_rules])
			continue;
		said[rule - guard_rules] = true;
		out_note("%s: %s", rule->name, rule->advice);
		any = true;
	}
	if (any)
		out_note(
		    "what is no credential: say so in a comment on its line, bulla:allow=RULE; "
		    "bulla-check(1) has more");
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_counts(const struct findings *f)
{
	size_t warnings = f->n + f->dropped - f->errors;
	struct buf line = BUF_INIT;

	if (f->files == 0 && f->removed > 0)
		buf_printf(&line, "%zu file%s removed, no text to check", f->removed,
			   plural(f->removed));
	else
		buf_printf(&line, "%zu file%s searched for credentials in plain text", f->files,
			   plural(f->files));
	if (f->files > 0 && f->removed > 0)
		buf_printf(&line, ", %zu removed", f->removed);
	if (f->known > 0)
		buf_printf(&line, ", %zu known", f->known);
	if (f->allowed > 0)
		buf_printf(&line, ", %zu allowed", f->allowed);
	if (f->links > 0)
		buf_printf(&line, ", %zu link%s not followed", f->links, plural(f->links));
	if (f->modules > 0)
		buf_printf(&line, ", %zu submodule%s left out", f->modules, plural(f->modules));
	out_note("%s", buf_str(&line));
	out_note("%zu document%s checked, %zu opened: %zu finding%s, %zu warning%s", f->documents,
		 plural(f->documents), f->opened, f->errors, plural(f->errors), warnings,
		 plural(warnings));
	buf_clear(&line);
}

/* Nothing was looked at, which a person may not have meant. */
static bool is_empty(const struct findings *f)
{
	return f->n == 0 && f->files + f->documents + f->removed + f->links + f->modules == 0;
}

int findings_print_text(struct findings *f, struct err *err)
{
	(void)err;
	findings_sort(f);
	for (size_t i = 0; i < f->n; i++)
		print_one(&f->items[i]);
	if (f->dropped > 0)
		out_printf(stdout, "and %zu more\n", f->dropped);
	print_advice(f);
	if (is_empty(f))
		out_warn("nothing to check%s%s", f->nothing != NULL ? ": " : "",
			 f->nothing != NULL ? f->nothing : "");
	print_counts(f);
	return 0;
}

/* --- for programs ----------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *name, const char *s)
{
	if (s != NULL && s[0] != '\0')
		json_object_set_new(object, name, report_text(s));
}

static void set_number(json_t *object, const char *name, unsigned n)
{
	if (n > 0)
		json_object_set_new(object, name, json_integer(n));
}

static json_t *json_one(const struct finding *item)
{
	json_t *v = json_object();

	set_text(v, "severity", item->warning ? "warning" : "error");
	set_text(v, "rule", finding_rule_name(item));
	set_text(v, "message", item->text);
	set_text(v, "file", item->file);
	set_number(v, "line", item->line);
	set_number(v, "column", item->column);
	set_text(v, "commit", item->commit);
	set_text(v, "fingerprint", item->print);
	return v;
}

int findings_print_json(struct findings *f, struct err *err)
{
	const struct {
		const char *name;
		size_t n;
	} counts[] = {
		{ "documents", f->documents }, { "opened", f->opened },	  { "files", f->files },
		{ "known", f->known },	       { "allowed", f->allowed }, { "dropped", f->dropped },
		{ "removed", f->removed },
	};
	json_t *report = json_object(), *list = json_array();

	findings_sort(f);
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		json_object_set_new(report, counts[i].name, json_integer((json_int_t)counts[i].n));
	for (size_t i = 0; i < f->n; i++)
		json_array_append_new(list, json_one(&f->items[i]));
	json_object_set_new(report, "findings", list);
	if (f->live != NULL)
		json_object_set(report, "live", f->live);
	return report_json(report, err);
}

void findings_clear(struct findings *f)
{
	for (size_t i = 0; i < f->n; i++) {
		mem_free(f->items[i].file);
		mem_free(f->items[i].below);
		mem_free(f->items[i].commit);
		mem_free(f->items[i].text);
	}
	mem_free(f->items);
	json_decref(f->live);
	*f = (struct findings){ 0 };
}
