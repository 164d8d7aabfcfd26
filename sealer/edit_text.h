/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person edits: values under names, as YAML in the words of a Secret manifest.
 *
 *	# comments, which go
 *	stringData:
 *	  USER: foobar
 *	  KEY: |
 *	    -----BEGIN ...
 *	data:
 *	  LOGO: "iVBORw0KGgo="
 *
 * stringData holds texts as they are, data everything else, in base64.  Pure.
 */
#ifndef BULLA_SEALER_EDIT_TEXT_H
#define BULLA_SEALER_EDIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/kv.h"

struct err;

#define EDIT_TEXT_MAX 4194304 /* bytes; 512 KiB of values, escaped in the worst way, are less */

/* help: name -> a line that stands as a comment above the value; NULL: none.  Appended. */
void edit_text_format(const struct kv *values, const struct kv *help, struct buf *out);

/*
 * The values of a text, out cleared before and on failure.  *empty: it holds nothing but comments,
 * by which a person takes a change back.  ERR_INVALID, "the text:line: ...", which quotes no value;
 * a name only when it is one that a Secret takes.
 */
int edit_text_parse(const void *text, size_t len, struct kv *out, bool *empty, struct err *err);

/* Nothing but empty lines and those that begin with "#"? */
bool edit_text_is_empty(const void *text, size_t len);

/* Names in new that old has not or with another value, and those that only old has (-> ""). */
void edit_text_compare(const struct kv *old, const struct kv *new, struct kv *changed,
		       struct kv *gone);

#endif
