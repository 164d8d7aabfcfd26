/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "kinds/dotenv.h"
#include "sealer/edit_change.h"
#include "sealer/edit_editor.h"
#include "sealer/edit_memory.h"
#include "sealer/edit_text.h"
#include "sealer/fields.h"
#include "sealer/fresh.h"
#include "sealer/input.h"
#include "sealer/newcomer.h"
#include "sealer/pick.h"
#include "sealer/report.h"
#include "sealer/result.h"
#include "sealer/reveal.h"
#include "sealer/ring.h"
#include "sealer/target.h"
#include "sealer/whom.h"

struct edit_options {
	struct ring_options ring;
	const char *which, *output, *expires;
	struct who_options who;
	struct option_list add;
	bool dry_run;
};

struct job {
	const struct invocation *in;
	const struct edit_options *o;
	struct edit_file file;
	struct stat st;
	size_t index;
	struct document *document; /* file.documents[index] */
	struct target target;
	struct recipients to;
	struct kv add;		   /* those of them who may be new */
	struct kind_secret secret; /* what was opened */
	struct kv values;	   /* of it, as they are edited */
	bool together;		   /* opaque, all values in one part */
	struct edit_editor editor;
	struct edit_memory memory;
	struct buf text; /* as the editor gets it, and gives it back */
	int64_t now, expires;
	char *note; /* what was done */
	struct result result;
};

static void job_clear(struct job *j)
{
	edit_memory_close(&j->memory);
	edit_clear(&j->file);
	target_clear(&j->target);
	recipients_clear(&j->to);
	kv_clear(&j->add);
	kind_secret_clear(&j->secret);
	kv_clear(&j->values);
	edit_editor_clear(&j->editor);
	buf_clear(&j->text);
	mem_free(j->note);
	result_clear(&j->result);
}

static bool is_free(const struct job *j)
{
	return j->document->kind->keys == NULL;
}

/* Values that stand in parts of their own: what is taken out of the text is taken out. */
static struct edit_about about_of(const struct job *j)
{
	return (
	    struct edit_about){ j->document, &j->values, &j->to, j->together, j->now, j->expires };
}

static bool is_apart(const struct job *j)
{
	const struct edit_about about = about_of(j);

	return edit_about_apart(&about);
}

static bool is_dotenv(const struct job *j)
{
	return j->o->output != NULL && strcmp(j->o->output, "dotenv") == 0;
}

/* --- before the editor ------------------------------------------------------------------------ */

static int check_options(struct job *j, struct err *err)
{
	j->now = clock_now();
	if (fields_expires(j->o->expires, j->now, &j->expires, err) != 0)
		return -1;
	if (is_dotenv(j) && !is_free(j))
		return err_set(err, ERR_USAGE,
			       "--output dotenv: only kind opaque has names of variables, and this "
			       "is %s",
			       j->document->kind->name);
	return 0;
}

static int find_recipients(struct job *j, struct err *err)
{
	const struct whom w = {
		.in = j->in,
		.who = &j->o->who,
		.namespace = j->document->namespace,
		.kind = j->document->kind,
		.dry_run = j->o->dry_run,
	};
	const struct newcomer_given given = { .add = &j->o->add,
					      .typed = &j->o->who.recipients,
					      .to = &j->to };

	if (target_open(j->in->args[0], j->document->name, &j->target, err) != 0 ||
	    whom_find(&w, &j->target, &j->to, err) != 0)
		return -1;
	return newcomer_take(&given, &j->add, err);
}

/* Values that were sealed together stand in a part that is named as none of them. */
static bool was_together(const struct job *j)
{
	const struct document *d = j->document;

	return is_free(j) && d->n == 1 && strcmp(d->parts[0].name, KIND_PART) == 0 &&
	       !(j->secret.data.n == 1 && kv_has(&j->secret.data, KIND_PART));
}

