/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do, decided from what is: documents, Secrets, keys, clock (DESIGN 6).
 *
 * A subject is one namespace and name: the documents that claim it, the Secret the agent made for
 * it, what stands there now, and how earlier tries went.  The store fills in what it sees, calls
 * reconcile, performs the actions and looks again.  Pure: nothing is read or written here but the
 * subjects, so that the same rules serve every store.
 *
 * The rule above all others: a bad document, a lost key or a fault never removes or changes a
 * Secret that is there.
 */
#ifndef BULLA_AGENT_RECONCILE_H
#define BULLA_AGENT_RECONCILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/guard.h"
#include "agent/status.h"

#define SUBJECT_DIGEST 32

/* How many of a document's parts list a key that we hold. */
enum cover { COVER_NONE, COVER_SOME, COVER_ALL };

/* What stands in the Secret's place. */
enum target {
	TARGET_ABSENT,	/* nothing */
	TARGET_INTACT,	/* what we made, as we left it */
	TARGET_CHANGED, /* what we made, and something about it is different */
	TARGET_FOREIGN, /* something we did not make */
	TARGET_ADOPT,	/* the same, and its owner asks us to take it over */
	TARGET_ERROR,	/* it cannot be told */
};

enum action {
	ACTION_NONE,
	ACTION_APPLY,  /* open the document and make the Secret what it says */
	ACTION_RECORD, /* only remember what changed beside the Secret: policy, place of the
			  document */
	ACTION_REMOVE, /* take the Secret away and forget it */
	ACTION_RETAIN, /* keep the Secret, remember that its document is gone */
	ACTION_FORGET, /* nothing of ours is there any more */
};

/* Tries of one document that did not succeed.  Set by subject_failed only. */
struct attempt {
	enum reason reason; /* REASON_PENDING: none failed */
	unsigned char digest[SUBJECT_DIGEST];
	unsigned tries;
	int64_t not_before; /* monotonic ms */
};

struct subject {
	char *namespace;
	char *name;

	/* seen: documents */
	size_t documents; /* that claim this name */
	bool paused;	  /* a person wants its Secret left as it is, while there is one */
	bool going;	  /* it is being deleted, and something still holds it */
	bool invalid;	  /* one of them is refused without a key */
	enum cover cover;
	unsigned char digest[SUBJECT_DIGEST];
	bool retain;  /* deletionPolicy in force */
	bool moved;   /* it stands elsewhere than remembered */
	bool unknown; /* not seen, and not known to be gone: until it is seen again */
	bool unseen;  /* the same, while what it would be in cannot be seen */
	bool ended; /* nor is its namespace there, which took the Secret along: the guard counts it
		       not */
	bool leaving; /* its removal is under way, so the guard has let it */

	/* seen: the Secret */
	bool recorded; /* we made it */
	bool retained; /* and its document went with the policy Retain */
	bool made_retain;
	unsigned char made[SUBJECT_DIGEST]; /* the digest it was made of */
	uint64_t incarnation;
	enum target target;

	/* remembered between looks */
	struct attempt attempt;
	int64_t stirred;     /* monotonic ms when someone last touched the Secret; 0: not seen */
	int64_t wrong_since; /* monotonic ms since when it is not as we left it; 0: it is */
	unsigned repairs;
	int64_t repaired;   /* monotonic ms of the last repair; 0: never */
	int64_t gone_since; /* monotonic ms; 0: not gone */
	bool released;	    /* a person let it go: until it is gone, or its document is back */

	/* decided */
	enum action action;
	enum reason reason;
};

struct reconcile_env {
	int64_t now_ms; /* monotonic */
	int64_t now;	/* seconds since 1970 */
	int64_t settle_ms;
	size_t keys;	     /* sealing keys at hand */
	const char *blind;   /* why no document counts as gone just now; NULL: they do */
	const char *release; /* token that a person gave, or NULL */
	uint64_t holds;	     /* for guard_token */
	const struct guard_done *done;
	size_t n_done;
};

struct reconcile_result {
	size_t counts[REASON_COUNT];
	size_t actions;
	size_t guarded;		      /* removals that the guard holds */
	bool released;		      /* env->release was the right token and has been used: all
					 that were held have `released` */
	char token[GUARD_TOKEN_TEXT]; /* that releases them; "" when none is held */
	int64_t wake_ms; /* when to decide again though nothing happened; INT64_MAX: never */
};

/* Decide for all subjects: sets action, reason, gone_since and released of each. */
void reconcile(struct subject *const *subjects, size_t n, const struct reconcile_env *env,
	       struct reconcile_result *out);

/* An action on s failed, or s could not be checked.  Says when to try again, if ever. */
void subject_failed(struct subject *s, enum reason reason, int64_t now_ms);
/* s was made what its document says; repair: the document had not changed, the Secret had. */
void subject_applied(struct subject *s, bool repair, int64_t now_ms);
/* What blocked s may have changed: forget its failed tries, but not a quarantine. */
void subject_unblock(struct subject *s);

#endif
