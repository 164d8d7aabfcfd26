/* SPDX-License-Identifier: Apache-2.0 */
/* How far a document is on its way to where Flux fetches it, as Git knows it without a network. */
#ifndef BULLA_SEALER_HEADSTATE_H
#define BULLA_SEALER_HEADSTATE_H

#include "document/document.h"

enum headstate {
	HEADSTATE_UNKNOWN,   /* in no Git work tree, or git does not answer */
	HEADSTATE_NEW,	     /* HEAD does not have the document in that file */
	HEADSTATE_CHANGED,   /* HEAD has another version of it */
	HEADSTATE_COMMITTED, /* HEAD has it; the branch follows no other, so more is not known */
	HEADSTATE_AHEAD,     /* HEAD has it, and the branch it follows does not */
	HEADSTATE_PUSHED,    /* both have it, by the last push or fetch */
	HEADSTATE_COUNT,
};

/* top, below: as in sealer/target.h.  Versions are told apart by the document's digest. */
enum headstate headstate_of(const char *top, const char *below, const struct document *d);

/* Does a commit ("refs/remotes/origin/main") have this version, as far as is known? */
bool headstate_has(const char *top, const char *below, const struct document *d,
		   const char *commit);

/* What that means to who waits for a cluster: "HEAD does not have it yet: commit and push it". */
const char *headstate_text(enum headstate s);

#endif
