/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages on a stream socket: a length (four bytes, most significant first), then that many bytes.
 * One message is under way at a time in each direction, so one write and one read carry one.
 */
#ifndef BULLA_AGENT_FRAME_H
#define BULLA_AGENT_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum frame_result {
	FRAME_OK,
	FRAME_CLOSED,  /* the other end is gone: before the first byte (recv), or at any (send) */
	FRAME_CUT,     /* gone in the middle of a message (recv), or after some of it went (send) */
	FRAME_TIMEOUT, /* not before the deadline */
	FRAME_BROKEN,  /* longer than allowed, or bytes after its end: not our protocol */
	FRAME_ERROR,   /* errno says why */
};

#define FRAME_HEAD 4 /* bytes of the length */
#define FRAME_FOREVER (-1)

/* Make b an empty message; put functions then append to it. */
void frame_begin(struct buf *b);

/*
 * Send a message begun with frame_begin.  deadline as clock_monotonic_ms tells it, or
 * FRAME_FOREVER; a descriptor with a deadline must be non-blocking.
 */
enum frame_result frame_send(int fd, struct buf *b, int64_t deadline);

/*
 * Receive one message of at most max bytes.  b->data + FRAME_HEAD is its first byte and
 * b->len - FRAME_HEAD its length.  b is wiped before, and on failure.
 */
enum frame_result frame_recv(int fd, struct buf *b, size_t max, int64_t deadline);

/* Wait until fd has one of events (as poll).  FRAME_OK, FRAME_TIMEOUT or FRAME_ERROR. */
enum frame_result frame_wait(int fd, short events, int64_t deadline);

#endif
