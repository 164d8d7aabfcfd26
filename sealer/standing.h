/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How documents stand in a cluster: those of Git held against the objects that the API server has
 * and what its agent says of them.  Pure.
 */
#ifndef BULLA_SEALER_STANDING_H
#define BULLA_SEALER_STANDING_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "document/document.h"

struct standing_state {
	const char *name; /* as in tables and JSON */
	bool good;	  /* as it should be */
};

enum standing {
	STANDING_APPLIED,  /* Ready, with the digest that Git has */
	STANDING_EXPIRING, /* the same, for less time than was asked about */
	STANDING_EXPIRED,
	STANDING_STALE,	   /* the agent looked at another version than Git's */
	STANDING_PAUSED,   /* the agent leaves it alone: an annotation asks for that */
	STANDING_FAILING,  /* not Ready; the reason says why */
	STANDING_WAITING,  /* no agent has looked at what is there yet */
	STANDING_MISSING,  /* not in the cluster */
	STANDING_ORPHANED, /* not in Git */
	STANDING_SEALED,   /* in Git; no cluster was asked */
	STANDING_COUNT,
};

extern const struct standing_state standing_states[STANDING_COUNT];

/* Documents of Git: {"NAMESPACE/NAME": [{...}]}, one for each file that has it. */
void standing_add_document(json_t *git, const char *path, const struct document *d);
/* Objects of a cluster: {"NAMESPACE/NAME": item}.  false when an item has no name. */
bool standing_add_object(json_t *objects, json_t *item);

/*
 * An object without what is sealed, for who keeps many: its digest stands in the parts' place where
 * an agent failed, for judging whose version that was.  A new reference.
 */
json_t *standing_trimmed(const json_t *object);

struct standing_cluster {
	const char *label;     /* what the rows call it */
	const char *recipient; /* whose documents are expected there; NULL: all */
	const json_t *objects;
	int64_t now;
	int64_t soon; /* what ends in fewer seconds is expiring; 0: CHECK_EXPIRY_WARN days */
};

/*
 * Append a row for each document that is there or should be:
 * {document, kind, cluster, state, reason, message, stalled (paused too), digest, appliedDigest,
 * notAfter, file, line, good}, those that are known.
 */
void standing_rows(const json_t *git, const struct standing_cluster *c, json_t *rows);
/*
 * The same for Git alone, with no cluster: a row for each file that has the document, sealed,
 * expiring or expired by what its facts say.  now and soon of c count.
 */
void standing_git_rows(const json_t *git, const struct standing_cluster *c, json_t *rows);
/*
 * May this row still become good by itself?  Not when the agent says that a person must act
 * (Stalled), nor when it is paused, expired or orphaned.
 */
bool standing_may_change(const json_t *row);
/* Are all rows' states good ones? */
bool standing_good(const json_t *rows);
/* By document, then in the order they were in. */
json_t *standing_sorted(const json_t *rows);

#endif
