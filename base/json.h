/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict reads from jansson trees.  Parsing refuses duplicate names, NUL characters in strings,
 * anything after the value and nesting deeper than JSON_DEPTH.  The allocator wipes (base/mem.h),
 * so trees may hold secrets.  Errors name the path and never quote a value.
 */
#ifndef BULLA_BASE_JSON_H
#define BULLA_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct err;

#define JSON_DEPTH 32

/* A new reference or NULL (ERR_INVALID).  what names the text in the error ("docker config"). */
json_t *json_parse(const void *text, size_t len, const char *what, struct err *err);
/*
 * The same of a text that may be anyone's: one of more than max values is refused unread, because a
 * value takes up to two hundred bytes of memory, and two of text.
 */
json_t *json_parse_few(const void *text, size_t len, size_t max, const char *what, struct err *err);

/* ERR_INVALID unless v is an object that has only these names (a NULL-terminated list). */
int json_only(const json_t *v, const char *path, const char *const names[], struct err *err);

/* A member; borrowed.  Missing or of another type: NULL and ERR_INVALID naming path.name. */
const json_t *json_need_object(const json_t *v, const char *path, const char *name,
			       struct err *err);
const char *json_need_string(const json_t *v, const char *path, const char *name, struct err *err);
/* Optional string: 0 with *s NULL when absent; -1 when of another type. */
int json_opt_string(const json_t *v, const char *path, const char *name, const char **s,
		    struct err *err);

/* Append v compactly ("{"a":1}"), no escaped slashes, non-ASCII kept.  -1 when past out's max. */
int json_format(struct buf *out, const json_t *v);
/* Append a JSON string literal.  s must be valid UTF-8; other bytes become U+FFFD. */
int json_format_string(struct buf *out, const char *s, size_t len);

#endif
