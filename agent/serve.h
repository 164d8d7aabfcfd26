/* SPDX-License-Identifier: Apache-2.0 */
/* `bulla-agent opener`: the keys and the openers, in a container of their own. */
#ifndef BULLA_AGENT_SERVE_H
#define BULLA_AGENT_SERVE_H

#include "agent/options.h"
#include "base/err.h"

/* Serves until it is told to end; audit lines go to standard output.  The exit status, and err. */
enum err_class serve_run(const struct options *o, struct err *err);

#endif
