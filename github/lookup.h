/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of a name, within a time: getaddrinfo(3) knows none, so it runs in a thread. */
#ifndef BULLA_GITHUB_LOOKUP_H
#define BULLA_GITHUB_LOOKUP_H

#include <stdbool.h>
#include <stdint.h>

struct addrinfo;
struct err;

/*
 * TCP addresses in the order to try them; freeaddrinfo() them.  NULL: ERR_IO, and *late says
 * whether it is only that the deadline (clock_monotonic_ms) passed.
 */
struct addrinfo *github_lookup(const char *host, unsigned port, int64_t deadline, bool *late,
			       struct err *err);

#endif
