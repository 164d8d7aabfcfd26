/* SPDX-License-Identifier: Apache-2.0 */
/* The branch of a pull request (sealer/turn_pull.c), made and pushed with the user's git. */
#ifndef BULLA_SEALER_TURN_BRANCH_H
#define BULLA_SEALER_TURN_BRANCH_H

#include "sealer/headstate.h"
#include "sealer/turn.h"

/* The pull request that brings what is to serve: there, or on the way back. */
struct turn_pull *turn_branch_own(struct turn *t);
/* "bulla/rotate-NAME-XXXXXXXX": made here, with the first letters and digits of the fingerprint of
 * the new key; "...-back" on the way back.  A new string. */
char *turn_branch_name(const struct turn *t);
bool turn_branch_is_made(const char *branch);

/*
 * Fill branch and base of turn_branch_own, where they are not known: the branch that is checked
 * out, or turn_branch_name when that is the base or the default branch, or none.
 */
int turn_branch_choose(struct turn *t, struct err *err);
/* Be on that branch, with work tree and index as they are.  In the journal before it is made. */
int turn_branch_switch(struct turn *t, struct err *err);
/* Push it, to the branch of this name at origin. */
int turn_branch_push(struct turn *t, struct err *err);

bool turn_branch_is_on(const struct turn *t, const char *branch);
/* Does a branch have this version of the document?  where: "heads", or "remotes/origin" by the last
 * fetch. */
bool turn_branch_has(const struct turn *t, const char *where, const char *branch,
		     const struct document *d);
/* Is this commit, which may be missing, in the history of HEAD? */
bool turn_branch_contains(const struct turn *t, const char *commit);
enum headstate turn_branch_state(const struct turn *t);
/* Of a commit and of a pull request, a new string. */
char *turn_branch_title(const struct turn *t);

#endif
