/* SPDX-License-Identifier: Apache-2.0 */
/* The index: what the next commit will be made of.  GIT_INDEX_FILE counts, as in a hook. */
#ifndef BULLA_GIT_INDEX_H
#define BULLA_GIT_INDEX_H

#include "git/entry.h"
#include "git/run.h"

/*
 * What is staged and new: each path whose file, link or submodule is not what HEAD has there; in a
 * repository without a commit everything.  A renamed file is removed, and added under its new path;
 * what is removed has the status 'D' and mode 0.  What was only announced ("git add -N") is left
 * out; a path that is not merged is
 * given once, with status 'U'.
 */
int git_index_staged(const struct git *g, git_visit *visit, void *ctx, struct err *err);

/* All that stands in the index: status 'A', or 'U' for a path that is not merged. */
int git_index_each(const struct git *g, git_visit *visit, void *ctx, struct err *err);

#endif
