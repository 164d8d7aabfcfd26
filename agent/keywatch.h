/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices when the key directory is no longer what it was: files added, changed, removed, the
 * whole directory coming or going, and the "..data" link of a mounted Secret that is pointed at a
 * new folder.  inotify says when to look; a slow look of its own finds what it does not tell.
 * Files are compared by name and by what stat says of them, never read.
 */
#ifndef BULLA_AGENT_KEYWATCH_H
#define BULLA_AGENT_KEYWATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/kv.h"

#define KEYWATCH_QUIET_MS 50	/* without an event before a look, so that a copy is complete */
#define KEYWATCH_BUSY_MS 500	/* but not later than this after the first event */
#define KEYWATCH_SLOW_MS 5000	/* a look without any event */
#define KEYWATCH_FILES_MAX 4096 /* further ones are not told apart */

struct keywatch {
	const char *dir;
	int fd; /* readable: call keywatch_read; -1 when the system has no inotify to give */
	int wd; /* what is watched: the directory or the nearest folder above it */
	struct kv seen;	 /* name -> what stat said */
	int64_t first;	 /* of the events not yet looked after; 0 none */
	int64_t look_at; /* clock_monotonic_ms: when keywatch_look is due */
};

void keywatch_init(struct keywatch *w, const char *dir); /* and a first look */
void keywatch_read(struct keywatch *w);
bool keywatch_look(struct keywatch *w); /* true: it changed since the last look */
void keywatch_clear(struct keywatch *w);

#endif
