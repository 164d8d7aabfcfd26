/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Git hooks that run `bulla check`, beside those that are there already.
 *
 * A hook is a short script of sh that runs bulla by the path it had when the hook was installed,
 * else by PATH, and that refuses when there is none: a guard that is missing must not look like one
 * that found nothing.  A hook that was there before is kept as NAME.before-bulla and run first,
 * with the same arguments, standard input and environment; removing puts it back.
 */
#ifndef BULLA_SEALER_HOOKS_H
#define BULLA_SEALER_HOOKS_H

#include "git/run.h"

#define HOOKS_BEFORE ".before-bulla"

struct hook {
	const char *name; /* as git calls it; NULL ends the table */
	const char *what; /* what it keeps from happening: "this commit" */
	const char *run;  /* the arguments of bulla */
	bool input;	  /* git gives it lines on standard input */
};

extern const struct hook hooks_table[];

enum hooks_done {
	HOOKS_MADE,    /* or removed, where no other was */
	HOOKS_CHAINED, /* another hook was there; it is kept, or put back */
	HOOKS_SAME,    /* nothing to do */
	HOOKS_FOREIGN, /* remove: it is another's hook, and left alone */
};

/*
 * The folder of the repository's hooks, which linked work trees share: core.hooksPath, else "hooks"
 * in git_common_dir.  A new string.  NULL and ERR_CONFLICT where nothing must be installed: the
 * folder is of the user's or machine's configuration and so for all repositories, or is written by
 * another program (husky).
 */
char *hooks_folder(const struct git *g, struct err *err);

/*
 * Install a hook.  bulla: the absolute path of the program.  What is there at any moment, also
 * after SIGKILL, is the old hook or the new one, and running again ends what was begun.
 * ERR_CONFLICT when both another hook and one kept from before are there.
 */
int hooks_install(const char *folder, const struct hook *hook, const char *bulla,
		  enum hooks_done *done, struct err *err);
int hooks_remove(const char *folder, const struct hook *hook, enum hooks_done *done,
		 struct err *err);

#endif
