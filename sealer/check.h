/* SPDX-License-Identifier: Apache-2.0 */
/* One run of `check` over many files. */
#ifndef BULLA_SEALER_CHECK_H
#define BULLA_SEALER_CHECK_H

#include <stdint.h>

#include "base/walk.h"
#include "keys/keyring.h"
#include "sealer/findings.h"

struct check;

#define CHECK_EXPIRY_WARN 14 /* days before the end of a credential that a warning begins */

/* keys may be NULL: nothing is opened.  findings and keys must outlive it. */
struct check *check_new(struct findings *findings, const struct keyring *keys, int64_t now);
/* A walk_visit: all that can be said of one file alone.  Never ends the walk. */
walk_visit check_file;
/* What needs all files: duplicates. */
void check_finish(struct check *c);
void check_free(struct check *c);

#endif
