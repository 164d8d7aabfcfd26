/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/client.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "kube/lane.h"
#include "kube/session.h"
#include "kube/timer.h"
#include "kube/transfer.h"

#define BUSY_MS 100	 /* libcurl works without a descriptor to wait for (looking up a name) */
#define REFRESH_MS 10000 /* tokens and certificates are asked for at least so often */

struct kube_client {
	struct kube_session session;
	struct kube_timers *timers;
	struct kube_lane *writes, *watches;
	struct pollfd *polled;
	size_t polled_cap;
};

struct kube_client *kube_client_new(struct kube_config *c, const char *name, struct err *err)
{
	static const struct kube_lane_limits writes = { KUBE_IN_FLIGHT, KUBE_URGENT };
	static const struct kube_lane_limits watches = { 0, 0 };
	struct kube_client *k = mem_alloc(sizeof(*k));

	if (kube_session_init(&k->session, c, name, err) != 0) {
		mem_free(k);
		return NULL;
	}
	k->timers = kube_timers_new();
	k->writes = kube_lane_new(&k->session, &writes);
	k->watches = kube_lane_new(&k->session, &watches);
	return k;
}

/* OpenSSL writes to sockets that may be closed, and libcurl leaves the signal to us (NOSIGNAL). */
static void pipe_ignore(struct sigaction *old)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGPIPE, &ignore, old);
}

static void pipe_restore(const struct sigaction *old)
{
	sigaction(SIGPIPE, old, NULL);
}

void kube_client_free(struct kube_client *k)
{
	struct sigaction old;

	if (k == NULL)
		return;
	pipe_ignore(&old);
	kube_lane_free(k->writes);
	kube_lane_free(k->watches);
	kube_session_clear(&k->session);
	pipe_restore(&old);
	kube_timers_free(k->timers);
	mem_free(k->polled);
	mem_free(k);
}

static void on_done(struct kube_transfer *t)
{
	struct kube_answer a;

	kube_transfer_answer(t, &a);
	t->tell(t->ctx, &a);
}

void kube_send(struct kube_client *k, const struct kube_request *r, kube_done_fn *done, void *ctx)
{
	static const struct kube_transfer_owner owner = { .done = on_done };
	struct kube_transfer *t = kube_transfer_new(r);

	t->owner = &owner;
	t->tell = done;
	t->ctx = ctx;
	t->gzip = strcmp(r->method, "GET") == 0;
	kube_lane_add(k->writes, t);
}

void kube_cancel(struct kube_client *k, const void *ctx)
{
	kube_lane_cancel(k->writes, ctx);
}

size_t kube_pending(const struct kube_client *k)
{
	return kube_lane_pending(k->writes);
}

static void sooner(int64_t *wait, int64_t in)
{
	if (in < 0)
		in = 0;
	if (*wait < 0 || in < *wait)
		*wait = in;
}

static void lane_wait(const struct kube_lane *l, int64_t now_ms, int64_t *wait)
{
	int64_t in = kube_lane_timeout(l, now_ms);

	if (in >= 0)
		sooner(wait, in);
}

static int wait_for(const struct kube_client *k, int timeout_ms, bool busy)
{
	int64_t now_ms = clock_monotonic_ms(), wait = timeout_ms;
	int64_t next = kube_timers_next(k->timers);

	if (next != KUBE_TIMER_OFF)
		sooner(&wait, next - now_ms);
	if (busy)
		sooner(&wait, BUSY_MS);
	sooner(&wait, REFRESH_MS);
	lane_wait(k->writes, now_ms, &wait);
	lane_wait(k->watches, now_ms, &wait);
	return (int)wait;
}

static void polled_add(struct kube_client *k, size_t *n, struct pollfd fd)
{
	if (*n == k->polled_cap) {
		k->polled_cap = k->polled_cap * 2 + 64;
		k->polled = mem_grow(k->polled, k->polled_cap, sizeof(*k->polled));
	}
	k->polled[(*n)++] = fd;
}

/* True: a lane that is at work has no descriptor to wait for. */
static bool polled_lane(struct kube_client *k, const struct kube_lane *l, size_t *n)
{
	fd_set r, w;
	int max;

	FD_ZERO(&r);
	FD_ZERO(&w);
	max = kube_lane_fds(l, &r, &w);
	for (int fd = 0; fd <= max; fd++) {
		int events = (FD_ISSET(fd, &r) ? POLLIN : 0) | (FD_ISSET(fd, &w) ? POLLOUT : 0);

		if (events != 0)
			polled_add(k, n, (struct pollfd){ fd, (short)events, 0 });
	}
	return max < 0 && kube_lane_pending(l) != 0;
}

int kube_wait(struct kube_client *k, struct pollfd *extra, size_t n, int timeout_ms)
{
	size_t all = 0;
	bool busy = false;
	int r;

	for (size_t i = 0; i < n; i++)
		polled_add(k, &all, extra[i]);
	busy = polled_lane(k, k->writes, &all);
	busy = polled_lane(k, k->watches, &all) || busy;
	r = poll(k->polled, (nfds_t)all, wait_for(k, timeout_ms, busy));
	for (size_t i = 0; i < n; i++)
		extra[i].revents = r > 0 ? k->polled[i].revents : 0;
	return r < 0 && errno == EINTR ? 0 : r;
}

void kube_work(struct kube_client *k)
{
	int64_t now_ms = clock_monotonic_ms();
	struct sigaction old;

	pipe_ignore(&old);
	kube_session_refresh(&k->session, now_ms);
	kube_timers_run(k->timers, now_ms);
	kube_lane_work(k->watches, now_ms);
	kube_lane_work(k->writes, clock_monotonic_ms());
	pipe_restore(&old);
}

size_t kube_counts(const struct kube_client *k, const struct kube_count **out)
{
	*out = k->session.counts;
	return k->session.n_counts;
}

struct kube_timers *kube_client_timers(struct kube_client *k)
{
	return k->timers;
}

struct kube_lane *kube_client_watches(struct kube_client *k)
{
	return k->watches;
}
