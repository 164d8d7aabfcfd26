/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of blobs, from one git that runs as long as we ask ("git cat-file --batch").  The size
 * is known before the bytes are read; what is larger than asked for is passed over and never kept.
 */
#ifndef BULLA_GIT_BLOBS_H
#define BULLA_GIT_BLOBS_H

#include <stdbool.h>
#include <stddef.h>

#include "git/run.h"

struct git_blobs;

enum git_blob_state {
	GIT_BLOB_OK,
	GIT_BLOB_LARGE,	  /* larger than max; its bytes are not given */
	GIT_BLOB_MISSING, /* not in this repository: damaged, or a partial clone */
	GIT_BLOB_OTHER,	  /* of another type than asked for */
};

/* NULL and ERR_IO when git cannot be run.  g must outlive it. */
struct git_blobs *git_blobs_open(const struct git *g, struct err *err);
void git_blobs_close(struct git_blobs *b); /* NULL is fine */

/*
 * One blob into out (cleared before).  ERR_INVALID when it is larger than max or no blob, ERR_IO
 * when it is missing.
 */
int git_blobs_read(struct git_blobs *b, const char *id, size_t max, struct buf *out,
		   struct err *err);

/*
 * The same for the file at path in a commit: a full id from git, and a path without newlines.
 * *exists false: nothing is there.  ERR_INVALID also for a folder.  Of a link it is the text.
 */
struct git_blobs_place {
	const char *commit, *path;
	size_t max;
};
int git_blobs_read_at(struct git_blobs *b, const struct git_blobs_place *at, struct buf *out,
		      bool *exists, struct err *err);

/* One of many: the i-th id.  size is what git says, also of one that is too large.  text may be
 * taken over.  Not 0 ends the run with that result (-1: fill err). */
struct git_blob {
	size_t i;
	const char *id;
	enum git_blob_state state;
	unsigned long long size;
	struct buf *text; /* empty unless state is GIT_BLOB_OK */
};
typedef int git_blob_visit(void *ctx, const struct git_blob *blob, struct err *err);

/*
 * Many, in the order of ids, asked for ahead of the answers so that git never waits for us.  max:
 * bytes of one, at most BUF_MAX.  After a visit that ended the run, b can only be closed.
 */
struct git_blobs_ask {
	const char *const *ids;
	size_t n, max;
	const char *type; /* what the objects must be; NULL: "blob" */
	bool places; /* ids are "COMMIT:PATH" (git_blobs_read_at), of which git knows the ids */
	git_blob_visit *visit;
	void *ctx;
};
int git_blobs_each(struct git_blobs *b, const struct git_blobs_ask *ask, struct err *err);

#endif
