/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/supervisor.h"

#include <errno.h>
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
#include "agent/slots.h"
#include "agent/trim.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

#define STOP_MS 5000
#define STOP_STEP_MS 2
#define OBEY_MAX 16 /* messages of the agent in one turn */

enum { P_CONTROL, P_SIGNALS, P_KEYS, P_LISTEN, P_SLOTS, P_COUNT = P_SLOTS + SLOTS_N };

struct supervisor {
	const struct supervisor_options *o;
	int control; /* -1: no agent is connected */
	int audit_fd, signals;
	struct keywatch watch;
	struct slots slots;
	bool full; /* the agent does not take what it was sent */

	/* of one that serves a container */
	bool serves;
	struct listen_socket listen;
	int64_t accept_at;   /* not before */
	int64_t drain_until; /* SIGTERM has come; 0: not */
};

static void start_when_due(struct supervisor *s)
{
	struct opener_child child = { .keys_dir = s->o->keys_dir,
				      .audit_fd = s->audit_fd,
				      .serve = s->o->serve,
				      .ctx = s->o->ctx };

	slots_start(&s->slots, &child);
}

static void tell(struct supervisor *s, const struct control_msg *msg)
{
	if (s->control >= 0) /* only an explanation: lost when there is no room */
		control_send(s->control, msg, -1);
}

static void tell_death(struct supervisor *s, const struct slot *dead, int status)
{
	const struct control_msg msg = { .type = CONTROL_DIED,
					 .generation = dead->generation,
					 .value = status };
	char text[64];

	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(status));
	else
		snprintf(text, sizeof(text), "exit status %d", WEXITSTATUS(status));
	if (status != 0 && dead->generation == s->slots.generation)
		log_line(LOG_ERROR, "an opener died", "by", text, (char *)NULL);
	tell(s, &msg);
}

static void reap(struct supervisor *s)
{
	struct slot dead;
	int status;

	while (slots_reap(&s->slots, &dead, &status))
		if (dead.pid != 0 && !dead.retired)
			tell_death(s, &dead, status);
}

/* False: it is time to end. */
static bool take_signals(struct supervisor *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) > 0) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (s->drain_until != 0)
			return false;
		s->drain_until = clock_monotonic_ms() + SUPERVISOR_DRAIN_MS;
		listen_close(&s->listen);
		log_line(LOG_INFO, "ending", "waits",
			 s->control >= 0 ? "for the agent to finish" : "for nothing", (char *)NULL);
	}
	reap(s);
	return true;
}

/* --- the agent -------------------------------------------------------------------------------- */

static void hand_over(struct supervisor *s)
{
	struct slot *slot;

	while (s->control >= 0 && !s->full && (slot = slots_ready(&s->slots)) != NULL) {
		const struct control_msg msg = { .type = CONTROL_OPENER,
						 .generation = slot->generation,
						 .value = slot->pid };

		if (control_send(s->control, &msg, slot->sock) == 0)
			slots_handed(slot);
		else if (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS)
			s->full = true;
		else
			break; /* it is gone, as its socket will say */
	}
}

/* The agent is gone, or is no longer served.  False: it was ours, so this is the end. */
static bool part(struct supervisor *s, const char *why)
{
	if (!s->serves)
		return false;
	log_line(LOG_INFO, "the agent is gone", "why", why, (char *)NULL);
	close(s->control);
	s->control = -1;
	s->full = false;
	slots_retire(&s->slots);
	return true;
}

static bool obey(struct supervisor *s)
{
	struct control_msg msg;
	bool garbage = false;
	int fd, r = 1;

	for (int i = 0; i < OBEY_MAX && r > 0; i++) {
		r = control_recv(s->control, &msg, &fd, &garbage);
		if (r > 0 && fd >= 0)
			close(fd);
		if (r > 0 && msg.type == CONTROL_KILL)
			slots_end(&s->slots, msg.generation);
		else if (r > 0)
			garbage = true;
		if (garbage)
			r = 0;
	}
	if (garbage)
		log_line(LOG_ERROR, "the agent was not understood", "does",
			 "the connection is closed", (char *)NULL);
	return r != 0 || part(s, garbage ? "it sent what is no message" : "it closed its socket");
}

static void replace(struct supervisor *s)
{
	const struct control_msg msg = { .type = CONTROL_REPLACED };

	log_line(LOG_WARN, "another agent has connected and takes the place of this one",
		 (char *)NULL);
	tell(s, &msg);
	part(s, "another has connected");
}

static void take_connection(struct supervisor *s)
{
	struct listen_peer peer;
	struct err err = ERR_INIT;
	char pid[24];
	int fd = listen_accept(&s->listen, s->o->listen->uid, &peer, &err);

	s->accept_at = clock_monotonic_ms() + SUPERVISOR_ACCEPT_MS;
	if (fd < 0) {
		log_line(LOG_WARN, "no connection", "error", err.text, (char *)NULL);
		return;
	}
	if (s->control >= 0)
		replace(s);
	s->control = fd;
	snprintf(pid, sizeof(pid), "%ld", (long)peer.pid);
	log_line(LOG_INFO, "an agent has connected", "pid", pid, (char *)NULL);
}

/* --- the loop --------------------------------------------------------------------------------- */

static bool accepting(const struct supervisor *s)
{
	return s->listen.fd >= 0 && clock_monotonic_ms() >= s->accept_at;
}

