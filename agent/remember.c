/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/remember.h"

#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#define LEDGER_RETRY_MS 5000

struct telling {
	struct store_dir *st;
	struct scan_file *file;
};

static void tell_secret(void *ctx, const struct ledger_secret *made)
{
	struct store_dir *st = ((struct telling *)ctx)->st;
	struct entry *x = entries_need(&st->entries, made->namespace, made->name);

	entry_record(x, made);
	/* as the process before has reported it, unless it turns out otherwise */
	x->told = made->retained ? REASON_RETAINED : REASON_APPLIED;
	x->fresh = false;
	scan_tell_held(&st->scan, made->source);
}

static void tell_secret_gone(void *ctx, const char *namespace, const char *name)
{
	struct store_dir *st = ((struct telling *)ctx)->st;
	struct entry *x = entries_find(&st->entries, namespace, name);

	if (x != NULL)
		entries_drop(&st->entries, x);
}

static void tell_removed(void *ctx, const char *namespace, int64_t at)
{
	apply_note_removed(&((struct telling *)ctx)->st->apply, namespace, at);
}

static void tell_file_mode(void *ctx, mode_t mode)
{
	((struct telling *)ctx)->st->made_mode = mode;
}

static void tell_namespace_made(void *ctx, const char *namespace)
{
	kv_set_str(&((struct telling *)ctx)->st->apply.namespaces, namespace, "");
}

static void tell_namespace_gone(void *ctx, const char *namespace)
{
	kv_del(&((struct telling *)ctx)->st->apply.namespaces, namespace);
}

static void tell_file(void *ctx, const char *path, const struct scan_stat *stat)
{
	struct telling *t = ctx;

	t->file = scan_tell_file(&t->st->scan, path, stat);
}

static void tell_doc(void *ctx, const struct scan_doc *doc, const char *recipients)
{
	struct telling *t = ctx;

	scan_tell_doc(&t->st->scan, t->file, doc, recipients);
}

static void tell_file_gone(void *ctx, const char *path)
{
	scan_tell_gone(&((struct telling *)ctx)->st->scan, path);
}

static void tell_files_lost(void *ctx)
{
	scan_tell_lost(&((struct telling *)ctx)->st->scan);
}

/* --- put -------------------------------------------------------------------------------------- */

void remember_files(struct store_dir *st)
{
	struct table_node **nodes = table_nodes(&st->scan.files);
	size_t i;

	for (i = 0; i < st->scan.files.n; i++) {
		struct scan_file *f = (struct scan_file *)nodes[i];

		if (!f->changed)
			continue;
		if (ledger_can_put_file(f)) {
			ledger_put_file(&st->apply.ledger, f);
			f->told = true;
		} else if (f->state == SCAN_FINE && f->told) {
			ledger_put_file_gone(&st->apply.ledger, f->path);
			f->told = false;
		}
		f->changed = false;
	}
	mem_free(nodes);
}

void remember_file_gone(void *ctx, const struct scan_file *f)
{
	struct store_dir *st = ctx;

	if (f->told)
		ledger_put_file_gone(&st->apply.ledger, f->path);
}

static void dump_ledger(void *ctx, struct ledger *l)
{
	struct store_dir *st = ctx;
	struct table_node **files = table_nodes(&st->scan.files);
	size_t n = entries_list(&st->entries);
	size_t i;

	ledger_put_file_mode(l, st->o->file_mode);
	for (i = 0; i < n; i++) {
		struct ledger_secret made = entry_secret(st->entries.list[i]);

		if (st->entries.list[i]->s.recorded)
			ledger_put_secret(l, &made);
	}
	for (i = 0; i < st->scan.files.n; i++)
		if (ledger_can_put_file((struct scan_file *)files[i]))
			ledger_put_file(l, (struct scan_file *)files[i]);
	for (i = 0; i < st->apply.n_done; i++)
		ledger_put_removed(l, st->apply.done[i].namespace, st->apply.done[i].at);
	for (i = 0; i < st->apply.namespaces.n; i++)
		ledger_put_namespace(l, st->apply.namespaces.items[i].name, true);
	mem_free(files);
}

/* Another mode is wanted than all that is there was made with: none of it is as it should be. */
static void doubt_all(struct store_dir *st)
{
	size_t n = entries_list(&st->entries);
	size_t i;

	for (i = 0; i < n; i++)
		memset(st->entries.list[i]->mark.print, 0, FOLDER_PRINT);
}

int remember_open(struct store_dir *st, struct err *err)
{
	struct telling t = { .st = st };
	const struct ledger_reader reader = {
		.ctx = &t,
		.secret = tell_secret,
		.secret_gone = tell_secret_gone,
		.removed = tell_removed,
		.file_mode = tell_file_mode,
		.namespace_made = tell_namespace_made,
		.namespace_gone = tell_namespace_gone,
		.file = tell_file,
		.doc = tell_doc,
		.file_gone = tell_file_gone,
		.files_lost = tell_files_lost,
	};

	if (ledger_open(&st->apply.ledger, st->apply.place.own, &reader, err) < 0)
		return err_wrap(err, "%s/" PLACE_OWN, st->o->secrets);
	if (st->apply.ledger.journal.bad != 0)
		log_line(LOG_ERROR,
			 "the ledger is damaged; nothing is removed until its copy is looked at",
			 "copy", LEDGER_DAMAGED, (char *)NULL);
	else if (st->made_mode == st->o->file_mode)
		return 0;
	if (st->made_mode != st->o->file_mode)
		doubt_all(st);
	/* at once: the copy is the same file until there is a new one */
	return ledger_rewrite(&st->apply.ledger, dump_ledger, st, err);
}

void remember_tend(struct store_dir *st, int64_t now_ms)
{
	size_t live = st->entries.table.n + st->scan.files.n + st->scan.documents +
		      st->apply.n_done + st->apply.namespaces.n;
	struct err err = ERR_INIT;

	apply_end(&st->apply);
	if (now_ms < st->ledger_after || !ledger_is_stale(&st->apply.ledger, live))
		return;
	if (ledger_rewrite(&st->apply.ledger, dump_ledger, st, &err) == 0)
		return;
	st->ledger_after = now_ms + LEDGER_RETRY_MS;
	log_line(LOG_WARN, "the ledger cannot be written anew", "error", err.text, (char *)NULL);
}
