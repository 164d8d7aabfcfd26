/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bulla's own files in a repository, below its top level: .bulla/config, .bulla/keys/...,
 * .gitattributes.  The repository is not its user's, so no component may be a symbolic link.
 */
#ifndef BULLA_SEALER_REPO_H
#define BULLA_SEALER_REPO_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/kv.h"
#include "keys/age_recipient.h"

struct err;

#define REPO_DIR ".bulla"
#define REPO_KEYS ".bulla/keys"
#define REPO_KEY_MAX 65536 /* bytes of a backup */

/* The mode of a new file that everybody may read, by the user's umask. */
mode_t repo_file_mode(void);

/* Read TOP/path; 0 with *exists false when it is not there.  st may be NULL. */
int repo_read(const char *top, const char *path, size_t max, struct buf *out, struct stat *st,
	      bool *exists, struct err *err);

/*
 * Write TOP/path whole, its folders made where missing.  expect: as it was read, or NULL: it must
 * not be there (ERR_CONFLICT).
 */
int repo_write(const char *top, const char *path, const struct buf *data, const struct stat *expect,
	       struct err *err);

/* Names of the regular files in TOP/.bulla/keys (name -> ""); a missing folder has none. */
int repo_list_keys(const char *top, struct kv *out, struct err *err);

/* ".bulla/keys/NAME.age", with an id ".bulla/keys/NAME.ID.age": an earlier key's.  A new string. */
char *repo_key_path(const char *name, const char *id);
/*
 * The other way round, of a file name in .bulla/keys: *name is a new string, id the key's or "".
 * false when it is none of the two forms.
 */
bool repo_key_parse(const char *file, char **name, char id[static AGE_KEY_ID_TEXT]);

/* Remove from a folder what writes (base/file.h) that were killed left there; never what a living
 * one has. */
void repo_sweep(const char *dir);

/*
 * What must never lie in a Git tree: refuse a path (which need not exist) inside of one; the same
 * for what a descriptor writes to, when that is a file.  what begins the error.  ERR_INVALID.
 */
int repo_refuse_path(const char *path, const char *what, struct err *err);
int repo_refuse_fd(int fd, const char *what, struct err *err);

#endif
