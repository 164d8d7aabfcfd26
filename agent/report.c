/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/out.h"

/* --- why -------------------------------------------------------------------------------------- */

static void say_duplicate(const struct entry *x, struct buf *out)
{
	buf_printf(out, "stands in %s:%u and in %s:%u", x->file->path, x->doc->line, x->other->path,
		   x->other_line);
	if (x->s.documents > 2)
		buf_printf(out, " and %zu more", x->s.documents - 2);
}

static void say_no_key(const struct store_dir *st, const struct entry *x, struct buf *out)
{
	if (opener_keys(st->apply.opener)->n == 0)
		buf_puts(out, "the agent has no sealing key");
	else if (x->s.cover == COVER_SOME)
		buf_puts(out, "some of its parts are not sealed to a key of this agent; reseal it");
	else if (x->s.attempt.reason == REASON_NO_KEY && x->why != NULL)
		buf_puts(out, x->why);
	else
		buf_puts(out, status_table[REASON_NO_KEY].meaning);
}

/* The command that releases the removals that are held. */
static void say_release(const struct store_dir *st, struct buf *out)
{
	char *file = mem_printf("%s/" PLACE_OWN "/" STORE_RELEASE, st->o->secrets);

	buf_printf(out, "echo %s > ", st->result.token);
	out_shell(out, file);
	mem_free(file);
}

/* The reason in words, appended. */
static void explain(const struct store_dir *st, const struct entry *x, struct buf *out)
{
	const char *text = status_table[x->s.reason].meaning;

	switch (x->s.reason) {
	case REASON_DUPLICATE:
		say_duplicate(x, out);
		return;
	case REASON_NO_KEY:
		say_no_key(st, x, out);
		return;
	case REASON_INVALID:
		text = x->doc != NULL && x->doc->invalid ? x->doc->why : x->why;
		break;
	case REASON_FOREIGN:
		text = x->look_why;
		break;
	case REASON_REFUSED:
	case REASON_QUARANTINED:
	case REASON_WRITE_FAILED:
	case REASON_UNAVAILABLE:
	case REASON_UNKNOWN:
		text = x->why;
		break;
	default:
		break;
	}
	buf_puts(out, text != NULL ? text : status_table[x->s.reason].meaning);
}

/* --- log -------------------------------------------------------------------------------------- */

static bool is_news(const struct entry *x, const char *why)
{
	if (x->s.reason == REASON_PENDING)
		return false;
	if (x->s.reason != x->told)
		return true;
	if (status_table[x->s.reason].fine || x->s.reason == REASON_GUARDED)
		return false;
	return x->told_why == NULL || strcmp(x->told_why, why) != 0;
}

static void report_entry(const struct store_dir *st, struct entry *x)
{
	const struct status_row *row = &status_table[x->s.reason];
	struct buf why = BUF_INIT;

	if (row->fine && x->s.reason == x->told)
		return;
	explain(st, x, &why);
	if (is_news(x, buf_str(&why))) {
		log_line(row->level, "document", "namespace", x->s.namespace, "name", x->s.name,
			 "reason", row->name, "text", buf_str(&why), "file",
			 x->file != NULL ? x->file->path : x->source, (char *)NULL);
		x->told = x->s.reason;
		mem_replace(&x->told_why, row->fine ? NULL : buf_str(&why));
	}
	buf_clear(&why);
}

/* A link to a file is no fault, unless it stands where a document was. */
static bool is_fault(const struct scan_file *f)
{
	return f->why != NULL && (f->state != SCAN_OTHER || f->held);
}

static void report_file(struct scan_file *f)
{
	if (!is_fault(f)) {
		if (f->reported != NULL)
			log_line(LOG_INFO, "file in order again", "file", f->path, (char *)NULL);
		mem_replace(&f->reported, NULL);
	} else if (f->reported == NULL || strcmp(f->reported, f->why) != 0) {
		log_line(LOG_WARN, "file not in order", "file", f->path, "error", f->why,
			 (char *)NULL);
		mem_replace(&f->reported, f->why);
	}
}

static void report_files(const struct store_dir *st)
{
	struct table_node **nodes = table_nodes(&st->scan.files);
	size_t i;

	for (i = 0; i < st->scan.files.n; i++)
		report_file((struct scan_file *)nodes[i]);
	mem_free(nodes);
}

