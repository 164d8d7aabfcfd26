/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Performs what reconcile decided, one entry at a time, in the directory store.  Whatever fails
 * leaves the Secret as it was, is noted on the entry (why, attempt) and is tried again later.
 */
#ifndef BULLA_AGENT_APPLY_H
#define BULLA_AGENT_APPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/entry.h"
#include "agent/guard.h"
#include "agent/ledger.h"
#include "agent/opener.h"
#include "agent/place.h"
#include "agent/source.h"
#include "base/kv.h"

struct apply_counts {
	uint64_t written;  /* Secrets made or given a new content */
	uint64_t repaired; /* of these: the Secret had been changed, not the document */
	uint64_t removed;
	uint64_t failed; /* tries that a fault ended: not those that a document is to blame for */
};

#define APPLY_STAGED 64

/* A Secret that is made and not in place yet. */
struct apply_staged {
	struct entry *x;
	struct place_new new;
	struct ledger_secret made;
	bool adopt;
	bool repair;
};

struct apply {
	struct place place;
	struct ledger ledger;
	struct opener *opener;
	int documents;	      /* descriptor of DOCUMENTS as of the last look */
	struct kv namespaces; /* folders of namespaces that the agent made */
	struct guard_done *done;
	size_t n_done;
	struct source source;	     /* the file read last; a pass goes file by file */
	bool look_again;	     /* a document changed between the look and now */
	struct apply_staged *staged; /* APPLY_STAGED of them */
	size_t n_staged;
	struct apply_counts counts;
};

/*
 * Perform x->s.action.  now_ms: monotonic.  A Secret that is new is only staged; apply_commit puts
 * all that are staged in place, and must be called before anything else looks at them.
 */
void apply_entry(struct apply *a, struct entry *x, int64_t now_ms);
bool apply_full(const struct apply *a); /* apply_commit is due */
void apply_commit(struct apply *a, int64_t now_ms);

/* A pass is over: forget the file read last, write what the ledger still has to remember. */
void apply_end(struct apply *a);

/* A removal done at that time, and forgetting the old ones. */
void apply_note_removed(struct apply *a, const char *namespace, int64_t at);
void apply_forget_removed(struct apply *a, int64_t now);

#endif
