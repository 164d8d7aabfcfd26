/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/slots.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

void slots_init(struct slots *s)
{
	*s = (struct slots){ .wanted = true };
	for (size_t i = 0; i < SLOTS_N; i++)
		s->slot[i].sock = -1;
}

static struct slot *slot_of(struct slots *s, pid_t pid)
{
	for (size_t i = 0; i < SLOTS_N; i++)
		if (s->slot[i].pid == pid)
			return &s->slot[i];
	return NULL;
}

static void close_sock(struct slot *slot)
{
	if (slot->sock >= 0)
		close(slot->sock);
	slot->sock = -1;
}

static void want_now(struct slots *s)
{
	s->wanted = true;
	s->not_before = clock_monotonic_ms();
}

/* The pause before the next start, after one that did not live long. */
static void want(struct slots *s, int64_t started)
{
	int64_t now = clock_monotonic_ms(), pause = 0;

	s->deaths = now - started >= SLOTS_LIVED_MS ? 0 : s->deaths + 1;
	if (s->deaths > 1)
		pause = (int64_t)SLOTS_PAUSE_MS << (s->deaths < 12 ? s->deaths - 2 : 10);
	if (pause > SLOTS_PAUSE_MAX_MS)
		pause = SLOTS_PAUSE_MAX_MS;
	s->wanted = true;
	s->not_before = now + pause;
}

/* --- starting --------------------------------------------------------------------------------- */

static int make_pair(int pair[2])
{
	int flags;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	flags = fcntl(pair[0], F_GETFL);
	if (flags >= 0 && fcntl(pair[0], F_SETFL, flags | O_NONBLOCK) == 0)
		return 0; /* the agent's end waits with a deadline, the opener's for ever */
	close(pair[0]);
	close(pair[1]);
	return -1;
}

static void start(struct slots *s, struct slot *slot, struct opener_child *child)
{
	int64_t now = clock_monotonic_ms();
	int pair[2];
	pid_t pid;

	s->wanted = false;
	if (make_pair(pair) < 0) {
		want(s, now);
		return;
	}
	child->sock = pair[1];
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		opener_child_run(child);
	}
	close(pair[1]);
	if (pid < 0) {
		log_line(LOG_ERROR, "cannot start an opener", "error", strerror(errno),
			 (char *)NULL);
		close(pair[0]);
		want(s, now);
		return;
	}
	*slot = (struct slot){
		.pid = pid, .sock = pair[0], .generation = ++s->generation, .started = now
	};
}

void slots_start(struct slots *s, struct opener_child *child)
{
	struct slot *slot = slot_of(s, 0);

	if (s->wanted && slot != NULL && clock_monotonic_ms() >= s->not_before)
		start(s, slot, child);
}

/* --- ending ----------------------------------------------------------------------------------- */

void slots_renew(struct slots *s)
{
	for (size_t i = 0; i < SLOTS_N; i++) {
		struct slot *slot = &s->slot[i];

		if (slot->pid == 0 || slot->sock < 0)
			continue;
		close_sock(slot);
		slot->retired = true;
		kill(slot->pid, SIGKILL);
	}
	want_now(s);
}

void slots_retire(struct slots *s)
{
	bool waiting = false;

	for (size_t i = 0; i < SLOTS_N; i++) {
		struct slot *slot = &s->slot[i];

		if (slot->pid != 0 && slot->sock >= 0) {
			waiting = true;
		} else if (slot->pid != 0 && !slot->retired) {
			slot->retired = true;
			kill(slot->pid, SIGKILL);
		}
	}
	if (!waiting && !s->wanted)
		want_now(s);
}

void slots_end(struct slots *s, uint32_t generation)
{
	for (size_t i = 0; i < SLOTS_N; i++)
		if (s->slot[i].pid != 0 && s->slot[i].generation == generation)
			kill(s->slot[i].pid, SIGKILL);
}

static bool starting(const struct slot *slot)
{
	return slot->pid != 0 && slot->sock >= 0 && !slot->ready;
}

void slots_end_late(struct slots *s)
{
	int64_t now = clock_monotonic_ms();

	for (size_t i = 0; i < SLOTS_N; i++)
		if (starting(&s->slot[i]) && now >= s->slot[i].started + SLOTS_START_MS)
			kill(s->slot[i].pid, SIGKILL);
}

void slots_end_all(struct slots *s)
{
	for (size_t i = 0; i < SLOTS_N; i++)
		if (s->slot[i].pid != 0)
			kill(s->slot[i].pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		continue;
}

bool slots_reap(struct slots *s, struct slot *dead, int *status)
{
	struct slot *slot;
	pid_t pid = waitpid(-1, status, WNOHANG);

	if (pid <= 0)
		return false;
	*dead = (struct slot){ .sock = -1 };
	slot = slot_of(s, pid);
	if (slot == NULL)
		return true;
	*dead = *slot;
	dead->sock = -1;
	if (slot->generation == s->generation && !slot->retired)
		want(s, slot->started);
	close_sock(slot);
	*slot = (struct slot){ .sock = -1 };
	return true;
}

/* --- handing over ----------------------------------------------------------------------------- */

void slots_watch(const struct slots *s, struct pollfd *p)
{
	for (size_t i = 0; i < SLOTS_N; i++)
		p[i] = (struct pollfd){ .fd = starting(&s->slot[i]) ? s->slot[i].sock : -1,
					.events = POLLIN };
}

void slots_seen(struct slots *s, const struct pollfd *p)
{
	for (size_t i = 0; i < SLOTS_N; i++)
		if (p[i].revents != 0 && starting(&s->slot[i]))
			s->slot[i].ready = true;
}

struct slot *slots_ready(struct slots *s)
{
	for (size_t i = 0; i < SLOTS_N; i++)
		if (s->slot[i].pid != 0 && s->slot[i].sock >= 0 && s->slot[i].ready)
			return &s->slot[i];
	return NULL;
}

void slots_handed(struct slot *slot)
{
	close_sock(slot);
}

int64_t slots_next(const struct slots *s)
{
	int64_t at = INT64_MAX;

	for (size_t i = 0; i < SLOTS_N; i++) {
		const struct slot *slot = &s->slot[i];

		/* without room, the end of an opener will wake us */
		if (slot->pid == 0 && s->wanted && s->not_before < at)
			at = s->not_before;
		if (starting(slot) && slot->started + SLOTS_START_MS < at)
			at = slot->started + SLOTS_START_MS;
	}
	return at;
}
