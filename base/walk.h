/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Visit the YAML files below a folder, in the order of their names: regular files ending in .yaml
 * or .yml, in no folder whose name begins with ".", never through a symbolic link.  Each step is
 * taken from an open directory, so that a link slipped in meanwhile leads nowhere.
 */
#ifndef BULLA_BASE_WALK_H
#define BULLA_BASE_WALK_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/buf.h"

struct err;

#define WALK_DEPTH 64

/*
 * One file: path is root joined with what is below it, text its contents (may be taken over).
 * error, when given, says why the file or folder at path could not be read; text is then empty.
 * Not 0 ends the walk with that result.
 */
typedef int walk_visit(void *ctx, const char *path, struct buf *text, const struct err *error);

/*
 * root may be a file, which is read whatever its name is (a link to it is followed: the user named
 * it), or a folder.  max: bytes of one file.  ERR_IO when root cannot be opened.
 */
int walk_yaml(const char *root, size_t max, walk_visit *visit, void *ctx, struct err *err);
/* Shall the file or folder at path be passed over? */
typedef bool walk_skip(void *ctx, const char *path);
/*
 * The same for files whose names end in one of suffixes (".json"; a NULL-terminated list).  NULL:
 * every regular file, also in folders whose names begin with ".", but nothing named ".git".
 */
struct walk_from {
	const char *root;
	size_t max;
	const char *const *suffixes;
	walk_skip *skip; /* or NULL; gets the ctx of visit */
};
int walk_files(const struct walk_from *from, walk_visit *visit, void *ctx, struct err *err);

#endif
