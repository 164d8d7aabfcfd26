/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock (landlock(7)) by its system calls: no library has it in Debian 12, and its header there
 * ends at ABI 2.  A domain handles every right the kernel knows, so what is not allowed is refused.
 */
#ifndef BULLA_AGENT_LANDLOCK_H
#define BULLA_AGENT_LANDLOCK_H

#include <stdbool.h>

struct err;

enum landlock_access {
	LANDLOCK_READ = 1, /* files and folders below the path */
	LANDLOCK_WRITE =
	    2, /* make, change, rename and remove them; regular files, folders, links */
};

struct landlock_rule {
	const char *path; /* one that does not exist is passed over; NULL ends a list */
	int access;	  /* enum landlock_access */
};

enum landlock_scope {
	LANDLOCK_NO_TCP = 1,	 /* ABI 4: neither bind nor connect TCP */
	LANDLOCK_NO_OUTSIDE = 2, /* ABI 6: no abstract socket of, no signal to, a process outside */
};

int landlock_abi(void); /* 0: the kernel has none, or it is switched off */

/*
 * Enter a domain that allows what the rules say.  For this thread and its children only, so before
 * there are threads.  no_new_privs must be set.  Returns 0 and the ABI in *abi (0: the kernel has
 * none and nothing was done), or -1 and ERR_INTERNAL.
 */
int landlock_enter(const struct landlock_rule *rules, int scope, int *abi, struct err *err);

#endif
