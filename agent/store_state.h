/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the directory store knows at a moment.  The modules that work on it (stir, remember,
 * missing, report) are parts of agent/store_dir.h, which puts them in order; nobody else includes
 * this.
 */
#ifndef BULLA_AGENT_STORE_STATE_H
#define BULLA_AGENT_STORE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "agent/apply.h"
#include "agent/entry.h"
#include "agent/opener.h"
#include "agent/reconcile.h"
#include "agent/scan.h"
#include "agent/watch.h"
#include "base/kv.h"

#define STORE_RELEASE "release" /* SECRETS/.bulla-agent/release: the token of agent/guard.h */

struct store_dir_options {
	const char *documents; /* absolute */
	const char *secrets;   /* absolute */
	mode_t file_mode;
	int64_t settle_ms; /* so long a document must be gone before its Secret goes */
	int64_t look_ms;   /* full look, whatever the watches say */
	bool watch;	   /* false: one look is all there will be */
};

struct store_dir {
	const struct store_dir_options *o;
	struct apply apply;
	struct scan scan;
	struct entries entries;
	struct watch documents;	 /* owner: nothing */
	struct watch secrets;	 /* owner: an entry */
	struct watch namespaces; /* owner: a namespace's name; NULL for SECRETS itself */
	struct kv watched;	 /* namespaces whose folders are watched */
	struct stat jailed; /* DOCUMENTS when the jail was closed; st_ino 0: it was not there */
	bool is_jailed;	    /* files out of reach then are so for ever */
	char *git_lock;	    /* there while Git works in the tree of DOCUMENTS; NULL: no tree */
	bool git_at_work;   /* and that is why a removal waits */
	char *release;	    /* the token given, or NULL */
	uint64_t holds;	    /* those that a release ended */

	/* what has stirred since the last pass */
	bool documents_stirred;
	bool secrets_stirred; /* at least one entry is stale */
	bool all_stale;
	bool decide_again;

	struct entry **plan; /* what is still to be done, in order */
	size_t planned;
	size_t done;
	int64_t next_look;    /* monotonic ms */
	int64_t looked;	      /* when the last look at DOCUMENTS ended */
	int64_t look_took;    /* and how long it took */
	bool ready;	      /* everything was looked at and tried once */
	int64_t ledger_after; /* not before: writing the ledger anew, after it failed */
	mode_t made_mode;     /* of the files, when the ledger was written; 0: it does not say */
	char *told_blind;
	bool told_unwatched;
	char told_token[GUARD_TOKEN_TEXT];

	struct reconcile_result result;
	uint64_t looks; /* full ones */
};

#endif