/* What only the facts know, the URL of a repository, is a field as well. */
static int take_values(struct job *j, struct err *err)
{
	const struct document *d = j->document;
	struct kind_input in = { .fields = KV_INIT };
	int r = 0;

	if (is_free(j)) {
		kv_copy(&j->values, &j->secret.data);
	} else {
		r = kind_unfold(d->kind, &j->secret, &in.fields, err);
		if (r == 0)
			r = kind_restore(d->kind, &d->parts[0].facts, &in, err);
		kv_copy(&j->values, &in.fields);
	}
	kind_input_clear(&in);
	return r;
}

static int open_it(struct job *j, struct err *err)
{
	struct keyring keys = KEYRING_INIT;
	int r = -1;

	if (ring_load(&j->o->ring, &keys, err) == 0 &&
	    open_document(j->document, &keys, j->now, &j->secret, NULL, NULL, err) == 0) {
		j->together = was_together(j);
		r = take_values(j, err);
	}
	keyring_clear(&keys);
	return r;
}

static struct newcomer_check newcomers(const struct job *j, const struct kv *parts)
{
	return (struct newcomer_check){
		.d = j->document,
		.parts = parts,
		.to = &j->to,
		.add = &j->add,
		.reseal = j->in->args[0],
	};
}

/*
 * Whatever comes back was made from the old plaintext, and may hold some of it.  Where there is one
 * part any change seals it again, so the work of a person is not begun in vain; else he is told.
 */
static int check_newcomers(const struct job *j, struct err *err)
{
	const struct newcomer_check c = newcomers(j, NULL);
	struct kv who = KV_INIT;

	if (!is_apart(j))
		return newcomer_check(&c, err);
	newcomer_find(&c, &who);
	for (size_t i = 0; i < who.n; i++)
		out_warn("%s: %s could not open all of the old values; those of them cannot be "
			 "changed here without --add %s",
			 j->in->args[0], who.items[i].name, who.items[i].name);
	kv_clear(&who);
	return 0;
}

static void tell_editor(const struct job *j)
{
	if (!j->editor.quiet)
		out_warn("%s may keep copies of what it edits on a disk (swap, backup, undo, "
			 "recovery, history); %s are told not to",
			 j->editor.name, edit_editor_quiet_names);
	if (edit_memory_swapped())
		out_warn("this machine swaps: what the editor holds in memory may be written to a "
			 "disk");
}

/* --- the text --------------------------------------------------------------------------------- */

static void put_head(struct job *j)
{
	const struct document *d = j->document;

	buf_printf(&j->text,
		   "# %s/%s (%s). Save, and what has changed is sealed anew; leave it as it is, or "
		   "empty,\n# and nothing happens. Lines that begin with \"#\" go.%s\n",
		   d->namespace, d->name, d->kind->name,
		   is_free(j) && !j->together ? " A value that is taken out is removed." : "");
}

static int format(struct job *j, struct err *err)
{
	const struct kind_field *f = j->document->kind->fields;
	struct kv help = KV_INIT;

	put_head(j);
	if (is_dotenv(j)) {
		if (reveal_dotenv(j->document, &j->secret, &j->text, err) != 0)
			return err_wrap(err, "--output dotenv");
		return 0;
	}
	for (; !is_free(j) && f->name != NULL; f++)
		kv_set_str(&help, f->name, f->help);
	edit_text_format(&j->values, &help, &j->text);
	kv_clear(&help);
	return 0;
}

static int parse(const struct job *j, struct kv *values, bool *empty, struct err *err)
{
	if (!is_dotenv(j))
		return edit_text_parse(j->text.data, j->text.len, values, empty, err);
	*empty = edit_text_is_empty(j->text.data, j->text.len);
	return *empty ? 0 : dotenv_parse("the text", j->text.data, j->text.len, values, NULL, err);
}

/* --- after the editor ------------------------------------------------------------------------- */

static void put_kv_names(const struct kv *kv, struct buf *out)
{
	for (size_t i = 0; i < kv->n; i++)
		buf_printf(out, "%s%s", i > 0 ? ", " : "", kv->items[i].name);
}

