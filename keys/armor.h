/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ASCII armor of age: RFC 7468, strict encoding, label "AGE ENCRYPTED FILE", base64 with
 * padding.  Written: lines of 64, "\n".  Read: the same, or all of it with CR LF, the last line end
 * may be missing, and white space may stand around it (C2SP age.md); nothing else.
 */
#ifndef BULLA_KEYS_ARMOR_H
#define BULLA_KEYS_ARMOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct err;

#define ARMOR_SPACE_MAX 1024 /* bytes of white space before, and behind */

/* Does the text begin, after white space, as armor does? */
bool armor_is(const void *text, size_t len);
/* Both append to out.  -1 when past out's max. */
int armor_encode(const void *data, size_t len, struct buf *out);
/* ERR_INVALID: the text begins "age armor: line N: ".  out has what came before the error. */
int armor_decode(const void *text, size_t len, struct buf *out, struct err *err);

#endif
