/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each process of the agent gives up, for ever, before it meets anything hostile (DESIGN 6,
 * SECURITY.md).  All three: no new privileges, not dumpable (so no debugger of the same user and
 * no /proc/PID/mem), no core file, capabilities dropped.  All are for this thread and its children:
 *call before threads are started.  Each returns 0, or -1 and err; a process that cannot be jailed
 *must not go on.  Landlock alone may be missing in a kernel: *landlock says the ABI in force, 0
 *none.
 *
 *	            system calls       files                           network   memory
 *	supervisor  allow-list         read, near the key directory    none (1)  -
 *	opener      allow-list         none                            none      JAIL_OPENER_DATA
 *	net         deny-list          documents: read, secrets: all   yes       -
 *
 * (1) One that serves another container goes on to take connections on the Unix socket it has.
 */
#ifndef BULLA_AGENT_JAIL_H
#define BULLA_AGENT_JAIL_H

#include <stdbool.h>
#include <stddef.h>

struct err;

#define JAIL_EXTRA_MAX 16
#define JAIL_OPENER_DATA ((size_t)256 << 20) /* bytes of data an opener may have */

/* What all three begin with; may come earlier too.  In main, before anything is read. */
int jail_early(struct err *err);

/* Standard input and output become /dev/null. */
int jail_standard(struct err *err);

/*
 * Move the n descriptors of fds to 3, 4, ... (fds gets the new numbers) and close all others but
 * 0, 1 and 2.  Equal ones in fds become separate copies.
 */
int jail_descriptors(int *fds, size_t n, struct err *err);

/* After its descriptors are settled.  serves: it accepts on one of them.  keys_dir need not exist;
 * what it links to must be there or beside it (the folders of a mounted Secret are). */
int jail_supervisor(const char *keys_dir, bool serves, int *landlock, struct err *err);

/*
 * The last step of an opener, after its keys are read.  audit_fd: where it writes; when that is a
 * regular file, or standard error is, it may still grow files.
 */
int jail_opener(int audit_fd, int *landlock, struct err *err);

/*
 * The rest of the agent, once the supervisor runs and before it reads its first document.  From
 * then on it reaches only these paths: a folder that is removed and made again, or a link that is
 * pointed elsewhere, is out of its reach until it is started again.  A root that does not exist is
 * replaced by the nearest folder above it that does.
 *
 * ERR_USAGE when keys lies beneath a path that is to be allowed; ERR_INTERNAL when, with Landlock
 * in force, the key directory can still be read.
 */
struct jail_net {
	const char *documents;	  /* read; NULL: none */
	const char *secrets;	  /* read and write; NULL: none */
	const char *keys;	  /* out of reach; NULL: in another container */
	const char *const *extra; /* read; NULL-terminated, at most JAIL_EXTRA_MAX, or NULL */
};
int jail_net(const struct jail_net *o, int *landlock, struct err *err);

#endif
