/* SPDX-License-Identifier: Apache-2.0 */
/* Small readers of text that several grammars share. */
#ifndef BULLA_BASE_TEXT_H
#define BULLA_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buf;

/* Of ASCII. */
static inline bool text_is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Is c one of the characters of set?  '\0' never is. */
static inline bool text_is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static inline bool text_begins(const char *s, size_t len, const char *what)
{
	size_t n = strlen(what);

	return len >= n && memcmp(s, what, n) == 0;
}

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
