/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/reseal_report.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/out.h"
#include "sealer/report.h"
#include "sealer/reseal_lost.h"

static void table_head(struct out_table *t, const char *const heads[])
{
	for (size_t i = 0; heads[i] != NULL; i++)
		out_table_cell(t, heads[i]);
}

static void number_cell(struct out_table *t, size_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", n);
	out_table_cell(t, text);
}

/* --- the plan --------------------------------------------------------------------------------- */

static void document_row(struct out_table *t, const struct reseal_run *run,
			 const struct reseal_file *f, const struct reseal_row *row)
{
	char *shown = reseal_run_shown(run, f->below);
	struct buf text = BUF_INIT;

	out_table_cell(t, row->document);
	out_table_cell(t, row->kind->name);
	buf_printf(&text, "%zu/%zu", row->work, row->parts);
	out_table_cell(t, buf_str(&text));
	buf_reset(&text);
	reseal_row_text(row, &text);
	out_table_cell(t, text.len > 0 ? buf_str(&text) : "-");
	out_table_cell(t, shown);
	buf_clear(&text);
	mem_free(shown);
}

static void plan_documents(const struct reseal_run *run)
{
	static const char *const heads[] = { "DOCUMENT", "KIND", "PARTS", "CHANGE", "FILE", NULL };
	struct out_table *t = out_table_new(5);
	size_t rows = 0;

	table_head(t, heads);
	for (size_t i = 0; i < run->n; i++) {
		for (size_t k = 0; k < run->files[i].n; k++) {
			if (reseal_row_quiet(&run->files[i].rows[k]))
				continue;
			document_row(t, run, &run->files[i], &run->files[i].rows[k]);
			rows++;
		}
	}
	if (rows > 0)
		out_table_print(t, stdout);
	out_table_free(t);
}

/* change -> "DOCUMENTS PARTS" */
static void count_changes(const struct reseal_row *row, struct kv *counts)
{
	for (size_t i = 0; i < row->changes.n; i++) {
		const struct kv_item *c = &row->changes.items[i];
		const char *had = kv_get_str(counts, c->name);
		char *end = NULL;
		unsigned long documents = had == NULL ? 0 : strtoul(had, &end, 10);
		unsigned long parts = had == NULL ? 0 : strtoul(end, NULL, 10);

		kv_set_fmt(counts, c->name, "%lu %lu", documents + 1,
			   parts + strtoul((const char *)c->data, NULL, 10));
	}
}

static void plan_changes(const struct reseal_run *run)
{
	static const char *const heads[] = { "CHANGE", "DOCUMENTS", "PARTS", NULL };
	struct out_table *t = out_table_new(3);
	struct kv counts = KV_INIT;

	for (size_t i = 0; i < run->n; i++)
		for (size_t k = 0; k < run->files[i].n; k++)
			if (!reseal_row_quiet(&run->files[i].rows[k]))
				count_changes(&run->files[i].rows[k], &counts);
	table_head(t, heads);
	for (size_t i = 0; i < counts.n; i++) {
		char *end = NULL;

		out_table_cell(t, counts.items[i].name);
		number_cell(t, strtoul((const char *)counts.items[i].data, &end, 10));
		number_cell(t, strtoul(end, NULL, 10));
	}
	if (counts.n > 0)
		out_table_print(t, stdout);
	out_table_free(t);
	kv_clear(&counts);
}

void reseal_report_plan(const struct reseal_run *run, bool by_change)
{
	if (by_change)
		plan_changes(run);
	else
		plan_documents(run);
	fflush(stdout);
}

/* --- the end ---------------------------------------------------------------------------------- */

void reseal_report_left(const struct reseal_run *run)
{
	for (size_t i = 0; i < run->n; i++) {
		const struct reseal_file *f = &run->files[i];
		char *shown = reseal_run_shown(run, f->below);

		if (f->class != ERR_NONE)
			out_warn("%s%s%s", strstr(f->why, shown) == f->why ? "" : shown,
				 strstr(f->why, shown) == f->why ? "" : ": ", f->why);
		for (size_t k = 0; k < f->n; k++)
			if (f->rows[k].class != ERR_NONE)
				out_warn("%s:%u: %s: %s", shown, f->rows[k].line,
					 f->rows[k].document, f->rows[k].why);
		mem_free(shown);
	}
}

static unsigned long still(const struct reseal_report *r, const char *id)
{
	const char *count = kv_get_str(r->counts, id);

	return count == NULL ? 0 : strtoul(count, NULL, 10);
}

