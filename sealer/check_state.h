/* SPDX-License-Identifier: Apache-2.0 */
/* One state of a repository in git, the index or a commit: its rules and what stands beside files.
 */
#ifndef BULLA_SEALER_CHECK_STATE_H
#define BULLA_SEALER_CHECK_STATE_H

#include "base/kv.h"
#include "git/blobs.h"
#include "guard/baseline.h"
#include "sealer/check_base.h"
#include "sealer/findings.h"

struct check_state {
	const struct git *g;
	char commit[GIT_ID_TEXT]; /* or tree; "" is the index */
	struct kv files;	  /* path -> "MODE ID", of .bulla/ and of kustomizations */
	struct git_blobs *blobs;
	bool configured;
	struct config config;
	struct baseline baseline;
};

/*
 * Read the state of a commit or tree (id), or of the index (NULL), into s.  What is wrong with
 * .bulla/config or .bulla/baseline is a finding, and they then count as absent.  -1: git failed.
 * Call check_state_clear in every case.
 */
int check_state_load(struct check_state *s, const struct git *g, const char *id,
		     struct findings *findings, struct err *err);
/* The same files, so that nothing of what check_state_load reads is different? */
bool check_state_same(const struct check_state *a, const struct check_state *b, const char *path);
/* A check_read; ctx is the struct check_state. */
check_read check_state_read;
/* rules: whose config and baseline hold; files: beside whose files we look. */
struct check_base check_state_base(struct check_state *rules, struct check_state *files);
void check_state_clear(struct check_state *s);

#endif
