/* SPDX-License-Identifier: Apache-2.0 */
#include "git/range.h"

#include <string.h>

#include "base/err.h"
#include "git/proc.h"
#include "git/raw.h"

/* --- the commits ------------------------------------------------------------------------------ */

/* The revisions go by standard input: there may be more than a command line holds. */
static void put_revisions(const struct git_range *range, struct buf *input)
{
	for (size_t i = 0; i < range->n_from; i++)
		buf_printf(input, "%s\n", range->from[i]);
	for (size_t i = 0; i < range->n_without; i++)
		buf_printf(input, "^%s\n", range->without[i]);
}

static int keep_line(void *ctx, const char *token, size_t len, struct err *err)
{
	struct buf *out = ctx;

	if (buf_put(out, token, len) != 0 || buf_putc(out, '\n') != 0)
		return err_set(err, ERR_INVALID,
			       "git rev-list: too many commits (%zu bytes of ids)", out->len);
	return 0;
}

int git_range_commits(const struct git *g, const struct git_range *range, struct buf *out,
		      struct err *err)
{
	const char *args[10] = { "rev-list", "--topo-order", "--reverse", "--stdin" };
	struct buf input = BUF_INIT;
	size_t n = 4;
	int r;

	if (range->all)
		args[n++] = "--all";
	if (range->without_refs || range->without_remotes) {
		args[n++] = "--not";
		args[n++] = range->without_refs ? "--all" : "--remotes";
	}
	put_revisions(range, &input);
	r = git_tokens(
	    g,
	    &(struct git_tokens){
		.args = args, .input = &input, .separator = '\n', .visit = keep_line, .ctx = out },
	    err);
	buf_clear(&input);
	return r;
}

/* --- what they change ------------------------------------------------------------------------- */

struct changes {
	const struct git *g;
	git_visit *visit;
	void *ctx;
	bool two; /* of two trees: no commit is named */
	char commit[GIT_ID_TEXT];
	bool half; /* of a change, read; its path is next */
	struct raw_line line;
};

static int change_path(struct changes *c, const char *path, struct err *err)
{
	c->half = false;
	if (c->line.mode == 0 && !c->two)
		return 0; /* removed */
	return c->visit(c->ctx,
			&(struct git_entry){ .path = path,
					     .mode = c->line.mode,
					     .id = c->line.id,
					     .commit = c->two ? NULL : c->commit,
					     .status = c->line.status },
			err);
}

static int change_token(void *ctx, const char *token, size_t len, struct err *err)
{
	struct changes *c = ctx;

	if (c->half)
		return change_path(c, token, err);
	if (!c->two && git_is_id(c->g, token)) {
		memcpy(c->commit, token, len + 1);
		return 0;
	}
	if ((!c->two && c->commit[0] == '\0') || !raw_change(token, &c->line))
		return err_set(err, ERR_IO, "git diff-tree: a line that cannot be read");
	c->half = true;
	return 0;
}

int git_range_each(const struct git *g, const struct buf *commits, git_visit *visit, void *ctx,
		   struct err *err)
{
	static const char *const args[] = { "diff-tree",
					    "--stdin",
					    "-r",
					    "-c",
					    "--root",
					    "--raw",
					    "-z",
					    "--no-renames",
					    "--no-abbrev",
					    "--no-relative",
					    "--ignore-submodules=none",
					    NULL };
	struct changes c = { .g = g, .visit = visit, .ctx = ctx };

	return git_tokens(g,
			  &(struct git_tokens){
			      .args = args, .input = commits, .visit = change_token, .ctx = &c },
			  err);
}

int git_range_diff(const struct git *g, const char *old, const char *new, git_visit *visit,
		   void *ctx, struct err *err)
{
	const char *const args[] = { "diff-tree",
				     "-r",
				     "--raw",
				     "-z",
				     "--no-renames",
				     "--no-abbrev",
				     "--no-relative",
				     "--ignore-submodules=none",
				     old,
				     new,
				     NULL };
	struct changes c = { .g = g, .visit = visit, .ctx = ctx, .two = true };

	return git_tokens(g, &(struct git_tokens){ .args = args, .visit = change_token, .ctx = &c },
			  err);
}

/* Status 1 is the answer that there is none. */
int git_range_merge_base(const struct git *g, const char *a, const char *b,
			 char id[static GIT_ID_TEXT], struct err *err)
{
	const char *const args[] = { "merge-base", a, b, NULL };
	struct buf out = BUF_INIT;
	struct err why = ERR_INIT;
	int r = git_output(g, args, &out, &why);

	id[0] = '\0';
	if (r == 0 && out.len > 0)
		buf_truncate(&out, out.len - 1);
	if (r == 0 && git_is_id(g, buf_str(&out)))
		memcpy(id, out.data, out.len + 1);
	else if (r != 0 && strstr(why.text, "status 1)") == NULL)
		r = err_set(err, why.class, "%s", why.text);
	else
		r = 0;
	buf_clear(&out);
	return r;
}