static void print_proof(const struct reseal_report *r)
{
	for (size_t i = 0; i < r->keys->n; i++) {
		const struct kv_item *key = &r->keys->items[i];
		const char *name = (const char *)key->data;

		out_printf(stdout, "%zu part%s, %lu still need%s key %s%s%s%s\n", r->run->parts,
			   r->run->parts == 1 ? "" : "s", still(r, key->name),
			   still(r, key->name) == 1 ? "s" : "", key->name,
			   *name != '\0' ? " (" : "", name, *name != '\0' ? ")" : "");
	}
}

void reseal_report_end(const struct reseal_report *r)
{
	size_t n = json_array_size(r->lost);

	print_proof(r);
	if (n > 0) {
		out_printf(stdout,
			   "%zu credential%s could be opened by keys that are dropped, and still "
			   "can from Git's history: issue %s again, the most dangerous first\n",
			   n, n == 1 ? "" : "s", n == 1 ? "it" : "them");
		reseal_lost_print(r->lost, stdout);
	}
	fflush(stdout);
}

/* --- for programs ----------------------------------------------------------------------------- */

static const char *state(const struct reseal_row *row, bool dry_run)
{
	if (row->class != ERR_NONE)
		return row->done > 0 ? "partly" : "left";
	if (row->work == 0)
		return row->waiting > 0 ? "waiting" : "unchanged";
	return dry_run || row->done < row->work ? "planned" : "resealed";
}

static void put_why(json_t *v, enum err_class class, const char *why)
{
	char *clean;

	if (class == ERR_NONE)
		return;
	clean = out_escaped(why);
	json_object_set_new(v, "class", json_string(err_class_name(class)));
	json_object_set_new(v, "why", json_string(clean));
	mem_free(clean);
}

static json_t *changes_json(const struct kv *changes)
{
	json_t *list = json_array();

	for (size_t i = 0; i < changes->n; i++)
		json_array_append_new(
		    list, json_pack("{s:s, s:i}", "change", changes->items[i].name, "parts",
				    (int)strtol((const char *)changes->items[i].data, NULL, 10)));
	return list;
}

static void add_rows(const struct reseal_report *r, const struct reseal_file *f, json_t *list)
{
	char *shown = reseal_run_shown(r->run, f->below), *file = out_escaped(shown);
	json_t *v;

	if (f->class != ERR_NONE) {
		v = json_pack("{s:s, s:s}", "file", file, "state", "left");
		put_why(v, f->class, f->why);
		json_array_append_new(list, v);
	}
	for (size_t i = 0; i < f->n; i++) {
		const struct reseal_row *row = &f->rows[i];

		if (reseal_row_quiet(row))
			continue;
		v = json_pack("{s:s, s:i, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:o}", "file", file,
			      "line", (int)row->line, "document", row->document, "kind",
			      row->kind->name, "state", state(row, r->dry_run), "parts",
			      (json_int_t)row->parts, "toSeal", (json_int_t)row->work, "sealed",
			      (json_int_t)row->done, "waiting", (json_int_t)row->waiting, "changes",
			      changes_json(&row->changes));
		put_why(v, row->class, row->why);
		json_array_append_new(list, v);
	}
	mem_free(file);
	mem_free(shown);
}

static json_t *keys_json(const struct reseal_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->keys->n; i++) {
		const struct kv_item *key = &r->keys->items[i];
		json_t *v = json_pack("{s:s, s:I, s:I}", "id", key->name, "parts",
				      (json_int_t)r->run->parts, "stillNeed",
				      (json_int_t)still(r, key->name));

		if (key->len > 0)
			json_object_set_new(v, "name", json_string((const char *)key->data));
		json_array_append_new(list, v);
	}
	return list;
}

int reseal_report_json(const struct reseal_report *r, struct err *err)
{
	json_t *documents = json_array(), *v;
	struct reseal_sum sum;

	reseal_run_sum(r->run, &sum);
	for (size_t i = 0; i < r->run->n; i++)
		add_rows(r, &r->run->files[i], documents);
	v = json_pack("{s:b, s:b, s:o, s:o, s:O, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I}}", "dryRun",
		      r->dry_run ? 1 : 0, "resumed", r->resumed ? 1 : 0, "documents", documents,
		      "keys", keys_json(r), "reissue", r->lost, "total", "documents",
		      (json_int_t)r->run->documents, "parts", (json_int_t)r->run->parts, "toSeal",
		      (json_int_t)sum.work, "sealed", (json_int_t)sum.done, "waiting",
		      (json_int_t)sum.waiting, "left", (json_int_t)sum.left, "doneBefore",
		      (json_int_t)r->run->earlier);
	return report_json(v, err);
}
