/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a document goes, and which repository's rules hold there.
 *
 * The top level is that of the Git work tree that the file is in, links resolved, and only the
 * .bulla/config of that top level counts: one further down could be slipped in by whoever may write
 * to one folder, so it is reported and never read.
 */
#ifndef BULLA_SEALER_TARGET_H
#define BULLA_SEALER_TARGET_H

#include <stdbool.h>

#include "keys/config.h"

struct err;

struct target {
	char *path;	   /* as people know it, from where they are; NULL: standard output */
	char *real;	   /* absolute, links resolved: what is written; NULL: standard output */
	char *top;	   /* absolute top level; NULL: in no Git work tree */
	const char *below; /* real below top, "/" between; NULL without top or path */
	bool configured;   /* there is a .bulla/config, and it was read into config */
	struct config config;
};

#define TARGET_INIT                                                                                \
	{                                                                                          \
		NULL, NULL, NULL, NULL, false, CONFIG_INIT                                         \
	}

/*
 * write is the value of -w: a file, or a folder (it ends with "/" or is one) in which the document
 * name gets the file NAME.yaml.  NULL: standard output, and the repository is the one we are in.
 * A .bulla/ at the wrong place is told on standard error.
 */
int target_open(const char *write, const char *name, struct target *out, struct err *err);
void target_clear(struct target *t);

/* The top level of the repository we are in; ERR_INVALID when there is none.  A new string. */
char *target_top(struct err *err);
/* Read TOP/.bulla/config; 0 with *found false when there is none. */
int target_config(const char *top, struct config *out, bool *found, struct err *err);

#endif
