/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of `reseal` over a repository: what is to be done, and afterwards what stands in the
 * files.  The doing is sealer/reseal_work.h.
 */
#ifndef BULLA_SEALER_RESEAL_RUN_H
#define BULLA_SEALER_RESEAL_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "sealer/reseal_file.h"
#include "sealer/reseal_journal.h"

struct reseal_run {
	/* given */
	const char *top;  /* absolute, links resolved */
	const char *here; /* the folder that paths are shown from, absolute */
	const struct reseal_want *want;
	const struct reseal_record *before; /* of the run that is gone on with, or NULL */
	int64_t now;
	/* found */
	struct reseal_file *files; /* of which something is to be done or told, in their order */
	size_t n, cap;
	size_t documents, parts;  /* that were looked at */
	size_t earlier;		  /* files that the run before had done */
	struct reseal_seen *seen; /* parts, when somebody is added */
	size_t n_seen, cap_seen;
	char *nested; /* the last folder that was looked at, if a repository of its own */
	char *folder;
};

/*
 * Read everything below path (a file or a folder inside the work tree) and plan.  What cannot be
 * read is told in files.  ERR_INVALID when path is outside, in .git or in .bulla; ERR_IO.
 */
int reseal_run_plan(struct reseal_run *r, const char *path, struct err *err);

/* Totals over files. */
struct reseal_sum {
	size_t files;	      /* with work */
	size_t documents;     /* with work */
	size_t work, done;    /* parts */
	size_t waiting;	      /* parts that leave somebody out */
	size_t left;	      /* documents and files that are left as they are, for a reason */
	enum err_class worst; /* of those reasons, the first */
};
void reseal_run_sum(const struct reseal_run *r, struct reseal_sum *out);
/* Union over files: who receives (out), keys that nobody needs any more (id -> name). */
int reseal_run_recipients(const struct reseal_run *r, struct recipients *out, struct err *err);
void reseal_run_keys(const struct reseal_run *r, struct kv *out);

/*
 * The parts that list one of these key ids now, read anew from the files below path: id -> count
 * in decimal, added up over calls.  A file that cannot be read counts as one.
 */
int reseal_run_count(struct reseal_run *r, const char *path, const struct kv *keys,
		     struct kv *counts, struct err *err);

/*
 * Those parts that somebody new is to receive and that are the copy of another, byte by byte:
 * where -> where the other is.  A copy opens like the first, so whoever puts one under a rule of
 * his own waits for the next --add.
 */
void reseal_run_copies(struct reseal_run *r, struct kv *out);

/* A path below the top level as a shell finds it from here; a new string. */
char *reseal_run_shown(const struct reseal_run *r, const char *below);
void reseal_run_clear(struct reseal_run *r);

#endif
