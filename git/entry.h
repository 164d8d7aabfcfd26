/* SPDX-License-Identifier: Apache-2.0 */
/* What stands at a path of a tree, of the index or of a commit: the one struct for all of them. */
#ifndef BULLA_GIT_ENTRY_H
#define BULLA_GIT_ENTRY_H

struct err;

enum git_mode {
	GIT_MODE_TYPE = 0170000,
	GIT_MODE_FOLDER = 0040000,
	GIT_MODE_FILE = 0100000,   /* regular; 0100755 when executable */
	GIT_MODE_LINK = 0120000,   /* a symbolic link: its blob is where it points */
	GIT_MODE_MODULE = 0160000, /* a commit of another repository; there is no blob here */
};

struct git_entry {
	const char *path;   /* below the top level, bytes of any kind but NUL */
	unsigned mode;	    /* compare (mode & GIT_MODE_TYPE) */
	const char *id;	    /* of the blob, in hex */
	const char *commit; /* that has it (range, history), or NULL */
	/*
	 * In the index: 'A' added, 'M' changed, 'T' of another type, 'D' removed, 'U' not merged
	 * (id is zero then).  In a range the same without 'U'; commit by commit without 'D' too.
	 * In a tree ' '.
	 */
	char status;
};

/* Valid during the call.  Not 0 ends the run with that result (-1: fill err). */
typedef int git_visit(void *ctx, const struct git_entry *e, struct err *err);

#endif
