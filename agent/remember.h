/* SPDX-License-Identifier: Apache-2.0 */
/* The directory store and its ledger: what is taken from it at start, and what is put into it. */
#ifndef BULLA_AGENT_REMEMBER_H
#define BULLA_AGENT_REMEMBER_H

#include <stdint.h>

#include "agent/store_state.h"

struct err;

/* Open the ledger and fill entries, scan and the removals done from it. */
int remember_open(struct store_dir *st, struct err *err);
/* After a look: the files that were read.  And a scan_gone_fn for those that went. */
void remember_files(struct store_dir *st);
void remember_file_gone(void *ctx, const struct scan_file *f);
/* After a plan: write what is pending; anew when most of the ledger is out of date. */
void remember_tend(struct store_dir *st, int64_t now_ms);

#endif
