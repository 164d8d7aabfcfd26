/* SPDX-License-Identifier: Apache-2.0 */
/* What a range of commits brings: the files that each commit adds or changes. */
#ifndef BULLA_GIT_RANGE_H
#define BULLA_GIT_RANGE_H

#include "git/entry.h"
#include "git/run.h"

/*
 * The ids of the commits reachable from any of `from` and from none of `without`, oldest first, one
 * a line, appended to out.  Each is an id from git_resolve.  all: also those of every ref and HEAD.
 */
struct git_range {
	const char *const *from;
	size_t n_from;
	const char *const *without;
	size_t n_without;
	bool all;	      /* from every ref, too */
	bool without_refs;    /* without what any ref has: a push of something new */
	bool without_remotes; /* without what any remote branch has, as it was last fetched */
};
int git_range_commits(const struct git *g, const struct git_range *range, struct buf *out,
		      struct err *err);

/*
 * Each file, link or submodule that these commits (the lines of git_range_commits) add or change,
 * commit by commit.  Of a merge, what differs from all of its parents: what is like one of them
 * came with that parent, which is in the range too or was there before.  A commit without parents
 * (also where a shallow clone ends) adds all it has.
 */
int git_range_each(const struct git *g, const struct buf *commits, git_visit *visit, void *ctx,
		   struct err *err);

/*
 * The same for the difference of two commits or trees, as it is from old to new; what is removed is
 * given too, with the status 'D' and mode 0.
 */
int git_range_diff(const struct git *g, const char *old, const char *new, git_visit *visit,
		   void *ctx, struct err *err);

/* The newest commit that both have; "" when there is none. */
int git_range_merge_base(const struct git *g, const char *a, const char *b,
			 char id[static GIT_ID_TEXT], struct err *err);

#endif
