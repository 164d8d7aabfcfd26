/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mass guard (DESIGN 6.1): too many documents gone at once are more likely an accident than a
 * wish.  When, among the removals wanted now or soon and those done in the last ten minutes, there
 * are more than ten in all, or more than three and more than a third of a namespace's documents,
 * none is done until a person releases exactly this set.  What was released is let go whole, and is
 * no longer wanted here; done, it counts.  Pure.
 */
#ifndef BULLA_AGENT_GUARD_H
#define BULLA_AGENT_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_WINDOW 600 /* seconds */
#define GUARD_ALL 10
#define GUARD_NAMESPACE 3
#define GUARD_TOKEN_TEXT 33 /* 32 hex digits and a NUL */

/* A removal done: where and when (seconds since 1970). */
struct guard_done {
	char *namespace;
	int64_t at;
};

/*
 * A removal wanted.  incarnation tells this Secret from an earlier one of the same name: of its
 * folder, or of its uid in a cluster; 0 where that is not known.
 */
struct guard_wanted {
	const char *namespace;
	const char *name;
	uint64_t incarnation;
};

/* How many documents a namespace has now; sorted by namespace. */
struct guard_present {
	const char *namespace;
	size_t n;
};

struct guard_input {
	const struct guard_wanted *wanted; /* sorted by namespace, name */
	size_t n_wanted;
	const struct guard_done *done;
	size_t n_done;
	const struct guard_present *present;
	size_t n_present;
	int64_t now; /* seconds since 1970 */
};

/* May they be removed?  false: the guard holds. */
bool guard_allows(const struct guard_input *in);

/*
 * Names this set of removals and no other, for the release.  holds: how often a set was held before
 * and is not any more, so that a token that was used is not one again for the same Secrets.
 */
void guard_token(const struct guard_wanted *wanted, size_t n, uint64_t holds,
		 char token[static GUARD_TOKEN_TEXT]);

/* Does a removal done at that time still count? */
bool guard_recent(int64_t at, int64_t now);

#endif
