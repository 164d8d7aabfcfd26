/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file as `git diff` and `git log -p` show it: the text as it is, but each age file in it is one
 * line that says how long it is and what its SHA-256 is, so that a change of one value is a change
 * of one line.  Nothing is decrypted, parsed or left out, so nothing can fail and nothing can hide.
 * Pure.
 */
#ifndef BULLA_SEALER_TEXTCONV_H
#define BULLA_SEALER_TEXTCONV_H

#include <stddef.h>

#include "base/buf.h"

/*
 * Appended.  A text that does not mention Bulla (edit_mentions) comes out byte for byte.  Of others
 * the armor of each age file, also as one line of JSON, becomes "<age file, 312 bytes, SHA-256
 * HEX>", that of its binary form as in a document's digest, or "<damaged age file, 40 characters,
 * SHA-256 HEX>" of the characters; what could drive a terminal or hide is escaped (base/out.h), but
 * for tabs and line ends.
 */
void textconv_text(const void *text, size_t len, struct buf *out);

#endif
