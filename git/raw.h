/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of git's plumbing, read strictly: one token each, without the byte that ended it.
 * Pure; formats: git-diff-tree(1) RAW OUTPUT FORMAT and its form for merges, git-ls-tree(1).
 */
#ifndef BULLA_GIT_RAW_H
#define BULLA_GIT_RAW_H

#include <stdbool.h>
#include <stddef.h>

#include "git/run.h"

struct raw_line {
	unsigned mode; /* of what is there now; 0 when it was removed */
	char id[GIT_ID_TEXT];
	char status;	  /* of a change; of a merge's the first parent's; ' ' else */
	const char *path; /* points into the token; NULL in a change: the next token is it */
};

/* ":MODE MODE ID ID STATUS" or "::MODE MODE MODE ID ID ID STATUSES" (as many as parents). */
bool raw_change(const char *token, struct raw_line *out);
/* "MODE TYPE ID\tPATH" */
bool raw_tree(const char *token, struct raw_line *out);

#endif
