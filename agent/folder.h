/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One folder that holds one Secret, laid out as the kubelet does it:
 *
 *	..2026_11_25_19_30_00.1804289383/   the keys, as files
 *	..data -> ..2026_11_25_19_30_00.1804289383
 *	tls.crt -> ..data/tls.crt           one link for each key
 *
 * A new content is written beside the old one and takes over when `..data` is renamed, so whoever
 * reads through the links sees the old or the new whole, also through a bind mount of the folder,
 * and after SIGKILL at any time.  Readers never see a key of one beside a key of the other, except
 * that a reader who opens two keys one after the other may straddle the change; who must not, opens
 * `..data` first and reads below it.
 *
 * All functions work on a descriptor of the folder and follow no link out of it.
 */
#ifndef BULLA_AGENT_FOLDER_H
#define BULLA_AGENT_FOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/kv.h"

struct err;

#define FOLDER_DATA "..data"
#define FOLDER_STAMP_TEXT 36 /* "..2026_11_25_19_30_00.4294967295" and a NUL, with room */
#define FOLDER_PRINT 16

/* What tells a folder from another of the same name, and its content from an edited one. */
struct folder_mark {
	uint64_t ino;
	int64_t born;			   /* ns since 1970; 0: the file system does not say */
	char stamp[FOLDER_STAMP_TEXT];	   /* the folder that `..data` was pointed to */
	unsigned char print[FOLDER_PRINT]; /* folder_print's answer when we left it */
};

struct folder_modes {
	mode_t file;   /* of a key */
	mode_t folder; /* of a folder */
};

/*
 * Write data into an empty folder that nobody sees yet, in the layout above, but leave it to
 * folder_sync (or syncfs) to bring it to disk.  mark gets ino, born, stamp and print.
 */
int folder_fill(int fd, const struct kv *data, const struct folder_modes *modes,
		struct folder_mark *mark, struct err *err);
/* Bring a folder and the keys in it to disk. */
int folder_sync(int fd, struct err *err);

/*
 * Make the folder at fd hold data and nothing else, on disk.  On failure what was there is there
 * still, and whole.  Entries that the agent did not make are moved to aside (an open folder of the
 * same file system) under fresh names; *moved counts them.  mark gets ino, born and stamp, print is
 * left.
 */
int folder_write(int fd, const struct kv *data, const struct folder_modes *modes, int aside,
		 struct folder_mark *mark, size_t *moved, struct err *err);

/* Does the folder hold exactly data, in the layout above, with these modes? */
bool folder_holds(int fd, const struct kv *data, const struct folder_modes *modes);

/*
 * A print of everything that can be seen of the folder without reading a key: names, inodes, modes,
 * owners, sizes, times of change.  Equal prints mean that nobody has touched it.  -1 and errno.
 */
int folder_print(int fd, unsigned char print[static FOLDER_PRINT]);

/* ino and born of the folder; -1 and errno. */
int folder_identify(int fd, struct folder_mark *mark);
/* Is the folder the one that mark tells of? */
bool folder_is(int fd, const struct folder_mark *mark);

/* Move what the agent did not make to aside; how many, or -1. */
int folder_spare(int fd, int aside, struct err *err);

/* The names in the folder, a new array of new strings.  -1 and errno. */
int folder_names(int fd, char ***names, size_t *n);

/* Remove everything below fd, not following links.  -1 and err when something stays. */
int folder_empty(int fd, struct err *err);

#endif
