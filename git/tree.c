/* SPDX-License-Identifier: Apache-2.0 */
#include "git/tree.h"

#include <string.h>

#include "base/err.h"
#include "git/blobs.h"
#include "git/raw.h"

struct listing {
	git_visit *visit;
	void *ctx;
};

static int list_one(void *ctx, const char *token, size_t len, struct err *err)
{
	const struct listing *l = ctx;
	struct raw_line line;

	(void)len;
	if (!raw_tree(token, &line))
		return err_set(err, ERR_IO, "git ls-tree: a line that cannot be read");
	return l->visit(l->ctx,
			&(struct git_entry){
			    .path = line.path, .mode = line.mode, .id = line.id, .status = ' ' },
			err);
}

int git_tree_each(const struct git *g, const char *id, const char *under, git_visit *visit,
		  void *ctx, struct err *err)
{
	const char *const args[] = { "ls-tree", "-r", "-z", "--full-tree", id, "--", under, NULL };

	return git_tokens(g,
			  &(struct git_tokens){ .args = args,
						.separator = '\0',
						.visit = list_one,
						.ctx = &(struct listing){ visit, ctx } },
			  err);
}

/* --- one file --------------------------------------------------------------------------------- */

struct wanted {
	const char *path;
	char *id;
	unsigned mode;
};

static int find_one(void *ctx, const char *token, size_t len, struct err *err)
{
	struct wanted *w = ctx;
	struct raw_line line;

	(void)len;
	if (!raw_tree(token, &line))
		return err_set(err, ERR_IO, "git ls-tree: a line that cannot be read");
	if (strcmp(line.path, w->path) == 0) {
		memcpy(w->id, line.id, sizeof(line.id));
		w->mode = line.mode;
	}
	return 0;
}

/* As git_tree_find, but a folder is given with its own id and mode. */
static int find(const struct git *g, const char *id, struct wanted *w, struct err *err)
{
	const char *const args[] = { "ls-tree", "-z", "--full-tree", id, "--", w->path, NULL };

	w->id[0] = '\0';
	w->mode = 0;
	return git_tokens(
	    g, &(struct git_tokens){ .args = args, .separator = '\0', .visit = find_one, .ctx = w },
	    err);
}

int git_tree_find(const struct git *g, const char *id, const char *path,
		  char blob[static GIT_ID_TEXT], unsigned *mode, struct err *err)
{
	struct wanted w = { .path = path, .id = blob };

	if (find(g, id, &w, err) != 0)
		return -1;
	if ((w.mode & GIT_MODE_TYPE) == GIT_MODE_FOLDER)
		blob[0] = '\0';
	*mode = w.mode;
	return 0;
}

int git_tree_read(const struct git *g, const struct git_tree_file *f, struct buf *out, bool *exists,
		  struct err *err)
{
	char blob[GIT_ID_TEXT] = "";
	struct wanted w = { .path = f->path, .id = blob };
	struct git_blobs *blobs;
	int r;

	buf_clear(out);
	if (find(g, f->id, &w, err) != 0)
		return -1;
	*exists = blob[0] != '\0';
	if (!*exists)
		return 0;
	if ((w.mode & GIT_MODE_TYPE) != GIT_MODE_FILE)
		return err_set(err, ERR_INVALID,
			       "%s: not a regular file in that revision (a link, a folder or a "
			       "submodule)",
			       f->path);
	blobs = git_blobs_open(g, err);
	r = blobs == NULL ? -1 : git_blobs_read(blobs, blob, f->max, out, err);
	git_blobs_close(blobs);
	return r == 0 ? 0 : err_wrap(err, "%s", f->path);
}