static void make_note(struct job *j, const struct edit_change *c)
{
	const struct document *d = j->document;
	struct buf text = BUF_INIT;

	if (c->fresh.n > 0) {
		buf_puts(&text, ", ");
		fresh_names(&c->fresh, &text);
		buf_printf(&text, " %s to ", j->o->dry_run ? "would be sealed" : "sealed");
		put_kv_names(&c->fresh.parts[0].recipients, &text);
	}
	if (is_apart(j) && c->gone.n > 0) {
		buf_puts(&text, ", ");
		put_kv_names(&c->gone, &text);
		buf_puts(&text, j->o->dry_run ? " would be removed" : " removed");
	}
	mem_free(j->note);
	j->note =
	    out_note_made("%s: %s/%s%s", j->in->args[0], d->namespace, d->name, buf_str(&text));
	buf_clear(&text);
}

/* Of the document as it is now. */
static void make_result(struct job *j, const struct edit_change *c)
{
	result_clear(&j->result);
	result_begin(&j->result, j->o->output);
	result_flag(&j->result, "changed", true);
	result_flag(&j->result, "dryRun", j->o->dry_run);
	result_document(&j->result, j->in->args[0], j->document);
	result_sealed(&j->result, &c->fresh);
	result_value(&j->result, "removed", json_array());
	for (size_t i = 0; is_apart(j) && i < c->gone.n; i++)
		result_row(&j->result, "removed", report_text(c->gone.items[i].name));
}

/* New parts first, so that there is always one. */
static int put(struct job *j, const struct edit_change *c, struct err *err)
{
	size_t gone = is_apart(j) ? c->gone.n : 0;
	int r = 0;

	if (c->fresh.n > 0)
		r = fresh_put(&j->file, j->index, &c->fresh, err);
	for (size_t i = 0; r == 0 && i < gone; i++)
		r = edit_remove_part(&j->file, j->index, c->gone.items[i].name, err);
	j->document = &j->file.documents[j->index]; /* it was read anew */
	return r;
}

static int tell(const struct job *j, const struct edit_change *c, struct err *err)
{
	struct kv names = KV_INIT;
	const struct newcomer_check again = newcomers(j, &names);
	int r;

	for (size_t i = 0; i < c->fresh.n; i++)
		kv_set_str(&names, c->fresh.parts[i].name, "");
	r = newcomer_check(&again, err);
	for (size_t i = 0; r == 0 && i < c->notes.n; i++)
		out_warn("%s", c->notes.text[i]);
	if (r == 0) {
		fresh_tell_added(j->document, &names, &j->to, j->in->args[0]);
		fresh_tell_expiry(j->document, &c->fresh);
	}
	kv_clear(&names);
	return r;
}

/* The text as it came back, into j->file; *changed: there is something to write. */
static int take(struct job *j, bool *changed, struct err *err)
{
	const struct edit_about about = about_of(j);
	struct edit_change c = { .fresh = DOCUMENT_INIT };
	struct kv values = KV_INIT;
	bool empty = false;
	int r = -1;

	*changed = false;
	if (parse(j, &values, &empty, err) != 0)
		goto out;
	edit_memory_lock_kv(&values);
	if (!empty)
		edit_text_compare(&j->values, &values, &c.changed, &c.gone);
	if (c.changed.n + c.gone.n > 0) {
		if (edit_change_make(&about, &values, &c, err) != 0 || tell(j, &c, err) != 0)
			goto out;
		make_note(j, &c);
		if (put(j, &c, err) != 0)
			goto out;
		make_result(j, &c);
		*changed = true;
	}
	r = 0;
out:
	kv_clear(&values);
	edit_change_clear(&c);
	return r;
}

/* --- round and round -------------------------------------------------------------------------- */

/* 1: once more. */
static int ask_again(const struct err *why, struct err *err)
{
	struct buf text = BUF_INIT;
	bool yes = false;

	buf_printf(&text, "bulla: %s\nEdit again?  (No: nothing is changed.)", why->text);
	if (!input_terminal() || input_confirm(buf_str(&text), &yes, NULL) != 0 || !yes)
		err_set(err, why->class, "%s; nothing was changed", why->text);
	buf_clear(&text);
	return yes ? 1 : -1;
}

