/* SPDX-License-Identifier: Apache-2.0 */
/* Puts the agent of a cluster together: opener, client, store, HTTP server, loop. */
#ifndef BULLA_AGENT_RUN_KUBE_H
#define BULLA_AGENT_RUN_KUBE_H

#include "agent/options.h"
#include "base/err.h"

/* Returns the exit status; err says why when the agent could not run. */
enum err_class run_kube(const struct options *o, struct err *err);

#endif
