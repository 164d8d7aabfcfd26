/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One reader and one writer of files.  The reader takes regular files only, never waits on a fifo
 * or device, never reads more than its limit, and reads each file once.  The writer replaces a
 * file whole or not at all: locked temporary file beside it, fsync, rename, fsync of the folder.
 */
#ifndef BULLA_BASE_FILE_H
#define BULLA_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/buf.h"

struct err;

enum file_flags {
	FILE_NOFOLLOW = 1, /* refuse a symbolic link as the last component */
	FILE_PRIVATE = 2,  /* refuse what other users could have written or may read (mode & 077) */
	FILE_STDIN = 4,	   /* "-" means standard input */
};

/*
 * Read a whole file into out (cleared before).  max in bytes.  st, when given, gets fstat's answer.
 * ERR_IO when it cannot be read or is not a regular file (a pipe is fine where the path names one
 * under /dev/fd or with FILE_STDIN), ERR_INVALID when larger than max or not private.
 */
int file_read(const char *path, size_t max, int flags, struct buf *out, struct stat *st,
	      struct err *err);

/*
 * The same for a path relative to an open directory, no component of which may be a symbolic link
 * or "..": for repositories that are not their user's.
 */
int file_read_beneath(int dirfd, const char *path, size_t max, struct buf *out, struct stat *st,
		      struct err *err);

/* Read a descriptor to its end. */
int file_read_fd(int fd, const char *name, size_t max, struct buf *out, struct err *err);

/*
 * Replace path by data.  A new file gets mode; an existing one keeps its mode and must still be
 * the one described by expect (from the read the data was made of; NULL: do not ask), else
 * ERR_CONFLICT: a chmod or another link in between is a change too, and so is a rename unless
 * renamed says that it was the caller's.  With exclusive the file must not exist (ERR_CONFLICT).  A
 * symbolic link at path is refused.  On failure nothing is changed and the temporary file is gone;
 * after SIGKILL the next write to the same path takes it over.
 */
struct file_write {
	const char *path;
	mode_t mode;
	bool exclusive, renamed;
	const struct stat *expect;
};
int file_write(const struct file_write *w, const void *data, size_t len, struct err *err);

/*
 * The same in steps, for many files at once: new (each has its temporary file, and path is as it
 * was), sync (all of them), commit (path is replaced, if it still is as expected), free.  Errors as
 * file_write; w is copied.  A stage that is freed without commit leaves nothing.  Renames are
 * durable when the caller has synced the folder.
 */
struct file_stage;
struct file_stage *file_stage_new(const struct file_write *w, const void *data, size_t len,
				  struct err *err);
int file_stage_sync(struct file_stage *const *list, size_t n, struct err *err);
int file_stage_commit(struct file_stage *s, struct err *err);
void file_stage_free(struct file_stage *s); /* NULL is fine */
/* After SIGKILL: remove the temporary file of path, if nobody is writing it.  It is "." before and
 * FILE_TEMPORARY behind the name of path. */
#define FILE_TEMPORARY ".bulla~"
void file_stage_sweep(const char *path);

/* mkdir -p with the given mode; existing folders are fine. */
int file_mkdirs(const char *path, mode_t mode, struct err *err);
/* The same for the folder that path is in. */
int file_mkdirs_above(const char *path, mode_t mode, struct err *err);

/*
 * The top level of the Git work tree that contains path (a file that may not exist yet, or a
 * folder): the nearest parent with a ".git" entry.  A new string, absolute, or NULL when there is
 * none (no error).
 */
char *file_git_top(const char *path);

/* An absolute path with links resolved as far as it exists; a new string or NULL and err. */
char *file_absolute(const char *path, struct err *err);

/*
 * The program of that name in PATH, as a new string; one with a slash is itself.  NULL: there is
 * none.  Relative entries of PATH are passed over: they would let the folder that we stand in
 * choose the program.
 */
char *file_program(const char *name);

/* Write all bytes to a descriptor, retrying short writes and EINTR.  ERR_IO on failure. */
int file_write_fd(int fd, const void *data, size_t len, struct err *err);

#endif
