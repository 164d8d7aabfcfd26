/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders watched by inotify.  An event only says "look again": what is there is read anew, so a
 * lost event costs time until the next full look and nothing else.
 */
#ifndef BULLA_AGENT_WATCH_H
#define BULLA_AGENT_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/table.h"

struct err;

struct watch {
	int fd;
	struct table by_wd;
	size_t refused; /* folders that could not be watched (the kernel's limit), until reset */
};

int watch_open(struct watch *w, struct err *err);
void watch_close(struct watch *w);

/*
 * Watch a folder (not what a link leads to, unless follow) for owner, which may be NULL.  A folder
 * watched already goes to the new owner.  The watch's number, or -1 (errno): it does not exist, or
 * too many are watched.
 */
int watch_add(struct watch *w, const char *path, bool follow, void *owner);
void watch_remove(struct watch *w, int wd);

/*
 * Something happened in the folder of owner; name is the entry's, "" for the folder itself.
 * folder: the entry is a folder.
 */
typedef void watch_event(void *ctx, void *owner, const char *name, bool folder);

/* Take all events at hand.  false: some were lost, everything must be looked at again. */
bool watch_read(struct watch *w, watch_event *take, void *ctx);

#endif