static void report_blind(struct store_dir *st)
{
	const char *blind = st->scan.blind;

	if (blind == NULL && st->told_blind != NULL)
		log_line(LOG_INFO, "DOCUMENTS can be seen whole again", (char *)NULL);
	if (blind != NULL && (st->told_blind == NULL || strcmp(blind, st->told_blind) != 0))
		log_line(LOG_WARN, "DOCUMENTS cannot be seen whole; no Secret is removed", "error",
			 blind, (char *)NULL);
	mem_replace(&st->told_blind, blind);
}

static void report_guard(struct store_dir *st)
{
	const char *token = st->result.token;
	struct buf command = BUF_INIT;
	char number[24];

	if (token[0] != '\0' && strcmp(token, st->told_token) != 0) {
		say_release(st, &command);
		snprintf(number, sizeof(number), "%zu", st->result.guarded);
		log_line(LOG_ERROR, "too many documents are gone at once; their Secrets stay",
			 "secrets", number, "release", buf_str(&command), (char *)NULL);
		buf_clear(&command);
	}
	memcpy(st->told_token, token, sizeof(st->told_token));
}

void report_changes(struct store_dir *st)
{
	size_t n = entries_list(&st->entries);
	size_t i;

	report_blind(st);
	report_files(st);
	for (i = 0; i < n; i++)
		report_entry(st, st->entries.list[i]);
	report_guard(st);
}

/* --- --once ----------------------------------------------------------------------------------- */

/* One line of the list; what is in it stays in its line. */
static void print_line(const char *name, const char *reason, const char *text)
{
	char *escaped = out_escaped(text);

	out_printf(stderr, "bulla-agent: %s%s%s%s%s\n", name, *name == '\0' ? "" : ": ", reason,
		   *reason == '\0' ? "" : ": ", escaped);
	mem_free(escaped);
}

static int by_path(const void *a, const void *b)
{
	const struct scan_file *x = *(const struct scan_file *const *)a;
	const struct scan_file *y = *(const struct scan_file *const *)b;

	return strcmp(x->path, y->path);
}

static enum err_class list_files(const struct store_dir *st)
{
	struct table_node **nodes = table_nodes(&st->scan.files);
	enum err_class worst = ERR_NONE;
	size_t i;

	qsort(nodes, st->scan.files.n, sizeof(struct table_node *), by_path);
	for (i = 0; i < st->scan.files.n; i++) {
		const struct scan_file *f = (const struct scan_file *)nodes[i];

		if (!is_fault(f))
			continue;
		print_line("", "", f->why);
		worst = status_graver(worst, f->state == SCAN_UNREADABLE ? ERR_IO : ERR_INVALID);
	}
	mem_free(nodes);
	return worst;
}

static int by_name(const void *a, const void *b)
{
	const struct entry *x = *(const struct entry *const *)a;
	const struct entry *y = *(const struct entry *const *)b;
	int order = strcmp(x->s.namespace, y->s.namespace);

	return order != 0 ? order : strcmp(x->s.name, y->s.name);
}

static enum err_class list_entries(const struct store_dir *st)
{
	struct table_node **nodes = table_nodes(&st->entries.table);
	enum err_class worst = ERR_NONE;
	size_t i;

	qsort(nodes, st->entries.table.n, sizeof(struct table_node *), by_name);
	for (i = 0; i < st->entries.table.n; i++) {
		const struct entry *x = (const struct entry *)nodes[i];
		const struct status_row *row = &status_table[x->s.reason];
		struct buf why = BUF_INIT;
		char *name;

		if (row->fine)
			continue;
		explain(st, x, &why);
		name = mem_printf("%s/%s", x->s.namespace, x->s.name);
		print_line(name, row->name, buf_str(&why));
		worst = status_graver(worst, row->class);
		mem_free(name);
		buf_clear(&why);
	}
	mem_free(nodes);
	return worst;
}

enum err_class report_once(const struct store_dir *st)
{
	enum err_class worst = ERR_NONE;
	struct buf command = BUF_INIT;

	if (st->scan.blind != NULL) {
		print_line("", "", st->scan.blind);
		worst = ERR_IO;
	}
	worst = status_graver(worst, list_files(st));
	worst = status_graver(worst, list_entries(st));
	if (st->result.token[0] != '\0') {
		say_release(st, &command);
		print_line("", "to let the guarded ones go", buf_str(&command));
		buf_clear(&command);
	}
	return worst;
}
