/* SPDX-License-Identifier: Apache-2.0 */
/* All that the refs of a repository lead to: every blob once. */
#ifndef BULLA_GIT_HISTORY_H
#define BULLA_GIT_HISTORY_H

#include "git/entry.h"
#include "git/run.h"

/*
 * Every blob of every commit that a ref or HEAD leads to, once, with the path and the commit where
 * it stands first (oldest first, parents before children).  Submodules are left out; a link is told
 * by its mode.  What a ref leads to directly, a tree or a blob and no commit, comes last, without a
 * commit; a blob's path is then the name of the ref.
 *
 * Where a blob is now: git_refs_each and git_tree_each.  What only a reflog or nothing leads to is
 * not seen.  In a shallow clone the history ends where the clone does.
 */
int git_history_each(const struct git *g, git_visit *visit, void *ctx, struct err *err);

/* Is this a shallow clone, of which the history is not all here? */
int git_history_shallow(const struct git *g, bool *shallow, struct err *err);

#endif
