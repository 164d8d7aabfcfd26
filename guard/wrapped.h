/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 as it stands in files: either alphabet, with or without padding, in one run or in lines
 * that are indented or broken by "\n" escapes.  base/b64.h takes only the canonical form and runs
 * in constant time; here speed counts and nothing is trusted.  Within guard/ only.
 */
#ifndef BULLA_GUARD_WRAPPED_H
#define BULLA_GUARD_WRAPPED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define WRAPPED_MIN 27		       /* characters: shorter holds no token */
#define WRAPPED_MAX ((size_t)48 << 20) /* bytes that are decoded of one run: 64 MiB of base64 */

struct wrapped {
	size_t begin, end; /* of the run in the text, all its lines */
	size_t first_end;  /* of its first line */
	bool url;	   /* "-" and "_" are in it */
};

bool wrapped_is_digit(unsigned char c); /* one of either alphabet */

/* The run that begins at text[at]; the byte before is none of it. */
void wrapped_find(const char *text, size_t len, size_t at, struct wrapped *w);

/* Decode what is base64 in text into out (reset before).  Other bytes are left out. */
void wrapped_decode(const char *text, size_t len, struct buf *out);

#endif
