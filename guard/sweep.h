/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one pass over a text: what can be told wherever it stands.  It goes from word to word; what
 * may begin at a word or a sign is looked at only there, and what was looked at once is skipped, so
 * the time is linear whatever the text.  Within guard/ only.
 */
#ifndef BULLA_GUARD_SWEEP_H
#define BULLA_GUARD_SWEEP_H

#include "guard/assign.h"
#include "guard/hits.h"

/* v->decoded: base64 in it is not opened again. */
void sweep(struct hits *h, const struct view *v, enum assign_mode mode);

#endif
