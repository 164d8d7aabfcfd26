/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/report.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/quote.h"

static int print(struct buf *out, struct err *err)
{
	int r;

	fflush(stdout); /* what went there by stdio comes first */
	r = file_write_fd(STDOUT_FILENO, out->data, out->len, err);
	buf_clear(out);
	return r;
}

static int append(const char *bytes, size_t n, void *out)
{
	return buf_put(out, bytes, n);
}

int report_json(json_t *v, struct err *err)
{
	struct buf out = BUF_INIT;

	json_dump_callback(v, append, &out, JSON_INDENT(2));
	buf_putc(&out, '\n');
	json_decref(v);
	return print(&out, err);
}

json_t *report_text(const char *s)
{
	json_t *v = json_string(s);
	char *escaped;

	if (v != NULL)
		return v;
	escaped = out_escaped(s);
	v = json_string(escaped);
	mem_free(escaped);
	return v;
}

static bool is_leaf(const json_t *v)
{
	return !(json_is_object(v) && json_object_size(v) > 0) &&
	       !(json_is_array(v) && json_array_size(v) > 0);
}

static void put_leaf(struct buf *out, const json_t *v)
{
	if (json_is_string(v))
		quote_put(out, json_string_value(v), false);
	else /* numbers, booleans, null, [] and {} are the same in both */
		json_dump_callback(v, append, out, JSON_COMPACT | JSON_ENCODE_ANY);
	buf_putc(out, '\n');
}

static void put_node(struct buf *out, const json_t *v, int indent, bool in_line);

static void put_object(struct buf *out, const json_t *v, int indent, bool in_line)
{
	const char *key;
	json_t *child;

	json_object_foreach((json_t *)(uintptr_t)v, key, child)
	{
		if (!in_line)
			buf_printf(out, "%*s", indent, "");
		in_line = false;
		quote_put(out, key, false);
		buf_puts(out, is_leaf(child) ? ": " : ":\n");
		if (is_leaf(child))
			put_leaf(out, child);
		else
			put_node(out, child, indent + 2, false);
	}
}

/* in_line: something stands before it on the line already ("- "). */
static void put_node(struct buf *out, const json_t *v, int indent, bool in_line)
{
	json_t *child;
	size_t i;

	if (json_is_object(v)) {
		put_object(out, v, indent, in_line);
		return;
	}
	json_array_foreach(v, i, child)
	{
		if (!in_line || i > 0)
			buf_printf(out, "%*s", indent, "");
		buf_puts(out, "- ");
		if (is_leaf(child))
			put_leaf(out, child);
		else
			put_node(out, child, indent + 2, true);
	}
}

int report_yaml(json_t *v, struct err *err)
{
	struct buf out = BUF_INIT;

	if (is_leaf(v))
		put_leaf(&out, v);
	else
		put_node(&out, v, 0, false);
	json_decref(v);
	return print(&out, err);
}

void report_span(long long seconds, char text[static 24])
{
	static const struct {
		long long seconds;
		const char *unit;
	} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	size_t i = 0;

	if (seconds < 0)
		seconds = -seconds;
	while (units[i].seconds > 1 && seconds < 2 * units[i].seconds)
		i++;
	snprintf(text, 24, "%lld %s", seconds / units[i].seconds, units[i].unit);
}
