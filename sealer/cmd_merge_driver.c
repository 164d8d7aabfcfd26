/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/command.h"

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/edit.h"
#include "document/merge.h"
#include "git/run.h"

enum { BASE, OURS, THEIRS, TEXTS }; /* in the order of the command line: %O %A %B */

struct texts {
	struct buf text[TEXTS];
	struct stat ours;
};

static int read_texts(const struct invocation *in, struct texts *t, struct err *err)
{
	for (size_t i = 0; i < TEXTS; i++)
		if (file_read(in->args[i], DOCUMENT_FILE_MAX, FILE_NOFOLLOW, &t->text[i],
			      i == OURS ? &t->ours : NULL, err) != 0)
			return -1;
	return 0;
}

static bool sealed(const struct texts *t)
{
	for (size_t i = 0; i < TEXTS; i++)
		if (edit_mentions(t->text[i].data, t->text[i].len))
			return true;
	return false;
}

/* What git would have done without us: lines, with conflict markers in the file where they meet. */
static int merge_lines(const struct invocation *in, struct err *err)
{
	char *size = mem_printf("--marker-size=%s", in->args[TEXTS]);
	const char *const args[] = { "merge-file", "-q",	   size,	   "-L",
				     "ours",	   "-L",	   "base",	   "-L",
				     "theirs",	   in->args[OURS], in->args[BASE], in->args[THEIRS],
				     NULL };
	int r = git_run(".", args, err);

	mem_free(size);
	return r;
}

static int join(const struct invocation *in, const struct texts *t, struct err *err)
{
	struct merge_input input = { in->args[TEXTS + 1], &t->text[BASE], &t->text[OURS],
				     &t->text[THEIRS] };
	struct file_write w = { .path = in->args[OURS], .mode = 0600, .expect = &t->ours };
	struct buf out = BUF_INIT;
	struct err ignored = ERR_INIT;
	int r = merge_texts(&input, &out, err);

	if (r == 0)
		r = file_write(&w, out.data, out.len, err);
	else
		merge_lines(in, &ignored); /* the markers are for the person; we have refused */
	buf_clear(&out);
	return r;
}

static int run(const struct invocation *in, struct err *err)
{
	struct texts t = { { BUF_INIT, BUF_INIT, BUF_INIT }, { 0 } };
	int r = -1;

	if (read_texts(in, &t, err) != 0)
		goto out;
	if (sealed(&t))
		r = join(in, &t, err);
	else if (merge_lines(in, err) == 0)
		r = 0;
	else
		err_set(err, ERR_CONFLICT, "%s: both sides changed the same lines",
			in->args[TEXTS + 1]);
	/* git takes 1 to 128 for "conflicts are left", anything above for a driver that died */
out:
	for (size_t i = 0; i < TEXTS; i++)
		buf_clear(&t.text[i]);
	return r;
}

const struct command cmd_merge_driver = {
	.name = "merge-driver",
	.summary = "join two branches' changes of a file, for git",
	.arguments = "BASE OURS THEIRS MARKER-SIZE PATH",
	.about = "Git runs this as 'init' has set it up (*.yaml merge=bulla in .gitattributes). "
		 "Sealed documents are joined part by part without a key; a part that both sides "
		 "changed, changed recipients and a changed fan-out are left to a person. Files "
		 "without sealed documents are merged as git does it.",
	.run = run,
};
