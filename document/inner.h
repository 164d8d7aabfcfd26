/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plaintext of a part (DESIGN 4.1, docs/FORMAT.md): a v1 Secret as one JSON object that says
 * everything the part may be used as, and the length it is padded to.  Pure; no key is involved.
 */
#ifndef BULLA_DOCUMENT_INNER_H
#define BULLA_DOCUMENT_INNER_H

#include <stddef.h>
#include <stdint.h>

#include "document/document.h"

#define INNER_FORMAT "1" /* the annotation bulla.dev/format */
#define INNER_MIN 1024	 /* bytes, padded */

/*
 * Append the plaintext of part `part` of d, not padded.  recipients: name -> key id.  secret->facts
 * without sealed-at, which is sealed_at.  ERR_INVALID when it cannot be said in this format.
 */
int inner_format(const struct document *d, const char *part, const struct kv *recipients,
		 const struct kind_secret *secret, int64_t sealed_at, struct buf *out,
		 struct err *err);

/*
 * Read a plaintext strictly and compare every bound field with d and part.  out gets type, data and
 * the facts without sealed-at; KIND_SECRET_INIT before, empty on failure.
 * ERR_INVALID not this format; ERR_REFUSED made for something else than d and part.  Texts quote
 * nothing from inside but a valid namespace and name.
 */
int inner_parse(const struct document *d, const struct document_part *part, const void *text,
		size_t len, struct kind_secret *out, struct err *err);

/* Append spaces up to the padded length of what out holds.  -1: past out's max. */
int inner_pad(struct buf *out);

/* Padded length in bytes of a plaintext of len bytes: at least INNER_MIN, then Padme
 * (security 2.6). */
size_t inner_padded(size_t len);

#endif
