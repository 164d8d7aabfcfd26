/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/steps.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/out.h"
#include "sealer/report.h"

/* --- what a step found ------------------------------------------------------------------------ */

static __attribute__((format(printf, 2, 0))) void set_text(struct step_look *l, const char *fmt,
							   va_list ap)
{
	mem_free(l->text);
	l->text = mem_vprintf(fmt, ap);
}

void step_found(struct step_look *l, bool todo, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_text(l, fmt, ap);
	va_end(ap);
	l->todo = todo;
	l->stop = false;
}

void step_leave(struct step_look *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	set_text(l, fmt, ap);
	va_end(ap);
	l->todo = false;
	l->stop = true;
	/* one line, whatever a file or a server calls itself */
	out_escape(&l->left, l->text, strlen(l->text));
	buf_putc(&l->left, '\n');
}

void steps_clear(struct step_outcome *steps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		mem_free(steps[i].look.text);
		buf_clear(&steps[i].look.left);
	}
}

/* --- and how it is told ----------------------------------------------------------------------- */

static const char *mark_of(const struct step_look *l)
{
	if (l->todo)
		return "to do";
	return l->stop ? "you" : "-";
}

void steps_print(const struct step_outcome *steps, size_t n)
{
	struct out_table *t = out_table_new(3);

	out_table_cell(t, "STEP");
	out_table_cell(t, "");
	out_table_cell(t, "WHAT");
	for (size_t i = 0; i < n; i++) {
		out_table_cell(t, steps[i].name);
		out_table_cell(t, mark_of(&steps[i].look));
		out_table_cell(t, steps[i].look.text);
	}
	out_table_print(t, stdout);
	out_table_free(t);
}

/* The next line, a new string; *at goes behind it.  NULL: there is none. */
static char *next_line(const char **at)
{
	size_t n = strcspn(*at, "\n");
	char *line = **at != '\0' ? mem_strn(*at, n) : NULL;

	*at += n + ((*at)[n] == '\n');
	return line;
}

static bool has_line(const struct buf *lines, const char *wanted)
{
	const char *at = buf_str(lines);
	bool found = false;
	char *line;

	while (!found && (line = next_line(&at)) != NULL) {
		found = strcmp(line, wanted) == 0;
		mem_free(line);
	}
	return found;
}

/* In a plan several steps may wait for the same. */
void steps_left(const struct step_outcome *steps, size_t n, struct buf *left)
{
	for (size_t i = 0; i < n; i++) {
		const char *at = buf_str(&steps[i].look.left);
		char *line;

		while ((line = next_line(&at)) != NULL) {
			if (!has_line(left, line))
				buf_printf(left, "%s\n", line);
			mem_free(line);
		}
	}
}

void steps_tell_left(const char *before, const struct buf *left)
{
	const char *at = buf_str(left);
	char *line;

	while ((line = next_line(&at)) != NULL) {
		out_note("%s%s", before, line);
		mem_free(line);
	}
}

static json_t *lines_of(const struct buf *text)
{
	json_t *list = json_array();
	const char *at = buf_str(text);
	char *line;

	while ((line = next_line(&at)) != NULL) {
		json_array_append_new(list, report_text(line));
		mem_free(line);
	}
	return list;
}

void steps_result(const struct step_outcome *steps, size_t n, const struct buf *left,
		  struct result *r)
{
	for (size_t i = 0; i < n; i++) {
		const struct step_look *l = &steps[i].look;

		result_row(r, "steps",
			   json_pack("{s:s, s:b, s:b, s:o}", "name", steps[i].name, "todo",
				     l->todo && !steps[i].done, "done", steps[i].done, "text",
				     report_text(l->text != NULL ? l->text : "")));
	}
	result_value(r, "left", lines_of(left));
}
