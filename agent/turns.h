/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose turn it is, and who waits until when.
 *
 * Turns are fair: every second one goes round the namespaces, to the oldest of each, so that a
 * flood in one does not hold up the others and every backlog ends.  The rest are for what is new: a
 * namespace in which someone asks is fresh until one such turn, which its newest takes.  They go to
 * the freshest namespace and to the one that has been fresh longest in turn; of more than
 * TURNS_FRESH the rest are no longer new.  So who asks now has its turn within four, however many
 * wait in however many namespaces; where others go on asking, within four for each of their
 * namespaces.
 */
#ifndef BULLA_AGENT_TURNS_H
#define BULLA_AGENT_TURNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/table.h"

#define TURNS_FRESH 32

struct turns_line; /* of one namespace */

/* Embedded in whatever takes turns; zeroed at first. */
struct turn {
	struct turns_line *line; /* NULL: in none */
	struct turn *older, *newer;
	int64_t due; /* while it waits: monotonic ms */
	size_t slot; /* of the heap, from 1; 0: does not wait */
};

struct turns {
	struct table lines;
	struct turns_line *next;	       /* of the ring of those that are not empty */
	struct turns_line *freshest, *stalest; /* of those where someone asked of late */
	size_t n_fresh;
	unsigned taken;
	size_t n;	    /* that have a turn to come */
	struct turn **heap; /* of those that wait; heap[0] unused */
	size_t waiting, cap;
};

void turns_init(struct turns *q);
void turns_clear(struct turns *q); /* the turns are the owners' */

/* Ask for a turn; no longer waits.  Nothing happens when it has asked already. */
void turns_ask(struct turns *q, struct turn *t, const char *namespace);
/* Ask at that time (turns_due), or earlier when it waits for an earlier one already. */
void turns_wait(struct turns *q, struct turn *t, int64_t due);
/* Neither asks nor waits any more. */
void turns_drop(struct turns *q, struct turn *t);

/* The next one, which then has no turn any more; NULL: nobody asks. */
struct turn *turns_take(struct turns *q);
/* One that waited until now_ms and now neither waits nor asks; NULL: none. */
struct turn *turns_due(struct turns *q, int64_t now_ms);
/* When the first of those that wait is due; INT64_MAX: nobody waits. */
int64_t turns_next_due(const struct turns *q);

#endif
