/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded by tests: what a program waits for comes at once, and its clock says that it has
 *waited. So a pause of a minute that a server asks for is kept by the program's own reckoning, and
 *costs nothing.
 *
 *	nanosleep(2)	returns at once; CLOCK_MONOTONIC is then ahead by as much
 *
 *	WAITS_LOG=F	each sleep is appended to F, in ms
 *	WAITS_POLL=1	poll(2) of at most a second, as libcurl's are, takes at most 40 ms; when
 *			nothing came by then, the clock is ahead by the rest
 *
 * The time of day stays what it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define POLL_MOST_MS 1000
#define POLL_TAKES_MS 40

static atomic_llong ahead_ms;

static void log_sleep(long long ms)
{
	const char *path = getenv("WAITS_LOG");
	char text[32];
	int fd, n;

	if (path == NULL)
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	n = snprintf(text, sizeof(text), "%lld\n", ms);
	if (fd >= 0 && write(fd, text, (size_t)n) != n)
		abort();
	if (fd >= 0)
		close(fd);
}

int nanosleep(const struct timespec *asked, struct timespec *left)
{
	long long ms = (long long)asked->tv_sec * 1000 + asked->tv_nsec / 1000000;

	(void)left;
	atomic_fetch_add(&ahead_ms, ms);
	log_sleep(ms);
	return 0;
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	static int (*real)(struct pollfd *, nfds_t, int);
	int found;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "poll");
	if (getenv("WAITS_POLL") == NULL || timeout <= POLL_TAKES_MS || timeout > POLL_MOST_MS)
		return real(fds, n, timeout);
	found = real(fds, n, POLL_TAKES_MS);
	if (found == 0)
		atomic_fetch_add(&ahead_ms, timeout - POLL_TAKES_MS);
	return found;
}

int clock_gettime(clockid_t which, struct timespec *t)
{
	static int (*real)(clockid_t, struct timespec *);
	long long ahead = atomic_load(&ahead_ms);
	int r;

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
	r = real(which, t);
	if (r != 0 || (which != CLOCK_MONOTONIC && which != CLOCK_MONOTONIC_RAW))
		return r;
	t->tv_sec += (time_t)(ahead / 1000);
	t->tv_nsec += (long)(ahead % 1000) * 1000000;
	if (t->tv_nsec >= 1000000000) {
		t->tv_nsec -= 1000000000;
		t->tv_sec++;
	}
	return 0;
}
