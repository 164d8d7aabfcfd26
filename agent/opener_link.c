/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/opener_link.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/control.h"
#include "agent/frame.h"
#include "agent/supervisor.h"
#include "agent/wire.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define START_MS 15000	 /* for the first opener */
#define CONNECT_MS 30000 /* for the first one in another container */
#define HELLO_MS 1000	 /* it is there when the socket is handed over */
#define FRESH_MS 1000	 /* to wait for a fresh opener in the middle of opener_open, once */

void opener_link_drop(struct opener_link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->pid = 0;
}

static bool dials(const struct opener_link *l)
{
	return l->dial.path != NULL;
}

static void set_why(struct opener_link *l, const char *why)
{
	snprintf(l->why, sizeof(l->why), "%.*s", (int)sizeof(l->why) - 1, why);
}

/* Our own supervisor will never be there again; one in a container will. */
static void lose(struct opener_link *l, const char *why, int64_t pause_ms)
{
	if (l->lost || l->control < 0)
		return;
	opener_link_drop(l);
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->control, NULL); /* it would be readable for ever */
	if (dials(l)) {
		close(l->control);
		l->control = -1;
		dial_lost(&l->dial, pause_ms);
		log_line(LOG_WARN, "the opener's container is gone; connecting again", "error", why,
			 (char *)NULL);
		return;
	}
	l->lost = true;
	set_why(l, why);
	eventfd_write(l->poke, 1);
	log_line(LOG_ERROR, "the supervisor of the opener has ended", "error", l->why,
		 (char *)NULL);
}

static int read_hello(int fd, struct wire_hello *hello, struct err *err)
{
	struct buf io = BUF_INIT;
	int r = -1;

	if (frame_recv(fd, &io, WIRE_ANSWER_MAX, clock_monotonic_ms() + HELLO_MS) != FRAME_OK)
		err_set(err, ERR_IO, "a fresh opener ended before it said hello");
	else if (wire_get_hello(io.data + FRAME_HEAD, io.len - FRAME_HEAD, hello, err) == 0)
		r = 0;
	buf_clear(&io);
	if (r == 0 && hello->err.class != ERR_NONE) {
		*err = hello->err;
		r = -1;
	}
	return r;
}

/* Take a fresh opener in place of the one before, which ends by losing its socket. */
static void adopt(struct opener_link *l, const struct control_msg *msg, int fd)
{
	struct wire_hello hello = WIRE_HELLO_INIT;
	struct err err = ERR_INIT;
	char keys[24], abi[24];

	if (read_hello(fd, &hello, &err) < 0) {
		log_line(LOG_ERROR, "a fresh opener cannot be used", "error", err.text,
			 (char *)NULL);
		set_why(l, err.text);
		close(fd);
		goto out;
	}
	opener_link_drop(l);
	l->fd = fd;
	l->pid = msg->value;
	l->generation = msg->generation;
	l->given_up = false;
	l->adopted++;
	if (dials(l))
		dial_good(&l->dial);
	l->bad = hello.bad;
	if (!kv_equal(&l->keys, &hello.keys)) {
		l->changed = true;
		eventfd_write(l->poke, 1);
	}
	kv_copy(&l->keys, &hello.keys);
	kv_copy(&l->recipients, &hello.recipients);
	snprintf(keys, sizeof(keys), "%zu", hello.keys.n);
	snprintf(abi, sizeof(abi), "%u", (unsigned)hello.landlock);
	log_line(hello.landlock == 0 ? LOG_WARN : LOG_INFO, "opener serving", "keys", keys,
		 "landlock", hello.landlock == 0 ? "not in this kernel" : abi, (char *)NULL);
out:
	wire_hello_clear(&hello);
}

