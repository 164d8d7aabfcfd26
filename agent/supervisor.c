/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/control.h"
#include "agent/jail.h"
#include "agent/keywatch.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define STOP_MS 5000
#define STOP_STEP_MS 2
#define SLOTS 4 /* the serving one, a fresh one, and two that still end */

struct slot {
	pid_t pid; /* 0: free */
	int sock;  /* the agent's end, until it is handed over; else -1 */
	uint32_t generation;
	int64_t started;
};

struct supervisor {
	const struct supervisor_options *o;
	int control, audit_fd, signals;
	struct keywatch watch;
	struct slot slots[SLOTS];
	uint32_t generation; /* of the newest opener */
	bool wanted;	     /* a fresh opener, not before: */
	int64_t not_before;
	unsigned deaths; /* of openers that did not live long, in a row */
	bool full;	 /* the agent does not take what it was sent */
};

static struct slot *slot_of(struct supervisor *s, pid_t pid)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (s->slots[i].pid == pid)
			return &s->slots[i];
	return NULL;
}

static void close_sock(struct slot *slot)
{
	if (slot->sock >= 0)
		close(slot->sock);
	slot->sock = -1;
}

/* The pause before the next start, after one that did not live long. */
static void want(struct supervisor *s, int64_t started)
{
	int64_t now = clock_monotonic_ms(), pause = 0;

	s->deaths = now - started >= SUPERVISOR_LIVED_MS ? 0 : s->deaths + 1;
	if (s->deaths > 1)
		pause = (int64_t)SUPERVISOR_PAUSE_MS << (s->deaths < 12 ? s->deaths - 2 : 10);
	if (pause > SUPERVISOR_PAUSE_MAX_MS)
		pause = SUPERVISOR_PAUSE_MAX_MS;
	s->wanted = true;
	s->not_before = now + pause;
}

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

static void in_child(const struct supervisor *s, int sock)
{
	const struct opener_child child = { .keys_dir = s->o->keys_dir,
					    .sock = sock,
					    .audit_fd = s->audit_fd,
					    .serve = s->o->serve,
					    .ctx = s->o->ctx };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	opener_child_run(&child);
}

static void start(struct supervisor *s, struct slot *slot)
{
	int64_t now = clock_monotonic_ms();
	int pair[2];
	pid_t pid;

	s->wanted = false;
	if (make_pair(pair) < 0) {
		want(s, now);
		return;
	}
	pid = fork();
	if (pid == 0)
		in_child(s, pair[1]);
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

static void start_when_due(struct supervisor *s)
{
	struct slot *slot = slot_of(s, 0);

	if (s->wanted && slot != NULL && clock_monotonic_ms() >= s->not_before)
		start(s, slot);
}

/* Keys changed: one that was not handed over yet has read the old ones. */
static void keys_changed(struct supervisor *s)
{
	for (size_t i = 0; i < SLOTS; i++) {
		if (s->slots[i].pid == 0 || s->slots[i].sock < 0)
			continue;
		close_sock(&s->slots[i]);
		kill(s->slots[i].pid, SIGKILL);
	}
	s->wanted = true;
	s->not_before = clock_monotonic_ms();
}

static void tell_death(struct supervisor *s, const struct slot *slot, int status)
{
	const struct control_msg msg = { .type = CONTROL_DIED,
					 .generation = slot->generation,
					 .value = status };
	char text[64];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(status));
	else
		snprintf(text, sizeof(text), "exit status %d", WEXITSTATUS(status));
	if (status != 0 && slot->generation == s->generation)
		log_line(LOG_ERROR, "an opener died", "by", text, (char *)NULL);
	control_send(s->control, &msg, -1); /* only an explanation: lost when there is no room */
}

static void reap(struct supervisor *s)
{
	struct signalfd_siginfo info;
	struct slot *slot;
	int status;
	pid_t pid;

	while (read(s->signals, &info, sizeof(info)) > 0)
		continue;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		slot = slot_of(s, pid);
		if (slot == NULL)
			continue;
		tell_death(s, slot, status);
		if (slot->generation == s->generation)
			want(s, slot->started);
		close_sock(slot);
		slot->pid = 0;
	}
}

/* Its hello (or its end) has arrived at the agent's end of the socket. */
static void hand_over(struct supervisor *s, struct slot *slot)
{
	const struct control_msg msg = { .type = CONTROL_OPENER,
					 .generation = slot->generation,
					 .value = slot->pid };

	if (control_send(s->control, &msg, slot->sock) == 0)
		close_sock(slot);
	else if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
		s->full = true;
}

static void end_hanging(struct supervisor *s, uint32_t generation)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (s->slots[i].pid != 0 && s->slots[i].generation == generation)
			kill(s->slots[i].pid, SIGKILL);
}

/* False: the agent is gone. */
static bool obey(struct supervisor *s)
{
	struct control_msg msg;
	int fd, r;

	while ((r = control_recv(s->control, &msg, &fd)) > 0) {
		if (fd >= 0)
			close(fd);
		if (msg.type == CONTROL_KILL)
			end_hanging(s, msg.generation);
	}
	return r < 0;
}

