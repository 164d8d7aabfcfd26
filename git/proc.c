/* SPDX-License-Identifier: Apache-2.0 */
#include "git/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define CHUNK 65536
#define INPUT_MAX ((size_t)1 << 30) /* 16 million ids */
#define SAID_MAX 600		    /* bytes of its standard error that we repeat */
#define ARGS_MAX 32

extern char **environ;

struct git_proc {
	char *what; /* the command's name */
	pid_t pid;
	int in, out, said; /* our ends; -1 when closed */
	struct buf input;  /* queued from input_at on */
	size_t input_at;
	bool input_ends;
	bool overfull;	 /* more was queued than fits */
	struct buf text; /* of its standard error */
	unsigned char *chunk;
	size_t at, n; /* what of the chunk was not taken yet */
};

/* Overruled for each command. */
static const char *const settings[] = {
	"core.fsmonitor=false",
	"core.hooksPath=/dev/null",
	"core.pager=cat",
	"log.showSignature=false",
};

/* The variables that we set, and those that we take out ("NAME="). */
static const char *const environment_set[] = {
	"GIT_ALLOW_PROTOCOL=",	    "GIT_GRAFT_FILE=/dev/null",
	"GIT_LITERAL_PATHSPECS=1",  "GIT_NO_LAZY_FETCH=1",
	"GIT_NO_REPLACE_OBJECTS=1", "GIT_OPTIONAL_LOCKS=0",
	"GIT_TERMINAL_PROMPT=0",    "LC_ALL=C",
};
static const char *const environment_unset[] = {
	"GIT_EXTERNAL_DIFF=",	 "GIT_GLOB_PATHSPECS=",	  "GIT_ICASE_PATHSPECS=",
	"GIT_NOGLOB_PATHSPECS=", "GIT_REPLACE_REF_BASE=",
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool same_variable(const char *a, const char *b)
{
	size_t n = strcspn(a, "=") + 1;

	return strncmp(a, b, n) == 0;
}

static bool overruled(const char *variable)
{
	for (size_t i = 0; i < COUNT(environment_set); i++)
		if (same_variable(environment_set[i], variable))
			return true;
	for (size_t i = 0; i < COUNT(environment_unset); i++)
		if (same_variable(environment_unset[i], variable))
			return true;
	return false;
}

/* exec's arrays are of char * for historical reasons; nobody writes to the strings. */
static char *word(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* The strings are those of environ and of the table; only the array is new. */
static char **make_environment(void)
{
	size_t n = 0, m = 0;
	char **env;

	while (environ[n] != NULL)
		n++;
	env = mem_array(n + COUNT(environment_set) + 1, sizeof(*env));
	for (size_t i = 0; i < n; i++)
		if (!overruled(environ[i]))
			env[m++] = environ[i];
	for (size_t i = 0; i < COUNT(environment_set); i++)
		env[m++] = word(environment_set[i]);
	return env;
}

/* The same for the words of the command line; -1 when there are too many. */
static int make_arguments(const char *dir, const char *const args[], char *argv[])
{
	size_t n = 0;

	argv[n++] = word("git");
	if (dir != NULL) {
		argv[n++] = word("-C");
		argv[n++] = word(dir);
	}
	for (size_t i = 0; i < COUNT(settings); i++) {
		argv[n++] = word("-c");
		argv[n++] = word(settings[i]);
	}
	for (; *args != NULL; args++) {
		if (n == ARGS_MAX)
			return -1;
		argv[n++] = word(*args);
	}
	argv[n] = NULL;
	return 0;
}

/* A pipe above the standard descriptors, which may be closed, and closed in other children. */
static int make_pipe(int fds[2])
{
	if (pipe(fds) != 0)
		return -1;
	for (int i = 0; i < 2; i++) {
		int fd = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

		close(fds[i]);
		fds[i] = fd;
	}
	if (fds[0] >= 0 && fds[1] >= 0)
		return 0;
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	fds[0] = fds[1] = -1;
	return -1;
}

static int spawn(const char *program, char *const argv[], const int theirs[3], pid_t *pid)
{
	char **env = make_environment();
	posix_spawn_file_actions_t actions;
	int r;

	posix_spawn_file_actions_init(&actions);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, theirs[i], i);
	r = posix_spawn(pid, program, &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	mem_free(env);
	return r;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static int start(struct git_proc *p, const char *program, char *const argv[], struct err *err)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, said[2] = { -1, -1 };
	int r = -1;

	if (make_pipe(in) != 0 || make_pipe(out) != 0 || make_pipe(said) != 0) {
		err_sys(err, "git %s: cannot make a pipe", p->what);
		goto out;
	}
	r = spawn(program, argv, (int[3]){ in[0], out[1], said[1] }, &p->pid);
	if (r != 0) {
		errno = r;
		r = err_sys(err, "%s: cannot be run", program);
		goto out;
	}
	p->in = in[1];
	p->out = out[0];
	p->said = said[0];
	in[1] = out[0] = said[0] = -1;
	fcntl(p->in, F_SETFL, O_NONBLOCK);
out:
	for (int i = 0; i < 2; i++) {
		close_fd(&in[i]);
		close_fd(&out[i]);
		close_fd(&said[i]);
	}
	return r;
}

static void proc_free(struct git_proc *p)
{
	close_fd(&p->in);
	close_fd(&p->out);
	close_fd(&p->said);
	buf_clear(&p->input);
	buf_clear(&p->text);
	mem_free(p->chunk);
	mem_free(p->what);
	mem_free(p);
}

struct git_proc *git_proc_start(const char *program, const char *dir, const char *const args[],
				struct err *err)
{
	char *argv[ARGS_MAX + 1];
	struct git_proc *p;

	if (make_arguments(dir, args, argv) != 0) {
		err_set(err, ERR_INTERNAL, "git %s: more than %d words", args[0], ARGS_MAX);
		return NULL;
	}
	p = mem_alloc(sizeof(*p));
	p->what = mem_str(args[0]);
	p->in = p->out = p->said = -1;
	p->input.max = INPUT_MAX;
	p->text.max = SAID_MAX;
	p->chunk = mem_alloc(CHUNK);
	if (start(p, program, argv, err) == 0)
		return p;
	proc_free(p);
	return NULL;
}

/* --- moving bytes ----------------------------------------------------------------------------- */

void git_proc_feed(struct git_proc *p, const void *data, size_t len)
{
	if (p->input_at == p->input.len) {
		buf_truncate(&p->input, 0);
		p->input_at = 0;
	}
	if (buf_put(&p->input, data, len) != 0)
		p->overfull = true;
}

void git_proc_feed_end(struct git_proc *p)
{
	p->input_ends = true;
	if (p->input_at == p->input.len)
		close_fd(&p->in);
}

/* A git that ends before it has read everything is no reason for us to be ended by a signal. */
static ssize_t write_quietly(int fd, const void *data, size_t len)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	struct sigaction old;
	ssize_t n;
	int failed;

	sigaction(SIGPIPE, &ignore, &old);
	n = write(fd, data, len);
	failed = errno;
	sigaction(SIGPIPE, &old, NULL);
	errno = failed;
	return n;
}

static void send_input(struct git_proc *p)
{
	ssize_t n = write_quietly(p->in, p->input.data + p->input_at, p->input.len - p->input_at);

	if (n > 0)
		p->input_at += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		p->input_at = p->input.len; /* it reads no more; its status will say why */
	if (p->input_at == p->input.len && p->input_ends)
		close_fd(&p->in);
}

static void hear(struct git_proc *p)
{
	char text[512];
	ssize_t n = read(p->said, text, sizeof(text));

	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		close_fd(&p->said);
	for (ssize_t i = 0; i < n; i++)
		buf_putc(&p->text, (unsigned char)text[i]);
}

/* 1 when the chunk has something, 0 at the end of its output, -1 and err. */
static int receive(struct git_proc *p, struct err *err)
{
	ssize_t n = read(p->out, p->chunk, CHUNK);

	if (n < 0 && errno != EINTR && errno != EAGAIN)
		return err_sys(err, "git %s: cannot read from it", p->what);
	if (n == 0)
		close_fd(&p->out);
	p->at = 0;
	p->n = n > 0 ? (size_t)n : 0;
	return p->n > 0;
}

static int move(struct git_proc *p, struct err *err)
{
	struct pollfd fds[3] = {
		{ .fd = p->out, .events = POLLIN },
		{ .fd = p->said, .events = POLLIN },
		{ .fd = p->input_at < p->input.len ? p->in : -1, .events = POLLOUT },
	};

	if (poll(fds, 3, -1) < 0)
		return errno == EINTR ? 0 : err_sys(err, "git %s: cannot wait for it", p->what);
	if (fds[2].revents != 0)
		send_input(p);
	if (fds[1].revents != 0)
		hear(p);
	if (fds[0].revents != 0)
		return receive(p, err);
	return 0;
}

int git_proc_peek(struct git_proc *p, const unsigned char **data, size_t *len, struct err *err)
{
	if (p->overfull)
		return err_set(err, ERR_INVALID, "git %s: more than %zu bytes to ask it", p->what,
			       INPUT_MAX);
	while (p->at == p->n) {
		if (p->out < 0)
			return 0;
		if (move(p, err) < 0)
			return -1;
	}
	*data = p->chunk + p->at;
	*len = p->n - p->at;
	return 1;
}

void git_proc_took(struct git_proc *p, size_t n)
{
	p->at += n;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* What it said, on one line. */
static const char *said(struct git_proc *p)
{
	while (p->text.len > 0 && p->text.data[p->text.len - 1] == '\n')
		buf_truncate(&p->text, p->text.len - 1);
	for (size_t i = 0; i < p->text.len; i++)
		if (p->text.data[i] == '\n')
			p->text.data[i] = ' ';
	return buf_str(&p->text);
}

static int status_of(const struct git_proc *p, int *status, struct err *err)
{
	while (waitpid(p->pid, status, 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "git %s: cannot wait for it", p->what);
	return 0;
}

int git_proc_end(struct git_proc *p, struct err *err)
{
	int status, r;

	close_fd(&p->in);
	close_fd(&p->out);
	while (p->said >= 0)
		hear(p);
	r = status_of(p, &status, err);
	if (r == 0 && WIFSIGNALED(status))
		r = err_set(err, ERR_IO, "git %s: it was ended by signal %d", p->what,
			    WTERMSIG(status));
	else if (r == 0 && WEXITSTATUS(status) != 0)
		r = err_set(err, ERR_IO, "git %s: it failed (status %d)%s%s", p->what,
			    WEXITSTATUS(status), p->text.len > 0 ? ": " : "", said(p));
	proc_free(p);
	return r;
}

void git_proc_stop(struct git_proc *p)
{
	int status;

	if (p == NULL)
		return;
	kill(p->pid, SIGTERM);
	status_of(p, &status, NULL);
	proc_free(p);
}
