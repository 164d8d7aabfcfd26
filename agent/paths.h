/* SPDX-License-Identifier: Apache-2.0 */
/* DOCUMENTS, SECRETS and KEYS: where they are, and that none lies where it must not. */
#ifndef BULLA_AGENT_PATHS_H
#define BULLA_AGENT_PATHS_H

struct err;

struct paths {
	char *documents; /* absolute; its last component may be a link, which is kept */
	char *secrets;	 /* absolute, no links */
	char *keys;	 /* NULL: not on this machine */
};

/*
 * Resolve and check.  keys may be NULL.  ERR_REFUSED: one inside another or equal (what is
 * committed, what is opened and what opens it must not meet), SECRETS inside a Git tree (one `git
 * add` from being published).  ERR_IO: a path that cannot be resolved.
 */
int paths_resolve(const char *documents, const char *secrets, const char *keys, struct paths *out,
		  struct err *err);
void paths_clear(struct paths *p);

#endif
