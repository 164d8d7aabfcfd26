/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `bulla bootstrap`: one cluster and the repository that Flux brings it, from nothing or from
 * whatever is there.
 *
 * It is a table of steps, each of which looks and, where something is missing, does.  What is there
 * is the only memory: a run that ended anywhere is ended by the next one, and one that finds all
 * done writes nothing, neither to a file nor to a server.  So each step makes the thing that
 * matters most first: a sealing key is in the cluster before the repository names it (the cluster
 * can be asked for it), a deploy key is in its sealed document before anybody registers it, and it
 * is tried at its server before the document is committed or applied.
 */
#ifndef BULLA_SEALER_BOOTSTRAP_H
#define BULLA_SEALER_BOOTSTRAP_H

#include <stdbool.h>
#include <sys/stat.h>

#include "git/run.h"
#include "keys/config.h"
#include "keys/keyring.h"
#include "sealer/bootstrap_files.h"
#include "sealer/cluster.h"
#include "sealer/command.h"
#include "sealer/objects.h"
#include "sealer/register.h"
#include "sealer/steps.h"

struct err;

struct bootstrap_options {
	const char *cluster, *context, *kubeconfig, *url, *path;
	const char *image, *branch, *known_hosts;
	const char *identity, *passphrase_file, *recovery;
	struct option_list accept;
	struct register_options at;
	bool no_register, no_try, upgrade, no_commit, push, wait, dry_run;
	const char *timeout, *output;
};

struct bootstrap {
	const struct invocation *in;
	const struct bootstrap_options *o;
	int64_t timeout_ms;

	char *top;
	struct git *git;
	char head[GIT_ID_TEXT]; /* "" before the first commit */
	char *branch;		/* checked out; NULL: none */
	char *path;		/* --path, below top, without "./" and "/" at its end */
	struct bootstrap_names names;
	struct config config; /* as it is now */
	bool configured;
	struct buf agent; /* the manifest that the cluster gets */
	bool agent_new;	  /* which no file has yet */

	struct cluster cluster;
	struct objects objects;
	struct kv keys;	     /* sealing keys in the cluster: file name -> text */
	struct keyring ring; /* the same, the active one last */

	struct buf public; /* of the deploy key, out of the opened document; empty: not known */
	bool sealed_now;   /* the deploy key is of this run */
	bool to_seal;	   /* there is none yet */
	struct register_at at;
	struct kv wrote; /* paths below top, of this run */
	struct buf left; /* lines: what is left for the user */
	bool to_push;	 /* what is committed is not pushed, and that is left to the user */
	size_t planned;	 /* steps that the plan has so far; 0 once it is carried out */
};

struct bootstrap_step {
	const char *name;
	/* Before anything is done it is asked of all steps, in order: what an earlier one makes may
	 * be missing. */
	int (*look)(struct bootstrap *b, struct step_look *l, struct err *err);
	int (*act)(struct bootstrap *b, struct err *err);
};

/* bootstrap_cluster.c */
extern const struct bootstrap_step bootstrap_agent, bootstrap_document, bootstrap_flux,
    bootstrap_ready;
/* Is the GitRepository Ready with what is applied: has the deploy key been proven by its use? */
int bootstrap_fetches(struct bootstrap *b, bool *ready, struct err *err);
/* Is the sealed deploy key applied as the repository has it? */
int bootstrap_is_applied(struct bootstrap *b, bool *applied, struct err *err);
/* bootstrap_sealing.c */
extern const struct bootstrap_step bootstrap_sealing_key, bootstrap_recipient;
/* The path, below top, of the rule that names the cluster's own documents: a new string. */
char *bootstrap_rule(const struct bootstrap *b);
/* Does the config (of b, or another) seal the deploy key to the cluster? */
bool bootstrap_is_ruled(const struct bootstrap *b, const struct config *config);
/* bootstrap_key.c */
extern const struct bootstrap_step bootstrap_deploy_key;
/* Open the document with the cluster's keys; out is the caller's to clear, also after an error. */
int bootstrap_open_key(struct bootstrap *b, struct kind_secret *out, struct err *err);
/* Is it made in this run, or to be?  Nobody has registered it before, then. */
bool bootstrap_is_new(const struct bootstrap *b);
/* bootstrap_repo.c */
extern const struct bootstrap_step bootstrap_write_files;
/* Read the agent's manifest, or make it; says what an --image is missing for. */
int bootstrap_load_agent(struct bootstrap *b, struct err *err);
/* Remove what a run that was killed left beside the files that it had written. */
void bootstrap_sweep(const struct bootstrap *b);
/* Write a file of the repository and remember it. */
int bootstrap_write(struct bootstrap *b, const char *path, const struct buf *text,
		    const struct stat *expect, struct err *err);
/* bootstrap_git.c */
extern const struct bootstrap_step bootstrap_commit, bootstrap_push;
/* bootstrap_register.c */
extern const struct bootstrap_step bootstrap_registration;
/* Does the user register it, not we? */
bool bootstrap_is_by_hand(const struct bootstrap *b);
/* bootstrap_try.c */
extern const struct bootstrap_step bootstrap_try;

#endif
