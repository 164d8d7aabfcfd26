/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that the directory store knows of one namespace and name: the subject that reconcile decides
 * about, where its document stands, what was put in place, and how it is watched.
 */
#ifndef BULLA_AGENT_ENTRY_H
#define BULLA_AGENT_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/folder.h"
#include "agent/ledger.h"
#include "agent/reconcile.h"
#include "agent/scan.h"
#include "agent/table.h"

struct entry {
	struct table_node node;
	struct subject s;

	/* as of the last look; NULL: no document */
	const struct scan_file *file;
	const struct scan_doc *doc;
	const struct scan_file *other; /* of a duplicate: one more file that has it */
	unsigned other_line;

	/* of the Secret, while s.recorded */
	char *source;
	bool adopted;
	struct folder_mark mark;

	bool stale;  /* what stands in place must be looked at */
	bool fresh;  /* something about it is new since it was last tried: goes first */
	int watched; /* numbers of the watches of its folder and of the data in it; -1 */
	int watched_data;

	char *why;	  /* of the last try that failed, in words */
	char *look_why;	  /* of TARGET_FOREIGN and TARGET_ERROR */
	enum reason told; /* what was last reported, REASON_PENDING: nothing */
	char *told_why;
};

struct entries {
	struct table table;
	struct entry **list; /* table.n of them, in no order; valid while nothing comes or goes */
	struct subject **subjects; /* their subjects, in the same order */
};

void entries_init(struct entries *e);
void entries_clear(struct entries *e);

struct entry *entries_find(const struct entries *e, const char *namespace, const char *name);
struct entry *entries_need(struct entries *e, const char *namespace, const char *name);
void entries_drop(struct entries *e, struct entry *x);
/* Bring list and subjects up to date; returns their number. */
size_t entries_list(struct entries *e);

/* Take over or forget what the ledger says was made. */
void entry_record(struct entry *x, const struct ledger_secret *made);
void entry_forget(struct entry *x);
/* The same for the ledger; strings stay the entry's. */
struct ledger_secret entry_secret(const struct entry *x);

#endif