static int edit_once(struct job *j, bool *changed, struct err *err)
{
	struct err why = ERR_INIT;

	if (edit_memory_put(&j->memory, &j->text, err) != 0 ||
	    edit_editor_run(&j->editor, j->memory.fd, err) != 0)
		return -1;
	if (edit_memory_get(&j->memory, EDIT_TEXT_MAX, &j->text, &why) != 0)
		return err_set(err, why.class, "%s; nothing was changed", why.text);
	edit_memory_lock_buf(&j->text);
	if (take(j, changed, &why) == 0)
		return 0;
	return ask_again(&why, err);
}

static int edit(struct job *j, bool *changed, struct err *err)
{
	int r;

	edit_memory_lock_kv(&j->values);
	edit_memory_lock_kv(&j->secret.data);
	if (format(j, err) != 0 || edit_memory_open(&j->memory, err) != 0)
		return -1;
	edit_memory_lock_buf(&j->text);
	tell_editor(j);
	do
		r = edit_once(j, changed, err);
	while (r > 0);
	edit_memory_close(&j->memory);
	return r;
}

static void tell_unchanged(struct job *j)
{
	const struct edit_change none = { .fresh = DOCUMENT_INIT };

	make_result(j, &none);
	result_flag(&j->result, "changed", false);
}

static int finish(struct job *j, bool changed, struct err *err)
{
	struct file_write w = { .path = j->target.real, .mode = 0600, .expect = &j->st };

	if (!changed) {
		out_note("%s: nothing was changed; it stays as it is", j->in->args[0]);
		tell_unchanged(j);
		return result_print(&j->result, err);
	}
	if (!j->o->dry_run && file_write(&w, j->file.text.data, j->file.text.len, err) != 0)
		return -1;
	out_note_print(j->note);
	j->note = NULL; /* transferred */
	return result_print(&j->result, err);
}

static int run(const struct invocation *in, struct err *err)
{
	struct job j = { .in = in, .o = in->options, .memory = EDIT_MEMORY_INIT };
	bool changed = false;
	int r = -1;

	edit_memory_lock();
	if (pick_load(in->args[0], j.o->which, &j.file, &j.index, &j.st, err) != 0)
		return -1;
	j.document = &j.file.documents[j.index];
	if (check_options(&j, err) == 0 && edit_editor_find(&j.editor, err) == 0 &&
	    find_recipients(&j, err) == 0 && open_it(&j, err) == 0 &&
	    check_newcomers(&j, err) == 0 && edit(&j, &changed, err) == 0 &&
	    finish(&j, changed, err) == 0)
		r = 0;
	else
		err_wrap(err, "%s", in->args[0]);
	job_clear(&j);
	return r;
}

static const struct option_spec options[] = {
	RING_OPTIONS(edit_options),
	{ 'o', "output", "yaml|dotenv|json",
	  "how the text is written (default: yaml); json: how to say what was done",
	  offsetof(struct edit_options, output), 0 },
	{ 0, "expires", "DATE|90d", "when the new values end",
	  offsetof(struct edit_options, expires), 0 },
	WHO_OPTIONS(edit_options),
	NEWCOMER_OPTION(edit_options),
	PICK_OPTION(edit_options),
	{ 0, "dry-run", NULL, "check everything, write nothing",
	  offsetof(struct edit_options, dry_run), 0 },
	{ 0, NULL, NULL, NULL, 0, 0 },
};

const struct command cmd_edit = {
	.name = "edit",
	.summary = "change the values of a document in an editor",
	.arguments = "NAME|FILE",
	.about = "Open a sealed document with a private key, let $BULLA_EDITOR, $VISUAL, $EDITOR "
		 "or vi edit its values, and seal what has changed; all other bytes of the file "
		 "stay. The text is in memory alone, never on a disk, and is gone however the "
		 "editor or bulla ends.",
	.options = options,
	.options_size = sizeof(struct edit_options),
	.run = run,
};
