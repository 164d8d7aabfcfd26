/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/opener.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/control.h"
#include "agent/dial.h"
#include "agent/frame.h"
#include "agent/quarantine.h"
#include "agent/supervisor.h"
#include "agent/wire.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#define START_MS 15000	 /* for the first opener */
#define CONNECT_MS 30000 /* for the first one in another container */
#define HELLO_MS 1000	 /* it is there when the socket is handed over */
#define FRESH_MS 1000	 /* to wait for a fresh opener in the middle of opener_open, once */
#define KEEP_MAX 65536	 /* of the message buffer between openings */

struct opener {
	pid_t supervisor; /* of our own; 0: in another container, reached by */
	struct dial dial;
	int control;	 /* to the supervisor; -1: not connected just now */
	int epoll, poke; /* opener_fd: control, the dial's timer, or poke, an eventfd of our own */
	int timeout_ms;
	bool lost; /* our own supervisor is gone; why: */
	char why[500];
	enum err_class refused; /* why the last try to connect failed; its text is why, too */

	int fd; /* of the current opener; -1: none */
	pid_t pid;
	uint32_t generation;
	size_t adopted; /* openers so far */
	bool given_up;	/* waiting for a fresh one was in vain; cleared when it comes */
	uint32_t died;	/* generation of the last death told, and its wait status */
	int died_status;

	struct kv keys;
	struct kv recipients;
	size_t bad;
	bool changed;		      /* keys, since the last opener_poll */
	size_t openings[ERR_CLASSES]; /* by how they ended */
	struct kv opened_with;	      /* key id -> a size_t, documents */
	struct buf io;
	struct quarantine quarantine;
};

static void drop(struct opener *o)
{
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	o->pid = 0;
}

static bool dials(const struct opener *o)
{
	return o->dial.path != NULL;
}

static void set_why(struct opener *o, const char *why)
{
	snprintf(o->why, sizeof(o->why), "%.*s", (int)sizeof(o->why) - 1, why);
}

