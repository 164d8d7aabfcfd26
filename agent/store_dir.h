/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory store: sealed documents in a folder, Secrets in another (DESIGN 6).
 *
 * Level-triggered: every pass brings what is seen up to date (files that changed, Secrets that were
 * touched), decides about all of it (agent/reconcile.h) and performs a slice of what is to be done.
 * Events only cause a pass.
 *
 * What is not seen is not gone.  A Secret whose document is missing stays while DOCUMENTS is
 * missing, empty or partly unreadable, while Git is at work in it, while the file that held the
 * document cannot be read or holds a document that is not well, while a refused document of that
 * name stands elsewhere, and while a file that cannot be parsed mentions the name.
 */
#ifndef BULLA_AGENT_STORE_DIR_H
#define BULLA_AGENT_STORE_DIR_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store_state.h"

struct err;

/*
 * Open SECRETS and its ledger.  The opener stays the caller's; it must outlive the store.
 * ERR_CONFLICT when another agent keeps SECRETS.
 */
int store_dir_open(struct store_dir *st, const struct store_dir_options *o, struct opener *opener,
		   struct err *err);
void store_dir_close(struct store_dir *st);

/*
 * Look, decide and do for about budget_ms.  Returns for how many ms nothing needs to be done (0:
 * there is more to do now; -1: until something stirs).
 */
int64_t store_dir_work(struct store_dir *st, int64_t budget_ms);

/* Events are at hand on a watch's descriptor. */
void store_dir_stirred(struct store_dir *st);
/* Other keys are at hand: whatever waited for one is tried again. */
void store_dir_keys_changed(struct store_dir *st);
/* There is another opener: whatever found none is tried again. */
void store_dir_opener_news(struct store_dir *st);
/* Look at everything at the next pass. */
void store_dir_look(struct store_dir *st);

/* The jail is closed: from now on only the DOCUMENTS of this moment can be read. */
void store_dir_jailed(struct store_dir *st);
/*
 * The folder, DOCUMENTS or SECRETS, that is another one by now and that this process cannot reach:
 * only a new start helps.  NULL: both are what they were.
 */
const char *store_dir_out_of_reach(const struct store_dir *st);

/* Is anything still due that only waits for its time: a document just gone, a look put off? */
bool store_dir_waiting(const struct store_dir *st);

#endif
