/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outline of YAML and JSON as people and templates write it: which key stands in which map, and
 * what text its value is.  Not a parser: base/yaml.h refuses templates, anchors and tags, stops at
 * the first error and takes ten times as long, and a guard that looks away there guards nothing.
 * What is not understood is skipped line by line.  Within guard/ only.
 */
#ifndef BULLA_GUARD_OUTLINE_H
#define BULLA_GUARD_OUTLINE_H

#include <stddef.h>

#include "guard/hits.h"

#define OUTLINE_DEPTH 48 /* maps inside each other; what is deeper is skipped */

struct outline_text {
	const char *text; /* NULL: there is none */
	size_t len;
};

enum outline_style {
	OUTLINE_PLAIN,
	OUTLINE_QUOTED, /* without its quotes, escapes as they stand */
	OUTLINE_BLOCK,	/* the lines of a block scalar, with their indentation */
	OUTLINE_ITEM,	/* of a list of scalars; the key is the list's */
};

struct outline_pair {
	struct outline_text key;
	size_t from, to; /* the value, in the view */
	enum outline_style style;
};

/* depth counts from 0, the outermost map of a document. */
struct outline_events {
	void (*enter)(void *ctx, size_t depth, const struct outline_text *key);
	void (*pair)(void *ctx, size_t depth, const struct outline_pair *pair);
	void (*leave)(void *ctx, size_t depth);
};

/* Every enter is followed by its leave. */
void outline_read(const struct view *v, const struct outline_events *on, void *ctx);

#endif
