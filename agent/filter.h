/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that each process of the agent may make (seccomp, by libseccomp).
 *
 * opener and supervisor: a list of what they need; the rest answers EPERM, because a library may
 * try and do without, and a list further of what only taken-over code would call ends the process
 * at once (SIGSYS).  net: everything but what could reach another process's memory, load code into
 * the kernel, or run a program.
 */
#ifndef BULLA_AGENT_FILTER_H
#define BULLA_AGENT_FILTER_H

struct err;

/* 1 in builds with AddressSanitizer, whose runtime needs more than the program: never shipped. */
#if defined(__SANITIZE_ADDRESS__)
#define FILTER_RELAXED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FILTER_RELAXED 1
#endif
#endif
#ifndef FILTER_RELAXED
#define FILTER_RELAXED 0
#endif

/* FILTER_SERVER: a supervisor that takes connections on a socket that it has already. */
enum filter_profile { FILTER_OPENER, FILTER_SUPERVISOR, FILTER_SERVER, FILTER_NET };

/* Load the filter, for ever and for all children; sets no_new_privs too.  0, or -1 and
 * ERR_INTERNAL. */
int filter_load(enum filter_profile profile, struct err *err);

#endif
