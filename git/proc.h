/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One running git program: a pipe to its standard input, one from its standard output, one from
 * its standard error.  All three move together, so that neither side ever waits for the other in
 * a circle.
 *
 * No shell; the program is found once, in an absolute folder of PATH.  The environment is the one
 * we were given (a hook's GIT_DIR, GIT_INDEX_FILE, GIT_QUARANTINE_PATH and object directories must
 * reach git), but for what could change the meaning of a command or run another program: no
 * transport is allowed (a partial clone fetches nothing), no prompt, no lock is taken for a
 * refresh, no replacement objects and no grafts hide what is there, paths are taken literally.
 * Settings by which a repository runs programs are overruled on the command line: core.fsmonitor,
 * core.hooksPath, core.pager, log.showSignature.  Commands that use filters, textconv or an
 * external diff, or that look at the work tree (which runs clean filters), are not run by anything
 * in this folder.
 */
#ifndef BULLA_GIT_PROC_H
#define BULLA_GIT_PROC_H

#include <stddef.h>

struct err;
struct git_proc;

/*
 * Start "PROGRAM [-C DIR] ARGS..." (dir may be NULL; args ends with NULL).  what names the command
 * in errors and must outlive it.  NULL and ERR_IO when it cannot be run.
 */
struct git_proc *git_proc_start(const char *program, const char *dir, const char *const args[],
				struct err *err);

/* Queue bytes for its standard input; they are copied and sent while we read. */
void git_proc_feed(struct git_proc *p, const void *data, size_t len);
/* Nothing more will be fed: the input ends after what is queued. */
void git_proc_feed_end(struct git_proc *p);

/*
 * What it wrote next: 1 with *data and *len (at least one byte, valid until the next call), 0 at
 * the end, -1 and ERR_IO.  The bytes stay to be given again until git_proc_took says how many were
 * used.
 */
int git_proc_peek(struct git_proc *p, const unsigned char **data, size_t *len, struct err *err);
void git_proc_took(struct git_proc *p, size_t n);

/*
 * Wait for its end and free p.  ERR_IO, with what it said on standard error, when it did not end
 * with status 0.  Call when git_proc_peek gave 0.
 */
int git_proc_end(struct git_proc *p, struct err *err);
/* End it now and free p (NULL is fine): what it would still say is of no interest. */
void git_proc_stop(struct git_proc *p);

#endif
