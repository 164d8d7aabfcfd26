/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Unix socket on which an opener's container waits for the agent in the other (DESIGN 6): a
 * path in a volume that both mount.  A lock beside it, PATH.lock, says whether the one who made it
 * still lives; a socket left behind by one that does not is replaced, anything else is not touched.
 */
#ifndef BULLA_AGENT_LISTEN_H
#define BULLA_AGENT_LISTEN_H

#include <stdbool.h>
#include <sys/types.h>

struct err;

#define LISTEN_NO_GROUP ((gid_t)-1)

struct listen_options {
	const char *path;
	uid_t uid; /* whom to talk to; anyone else is sent away */
	gid_t gid; /* may connect: mode 0660; LISTEN_NO_GROUP: the owner alone, 0600 */
};

struct listen_socket {
	int fd;	  /* readable when someone connects; -1: closed */
	int lock; /* held while we live */
};

#define LISTEN_INIT                                                                                \
	{                                                                                          \
		-1, -1                                                                             \
	}

struct listen_peer {
	pid_t pid; /* 0 when it is not visible from here */
	uid_t uid;
};

/*
 * ERR_USAGE the path is too long; ERR_CONFLICT another opener serves there, or something that is no
 * socket has the name; ERR_IO.
 */
int listen_open(const struct listen_options *o, struct listen_socket *out, struct err *err);

/*
 * Take one connection: SOCK_SEQPACKET, non-blocking, close-on-exec.  -1: there is none (ERR_IO) or
 * it is not from uid (ERR_REFUSED); it is closed then.  peer gets who it was, where that is known.
 */
int listen_accept(const struct listen_socket *l, uid_t uid, struct listen_peer *peer,
		  struct err *err);

/* ERR_USAGE when path is empty or longer than an address can hold. */
int listen_check_path(const char *path, struct err *err);

/* Who is at the other end of a connected or accepted socket. */
int listen_peer(int fd, struct listen_peer *peer, struct err *err);

void listen_close(struct listen_socket *l); /* the path stays */

#endif
