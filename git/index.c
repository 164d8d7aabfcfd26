/* SPDX-License-Identifier: Apache-2.0 */
#include "git/index.h"

#include <string.h>

#include "base/err.h"
#include "git/raw.h"

struct listing {
	git_visit *visit;
	void *ctx;
	bool half; /* of a change, read; its path is next */
	struct raw_line line;
};

static int staged_one(void *ctx, const char *token, size_t len, struct err *err)
{
	struct listing *l = ctx;
	struct git_entry e = {
		.path = token, .mode = l->line.mode, .id = l->line.id, .status = l->line.status
	};

	(void)len;
	l->half = !l->half;
	if (l->half)
		return raw_change(token, &l->line)
			   ? 0
			   : err_set(err, ERR_IO, "git diff-index: a line that cannot be read");
	if (e.status == 'D')
		e.mode = 0;
	return l->visit(l->ctx, &e, err);
}

/* The index against a tree; the working folder counts for nothing here. */
static int compare(const struct git *g, const char *tree, struct listing *l, struct err *err)
{
	const char *const args[] = {
		"diff-index",
		"--cached",
		"--raw",
		"-z",
		"--no-renames",
		"--no-abbrev",
		"--no-relative",
		"--ita-invisible-in-index",
		"--ignore-submodules=none",
		tree,
		"--",
		NULL,
	};

	return git_tokens(g, &(struct git_tokens){ .args = args, .visit = staged_one, .ctx = l },
			  err);
}

int git_index_staged(const struct git *g, git_visit *visit, void *ctx, struct err *err)
{
	struct listing l = { .visit = visit, .ctx = ctx };
	char head[GIT_ID_TEXT];
	bool born;

	if (git_resolve(g, "HEAD", "commit", head, &born, err) != 0)
		return -1;
	return compare(g, born ? head : git_empty(g), &l, err);
}

int git_index_each(const struct git *g, git_visit *visit, void *ctx, struct err *err)
{
	struct listing l = { .visit = visit, .ctx = ctx };

	return compare(g, git_empty(g), &l, err);
}
