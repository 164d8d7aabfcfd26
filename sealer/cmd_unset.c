/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/pick.h"

struct unset_options {
	const char *which;
	bool dry_run;
};

static int check(const struct document *d, const char *key, struct err *err)
{
	if (d->kind->keys != NULL)
		return err_set(err, ERR_INVALID,
			       "kind %s has one part, which cannot be taken out; "
			       "remove the document instead",
			       d->kind->name);
	if (document_part(d, key) == NULL)
		return err_set(err, ERR_INVALID, "the document has no part of that name");
	if (d->n == 1)
		return err_set(err, ERR_INVALID,
			       "it is the last part; remove the document instead");
	return 0;
}

static int take_out(struct edit_file *f, size_t i, const struct invocation *in,
		    const struct stat *st, struct err *err)
{
	const struct unset_options *o = in->options;
	char *real = file_absolute(in->args[0], err), *note = NULL;
	struct file_write w = { .path = real, .mode = 0600, .expect = st };
	int r = -1;

	if (real == NULL || check(&f->documents[i], in->args[1], err) != 0 ||
	    edit_remove_part(f, i, in->args[1], err) != 0)
		goto out;
	note = out_note_made("%s: %s/%s, %s %s", in->args[0], f->documents[i].namespace,
			     f->documents[i].name, in->args[1],
			     o->dry_run ? "would be removed" : "removed");
	if (!o->dry_run && file_write(&w, f->text.data, f->text.len, err) != 0)
		goto out;
	out_note_print(note);
	note = NULL; /* transferred */
	r = 0;
out:
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
	{ 0, NULL, NULL, NULL, 0, 0 },
};

const struct command cmd_unset = {
	.name = "unset",
	.summary = "take one value out of a document",
	.arguments = "FILE KEY",
	.about = "Remove one part of a document of kind opaque. No private key is needed, and all "
		 "other bytes of the file stay. Git keeps what was there: revoke the credential "
		 "where it was issued.",
	.options = options,
	.options_size = sizeof(struct unset_options),
	.run = run,
};
