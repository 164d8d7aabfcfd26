/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/import.h"
#include "sealer/report.h"

static const char *const verdicts[IMPORT_VERDICTS] = {
	[IMPORT_CONVERTED] = "converted",
	[IMPORT_THERE] = "there",
	[IMPORT_LEFT] = "left",
	[IMPORT_REFUSED] = "refused",
};

struct import_row *import_row(struct import *im, enum import_verdict verdict, const char *file,
			      unsigned line)
{
	struct import_row *row;

	im->rows = mem_grow(im->rows, im->n_rows + 1, sizeof(*im->rows));
	row = &im->rows[im->n_rows++];
	row->verdict = verdict;
	row->file = mem_str(file);
	row->line = line;
	return row;
}

void import_row_text(struct import_row *row, enum import_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	mem_free(row->text);
	row->text = mem_vprintf(fmt, ap);
	va_end(ap);
	row->verdict = verdict;
}

struct import_file *import_file(struct import *im, const struct target *t)
{
	struct import_file *f;

	im->files = mem_grow(im->files, im->n_files + 1, sizeof(*im->files));
	f = &im->files[im->n_files++];
	f->to = mem_str(t->path);
	f->real = mem_str(t->real);
	return f;
}

static size_t count(const struct import *im, enum import_verdict verdict)
{
	size_t n = 0;

	for (size_t i = 0; i < im->n_rows; i++)
		n += im->rows[i].verdict == verdict;
	return n;
}

/* --- for programs ----------------------------------------------------------------------------- */

static void put(json_t *to, const char *name, const char *value)
{
	if (value != NULL)
		json_object_set_new(to, name, report_text(value));
}

static json_t *row_json(const struct import_row *row)
{
	json_t *v = json_object();

	put(v, "result", verdicts[row->verdict]);
	put(v, "document", row->document);
	put(v, "kind", row->kind);
	put(v, "from", row->file);
	if (row->line > 0)
		json_object_set_new(v, "line", json_integer(row->line));
	put(v, "to", row->to);
	put(v, row->verdict == IMPORT_CONVERTED ? "sealedTo" : "reason", row->text);
	put(v, "adopt", row->adopt);
	return v;
}

static int report_for_programs(const struct import *im, struct err *err)
{
	json_t *rows = json_array(), *notes = json_array(), *v;

	for (size_t i = 0; i < im->n_rows; i++)
		json_array_append_new(rows, row_json(&im->rows[i]));
	for (size_t i = 0; i < im->notes.n; i++)
		json_array_append_new(notes, report_text(im->notes.text[i]));
	v = json_pack("{s:b,s:o,s:o}", "dryRun", im->o->dry_run, "items", rows, "notes", notes);
	for (enum import_verdict i = 0; i < IMPORT_VERDICTS; i++)
		json_object_set_new(v, verdicts[i], json_integer((json_int_t)count(im, i)));
	return report_json(v, err);
}

/* --- for people ------------------------------------------------------------------------------- */

static void cell_place(struct out_table *t, const struct import_row *row)
{
	struct buf text = BUF_INIT;

	buf_puts(&text, row->file != NULL ? row->file : "-");
	if (row->line > 0)
		buf_printf(&text, ":%u", row->line);
	out_table_cell(t, buf_str(&text));
	buf_clear(&text);
}

static void table(const struct import *im)
{
	static const char *const head[] = { "RESULT", "DOCUMENT", "KIND", "FROM", "ABOUT" };
	struct out_table *t = out_table_new(sizeof(head) / sizeof(*head));

	for (size_t i = 0; i < sizeof(head) / sizeof(*head); i++)
		out_table_cell(t, head[i]);
	for (size_t i = 0; i < im->n_rows; i++) {
		const struct import_row *row = &im->rows[i];
		struct buf about = BUF_INIT;

		out_table_cell(t, verdicts[row->verdict]);
		out_table_cell(t, row->document != NULL ? row->document : "-");
		out_table_cell(t, row->kind != NULL ? row->kind : "-");
		cell_place(t, row);
		if (row->verdict == IMPORT_CONVERTED)
			buf_printf(&about, "to %s for %s", row->to, row->text);
		else
			buf_puts(&about, row->text != NULL ? row->text : "");
		out_table_cell(t, buf_str(&about));
		buf_clear(&about);
	}
	out_table_print(t, stdout);
	out_table_free(t);
}

static void report_for_people(const struct import *im)
{
	bool adopt = false;

	if (im->n_rows > 0)
		table(im);
	for (size_t i = 0; i < im->notes.n; i++)
		out_warn("%s", im->notes.text[i]);
	for (size_t i = 0; i < im->n_rows; i++) {
		const struct import_row *row = &im->rows[i];

		if (row->verdict != IMPORT_CONVERTED || row->adopt == NULL || im->o->dry_run)
			continue;
		if (!adopt)
			out_note("the agent takes no Secret over that is there; these let it:");
		adopt = true;
		out_note("  %s", row->adopt);
	}
	out_note("%zu %s, %zu there already, %zu left where they are, %zu refused",
		 count(im, IMPORT_CONVERTED), im->o->dry_run ? "would be converted" : "converted",
		 count(im, IMPORT_THERE), count(im, IMPORT_LEFT), count(im, IMPORT_REFUSED));
}

int import_report(const struct import *im, struct err *err)
{
	if (im->o->output != NULL && strcmp(im->o->output, "json") == 0) {
		if (report_for_programs(im, err) != 0)
			return -1;
	} else {
		report_for_people(im);
	}
	return count(im, IMPORT_REFUSED) > 0 ? err_set(err, ERR_FINDINGS, "%s", "") : 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void file_clear(struct import_file *f)
{
	mem_free(f->from);
	mem_free(f->to);
	mem_free(f->real);
	buf_clear(&f->had);
	buf_clear(&f->text);
}

static void row_clear(struct import_row *row)
{
	mem_free(row->file);
	mem_free(row->to);
	mem_free(row->document);
	mem_free(row->text);
	mem_free(row->adopt);
}

void import_clear(struct import *im)
{
	for (size_t i = 0; i < im->n_rows; i++)
		row_clear(&im->rows[i]);
	for (size_t i = 0; i < im->n_files; i++)
		file_clear(&im->files[i]);
	for (size_t i = 0; i < im->n_agreed; i++)
		mem_free(im->agreed[i]);
	mem_free(im->rows);
	mem_free(im->files);
	mem_free(im->agreed);
	mem_free(im->accept.items);
	notes_clear(&im->notes);
}
