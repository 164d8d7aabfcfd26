/* SPDX-License-Identifier: Apache-2.0 */
/* Small readers of text that several grammars share. */
#ifndef BULLA_BASE_TEXT_H
#define BULLA_BASE_TEXT_H

#include <stddef.h>

struct buf;

/* The value of a hex digit in either case, or -1. */
int text_hex(char c);

/* A port: one to five digits and nothing else, 1 to 65535; 0: not one. */
unsigned text_port(const char *text, size_t len);

/* How many of the first max bytes of UTF-8 to take, so that no character is cut through. */
size_t text_cut(const char *text, size_t max);

/* Append text percent-encoded (RFC 3986, 2.1): ASCII letters and digits stand, and those of also.
 */
void text_percent(struct buf *out, const char *text, const char *also);

#endif
