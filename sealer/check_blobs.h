/* SPDX-License-Identifier: Apache-2.0 */
/* Files of git by their blobs: gathered, then read in one go and given one by one. */
#ifndef BULLA_SEALER_CHECK_BLOBS_H
#define BULLA_SEALER_CHECK_BLOBS_H

#include "git/blobs.h"
#include "git/entry.h"
#include "sealer/check_base.h"
#include "sealer/findings.h"

struct check_blobs;

/* One file with its text, which is valid during the call.  -1 ends the run: fill err. */
typedef int check_blob(void *ctx, const struct git_entry *e, const struct check_text *text,
		       struct err *err);

/*
 * What is no regular file, or removed, is counted in findings and left out; what is missing or too
 * large is a finding.  visit gets all others.  NULL and err when git cannot be run.
 */
struct check_blobs *check_blobs_new(const struct git *g, struct findings *findings,
				    check_blob *visit, void *ctx, struct err *err);
/* A git_visit: gather e (ctx is the struct check_blobs); every so many are read. */
git_visit check_blobs_add;
/* Read what is left, if r is 0, and free b (NULL is fine).  Returns r or -1 and err. */
int check_blobs_end(struct check_blobs *b, int r, struct err *err);

#endif
