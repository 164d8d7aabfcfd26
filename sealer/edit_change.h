/* SPDX-License-Identifier: Apache-2.0 */
/* What an edit of a document's values makes of it, all of it in memory. */
#ifndef BULLA_SEALER_EDIT_CHANGE_H
#define BULLA_SEALER_EDIT_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/kv.h"
#include "base/notes.h"
#include "document/document.h"
#include "keys/recipients.h"
#include "kinds/kind.h"

struct err;

/* What is edited. */
struct edit_about {
	const struct document *document;
	const struct kv *values; /* as they were edited */
	const struct recipients *to;
	bool together; /* opaque, all values in one part */
	int64_t now, expires;
};

/* Has each of its values a part of its own? */
bool edit_about_apart(const struct edit_about *a);

/* Zero, with fresh DOCUMENT_INIT, before; edit_change_clear in every case. */
struct edit_change {
	struct kv changed, gone; /* of the values, by edit_text_compare */
	struct kind_input input;
	struct kind_secret secret;
	struct document fresh; /* the head, and what is sealed anew: none when values only go */
	struct notes notes;
};

/*
 * values: all as they came back; c->changed and c->gone say what of them is another.  Seal the
 * values that changed, or all where they are one part.  ERR_INVALID when nothing would be left, or
 * the kind refuses it.
 */
int edit_change_make(const struct edit_about *a, const struct kv *values, struct edit_change *c,
		     struct err *err);
void edit_change_clear(struct edit_change *c);

#endif
