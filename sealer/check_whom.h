/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a sealed document is sealed to, held against whom the rules name.  Pure. */
#ifndef BULLA_SEALER_CHECK_WHOM_H
#define BULLA_SEALER_CHECK_WHOM_H

#include <stdbool.h>

#include "document/document.h"
#include "git/idset.h"
#include "keys/config.h"
#include "sealer/findings.h"

struct check_whom {
	struct findings *findings;
	const struct config *config; /* that counts; NULL: there are no rules */
	struct idset *judged; /* of check_whom_past: parts, by the digest of their age file */
	bool exposed;	      /* only who may open it and should not */
};

/* Findings of each part; at is where the document is, and nothing is held that is in no repository.
 */
void check_whom(const struct check_whom *w, struct finding at, const struct document *d);
/*
 * The same of a document in the history: who could open it and should not have.  A part that a
 * commit does not bring stays as it is when others of the document are set, by older rules: it is
 * judged where it comes first, and then is in judged.
 */
void check_whom_past(const struct check_whom *w, struct finding at, const struct document *d);

#endif
