/* SPDX-License-Identifier: Apache-2.0 */
/* An opener: the process between its fork and its end. */
#ifndef BULLA_AGENT_OPENER_CHILD_H
#define BULLA_AGENT_OPENER_CHILD_H

/* What a jailed opener does with its socket; ends when the other side closes it. */
typedef void opener_child_serve(int sock, void *ctx);

struct opener_child {
	const char *keys_dir;
	int sock;		   /* to the agent */
	int audit_fd;		   /* for audit lines */
	opener_child_serve *serve; /* NULL: answer requests */
	void *ctx;		   /* for serve */
};

/*
 * What can be set up once for all openers, before the fork and before the supervisor's jail: the
 * parts of the libraries that would look for files at their first use.
 */
void opener_child_prepare(void);

/*
 * Read the keys, enter the jail, say hello (agent/wire.h) with the outcome, serve.  Everything but
 * the two descriptors and standard error is closed.  Never returns.
 */
_Noreturn void opener_child_run(const struct opener_child *c);

#endif
