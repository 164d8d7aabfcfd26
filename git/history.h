/* SPDX-License-Identifier: Apache-2.0 */
/* All that the refs of a repository lead to: every blob once, or once for each kind of name. */
#ifndef BULLA_GIT_HISTORY_H
#define BULLA_GIT_HISTORY_H

#include "git/entry.h"
#include "git/run.h"

#define GIT_HISTORY_KINDS 16

/* Below GIT_HISTORY_KINDS: paths for which a blob may mean something else have another number. */
typedef unsigned git_kind(const char *path);

/*
 * Every blob of every commit that a ref or HEAD leads to, once, with the path and the commit where
 * it stands first (oldest first, parents before children).  Submodules are left out; a link is told
 * by its mode.  With kind (else NULL) a blob comes once more for each other kind of path that it
 * stands under.  What a ref leads to directly, a tree or a blob and no commit, comes last, without
 * a commit; a blob's path is then the name of the ref.
 *
 * Where a blob is now: git_refs_each and git_tree_each.  What only a reflog or nothing leads to is
 * not seen.  In a shallow clone the history ends where the clone does.
 */
int git_history_each(const struct git *g, git_kind *kind, git_visit *visit, void *ctx,
		     struct err *err);

/* Is this a shallow clone, of which the history is not all here? */
int git_history_shallow(const struct git *g, bool *shallow, struct err *err);

#endif
