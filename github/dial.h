/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A TCP connection within a time: every address of a name is tried in turn, each with its share of
 * what is left; through an HTTP proxy by CONNECT when there is one, which then looks the name up.
 */
#ifndef BULLA_GITHUB_DIAL_H
#define BULLA_GITHUB_DIAL_H

#include <stdint.h>

#include "github/proxy.h"

struct err;

enum github_dial_failure {
	GITHUB_DIAL_DNS = 1,	 /* the name has no address, or nobody could be asked */
	GITHUB_DIAL_REFUSED,	 /* nobody listens there */
	GITHUB_DIAL_UNREACHABLE, /* no route, or it was reset */
	GITHUB_DIAL_TIMEOUT,
	GITHUB_DIAL_PROXY, /* the proxy answered, but not with a connection */
};

struct github_dial {
	const char *host; /* a name or an address, IPv6 without brackets */
	unsigned port;
	const struct github_proxy *proxy; /* NULL, or one without a host: directly */
	int64_t deadline;		  /* clock_monotonic_ms */
};

#define GITHUB_DIAL_ADDRESS 64

struct github_dialed {
	int fd; /* non-blocking, close-on-exec, the caller's to close */
	enum github_dial_failure failure;
	char address[GITHUB_DIAL_ADDRESS]; /* "140.82.121.4:22": what was tried last */
};

/*
 * 0 and out->fd, or -1 and out->failure (fd -1).  The error names host and port, or the proxy;
 * never its login.  A name that the resolver takes too long for is left to it: a thread of its own
 * may outlive the call.
 */
int github_dial(const struct github_dial *d, struct github_dialed *out, struct err *err);

#endif