/* True: msg took fd over. */
static bool take_message(struct opener_link *l, const struct control_msg *msg, int fd)
{
	switch (msg->type) {
	case CONTROL_OPENER:
		if (fd < 0)
			return false;
		adopt(l, msg, fd);
		return true;
	case CONTROL_FAILED:
		lose(l, msg->text, 0);
		return false;
	case CONTROL_REPLACED:
		lose(l, "another agent has taken this one's place there", DIAL_REPLACED_MS);
		return false;
	case CONTROL_DIED:
		l->died = msg->generation;
		l->died_status = msg->value;
		if (msg->generation == l->generation)
			opener_link_drop(l);
		return false;
	default:
		return false;
	}
}

/* Why it cannot be reached is said once, and not at every try. */
static void note_refusal(struct opener_link *l, const struct err *err)
{
	if (l->refused == err->class && strcmp(l->why, err->text) == 0)
		return;
	l->refused = err->class;
	set_why(l, err->text);
	log_line(err->class == ERR_REFUSED ? LOG_ERROR : LOG_WARN, "no opener is reached", "error",
		 l->why, (char *)NULL);
}

static void connect_when_due(struct opener_link *l)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct err err = ERR_INIT;
	int fd;

	if (!dials(l) || l->control >= 0 || clock_monotonic_ms() < l->dial.at)
		return;
	fd = dial_try(&l->dial, &err);
	if (fd < 0) {
		note_refusal(l, &err);
		return;
	}
	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		close(fd);
		dial_lost(&l->dial, 0);
		return;
	}
	l->control = fd;
	l->generation = l->died = 0; /* another supervisor counts anew */
	l->refused = ERR_NONE;
	l->why[0] = '\0';
	log_line(LOG_INFO, "connected to the opener's container", "socket", l->dial.path,
		 (char *)NULL);
}

/* Take all that the supervisor has said. */
static void take_news(struct opener_link *l)
{
	struct control_msg msg;
	int fd, r;

	connect_when_due(l);
	while (l->control >= 0 && !l->lost &&
	       (r = control_recv(l->control, &msg, &fd, NULL)) >= 0) {
		if (r == 0)
			lose(l, "it closed its socket", 0);
		else if (!take_message(l, &msg, fd) && fd >= 0)
			close(fd);
	}
}

static void wait_for_news(struct opener_link *l, int64_t deadline)
{
	if (l->control >= 0) {
		if (frame_wait(l->control, POLLIN, deadline) == FRAME_OK)
			take_news(l);
		return;
	}
	if (l->dial.at < deadline)
		deadline = l->dial.at;
	poll(NULL, 0, (int)(deadline > clock_monotonic_ms() ? deadline - clock_monotonic_ms() : 0));
	take_news(l);
}

int opener_link_none(const struct opener_link *l, struct err *err)
{
	if (l->lost)
		return err_set(err, ERR_IO, "the opener has ended (%s); restart the agent", l->why);
	if (dials(l) && l->control < 0)
		return err_set(err, ERR_IO,
			       "no opener can be reached just now%s%s; it will be tried again",
			       l->why[0] != '\0' ? ": " : "", l->why);
	return err_set(err, ERR_IO, "no opener can be had just now; it will be tried again");
}

/* With a crowd of documents waiting, only the first of them waits here. */
int opener_link_need(struct opener_link *l, struct err *err)
{
	int64_t deadline = clock_monotonic_ms() + FRESH_MS;

	if (l->fd < 0)
		take_news(l);
	while (l->fd < 0 && !l->lost && !l->given_up) {
		wait_for_news(l, deadline);
		l->given_up = l->fd < 0 && clock_monotonic_ms() >= deadline;
	}
	return l->fd < 0 ? opener_link_none(l, err) : 0;
}

void opener_link_kill(const struct opener_link *l, uint32_t generation)
{
	const struct control_msg msg = { .type = CONTROL_KILL, .generation = generation };

	if (l->control >= 0)
		control_send(l->control, &msg, -1);
}

