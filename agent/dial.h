/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to an opener in another container (agent/listen.h): connects, and says when to try again
 * when that fails or when the connection was lost, because the other container may be restarted at
 * any time.
 */
#ifndef BULLA_AGENT_DIAL_H
#define BULLA_AGENT_DIAL_H

#include <stdint.h>
#include <sys/types.h>

struct err;

#define DIAL_PAUSE_MS 50       /* before the first try again; doubled each time */
#define DIAL_PAUSE_MAX_MS 2000 /* it costs two system calls */
#define DIAL_REPLACED_MS 10000 /* another agent took our place: do not fight over it */

struct dial {
	char *path;
	uid_t uid;  /* that the opener runs as; another one is not talked to */
	int timer;  /* readable when dial_try is due */
	int64_t at; /* clock_monotonic_ms: when it is due */
	int64_t pause;
};

#define DIAL_INIT                                                                                  \
	{                                                                                          \
		NULL, 0, -1, 0, 0                                                                  \
	}

/* The first try is due at once.  ERR_USAGE, ERR_IO. */
int dial_init(struct dial *d, const char *path, uid_t uid, struct err *err);

/*
 * Try now: a connected descriptor, or -1 and why (ERR_IO nobody there, ERR_REFUSED someone else
 * listens there); then the next try is due later.
 */
int dial_try(struct dial *d, struct err *err);
/* It is of use: the next loss begins with a short pause again. */
void dial_good(struct dial *d);
/* The connection is lost; min_ms: not sooner than that. */
void dial_lost(struct dial *d, int64_t min_ms);

void dial_clear(struct dial *d);

#endif
