/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/pick.h"
#include "sealer/report.h"
#include "sealer/result.h"

struct unset_options {
	const char *which, *output;
	bool dry_run;
};

static int check_kind(const struct document *d, struct err *err)
{
	if (d->kind->keys != NULL)
		return err_set(err, ERR_INVALID,
			       "kind %s has one part, which cannot be taken out; "
			       "remove the document instead",
			       d->kind->name);
	return 0;
}

/* Which of many it is, is said; of one there is no need. */
static int check_key(const struct document *d, const struct invocation *in, size_t i,
		     struct err *err)
{
	const char *key = in->args[i];
	int r = 0;

	for (size_t k = 1; k < i; k++)
		if (strcmp(in->args[k], key) == 0)
			return err_set(err, ERR_USAGE, "KEY %zu is given twice", i);
	if (document_part(d, key) == NULL)
		r = err_set(err, ERR_INVALID, "the document has no part of that name");
	if (r != 0 && in->n > 2)
		err_wrap(err, "KEY %zu", i);
	return r;
}

static int check(const struct document *d, const struct invocation *in, struct err *err)
{
	if (check_kind(d, err) != 0)
		return -1;
	for (size_t i = 1; i < in->n; i++)
		if (check_key(d, in, i, err) != 0)
			return -1;
	if (in->n - 1 < d->n)
		return 0;
	if (d->n == 1)
		return err_set(err, ERR_INVALID,
			       "it is the last part; remove the document instead");
	return err_set(err, ERR_INVALID, "these are all its parts; remove the document instead");
}

static int remove_parts(struct edit_file *f, size_t i, const struct invocation *in, struct err *err)
{
	for (size_t k = 1; k < in->n; k++)
		if (edit_remove_part(f, i, in->args[k], err) != 0)
			return -1;
	return 0;
}

static void put_names(const struct invocation *in, struct buf *out)
{
	for (size_t i = 1; i < in->n; i++)
		buf_printf(out, "%s%s", i > 1 ? ", " : "", in->args[i]);
}

static int tell(const struct edit_file *f, size_t i, const struct invocation *in, struct err *err)
{
	const struct unset_options *o = in->options;
	struct result result;

	result_begin(&result, o->output);
	result_flag(&result, "changed", true);
	result_flag(&result, "dryRun", o->dry_run);
	result_document(&result, in->args[0], &f->documents[i]);
	for (size_t k = 1; k < in->n; k++)
		result_row(&result, "removed", report_text(in->args[k]));
	return result_print(&result, err);
}

static int take_out(struct edit_file *f, size_t i, const struct invocation *in,
		    const struct stat *st, struct err *err)
{
	const struct unset_options *o = in->options;
	char *real = file_absolute(in->args[0], err), *note = NULL;
	struct file_write w = { .path = real, .mode = 0600, .expect = st };
	struct buf names = BUF_INIT;
	int r = -1;

	if (real == NULL || check(&f->documents[i], in, err) != 0 ||
	    remove_parts(f, i, in, err) != 0)
		goto out;
	put_names(in, &names);
	note = out_note_made("%s: %s/%s, %s %s", in->args[0], f->documents[i].namespace,
			     f->documents[i].name, buf_str(&names),
			     o->dry_run ? "would be removed" : "removed");
	if (!o->dry_run && file_write(&w, f->text.data, f->text.len, err) != 0)
		goto out;
	out_note_print(note);
	note = NULL; /* transferred */
	r = tell(f, i, in, err);
out:
	buf_clear(&names);
	mem_free(note);
	mem_free(real);
	return r;
}

static int run(const struct invocation *in, struct err *err)
{
	const struct unset_options *o = in->options;
	struct edit_file f = { 0 };
	struct stat st;
	size_t i;
	int r;

	if (pick_load(in->args[0], o->which, &f, &i, &st, err) != 0)
		return -1;
	r = take_out(&f, i, in, &st, err);
	if (r != 0)
		err_wrap(err, "%s", in->args[0]);
	edit_clear(&f);
	return r;
}

static const struct option_spec options[] = {
	PICK_OPTION(unset_options),
	{ 0, "dry-run", NULL, "check everything, write nothing",
	  offsetof(struct unset_options, dry_run), 0 },
	RESULT_OPTION(unset_options),
	{ 0, NULL, NULL, NULL, 0, 0 },
};

const struct command cmd_unset = {
	.name = "unset",
	.summary = "take values out of a document",
	.arguments = "NAME|FILE KEY [KEY...]",
	.about = "Remove parts of a document of kind opaque, in one write. No private key is "
		 "needed, and all "
		 "other bytes of the file stay. Git keeps what was there: revoke the credential "
		 "where it was issued.",
	.options = options,
	.options_size = sizeof(struct unset_options),
	.run = run,
};
