/* SPDX-License-Identifier: Apache-2.0 */
/* One value that a key could open; of sealer/exposure.h. */
#ifndef BULLA_SEALER_EXPOSURE_ONE_H
#define BULLA_SEALER_EXPOSURE_ONE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/kv.h"
#include "document/document.h"

enum exposure_state {
	EXPOSURE_USED,	   /* HEAD has this value */
	EXPOSURE_REPLACED, /* HEAD has another one in its place */
	EXPOSURE_GONE,	   /* HEAD has no such document, or no such part */
};

struct exposure_one {
	struct document document; /* as it was last, with this one part */
	char *path, *commit;	  /* where the value stood first; commit NULL: in none */
	struct kv keys;		  /* which of the keys it lists: ID -> the name there */
	size_t versions;	  /* of files, in which it stands */
	char **now;		  /* "REF:PATH", where such a file is at the tip of a ref */
	size_t n_now;
	char *file; /* of HEAD, that has the document's part now; NULL: gone */
	bool many;  /* that file has other documents */
	enum exposure_state state;
	bool opened;  /* by a key at hand: the facts that can be derived are proven */
	bool proven;  /* the state is: both values were opened, or there is but one */
	bool expired; /* by not-after, a fact */
};

/* A file that may hold more, and could not be read. */
struct exposure_unread {
	char *path, *commit, *why;
};

#endif
