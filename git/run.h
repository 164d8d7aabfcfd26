/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The git program, run for one repository (see git/proc.h for what it may and may not do), and its
 * answers: whole, or in tokens.  Only plumbing commands, only formats that end names with a NUL
 * byte: a path may hold any other byte.
 */
#ifndef BULLA_GIT_RUN_H
#define BULLA_GIT_RUN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct err;
struct git_proc;

#define GIT_ID_TEXT 65	    /* the longest object id (SHA-256) in hex, and a NUL */
#define GIT_TOKEN_MAX 65536 /* bytes of one token: a path, mostly */

/* Run "git -C TOP ARGS..." (ends with NULL) with its output discarded.  ERR_IO when it fails. */
int git_run(const char *top, const char *const args[], struct err *err);

/* A repository, found by git itself: GIT_DIR counts, and a repository of another user is refused
 * unless safe.directory allows it. */
struct git;

/* dir: where git is run, "." for hooks; a folder of the work tree or of the repository.  ERR_IO,
 * with what git says, when there is no git or it refuses the repository; that there is none is said
 * in our words, with what to do.  git_close frees it (NULL is fine). */
struct git *git_open(const char *dir, struct err *err);
void git_close(struct git *g);

const char *git_dir(const struct git *g); /* absolute; a linked work tree has its own */
/* The repository's own folder, which linked work trees share; absolute. */
const char *git_common_dir(const struct git *g);
const char *git_top(const struct git *g);   /* absolute, links resolved; NULL: no work tree */
const char *git_empty(const struct git *g); /* the id of the empty tree */
bool git_is_id(const struct git *g, const char *text); /* a full object id, lower-case hex */
bool git_is_zero(const char *id);		       /* "000...": no object */

/*
 * The id of what a person calls REV ("HEAD", "main~3", an id), which must be a type: "commit",
 * "tree" or "blob" (tags are followed).  For "REV:path" there is git_tree_find.  0, or -1:
 * ERR_INVALID when there is none such.  *found, when given, is then false and nothing is an error.
 */
int git_resolve(const struct git *g, const char *rev, const char *type, char id[static GIT_ID_TEXT],
		bool *found, struct err *err);

/* Start git with these words in the repository; see git/proc.h. */
struct git_proc *git_start(const struct git *g, const char *const args[], struct err *err);
/* All it prints, appended to out (below out->max, else ERR_INVALID). */
int git_output(const struct git *g, const char *const args[], struct buf *out, struct err *err);

/*
 * One token: the bytes before a separator, and a NUL after them that len does not count; valid
 * during the call.  Not 0 ends the run with that result (-1: fill err).
 */
typedef int git_token(void *ctx, const char *token, size_t len, struct err *err);

/* input, when given, is sent to standard input. */
struct git_tokens {
	const char *const *args;
	const struct buf *input;
	char separator; /* '\0' or '\n' */
	git_token *visit;
	void *ctx;
};
/* Every token in order.  ERR_IO; ERR_INVALID for one longer than GIT_TOKEN_MAX or not ended. */
int git_tokens(const struct git *g, const struct git_tokens *t, struct err *err);

#endif
