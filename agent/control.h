/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What agent and supervisor tell each other: one datagram each on a SOCK_SEQPACKET socket, some
 * with a descriptor.  Both ends are one program, so the bytes are the struct; in two containers
 * they may be two versions of it for a moment, so it begins with CONTROL_VERSION.
 */
#ifndef BULLA_AGENT_CONTROL_H
#define BULLA_AGENT_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#define CONTROL_VERSION 0x42554c02u /* of these messages and of those in agent/wire.h */

enum control_type {
	CONTROL_OPENER = 1, /* supervisor: a fresh opener; with the descriptor that talks to it */
	CONTROL_DIED,	    /* supervisor: opener `generation` ended; value is the wait status */
	CONTROL_FAILED,	    /* supervisor: it cannot work; text says why; it ends */
	CONTROL_KILL,	    /* agent: opener `generation` does not answer, end it */
	CONTROL_REPLACED,   /* supervisor: another agent has connected and is served now */
};

struct control_msg {
	uint32_t version; /* control_send sets it */
	uint32_t type;
	uint32_t generation; /* the first opener is 1 */
	int32_t value;	     /* OPENER: its pid */
	char text[500];
};

/*
 * Send without waiting; fd is passed along unless -1 (it stays the caller's).  0, or -1 and errno.
 */
int control_send(int sock, const struct control_msg *msg, int fd);

/*
 * Receive without waiting.  *fd becomes a passed descriptor (close-on-exec) or -1.  1: msg is
 * filled; 0: the other end is gone or sent what is not a message (*garbage, which may be NULL, says
 * which); -1: nothing there (EAGAIN) or
 * errno.
 */
int control_recv(int sock, struct control_msg *msg, int *fd, bool *garbage);

#endif
