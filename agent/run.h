/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the agent together: opener, store, jail, HTTP server, loop. */
#ifndef BULLA_AGENT_RUN_H
#define BULLA_AGENT_RUN_H

#include "agent/opener.h"
#include "agent/options.h"
#include "base/err.h"

/* Returns the exit status; err says why when the agent could not run. */
enum err_class run(const struct options *o, struct err *err);

/* The opener that the options name: with these keys, or in another container.  As opener_start. */
struct opener *run_opener(const struct options *o, const char *keys, int timeout_ms,
			  struct err *err);

#endif
