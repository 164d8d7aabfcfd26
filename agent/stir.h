/* SPDX-License-Identifier: Apache-2.0 */
/* The directory store and its watches: what an event makes it look at again. */
#ifndef BULLA_AGENT_STIR_H
#define BULLA_AGENT_STIR_H

#include <stdbool.h>

#include "agent/store_state.h"

struct err;

int stir_open(struct store_dir *st, struct err *err);
void stir_close(struct store_dir *st);
/* Take the events at hand.  false: some were lost. */
bool stir_take(struct store_dir *st);

/* A scan_folder_fn: watch a folder below DOCUMENTS. */
void stir_watch_folder(void *ctx, const char *path);
/* Watch what stands in the place of x, and what may come there. */
void stir_watch_entry(struct store_dir *st, struct entry *x);
/* Look at x's Secret at the next pass. */
void stir_entry(struct store_dir *st, struct entry *x);

#endif
