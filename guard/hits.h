/* SPDX-License-Identifier: Apache-2.0 */
/* What was found in one text, before it is sorted, silenced and given.  Within guard/ only. */
#ifndef BULLA_GUARD_HITS_H
#define BULLA_GUARD_HITS_H

#include <stdbool.h>
#include <stddef.h>

#include "guard/rules.h"

/*
 * A piece of what is scanned: the text itself (base 0), a range of it, or bytes that were decoded
 * from the range [base, end) and so have no places of their own.
 */
struct view {
	const char *text;
	size_t len;
	size_t base, end;
	bool decoded;
};

struct hit_found {
	enum guard_rule_id rule;
	size_t begin, end; /* in the scanned text; of decoded bytes: of what they came from */
	const char *what;  /* static */
	char *where;	   /* owned; NULL: not known yet */
	char *token;	   /* owned: of a GitHub token itself, which can be revoked; else NULL */
	char print[9];	   /* of a random value; else "" until all are sorted */
	bool decoded, certain;
};

struct hits {
	struct hit_found *items;
	size_t n, cap;
	bool incomplete; /* something was not looked at because there was too much of it */
};

#define HITS_INIT                                                                                  \
	{                                                                                          \
		NULL, 0, 0, false                                                                  \
	}

/* What to add: bytes [from, to) of a view, the credential itself. */
struct hit_new {
	enum guard_rule_id rule;
	size_t from, to;
	const char *what; /* static; NULL: the rule's summary */
	bool warning;
	char print[9]; /* from hits_print, of what the bytes stand for; "": of the bytes */
	char *where;   /* taken over, also when nothing is added; NULL: not known */
};

/* guard_hit.print of a random value. */
void hits_print(enum guard_rule_id rule, const void *value, size_t len, char print[static 9]);

/* False, nothing added, and incomplete, when there are too many (a few times GUARD_HITS_MAX). */
bool hits_add(struct hits *h, const struct view *v, const struct hit_new *new);

/*
 * In the order of the text; of two that overlap the one whose rule comes first stays, and takes
 * over where the other one stands when that is all that is known.
 */
void hits_settle(struct hits *h);

void hits_cut(struct hits *h, size_t n); /* keep the first n; incomplete when there were more */
void hits_clear(struct hits *h);

#endif
