/* SPDX-License-Identifier: Apache-2.0 */
/* Which recipients of a part are clusters, as far as their repository knows. */
#ifndef BULLA_SEALER_READERS_H
#define BULLA_SEALER_READERS_H

#include "document/document.h"

struct err;

/*
 * The names of the part's recipients but recovery, added to out: "cluster" where the repository has
 * the backup of a sealing key under that name (.bulla/keys, which only clusters have), else "". top
 * may be NULL.  Errors as repo_list_keys.
 */
int readers_of(const char *top, const struct document_part *part, struct kv *out, struct err *err);

/*
 * The clusters among them, "eu-west9,us-east1", appended: all of them when none is known to be one.
 */
void readers_names(const struct kv *readers, struct buf *out);

#endif
