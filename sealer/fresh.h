/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New parts for a document that is there: sealed first, all of them, then put into its text at
 * once, so that a file changes whole or not at all.
 */
#ifndef BULLA_SEALER_FRESH_H
#define BULLA_SEALER_FRESH_H

#include "document/edit.h"
#include "document/seal.h"

struct err;

/* out (DOCUMENT_INIT before) becomes a copy of d's head, without any part; document_clear it. */
void fresh_begin(const struct document *d, struct document *out);

/*
 * Seal s into fresh: each of its values a part of its own where the kind has free keys, so that one
 * can be replaced without the others being touched, else the one part.  Every part gets the facts
 * of s.  Errors as seal_part.
 */
int fresh_seal(struct document *fresh, const struct kind_secret *s, const struct recipients *to,
	       int64_t now, struct err *err);

/* Put all parts of fresh into the i-th document of f.  Errors as edit_put_parts. */
int fresh_put(struct edit_file *f, size_t i, const struct document *fresh, struct err *err);

/* "A, B, C" for few, "12 values" for many: what was sealed.  Appended. */
void fresh_names(const struct document *fresh, struct buf *out);

/*
 * Warn of each recipient who could not open the parts of these names (kv: name -> anything), nor
 * any other part where one is new: rules that changed grant as much as a recipient that is new, and
 * no pin stops them.  where begins the line.
 */
void fresh_tell_added(const struct document *d, const struct kv *names, const struct recipients *to,
		      const char *where);
/* Warn of each part that had an expiry and has none any more. */
void fresh_tell_expiry(const struct document *d, const struct document *fresh);

#endif
