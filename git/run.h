/* SPDX-License-Identifier: Apache-2.0 */
/* The git program, run without a shell and never found by a relative PATH. */
#ifndef BULLA_GIT_RUN_H
#define BULLA_GIT_RUN_H

struct err;

/* Run "git -C TOP ARGS..." (ends with NULL) with its output discarded.  ERR_IO when it fails. */
int git_run(const char *top, const char *const args[], struct err *err);

#endif
