/* SPDX-License-Identifier: Apache-2.0 */
/* `check` on what git has and not on files: the index, ranges of commits, the whole history. */
#ifndef BULLA_SEALER_CHECK_GIT_H
#define BULLA_SEALER_CHECK_GIT_H

#include "git/run.h"
#include "sealer/check.h"
#include "sealer/check_plaintext.h"
#include "sealer/options.h"

struct check_git {
	const struct git *g; /* opened at the top level, where there is one */
	struct check *c;
	struct plaintext *plain;
	struct findings *findings;
	const struct option_list *accept; /* public keys that may be added to the recipients */
	bool accept_changes;		  /* a range's own rules, baseline and comments hold */
};

/* What the next commit would add or change, against the rules and the baseline of the index. */
int check_git_staged(struct check_git *x, struct err *err);

/*
 * "A..B" ("A..": to HEAD).  Every version of a file that a commit of B and not of A brings is
 * searched for credentials, also one that a later commit removes; the sealed documents are checked
 * as B has them.  Rules, baseline and "bulla:allow" comments are those of A: what B changes of them
 * is a finding.
 */
int check_git_range(struct check_git *x, const char *range, struct err *err);

/*
 * The same for each ref that a push updates, from standard input: "OLD NEW REF" lines as git gives
 * them to a pre-receive hook, "REF NEW REF OLD" as to a pre-push hook.  What is new is what no ref
 * here has (of a remote's, for a pre-push).  A new ref is held against HEAD's rules.
 */
int check_git_pre_receive(struct check_git *x, struct err *err);
int check_git_pre_push(struct check_git *x, struct err *err);

/*
 * Credentials in every blob that a ref leads to, each where it stands first, and sealed documents
 * that are damaged or were sealed to somebody whom the rules of their own commit did not name
 * (check_past).  The baseline is that of the work tree, or of HEAD in a bare repository.
 */
int check_git_history(struct check_git *x, struct err *err);

#endif
