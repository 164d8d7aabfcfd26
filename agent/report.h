/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the agent says of its documents: one log line for each change of state, and the list that
 * --once ends with.
 */
#ifndef BULLA_AGENT_REPORT_H
#define BULLA_AGENT_REPORT_H

#include "agent/store_state.h"

/* Log what is different from what was logged before.  st has just decided. */
void report_changes(struct store_dir *st);

/*
 * Print everything that is not as it should be on standard error, a line each, sorted; returns the
 * exit status of --once.
 */
enum err_class report_once(const struct store_dir *st);

#endif