/* Our own supervisor will never be there again; one in a container will. */
static void lose(struct opener *o, const char *why, int64_t pause_ms)
{
	if (o->lost || o->control < 0)
		return;
	drop(o);
	epoll_ctl(o->epoll, EPOLL_CTL_DEL, o->control, NULL); /* it would be readable for ever */
	if (dials(o)) {
		close(o->control);
		o->control = -1;
		dial_lost(&o->dial, pause_ms);
		log_line(LOG_WARN, "the opener's container is gone; connecting again", "error", why,
			 (char *)NULL);
		return;
	}
	o->lost = true;
	set_why(o, why);
	eventfd_write(o->poke, 1);
	log_line(LOG_ERROR, "the supervisor of the opener has ended", "error", o->why,
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
static void adopt(struct opener *o, const struct control_msg *msg, int fd)
{
	struct wire_hello hello = WIRE_HELLO_INIT;
	struct err err = ERR_INIT;
	char keys[24], abi[24];

	if (read_hello(fd, &hello, &err) < 0) {
		log_line(LOG_ERROR, "a fresh opener cannot be used", "error", err.text,
			 (char *)NULL);
		set_why(o, err.text);
		close(fd);
		goto out;
	}
	drop(o);
	o->fd = fd;
	o->pid = msg->value;
	o->generation = msg->generation;
	o->given_up = false;
	o->adopted++;
	if (dials(o))
		dial_good(&o->dial);
	o->bad = hello.bad;
	if (!kv_equal(&o->keys, &hello.keys)) {
		o->changed = true;
		eventfd_write(o->poke, 1);
	}
	kv_copy(&o->keys, &hello.keys);
	kv_copy(&o->recipients, &hello.recipients);
	snprintf(keys, sizeof(keys), "%zu", hello.keys.n);
	snprintf(abi, sizeof(abi), "%u", (unsigned)hello.landlock);
	log_line(hello.landlock == 0 ? LOG_WARN : LOG_INFO, "opener serving", "keys", keys,
		 "landlock", hello.landlock == 0 ? "not in this kernel" : abi, (char *)NULL);
out:
	wire_hello_clear(&hello);
}

/* True: msg took fd over. */
static bool take_message(struct opener *o, const struct control_msg *msg, int fd)
{
	switch (msg->type) {
	case CONTROL_OPENER:
		if (fd < 0)
			return false;
		adopt(o, msg, fd);
		return true;
	case CONTROL_FAILED:
		lose(o, msg->text, 0);
		return false;
	case CONTROL_REPLACED:
		lose(o, "another agent has taken this one's place there", DIAL_REPLACED_MS);
		return false;
	case CONTROL_DIED:
		o->died = msg->generation;
		o->died_status = msg->value;
		if (msg->generation == o->generation)
			drop(o);
		return false;
	default:
		return false;
	}
}

/* Why it cannot be reached is said once, and not at every try. */
static void note_refusal(struct opener *o, const struct err *err)
{
	if (o->refused == err->class && strcmp(o->why, err->text) == 0)
		return;
	o->refused = err->class;
	set_why(o, err->text);
	log_line(err->class == ERR_REFUSED ? LOG_ERROR : LOG_WARN, "no opener is reached", "error",
		 o->why, (char *)NULL);
}

static void connect_when_due(struct opener *o)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct err err = ERR_INIT;
	int fd;

	if (!dials(o) || o->control >= 0 || clock_monotonic_ms() < o->dial.at)
		return;
	fd = dial_try(&o->dial, &err);
	if (fd < 0) {
		note_refusal(o, &err);
		return;
	}
	if (epoll_ctl(o->epoll, EPOLL_CTL_ADD, fd, &e) < 0) {
		close(fd);
		dial_lost(&o->dial, 0);
		return;
	}
	o->control = fd;
	o->generation = o->died = 0; /* another supervisor counts anew */
	o->refused = ERR_NONE;
	o->why[0] = '\0';
	log_line(LOG_INFO, "connected to the opener's container", "socket", o->dial.path,
		 (char *)NULL);
}

/* Take all that the supervisor has said. */
static void take_news(struct opener *o)
{
	struct control_msg msg;
	int fd, r;

	connect_when_due(o);
	while (o->control >= 0 && !o->lost &&
	       (r = control_recv(o->control, &msg, &fd, NULL)) >= 0) {
		if (r == 0)
			lose(o, "it closed its socket", 0);
		else if (!take_message(o, &msg, fd) && fd >= 0)
			close(fd);
	}
}

static void wait_for_news(struct opener *o, int64_t deadline)
{
	if (o->control >= 0) {
		if (frame_wait(o->control, POLLIN, deadline) == FRAME_OK)
			take_news(o);
		return;
	}
	if (o->dial.at < deadline)
		deadline = o->dial.at;
	poll(NULL, 0, (int)(deadline > clock_monotonic_ms() ? deadline - clock_monotonic_ms() : 0));
	take_news(o);
}

static int no_opener(const struct opener *o, struct err *err)
{
	if (o->lost)
		return err_set(err, ERR_IO, "the opener has ended (%s); restart the agent", o->why);
	if (dials(o) && o->control < 0)
		return err_set(err, ERR_IO,
			       "no opener can be reached just now%s%s; it will be tried again",
			       o->why[0] != '\0' ? ": " : "", o->why);
	return err_set(err, ERR_IO, "no opener can be had just now; it will be tried again");
}

/* With a crowd of documents waiting, only the first of them waits here. */
static int need_opener(struct opener *o, struct err *err)
{
	int64_t deadline = clock_monotonic_ms() + FRESH_MS;

	if (o->fd < 0)
		take_news(o);
	while (o->fd < 0 && !o->lost && !o->given_up) {
		wait_for_news(o, deadline);
		o->given_up = o->fd < 0 && clock_monotonic_ms() >= deadline;
	}
	return o->fd < 0 ? no_opener(o, err) : 0;
}

/* How the opener ended, from the supervisor. */
static void describe_death(struct opener *o, uint32_t generation, char *text, size_t size)
{
	int64_t deadline = clock_monotonic_ms() + FRESH_MS;

	while (o->control >= 0 && !o->lost && o->died != generation &&
	       clock_monotonic_ms() < deadline)
		wait_for_news(o, deadline);
	if (o->died != generation)
		snprintf(text, size, "ended");
	else if (WIFSIGNALED(o->died_status))
		snprintf(text, size, "died of signal %d (%s)", WTERMSIG(o->died_status),
			 strsignal(WTERMSIG(o->died_status)));
	else
		snprintf(text, size, "ended with status %d", WEXITSTATUS(o->died_status));
}

/* The opener did not get through this document. */
static int blame(struct opener *o, const struct document *d, enum frame_result got, struct err *err)
{
	const struct control_msg msg = { .type = CONTROL_KILL, .generation = o->generation };
	uint32_t generation = o->generation;
	char how[100];

	drop(o);
	if (got == FRAME_CUT) {
		describe_death(o, generation, how, sizeof(how));
	} else {
		if (o->control >= 0)
			control_send(o->control, &msg, -1);
		snprintf(how, sizeof(how), "%s",
			 got == FRAME_TIMEOUT ? "did not answer in time"
					      : "gave an answer that cannot be read");
	}
	/* ended together with its supervisor: not by this document, unless it happens again */
	if (o->lost || (o->control < 0 && !quarantine_suspect(&o->quarantine, d)))
		return no_opener(o, err);
	if (o->control >= 0)
		quarantine_add(&o->quarantine, d);
	return err_set(err, ERR_CONFLICT,
		       "the opener %s on this document, which is quarantined: it is not opened "
		       "again until it changes or the agent is restarted",
		       how);
}

/* Take what was opened out of the answer. */
static int deliver(struct wire_answer *a, struct kind_secret *out, struct kv *key_ids,
		   struct err *err)
{
	if (a->err.class != ERR_NONE)
		return err_set(err, a->err.class, "%s", a->err.text);
	*out = a->secret;
	a->secret = (struct kind_secret)KIND_SECRET_INIT; /* transferred */
	for (size_t i = 0; key_ids != NULL && i < a->key_ids.n; i++)
		kv_set_str(key_ids, a->key_ids.items[i].name, "");
	return 0;
}

/* Ask the opener at hand.  FRAME_CLOSED: it was gone before it saw anything of this. */
static enum frame_result ask(struct opener *o)
{
	int64_t deadline = clock_monotonic_ms() + o->timeout_ms;
	enum frame_result r = frame_send(o->fd, &o->io, deadline);

	if (r != FRAME_OK)
		return r;
	r = frame_recv(o->fd, &o->io, WIRE_ANSWER_MAX, deadline);
	return r == FRAME_CLOSED ? FRAME_CUT : r;
}

/* The same for whatever opener there is: one that died idle is not this document's fault. */
static int ask_any(struct opener *o, const struct document *d, enum frame_result *got,
		   struct err *err)
{
	for (int tries = 0; tries < 2; tries++) {
		if (need_opener(o, err) < 0)
			return -1;
		frame_begin(&o->io);
		if (wire_put_document(&o->io, d, err) < 0)
			return -1;
		*got = ask(o);
		if (*got != FRAME_CLOSED)
			return 0;
		drop(o);
	}
	return no_opener(o, err);
}

static void keep_little(struct opener *o)
{
	if (o->io.cap > KEEP_MAX)
		buf_clear(&o->io);
	else
		buf_reset(&o->io);
}

static int open_with(struct opener *o, const struct document *d, struct kind_secret *out,
		     struct kv *key_ids, struct notes *notes, struct err *err)
{
	struct wire_answer a = WIRE_ANSWER_INIT;
	enum frame_result got;
	int r = -1;

	if (quarantine_has(&o->quarantine, d))
		return err_set(err, ERR_CONFLICT,
			       "quarantined: an opener died on this document before; it is not "
			       "opened again until it changes or the agent is restarted");
	if (ask_any(o, d, &got, err) < 0)
		goto out;
	if (got == FRAME_OK &&
	    wire_get_answer(o->io.data + FRAME_HEAD, o->io.len - FRAME_HEAD, &a, err) < 0)
		got = FRAME_BROKEN;
	if (got != FRAME_OK) {
		r = blame(o, d, got, err);
		goto out;
	}
	quarantine_clear_of(&o->quarantine, d);
	for (size_t i = 0; i < a.notes.n; i++)
		note_add(notes, "%s", a.notes.text[i]);
	r = deliver(&a, out, key_ids, err);
out:
	wire_answer_clear(&a);
	keep_little(o);
	return r;
}

static void count_keys(struct opener *o, const struct kv *ids)
{
	for (size_t i = 0; i < ids->n; i++) {
		size_t n = opener_opened_with(o, ids->items[i].name) + 1;

		kv_set(&o->opened_with, ids->items[i].name, &n, sizeof(n));
	}
}

int opener_open(struct opener *o, const struct document *d, struct kind_secret *out,
		struct kv *key_ids, struct notes *notes, struct err *err)
{
	struct kv ids = KV_INIT;
	int r = open_with(o, d, out, &ids, notes, err);

	o->openings[r == 0 ? ERR_NONE : err->class]++;
	if (r == 0)
		count_keys(o, &ids);
	if (r == 0 && key_ids != NULL)
		kv_copy(key_ids, &ids);
	kv_clear(&ids);
	return r;
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

static int watch(struct opener *o, struct err *err)
{
	struct epoll_event e = { .events = EPOLLIN };
	int other = dials(o) ? o->dial.timer : o->control;

	o->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	o->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (o->poke < 0 || o->epoll < 0 || epoll_ctl(o->epoll, EPOLL_CTL_ADD, other, &e) < 0 ||
	    epoll_ctl(o->epoll, EPOLL_CTL_ADD, o->poke, &e) < 0)
		return err_sys(err, "cannot watch the supervisor of the opener");
	return 0;
}

static struct opener *opener_new(int timeout_ms)
{
	struct opener *o = mem_alloc(sizeof(*o));

	signal(SIGPIPE, SIG_IGN); /* writing to an opener that died must be an error, not an end */
	o->fd = o->control = o->epoll = o->poke = -1;
	o->dial = (struct dial)DIAL_INIT;
	o->timeout_ms = timeout_ms > 0 ? timeout_ms : OPENER_TIMEOUT_MS;
	return o;
}

struct opener *opener_start(const struct opener_options *options, struct err *err)
{
	char *dir = absolute(options->keys_dir);
	const struct supervisor_options so = {
		.keys_dir = dir,
		.audit_fd = options->audit_fd < 0 ? STDERR_FILENO : options->audit_fd,
	};
	int64_t deadline = clock_monotonic_ms() + START_MS;
	struct opener *o = opener_new(options->timeout_ms);

	o->supervisor = supervisor_start(&so, &o->control, err);
	mem_free(dir); /* the child has its own copy */
	if (o->supervisor < 0 || watch(o, err) < 0)
		goto fail;
	while (o->fd < 0 && o->why[0] == '\0' && clock_monotonic_ms() < deadline)
		wait_for_news(o, deadline);
	if (o->fd < 0) {
		err_set(err, ERR_IO, "no opener could be started: %s",
			o->why[0] != '\0' ? o->why : "it does not say that it is ready");
		goto fail;
	}
	opener_poll(o); /* these keys are no news */
	return o;
fail:
	opener_stop(o);
	return NULL;
}

struct opener *opener_connect(const struct opener_connect_options *options, struct err *err)
{
	int64_t wait = options->wait_ms > 0 ? options->wait_ms : CONNECT_MS;
	int64_t deadline = clock_monotonic_ms() + wait;
	struct opener *o = opener_new(options->timeout_ms);

	if (dial_init(&o->dial, options->path, options->uid, err) < 0 || watch(o, err) < 0)
		goto fail;
	/* without its keys every document would be said to be for someone else */
	while (o->fd < 0 && clock_monotonic_ms() < deadline)
		wait_for_news(o, deadline);
	if (o->fd < 0) {
		err_set(err, ERR_IO, "no opener serves at %s: %s", options->path,
			o->why[0] != '\0' ? o->why : "it does not say that it is ready");
		goto fail;
	}
	opener_poll(o);
	return o;
fail:
	opener_stop(o);
	return NULL;
}

int opener_fd(const struct opener *o)
{
	return o->epoll;
}

bool opener_poll(struct opener *o)
{
	eventfd_t count;
	uint64_t ticks;
	bool changed;

	take_news(o);
	eventfd_read(o->poke, &count);
	if (dials(o) && read(o->dial.timer, &ticks, sizeof(ticks)) > 0)
		take_news(o); /* due between the two */
	changed = o->changed;
	o->changed = false;
	return changed;
}

bool opener_alive(const struct opener *o)
{
	return !o->lost;
}

const struct kv *opener_keys(const struct opener *o)
{
	return &o->keys;
}

const struct kv *opener_recipients(const struct opener *o)
{
	return &o->recipients;
}

size_t opener_bad_keys(const struct opener *o)
{
	return o->bad;
}

size_t opener_restarts(const struct opener *o)
{
	return o->adopted > 1 ? o->adopted - 1 : 0;
}

size_t opener_opened_with(const struct opener *o, const char *key_id)
{
	const struct kv_item *item = kv_get(&o->opened_with, key_id);
	size_t n = 0;

	if (item != NULL)
		memcpy(&n, item->data, sizeof(n));
	return n;
}

size_t opener_openings(const struct opener *o, enum err_class result)
{
	return o->openings[result];
}

pid_t opener_pid(const struct opener *o)
{
	return o->pid;
}

void opener_stop(struct opener *o)
{
	if (o == NULL)
		return;
	drop(o);
	if (o->supervisor > 0)
		supervisor_stop(o->supervisor, o->control);
	else if (o->control >= 0)
		close(o->control);
	dial_clear(&o->dial);
	if (o->epoll >= 0)
		close(o->epoll);
	if (o->poke >= 0)
		close(o->poke);
	kv_clear(&o->keys);
	kv_clear(&o->opened_with);
	kv_clear(&o->recipients);
	buf_clear(&o->io);
	quarantine_clear(&o->quarantine);
	mem_free(o);
}