static int64_t soonest(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int next_event(const struct supervisor *s)
{
	int64_t at = soonest(s->watch.look_at, slots_next(&s->slots)), left;

	if (s->listen.fd >= 0 && !accepting(s))
		at = soonest(at, s->accept_at);
	if (s->drain_until != 0)
		at = soonest(at, s->drain_until);
	left = at - clock_monotonic_ms();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static void check_times(struct supervisor *s)
{
	if (clock_monotonic_ms() >= s->watch.look_at && keywatch_look(&s->watch))
		slots_renew(&s->slots);
	slots_end_late(&s->slots);
	start_when_due(s);
}

static bool drained(const struct supervisor *s)
{
	return s->drain_until != 0 && (s->control < 0 || clock_monotonic_ms() >= s->drain_until);
}

/* Wait for something, do it; false: it is time to end. */
static bool turn(struct supervisor *s)
{
	struct pollfd p[P_COUNT] = {
		[P_CONTROL] = { s->control, (short)(POLLIN | (s->full ? POLLOUT : 0)), 0 },
		[P_SIGNALS] = { s->signals, POLLIN, 0 },
		[P_KEYS] = { s->watch.fd, POLLIN, 0 },
		[P_LISTEN] = { accepting(s) ? s->listen.fd : -1, POLLIN, 0 },
	};

	slots_watch(&s->slots, p + P_SLOTS);
	if (poll(p, P_COUNT, next_event(s)) < 0)
		return errno == EINTR;
	if ((p[P_CONTROL].revents & POLLOUT) != 0)
		s->full = false;
	if ((p[P_CONTROL].revents & ~POLLOUT) != 0 && !obey(s))
		return false;
	slots_seen(&s->slots, p + P_SLOTS);
	if (p[P_SIGNALS].revents != 0 && !take_signals(s))
		return false;
	if (p[P_LISTEN].revents != 0 && s->listen.fd >= 0)
		take_connection(s);
	if (p[P_KEYS].revents != 0)
		keywatch_read(&s->watch);
	hand_over(s);
	check_times(s);
	return !drained(s);
}

/* --- beginning and end ------------------------------------------------------------------------ */

/*
 * A terminal signals the whole group and a service manager the whole unit, but what the agent has
 * under way needs its opener to the end.  A supervisor that was forked by it ends when its socket
 * closes; one that serves is told by signal, and waits for the agent.
 */
static int settle_signals(bool serves)
{
	static const int ignored[] = { SIGHUP,	SIGQUIT, SIGPIPE, SIGTSTP,
				       SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2 };
	static const int ending[] = { SIGINT, SIGTERM };
	sigset_t set;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
		if (serves)
			sigaddset(&set, ending[i]);
		else
			signal(ending[i], SIG_IGN);
	}
	sigprocmask(SIG_SETMASK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Leave no descriptor open but its own, with new numbers. */
static int settle_descriptors(struct supervisor *s, struct err *err)
{
	int *own[] = { &s->audit_fd, &s->control, &s->listen.fd, &s->listen.lock };
	int fds[4];
	size_t n = 0;

	for (size_t i = 0; i < 4; i++)
		if (*own[i] >= 0)
			fds[n++] = *own[i];
	if (jail_descriptors(fds, n, err) < 0 || jail_standard(err) < 0)
		return -1;
	for (size_t i = 0, k = 0; i < 4; i++)
		if (*own[i] >= 0)
			*own[i] = fds[k++];
	return 0;
}

static int settle(struct supervisor *s, struct err *err)
{
	int landlock;

	log_fd_set(STDERR_FILENO); /* the agent's may be closed below, and its number another's */
	if (!s->serves)
		setsid();
	clearenv();
	if (settle_descriptors(s, err) < 0)
		return -1;
	s->signals = settle_signals(s->serves);
	if (s->signals < 0)
		return err_sys(err, "cannot watch for the end of openers");
	opener_child_prepare();
	if (jail_supervisor(s->o->keys_dir, s->serves, &landlock, err) < 0)
		return -1;
	keywatch_init(&s->watch, s->o->keys_dir);
	trim_memory();
	return 0;
}

static void work(struct supervisor *s)
{
	start_when_due(s);
	while (turn(s))
		continue;
	slots_end_all(&s->slots);
}

static _Noreturn void run(const struct supervisor_options *o, int control, pid_t parent)
{
	struct supervisor s = {
		.o = o, .control = control, .audit_fd = o->audit_fd, .listen = LISTEN_INIT
	};
	struct control_msg failed = { .type = CONTROL_FAILED };
	struct err err = ERR_INIT;

	slots_init(&s.slots);
	prctl(PR_SET_NAME, "bulla-supervise");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	if (settle(&s, &err) < 0) {
		snprintf(failed.text, sizeof(failed.text), "%.*s", (int)sizeof(failed.text) - 1,
			 err.text);
		control_send(s.control, &failed, -1);
		_exit(ERR_INTERNAL);
	}
	work(&s);
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

int supervisor_serve(const struct supervisor_options *o, struct err *err)
{
	struct supervisor s = { .o = o,
				.control = -1,
				.audit_fd = o->audit_fd,
				.serves = true,
				.listen = LISTEN_INIT };
	int r = -1;

	slots_init(&s.slots);
	if (listen_open(o->listen, &s.listen, err) < 0 || settle(&s, err) < 0)
		goto out;
	log_line(LOG_INFO, "listening", "socket", o->listen->path, (char *)NULL);
	work(&s);
	log_line(LOG_INFO, "ended", (char *)NULL);
	r = 0;
out:
	listen_close(&s.listen);
	if (s.control >= 0)
		close(s.control);
	return r;
}
