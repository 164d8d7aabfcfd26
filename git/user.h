/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Git as its user would run it, for the few commands that are the user's own doing: commit and
 * push.  Unlike all else in this folder (git/proc.h) it has the user's settings: hooks run, commits
 * are signed, transports and credential helpers work, and it may ask at the terminal.  Its standard
 * output goes to our standard error, and its environment is ours.
 */
#ifndef BULLA_GIT_USER_H
#define BULLA_GIT_USER_H

#include <stddef.h>

struct err;

/* Run "git -C TOP ARGS..." (ends with NULL).  ERR_IO when it does not end with status 0. */
int git_user(const char *top, const char *const args[], struct err *err);

/*
 * Commit these files (below top) as they are in the work tree, and nothing else: what is staged of
 * others stays staged.  paths may hold no file that is ignored.
 */
int git_user_commit(const char *top, const char *message, char *const *paths, size_t n,
		    struct err *err);

#endif
