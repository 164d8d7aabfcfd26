/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GitHub tokens that `check --live` found in plain text, and the offer to have GitHub revoke them:
 * at a terminal, each asked about, never without.
 */
#ifndef BULLA_SEALER_LEAKS_H
#define BULLA_SEALER_LEAKS_H

#include "base/kv.h"
#include "guard/scan.h"
#include "sealer/live_types.h"

struct err;

struct leaks {
	struct kv tokens; /* token -> where it stands, for people */
	bool full;	  /* there were more than one request takes */
};

/* Keep the token of a finding, if it has one that can be revoked.  file may be NULL. */
void leaks_add(struct leaks *l, const char *file, const char *commit, const struct guard_hit *hit);

/*
 * Ask about each, and have those revoked that the person says yes to; without a terminal, say that
 * it could be asked there.  Errors as revoke_send.
 */
int leaks_offer(const struct leaks *l, const struct live_options *o, struct err *err);
void leaks_clear(struct leaks *l); /* wipes */

#endif