void opener_link_death(struct opener_link *l, uint32_t generation, char *text, size_t size)
{
	int64_t deadline = clock_monotonic_ms() + FRESH_MS;

	while (l->control >= 0 && !l->lost && l->died != generation &&
	       clock_monotonic_ms() < deadline)
		wait_for_news(l, deadline);
	if (l->died != generation)
		snprintf(text, size, "ended");
	else if (WIFSIGNALED(l->died_status))
		snprintf(text, size, "died of signal %d (%s)", WTERMSIG(l->died_status),
			 strsignal(WTERMSIG(l->died_status)));
	else
		snprintf(text, size, "ended with status %d", WEXITSTATUS(l->died_status));
}

static char *absolute(const char *path)
{
	char *cwd, *r;

	if (path[0] == '/')
		return mem_str(path);
	cwd = getcwd(NULL, 0);
	r = mem_printf("%s/%s", cwd == NULL ? "" : cwd, path);
	free(cwd);
	return r;
}

static int watch(struct opener_link *l, struct err *err)
{
	struct epoll_event e = { .events = EPOLLIN };
	int other = dials(l) ? l->dial.timer : l->control;

	l->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->poke < 0 || l->epoll < 0 || epoll_ctl(l->epoll, EPOLL_CTL_ADD, other, &e) < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->poke, &e) < 0)
		return err_sys(err, "cannot watch the supervisor of the opener");
	return 0;
}

int opener_link_start(struct opener_link *l, const char *keys_dir, int audit_fd, struct err *err)
{
	char *dir = absolute(keys_dir);
	const struct supervisor_options so = {
		.keys_dir = dir,
		.audit_fd = audit_fd < 0 ? STDERR_FILENO : audit_fd,
	};
	int64_t deadline = clock_monotonic_ms() + START_MS;

	l->supervisor = supervisor_start(&so, &l->control, err);
	mem_free(dir); /* the child has its own copy */
	if (l->supervisor < 0 || watch(l, err) < 0)
		return -1;
	while (l->fd < 0 && l->why[0] == '\0' && clock_monotonic_ms() < deadline)
		wait_for_news(l, deadline);
	if (l->fd < 0)
		return err_set(err, ERR_IO, "no opener could be started: %s",
			       l->why[0] != '\0' ? l->why : "it does not say that it is ready");
	opener_link_poll(l); /* these keys are no news */
	return 0;
}

int opener_link_connect(struct opener_link *l, const char *path, uid_t uid, int wait_ms,
			struct err *err)
{
	int64_t deadline = clock_monotonic_ms() + (wait_ms > 0 ? wait_ms : CONNECT_MS);

	if (dial_init(&l->dial, path, uid, err) < 0 || watch(l, err) < 0)
		return -1;
	/* without its keys every document would be said to be for someone else */
	while (l->fd < 0 && clock_monotonic_ms() < deadline)
		wait_for_news(l, deadline);
	if (l->fd < 0)
		return err_set(err, ERR_IO, "no opener serves at %s: %s", path,
			       l->why[0] != '\0' ? l->why : "it does not say that it is ready");
	opener_link_poll(l);
	return 0;
}

bool opener_link_poll(struct opener_link *l)
{
	eventfd_t count;
	uint64_t ticks;
	bool changed;

	take_news(l);
	eventfd_read(l->poke, &count);
	if (dials(l) && read(l->dial.timer, &ticks, sizeof(ticks)) > 0)
		take_news(l); /* due between the two */
	changed = l->changed;
	l->changed = false;
	return changed;
}

void opener_link_clear(struct opener_link *l)
{
	opener_link_drop(l);
	if (l->supervisor > 0)
		supervisor_stop(l->supervisor, l->control);
	else if (l->control >= 0)
		close(l->control);
	dial_clear(&l->dial);
	if (l->epoll >= 0)
		close(l->epoll);
	if (l->poke >= 0)
		close(l->poke);
	kv_clear(&l->keys);
	kv_clear(&l->recipients);
}
