/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests/e2e/memscan.py: stop as soon as a tool has let go of all that it had, so that its
 * memory can be looked through as the code under test left it.
 */
#ifndef BULLA_TESTS_TOOLS_HOLD_H
#define BULLA_TESTS_TOOLS_HOLD_H

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* BULLA_HOLD in the environment: "end", or "before", where everything is still there. */
static inline bool hold_is(const char *when)
{
	const char *asked = getenv("BULLA_HOLD");

	return asked != NULL && strcmp(asked, when) == 0;
}

static inline void hold(const char *when)
{
	if (hold_is(when))
		raise(SIGSTOP);
}

#endif
