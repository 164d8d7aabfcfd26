/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/result.h"

#include <stdarg.h>
#include <string.h>

#include "base/err.h"
#include "base/kv.h"
#include "base/mem.h"
#include "sealer/report.h"

bool result_asked(const char *output)
{
	return output != NULL && strcmp(output, "json") == 0;
}

void result_begin(struct result *r, const char *output)
{
	*r = (struct result){ NULL };
	if (result_asked(output))
		r->v = json_pack("{s:b, s:[]}", "changed", 0, "next");
}

void result_clear(struct result *r)
{
	json_decref(r->v);
	r->v = NULL;
}

void result_value(struct result *r, const char *name, json_t *v)
{
	if (r->v != NULL)
		json_object_set_new(r->v, name, v);
	else
		json_decref(v);
}

void result_flag(struct result *r, const char *name, bool value)
{
	result_value(r, name, json_boolean(value));
}

void result_text(struct result *r, const char *name, const char *text)
{
	if (r->v != NULL && text != NULL)
		result_value(r, name, report_text(text));
}

void result_line(struct result *r, const char *name, const struct kv_item *file)
{
	const char *text = (const char *)file->data;
	char *line;

	if (r->v == NULL)
		return;
	line = mem_strn(text, strcspn(text, "\r\n"));
	result_text(r, name, line);
	mem_free(line);
}

void result_row(struct result *r, const char *list, json_t *row)
{
	json_t *rows;

	if (r->v == NULL) {
		json_decref(row);
		return;
	}
	rows = json_object_get(r->v, list);
	if (rows == NULL) {
		rows = json_array();
		json_object_set_new(r->v, list, rows);
	}
	json_array_append_new(rows, row);
}

void result_document(struct result *r, const char *file, const struct document *d)
{
	char digest[DOCUMENT_DIGEST_TEXT];

	if (r->v == NULL)
		return;
	document_digest(d, digest);
	result_text(r, "file", file);
	result_value(r, "document", json_sprintf("%s/%s", d->namespace, d->name));
	result_text(r, "kind", d->kind->name);
	result_text(r, "digest", digest);
}

static json_t *texts(const struct kv *kv)
{
	json_t *v = json_object();

	for (size_t i = 0; i < kv->n; i++)
		json_object_set_new(v, kv->items[i].name,
				    report_text((const char *)kv->items[i].data));
	return v;
}

void result_sealed(struct result *r, const struct document *fresh)
{
	if (r->v == NULL)
		return;
	result_value(r, "sealed", json_array());
	for (size_t i = 0; i < fresh->n; i++) {
		const struct document_part *part = &fresh->parts[i];

		result_row(r, "sealed",
			   json_pack("{s:s, s:o, s:o}", "name", part->name, "recipients",
				     texts(&part->recipients), "facts", texts(&part->facts)));
	}
}

void result_next(struct result *r, const char *fmt, ...)
{
	va_list ap;
	char *line;

	if (r->v == NULL)
		return;
	va_start(ap, fmt);
	line = mem_vprintf(fmt, ap);
	va_end(ap);
	result_row(r, "next", report_text(line));
	mem_free(line);
}

int result_print(struct result *r, struct err *err)
{
	json_t *v = r->v;

	if (v == NULL)
		return 0;
	r->v = NULL; /* transferred */
	if (report_json(v, err) == 0)
		return 0;
	return err_wrap(err, "all is done, but not told");
}
