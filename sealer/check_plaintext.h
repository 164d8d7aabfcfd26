/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials in plain text, for `check`: guard/scan.h held against baseline and allowances. */
#ifndef BULLA_SEALER_CHECK_PLAINTEXT_H
#define BULLA_SEALER_CHECK_PLAINTEXT_H

#include "base/kv.h"
#include "sealer/check.h"
#include "sealer/leaks.h"

/*
 * The text of a path (below the top level) before the changes that are checked, into out; empty
 * when there was none.  For "bulla:allow" comments that a range of commits brings itself.
 */
typedef int check_before(void *ctx, const char *below, struct buf *out, struct err *err);

struct plaintext {
	struct findings *findings;
	const struct baseline *baseline; /* known findings are counted, not given; or NULL */
	struct baseline *update;	 /* findings are added here and count as known; or NULL */
	check_before *before;		 /* or NULL: comments hold, whoever brought them */
	void *ctx;
	bool once;	     /* a finding of a path is given once, in however many commits it is */
	struct kv seen;	     /* of those */
	struct leaks *leaks; /* gets the tokens that are findings; or NULL */
};

/* Search one text and add what is found.  -1: before failed. */
int plaintext_scan(struct plaintext *p, const struct check_text *t, struct err *err);
/* The baseline was changed to that of another state: what was seen stays. */
void plaintext_clear(struct plaintext *p);

#endif
