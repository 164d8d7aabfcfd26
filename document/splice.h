/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes to the maps and scalars of a parsed YAML text, as byte ranges to replace, so that all
 * other bytes stay.  What is put in looks like its neighbours: indentation, line ends, one or many
 * lines in flow style, an empty line between entries.
 *
 * Comments.  One on a line of its own, directly above an entry and not indented deeper, belongs to
 * that entry: a new entry goes in above it.  One that is indented deeper than the entries belongs
 * to the entry before it.  What is removed takes its deeper comments along, never those above it.
 */
#ifndef BULLA_DOCUMENT_SPLICE_H
#define BULLA_DOCUMENT_SPLICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/kv.h"
#include "base/yaml.h"

struct splice {
	size_t begin, end; /* of the old text */
	size_t order;	   /* among those with the same begin */
	struct buf text;   /* what stands there instead */
};

/* A plan of changes, all in positions of one text.  The text must outlive it. */
struct splice_plan {
	const char *text;
	size_t len;
	const char *eol; /* how lines end here */
	struct splice *items;
	size_t n, cap;
};

/* A new entry of a map: text (always double-quoted, or literal in block style), or a map. */
struct splice_value {
	const char *name;
	const char *text; /* NULL: a map of n children */
	bool literal;
	const struct splice_value *children;
	size_t n;
};

/* at: a place whose line ending the new lines follow. */
void splice_init(struct splice_plan *plan, const void *text, size_t len, size_t at);
void splice_clear(struct splice_plan *plan);

/* Give a scalar another text, double-quoted.  Nothing is done when it has that text already. */
void splice_scalar(struct splice_plan *plan, const struct yaml_node *node, const char *text);
/* The same for text of many lines (each ends with "\n"), which stays a block where it was one. */
void splice_lines(struct splice_plan *plan, const struct yaml_node *node, const char *text);
/* Make a map of scalars hold exactly these, changing only entries that differ. */
void splice_map(struct splice_plan *plan, const struct yaml_node *map, const struct kv *want);
/* Add an entry before the first whose name is greater, else at the end.  The map has entries. */
void splice_insert(struct splice_plan *plan, const struct yaml_node *map,
		   const struct splice_value *value);
/* Remove entry i of a map that has another. */
void splice_remove(struct splice_plan *plan, const struct yaml_node *map, size_t i);

/*
 * The text of entry i of a block map: from the begin of its first line to behind its last, with the
 * comments that are indented deeper; behind it the next entry's own lines begin.
 */
void splice_entry(const struct splice_plan *plan, const struct yaml_node *map, size_t i,
		  size_t *begin, size_t *end);

/* Append the changed text.  -1 when it passes out's max. */
int splice_apply(struct splice_plan *plan, struct buf *out);

#endif
