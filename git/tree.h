/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a tree: of a commit, or of a tree by its id. */
#ifndef BULLA_GIT_TREE_H
#define BULLA_GIT_TREE_H

#include "git/entry.h"
#include "git/run.h"

/*
 * Every file, link and submodule of what id (of a commit, tag or tree; from git_resolve) holds, in
 * git's order.  under: only this path and what is below it, literally; NULL: all.
 */
int git_tree_each(const struct git *g, const char *id, const char *under, git_visit *visit,
		  void *ctx, struct err *err);

/*
 * The blob at path ("REV:path"): its id, and its mode.  0 with id "" when nothing is there, or a
 * folder; a link or a submodule is told by its mode.
 */
int git_tree_find(const struct git *g, const char *id, const char *path,
		  char blob[static GIT_ID_TEXT], unsigned *mode, struct err *err);

/*
 * The text of the regular file at path, into out (cleared before), at most max bytes.  *exists is
 * false when nothing is there.  ERR_INVALID for a folder, link or submodule, or a larger file.
 */
struct git_tree_file {
	const char *id, *path;
	size_t max;
};
int git_tree_read(const struct git *g, const struct git_tree_file *f, struct buf *out, bool *exists,
		  struct err *err);

#endif
