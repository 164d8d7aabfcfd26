/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bulla rotate deploy-key`: a new deploy key takes the place of the old one, and no fetch fails.
 *
 * A table of steps in the one order that is safe: the new key is registered before any document
 * holds it, and the old one deleted after every cluster that the document is for has applied the
 * new one and the new one is proven.  Each step looks what there is, and does what is missing, so
 * that a run that ended anywhere is ended by the next one (sealer/turn_journal.h has what cannot be
 * seen).  --abort goes the same way back, with the keys in each other's place, once the old key is
 * seen to work still.
 */
#ifndef BULLA_SEALER_TURN_H
#define BULLA_SEALER_TURN_H

#include <stdbool.h>

#include "sealer/register.h"
#include "sealer/rotate.h"
#include "sealer/steps.h"
#include "sealer/turn_journal.h"

struct err;

/* How long the old key is watched: Flux fetches every 1 to 10 minutes, and GitHub tells late. */
#define TURN_SETTLE "15m"

#define TURN_POLL_MS 15000 /* between two looks at last_used */

struct turn_options {
	struct rotate_options base; /* the first, so that its tables' offsets hold here too */
	struct register_options at;
	const char *type;
	struct option_list people; /* --person NAME */
	bool no_register, commit, push, keep_old, abort, pull_request;
	const char *base_branch; /* of the pull request; NULL: as GitHub says */
	const char *settle;	 /* a span; NULL: TURN_SETTLE */
};

struct turn {
	struct rotation r;
	const struct turn_options *o;
	struct turn_journal journal;
	struct register_options at; /* the command line's, with the keys at hand */
	struct register_at hub;
	bool asked;		  /* hub is open */
	int64_t asked_ms;	  /* since then, by clock_monotonic_ms */
	char *origin;		  /* "owner/name" that is pushed to; NULL: not asked for yet */
	struct register_at pulls; /* as an App, for pull requests there */
	bool by_hand;		  /* nobody registers and deletes but the user */
	bool proven;		  /* the key that is to serve, in this run */
	bool commit, push;	  /* by --pull-request, too */
	bool stop;		  /* what was done has left the rest to the user */
	bool to_abort;		  /* asked for in this run, and not yet in the journal */
	struct kv secret; /* with the key that is to serve, as far as opened or made; or empty */
	struct buf left;  /* lines: what is left for the user */
};

struct turn_step {
	const char *name;
	/* Is it done?  Also asked for the plan, when what earlier steps make may be missing. */
	int (*look)(struct turn *t, struct step_look *l, struct err *err);
	int (*act)(struct turn *t, struct err *err);
};

/* turn_make.c: the key and its document */
extern const struct turn_step turn_make, turn_write;
/* Which key does the file hold now?  By its digest, or opened. */
enum turn_holds { TURN_HOLDS_OTHER, TURN_HOLDS_OLD, TURN_HOLDS_NEW };
enum turn_holds turn_holds(struct turn *t);
/* Fill t->secret from the journal's document with turn_goal, if a key at hand opens it. */
void turn_open_goal(struct turn *t);
/* ERR_CONFLICT when the file's document is neither the old one nor the new, as they were made. */
int turn_can_write(struct turn *t, struct err *err);

/* turn_git.c */
extern const struct turn_step turn_commit, turn_push;

/* turn_hub.c: GitHub */
extern const struct turn_step turn_register, turn_remove;
/* ERR_USAGE: only a fact, which nobody opened, says at which repository. */
int turn_hub_check(const struct turn *t, bool opened, struct err *err);
/* --settle in seconds; false: it is none. */
bool turn_hub_settle(const struct turn_options *o, int64_t *s);
/* Get ready to ask, once; as an App anew before its token ends. */
int turn_hub_open(struct turn *t, struct err *err);
/* The same, and list what there is.  ERR_IO when our clock and GitHub's are minutes apart. */
int turn_hub_look(struct turn *t, struct err *err);
/* When one of the keys listed was last used, by our clock; 0: never, as far as GitHub tells. */
int64_t turn_hub_used(const struct turn *t, const struct deploy_key *key);
/* Of the keys listed, the one that is to serve; ERR_REFUSED when it is not there, or disabled. */
const struct deploy_key *turn_hub_goal(struct turn *t, struct err *err);
/* An App's token lasts an hour: before a long wait it is given back. */
void turn_hub_rest(struct turn *t);

/* turn_pull.c: the pull request, between push and clusters */
extern const struct turn_step turn_pull;
/* ERR_USAGE, ERR_INVALID: the options, or where origin is, do not fit. */
int turn_pull_begin(struct turn *t, struct err *err);
/*
 * Before anything is written: may it be (goal)?  When a pull request stands in the way l is filled
 * and stops; has: it is there already.
 */
int turn_pull_write(struct turn *t, const struct document *goal, bool has, struct step_look *l,
		    struct err *err);
/* Before anything is deleted: l is filled and stops while a pull request is open that matters. */
int turn_pull_settled(struct turn *t, struct step_look *l, struct err *err);
/* The base branch where none is given, a new string; or NULL. */
char *turn_pull_default(struct turn *t, struct err *err);

/* turn_proof.c */
extern const struct turn_step turn_try, turn_applied, turn_prove;
/* Names of the clusters that have not reported the file's digest yet, ", " between; appended. */
int turn_missing(struct turn *t, struct buf *names, struct err *err);

/* The key that is to serve in the end, and the one that is to go; NULL: not known. */
const char *turn_goal(const struct turn *t);
const char *turn_other(const struct turn *t);
/* Given up before any file held the new key: nobody can have it. */
bool turn_is_unseen(const struct turn *t);

const struct option_spec *turn_options_specs(void);
int turn_run(const struct invocation *in, struct err *err);

#endif
