/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parent of the openers: it starts a fresh one when the key directory changes or one dies
 * (with growing pauses while they keep dying), hands its socket to the agent, ends one that the
 * agent finds hanging, and ends with the agent.  It never reads a key, has no network and cannot
 * write a file.
 *
 * A fresh opener is handed over only when it is jailed and has said hello; the agent then closes
 * the socket of the one before, which ends by that.  So a change of keys interrupts no request.
 */
#ifndef BULLA_AGENT_SUPERVISOR_H
#define BULLA_AGENT_SUPERVISOR_H

#include <sys/types.h>

#include "agent/opener_child.h"

struct err;

#define SUPERVISOR_START_MS 10000 /* for an opener to say hello */
#define SUPERVISOR_LIVED_MS 10000 /* an opener that lived so long died for the first time */
#define SUPERVISOR_PAUSE_MS 50	  /* before the second start in a row; doubled each time */
#define SUPERVISOR_PAUSE_MAX_MS 10000

struct supervisor_options {
	const char *keys_dir; /* absolute */
	int audit_fd;
	opener_child_serve *serve; /* as in struct opener_child */
	void *ctx;
};

/*
 * Fork it; in the child it settles, enters its jail and works until the other end of *control
 * (agent/control.h) closes.  Its pid, or -1 and err.  Failures after the fork are told on control.
 */
pid_t supervisor_start(const struct supervisor_options *o, int *control, struct err *err);

/* Close control and wait for the supervisor's end; its openers end before it. */
void supervisor_stop(pid_t pid, int control);

#endif
