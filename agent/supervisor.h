/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent of the openers: it starts a fresh one when the key directory changes or one dies
 * (with growing pauses while they keep dying), hands its socket to the agent, and ends one that the
 * agent finds hanging.  It never reads a key, has no network and cannot write a file.
 *
 * A fresh opener is handed over only when it is jailed and has said hello; the agent then closes
 * the socket of the one before, which ends by that.  So a change of keys interrupts no request.
 *
 * Either the agent forks it on its own machine (supervisor_start) and it ends with the agent; or it
 * is the first process of a container of its own (supervisor_serve) and the agent connects to it.
 * Then one agent is served at a time, the one that connected last: the one before has been
 * restarted.  Its openers end with its connection, because what it left in their sockets would
 * meet the next one's.  The agent is not trusted: what it sends is bounded, and nonsense ends the
 * connection.
 */
#ifndef BULLA_AGENT_SUPERVISOR_H
#define BULLA_AGENT_SUPERVISOR_H

#include <sys/types.h>

#include "agent/listen.h"
#include "agent/opener_child.h"

struct err;

#define SUPERVISOR_DRAIN_MS 10000 /* after SIGTERM, for a connected agent to finish and go */
#define SUPERVISOR_ACCEPT_MS 20	  /* between two connections */

struct supervisor_options {
	const char *keys_dir; /* absolute */
	int audit_fd;
	opener_child_serve *serve; /* as in struct opener_child */
	void *ctx;
	const struct listen_options *listen; /* for supervisor_serve */
};

/*
 * Fork it; in the child it settles, enters its jail and works until the other end of *control
 * (agent/control.h) closes.  Its pid, or -1 and err.  Failures after the fork are told on control.
 */
pid_t supervisor_start(const struct supervisor_options *o, int *control, struct err *err);

/* Close control and wait for the supervisor's end; its openers end before it. */
void supervisor_stop(pid_t pid, int control);

/*
 * Be it, in this process, for whoever connects to o->listen, until SIGTERM or SIGINT; these wait
 * for a connected agent to go, at most SUPERVISOR_DRAIN_MS or until the second signal.  Before
 * other descriptors exist.  0, or -1 and err when it cannot begin.
 */
int supervisor_serve(const struct supervisor_options *o, struct err *err);

#endif
