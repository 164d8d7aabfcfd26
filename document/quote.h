/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How Bulla writes a string as a YAML scalar, and a key as part of a field's path in an error.
 */
#ifndef BULLA_DOCUMENT_QUOTE_H
#define BULLA_DOCUMENT_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Valid UTF-8 (no surrogates, no overlong forms) without a NUL character? */
bool quote_is_text(const void *s, size_t len);

/*
 * Append s as one scalar on one line: plain when every reader of YAML 1.1, YAML 1.2 and JSON takes
 * it for the same string in block and flow context, as a value and as a key; else double-quoted.
 * always: double-quoted in any case (ids, facts).  Control, format and other invisible characters
 * are escaped.  -1: not quote_is_text, or past out's max.
 */
int quote_put(struct buf *out, const char *s, bool always);

/*
 * Append a key to a field's path: ".name" when it holds nothing but [A-Za-z0-9._/-] and is no
 * longer than any valid key, else ".(57 bytes)", so that an error neither quotes what may be a
 * secret nor loses its shape.  The first component has no dot before it.
 */
void quote_path(struct buf *path, const char *key);

#endif
