/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan of changes to a text: byte ranges and what stands there instead, all in positions of the
 * old text, so that all other bytes stay.  And places in that text.
 */
#ifndef BULLA_DOCUMENT_SPLICE_H
#define BULLA_DOCUMENT_SPLICE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct splice {
	size_t begin, end; /* of the old text */
	size_t order;	   /* among those with the same begin: as they were added */
	struct buf text;
};

struct splice_plan {
	const char *text; /* not owned; outlives the plan */
	size_t len;
	const char *eol; /* how lines end here */
	struct splice *items;
	size_t n, cap;
};

/* A new entry of a map, as entry.h puts it in: text, or a map. */
struct splice_entry {
	const char *name;
	const char *text; /* NULL: a map of n children */
	bool literal;	  /* in block style as lines, each ending with "\n"; else double-quoted */
	const struct splice_entry *children;
	size_t n;
};

/* at: a place whose line ending new lines follow. */
void splice_init(struct splice_plan *plan, const void *text, size_t len, size_t at);
/* From now on new lines follow the line ending at another place. */
void splice_eol(struct splice_plan *plan, size_t at);
void splice_clear(struct splice_plan *plan);

/*
 * Put something in place of [begin, end): the buffer returned, empty, the caller's to fill until
 * the next call.  Ranges may overlap when one of them puts nothing there.
 */
struct buf *splice_add(struct splice_plan *plan, size_t begin, size_t end);
/* What has been added at a place where nothing is taken out, or NULL. */
struct buf *splice_at(struct splice_plan *plan, size_t at);

/* Append the changed text.  -1 when it passes out's max. */
int splice_apply(struct splice_plan *plan, struct buf *out);

size_t splice_line_begin(const struct splice_plan *plan, size_t at);
/* Behind the line break of the line that at is in. */
size_t splice_line_end(const struct splice_plan *plan, size_t at);
/* Behind the characters of a set. */
size_t splice_skip(const struct splice_plan *plan, size_t at, const char *set);
/* Does the line that begins here hold white space alone (and end)? */
bool splice_is_blank(const struct splice_plan *plan, size_t begin);
/* Is it a comment?  column: of its "#", behind spaces. */
bool splice_is_comment(const struct splice_plan *plan, size_t begin, size_t *column);

#endif
