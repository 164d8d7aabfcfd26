/* SPDX-License-Identifier: Apache-2.0 */
/* The refs of a repository: branches, tags, remote branches, the stash, notes. */
#ifndef BULLA_GIT_REFS_H
#define BULLA_GIT_REFS_H

#include "git/run.h"

struct git_ref {
	const char *name; /* "refs/heads/main" */
	const char *id;	  /* of what it leads to, tags followed to their end */
	const char *type; /* of that: "commit"; seldom "tree" or "blob" */
};

/* Valid during the call.  Not 0 ends the run with that result (-1: fill err). */
typedef int git_ref_visit(void *ctx, const struct git_ref *ref, struct err *err);

/*
 * All refs in the order of their names.  HEAD is none of them; a detached one is a ref named
 * "HEAD" here, given last.
 */
int git_refs_each(const struct git *g, git_ref_visit *visit, void *ctx, struct err *err);

/* The branch that is checked out ("main"), a new string; NULL: none. */
char *git_refs_branch(const struct git *g);

#endif
