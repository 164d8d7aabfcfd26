/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `check` can say of a file, wherever its bytes come from: the work tree, the index or a
 * commit.  It reads nothing itself but what stands beside the file, through the base it is given.
 */
#ifndef BULLA_SEALER_CHECK_H
#define BULLA_SEALER_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "keys/keyring.h"
#include "sealer/check_base.h"
#include "sealer/findings.h"
#include "sealer/live_run.h"

struct check;

#define CHECK_EXPIRY_WARN 14 /* days before the end of a credential that a warning begins */
/* keys may be NULL: nothing is opened.  findings and keys must outlive it. */
struct check *check_new(struct findings *findings, const struct keyring *keys, int64_t now);
/* Documents as they are now, opened or not, are added to it; it must live as long as c is. */
void check_live(struct check *c, struct live_run *live);
/* What follows is held against this, which must live as long as it is. */
void check_against(struct check *c, const struct check_base *base);

/* May sealed documents be in a file of that path?  YAML, and in no folder that tools hide. */
bool check_is_manifest(const char *path);
/* All that can be said of the sealed documents of one file. */
void check_documents(struct check *c, const struct check_text *t);
/*
 * Only whether somebody may open them who should not: of a version of a file that is not the last
 * one, everything else has been mended since.
 */
void check_exposure(struct check *c, const struct check_text *t);
/*
 * What a document in the history is held against: it must be whole, open where a key is at hand,
 * and each part of it be sealed to those whom the rules named when it came.  A part is judged once,
 * where it is met first: call it in the order of the commits.  What could be mended since (somebody
 * who should open it too, expiry, what stands around it) is none.  Findings go to out,
 * which has none, each with a print.
 */
void check_past(struct check *c, const struct check_text *t, struct findings *out);
/* A finding, when a path (below the top level) is in a .bulla/ that does not count. */
void check_misplaced(struct check *c, const char *below);
/* What needs all files: duplicates. */
void check_finish(struct check *c);
void check_free(struct check *c);

#endif