/* When there is none, the end of an opener will wake us. */
static bool has_room(const struct supervisor *s)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (s->slots[i].pid == 0)
			return true;
	return false;
}

static int64_t next_event(const struct supervisor *s)
{
	int64_t at = s->watch.look_at;

	if (s->wanted && s->not_before < at && has_room(s))
		at = s->not_before;
	for (size_t i = 0; i < SLOTS; i++)
		if (!s->full && s->slots[i].sock >= 0 &&
		    s->slots[i].started + SUPERVISOR_START_MS < at)
			at = s->slots[i].started + SUPERVISOR_START_MS;
	return at;
}

static void check_times(struct supervisor *s)
{
	int64_t now = clock_monotonic_ms();

	if (now >= s->watch.look_at && keywatch_look(&s->watch))
		keys_changed(s);
	for (size_t i = 0; i < SLOTS; i++)
		if (s->slots[i].sock >= 0 && !s->full &&
		    now >= s->slots[i].started + SUPERVISOR_START_MS)
			kill(s->slots[i].pid, SIGKILL);
	start_when_due(s);
}

/* Wait for something, do it; false: the agent is gone. */
static bool turn(struct supervisor *s)
{
	struct pollfd p[3 + SLOTS] = {
		{ .fd = s->control, .events = (short)(POLLIN | (s->full ? POLLOUT : 0)) },
		{ .fd = s->signals, .events = POLLIN },
		{ .fd = s->watch.fd, .events = POLLIN },
	};
	int64_t left = next_event(s) - clock_monotonic_ms();

	for (size_t i = 0; i < SLOTS; i++)
		p[3 + i] =
		    (struct pollfd){ .fd = s->full ? -1 : s->slots[i].sock, .events = POLLIN };
	if (poll(p, 3 + SLOTS, left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left) < 0)
		return errno == EINTR;
	if ((p[0].revents & POLLOUT) != 0)
		s->full = false;
	if ((p[0].revents & ~POLLOUT) != 0 && !obey(s))
		return false;
	for (size_t i = 0; i < SLOTS; i++)
		if (p[3 + i].revents != 0)
			hand_over(s, &s->slots[i]);
	if (p[1].revents != 0)
		reap(s);
	if (p[2].revents != 0)
		keywatch_read(&s->watch);
	check_times(s);
	return true;
}

static void end_all(struct supervisor *s)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (s->slots[i].pid != 0)
			kill(s->slots[i].pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		continue;
}

/*
 * A terminal signals the whole group and a service manager the whole unit, but what the agent has
 * under way needs its opener to the end: this process ends when the agent's socket closes.
 */
static int settle_signals(void)
{
	static const int ignored[] = { SIGINT,	SIGHUP,	 SIGTERM, SIGQUIT, SIGPIPE,
				       SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2 };
	sigset_t set;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int settle(struct supervisor *s, struct err *err)
{
	int fds[] = { s->control, s->audit_fd };
	int landlock;

	prctl(PR_SET_NAME, "bulla-supervise");
	log_fd_set(STDERR_FILENO); /* the agent's may be closed below, and its number another's */
	setsid();
	clearenv();
	if (jail_descriptors(fds, 2, err) < 0 || jail_standard(err) < 0)
		return -1;
	s->control = fds[0];
	s->audit_fd = fds[1];
	s->signals = settle_signals();
	if (s->signals < 0)
		return err_sys(err, "cannot watch for the end of openers");
	opener_child_prepare();
	if (jail_supervisor(s->o->keys_dir, &landlock, err) < 0)
		return -1;
	keywatch_init(&s->watch, s->o->keys_dir);
	return 0;
}

static _Noreturn void run(const struct supervisor_options *o, int control, pid_t parent)
{
	struct supervisor s = {
		.o = o, .control = control, .audit_fd = o->audit_fd, .wanted = true
	};
	struct control_msg failed = { .type = CONTROL_FAILED };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < SLOTS; i++)
		s.slots[i].sock = -1;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	if (settle(&s, &err) < 0) {
		snprintf(failed.text, sizeof(failed.text), "%.*s", (int)sizeof(failed.text) - 1,
			 err.text);
		control_send(s.control, &failed, -1);
		_exit(ERR_INTERNAL);
	}
	start_when_due(&s);
	while (turn(&s))
		continue;
	end_all(&s);
	_exit(0);
}

pid_t supervisor_start(const struct supervisor_options *o, int *control, struct err *err)
{
	pid_t parent = getpid(), pid;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "cannot make a socket for the supervisor");
	pid = fork();
	if (pid == 0)
		run(o, pair[1], parent);
	close(pair[1]);
	if (pid < 0) {
		err_sys(err, "cannot start the supervisor");
		close(pair[0]);
		return -1;
	}
	*control = pair[0];
	return pid;
}

void supervisor_stop(pid_t pid, int control)
{
	close(control);
	for (int i = 0; i < STOP_MS / STOP_STEP_MS; i++) {
		pid_t r = waitpid(pid, NULL, WNOHANG);

		if (r == pid || (r < 0 && errno != EINTR))
			return;
		usleep(STOP_STEP_MS * 1000);
	}
	kill(pid, SIGKILL); /* and its openers with it: PR_SET_PDEATHSIG */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}
