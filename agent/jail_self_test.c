/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/jail_self_test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/control.h"
#include "agent/filter.h"
#include "agent/frame.h"
#include "agent/jail.h"
#include "agent/landlock.h"
#include "agent/supervisor.h"
#include "agent/wire.h"
#include "base/clock.h"
#include "base/err.h"

#define WAIT_MS 10000
#define LINE_MAX_BYTES 256

/* An attempt: below zero and errno when it was refused. */
typedef long attempt(void);

struct probe {
	const char *what;
	attempt *run;
	bool fatal; /* it ends the process that tries it */
};

static long try_open(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static long try_write(void)
{
	return open("/tmp/bulla-self-test", O_WRONLY | O_CREAT, 0600);
}

static long try_stat(void)
{
	struct stat st;

	return stat("/", &st);
}

static long try_unlink(void)
{
	return unlink("/nonexistent");
}

static long try_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1);
}

static long try_core(void)
{
	static const struct rlimit big = { 1 << 20, 1 << 20 };

	return setrlimit(RLIMIT_CORE, &big);
}

static long try_mmap_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : 0;
}

static long try_mprotect_exec(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static long try_memfd(void)
{
	return memfd_create("bulla", 0);
}

static long try_receive_fd(void)
{
	char c;
	struct iovec iov = { &c, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return recvmsg(STDERR_FILENO + 1, &m, MSG_DONTWAIT);
}

static long try_setuid(void)
{
	return syscall(SYS_setuid, 0);
}

static long try_socket_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long try_socket_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long try_connect(void)
{
	static const struct sockaddr to = { .sa_family = AF_UNIX };

	return connect(STDERR_FILENO + 1, &to, sizeof(to));
}

static long try_execve(void)
{
	char *const argv[] = { NULL };

	return execve("/bin/true", argv, argv);
}

static long try_ptrace(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static long try_read_memory(void)
{
	char c;
	struct iovec here = { &c, 1 }, there = { &c, 1 };

	return process_vm_readv(getppid(), &here, 1, &there, 1, 0);
}

static long try_fork(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}

static long try_kill(void)
{
	return kill(1, 0);
}

static long try_unshare(void)
{
	return syscall(SYS_unshare, 0x10000000); /* CLONE_NEWUSER */
}

static long try_io_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

static long try_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0);
}

/* Refused and then lived on; tried one after the other in one opener. */
static const struct probe refused[] = {
	{ "open a file", try_open, false },
	{ "create a file", try_write, false },
	{ "look at a path", try_stat, false },
	{ "remove a file", try_unlink, false },
	{ "become dumpable", try_dumpable, false },
	{ "raise the core limit", try_core, false },
	{ "map executable memory", try_mmap_exec, false },
	{ "make memory executable", try_mprotect_exec, false },
	{ "make a memory file", try_memfd, false },
	{ "receive a descriptor", try_receive_fd, false },
	{ "change the user", try_setuid, false },
};

/* Each in an opener of its own, which does not survive it. */
static const struct probe fatal[] = {
	{ "socket (internet)", try_socket_inet, true },
	{ "socket (unix)", try_socket_unix, true },
	{ "connect", try_connect, true },
	{ "execve", try_execve, true },
	{ "ptrace", try_ptrace, true },
	{ "read another's memory", try_read_memory, true },
	{ "fork", try_fork, true },
	{ "kill", try_kill, true },
	{ "unshare", try_unshare, true },
	{ "io_uring", try_io_uring, true },
	{ "bpf", try_bpf, true },
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct report {
	FILE *out;
	unsigned tried, allowed;
};

static void say(struct report *r, const char *who, const char *what, bool good, const char *how)
{
	fprintf(r->out, "%-10s  %-28s  %s%s%s%s\n", who, what, good ? "refused" : "ALLOWED",
		how == NULL ? "" : " (", how == NULL ? "" : how, how == NULL ? "" : ")");
	r->tried++;
	r->allowed += good ? 0 : 1;
}

static void state(struct report *r, const char *what, bool good, const char *is)
{
	fprintf(r->out, "%-10s  %-28s  %s%s\n", "opener", what, is, good ? "" : "  WRONG");
	r->tried++;
	r->allowed += good ? 0 : 1;
}

/* An opener speaks only when asked; one byte is the question.  False: the other side is gone. */
static bool told(int sock)
{
	char c;

	return read(sock, &c, 1) == 1;
}

/* Inside: four bytes of errno for each attempt, 0 where it was not refused. */
static void try_all(int sock, void *ctx)
{
	struct buf b = BUF_INIT;

	(void)ctx;
	if (!told(sock))
		return;
	frame_begin(&b);
	for (size_t i = 0; i < COUNT(refused); i++) {
		uint32_t e = refused[i].run() < 0 ? (uint32_t)errno : 0;

		buf_put(&b, &e, sizeof(e));
	}
	frame_send(sock, &b, FRAME_FOREVER);
	buf_clear(&b);
	told(sock); /* stay, to be looked at */
}

static void try_one(int sock, void *ctx)
{
	const struct probe *const *p = ctx;
	struct buf b = BUF_INIT;

	if (!told(sock))
		return;
	(*p)->run();
	frame_begin(&b);
	frame_send(sock, &b, FRAME_FOREVER); /* it should not have come to this */
	buf_clear(&b);
}

struct chain {
	pid_t supervisor, opener;
	int control, sock;
	struct wire_hello hello;
};

static int next_message(int control, struct control_msg *msg, int *fd)
{
	if (frame_wait(control, POLLIN, clock_monotonic_ms() + WAIT_MS) != FRAME_OK)
		return -1;
	return control_recv(control, msg, fd, NULL) == 1 ? 0 : -1;
}

static int chain_start(struct chain *c, opener_child_serve *serve, void *ctx, struct err *err)
{
	const struct supervisor_options so = { .keys_dir = "/nonexistent-bulla-keys",
					       .audit_fd = STDERR_FILENO,
					       .serve = serve,
					       .ctx = ctx };
	struct control_msg msg = { .type = 0 };
	struct buf io = BUF_INIT;
	int r = -1;

	*c = (struct chain){ .control = -1, .sock = -1 };
	c->supervisor = supervisor_start(&so, &c->control, err);
	if (c->supervisor < 0)
		return -1;
	if (next_message(c->control, &msg, &c->sock) < 0 || msg.type != CONTROL_OPENER)
		err_set(err, ERR_IO, "no opener can be started: %s",
			msg.type == CONTROL_FAILED ? msg.text : "the supervisor is silent");
	else if (frame_recv(c->sock, &io, WIRE_ANSWER_MAX, clock_monotonic_ms() + WAIT_MS) !=
		 FRAME_OK)
		err_set(err, ERR_IO, "a fresh opener ended before it said hello");
	else if (wire_get_hello(io.data + FRAME_HEAD, io.len - FRAME_HEAD, &c->hello, err) == 0)
		r = c->hello.err.class == ERR_NONE ? 0 : -1;
	if (r < 0 && c->hello.err.class != ERR_NONE)
		*err = c->hello.err;
	c->opener = msg.value;
	buf_clear(&io);
	return r;
}

static void chain_stop(struct chain *c)
{
	if (c->sock >= 0)
		close(c->sock);
	if (c->supervisor > 0)
		supervisor_stop(c->supervisor, c->control);
	wire_hello_clear(&c->hello);
}

static void tell(int sock)
{
	ssize_t n = write(sock, "", 1);

	(void)n; /* the wait for what follows will tell */
}

static void read_refusals(struct report *r, int sock)
{
	struct buf b = BUF_INIT;
	uint32_t e;

	tell(sock);
	frame_recv(sock, &b, 4 * COUNT(refused), clock_monotonic_ms() + WAIT_MS);
	for (size_t i = 0; i < COUNT(refused); i++) {
		size_t at = FRAME_HEAD + i * sizeof(e);

		e = 0;
		if (at + sizeof(e) <= b.len)
			memcpy(&e, b.data + at, sizeof(e));
		say(r, "opener", refused[i].what, e == EPERM || e == EACCES,
		    e == 0 ? NULL : strerror((int)e));
	}
	buf_clear(&b);
}

/* The rest of a line of /proc/PID/FILE that begins with field. */
static void proc_line(pid_t pid, const char *file, const char *field, char *out)
{
	char path[64], line[LINE_MAX_BYTES];
	size_t n = strlen(field);
	FILE *f;

	out[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, field, n) != 0)
			continue;
		snprintf(out, LINE_MAX_BYTES, "%s", line + n + strspn(line + n, "\t "));
		out[strcspn(out, "\n ")] = '\0'; /* the soft limit; the hard one is not above it */
		break;
	}
	if (f != NULL)
		fclose(f);
}

static void look_at(struct report *r, const struct chain *c)
{
	static const struct {
		const char *what, *file, *field, *want;
	} lines[] = {
		{ "seccomp mode (2: filter)", "status", "Seccomp:", "2" },
		{ "no new privileges", "status", "NoNewPrivs:", "1" },
		{ "capabilities", "status", "CapPrm:", "0000000000000000" },
		{ "limit of core files", "limits", "Max core file size", "0" },
		{ "limit of processes", "limits", "Max processes", "0" },
		{ "limit of open files", "limits", "Max open files", "1" },
	};
	char is[LINE_MAX_BYTES];

	for (size_t i = 0; i < COUNT(lines); i++) {
		proc_line(c->opener, lines[i].file, lines[i].field, is);
		state(r, lines[i].what, strcmp(is, lines[i].want) == 0, is);
	}
	if (c->hello.landlock == 0)
		fprintf(r->out, "%-10s  %-28s  not in this kernel\n", "opener", "landlock");
	else
		fprintf(r->out, "%-10s  %-28s  in force (ABI %u)\n", "opener", "landlock",
			(unsigned)c->hello.landlock);
}

/* Can the part of the agent without keys get at the key directory or at the opener? */
static void in_net_child(int out, pid_t opener)
{
	static const struct jail_net net = { "/usr", "/usr", "/etc", NULL };
	struct err err = ERR_INIT;
	uint32_t e[4] = { 0 };
	char path[64];
	int landlock;

	if (jail_net(&net, &landlock, &err) < 0)
		_exit(1); /* and nothing is said to be refused */
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)opener);
	e[0] = open("/etc/passwd", O_RDONLY) < 0 ? (uint32_t)errno : 0;
	e[1] = open(path, O_RDONLY) < 0 ? (uint32_t)errno : 0;
	e[2] = ptrace(PTRACE_ATTACH, opener, NULL, NULL) < 0 ? (uint32_t)errno : 0;
	e[3] = try_execve() < 0 ? (uint32_t)errno : 0;
	_exit(write(out, e, sizeof(e)) == (ssize_t)sizeof(e) ? 0 : 1);
}

static void look_from_net(struct report *r, pid_t opener)
{
	static const char *const what[] = { "read the key directory", "read the opener's memory",
					    "trace the opener", "execve" };
	uint32_t e[COUNT(what)] = { 0 };
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	fflush(r->out);
	pid = fork();
	if (pid == 0)
		in_net_child(fds[1], opener);
	close(fds[1]);
	if (read(fds[0], e, sizeof(e)) != (ssize_t)sizeof(e))
		memset(e, 0, sizeof(e));
	close(fds[0]);
	waitpid(pid, NULL, 0);
	for (size_t i = 0; i < COUNT(what); i++) {
		if (landlock_abi() == 0 && i == 0)
			fprintf(r->out, "%-10s  %-28s  possible: no Landlock in this kernel\n",
				"net", what[i]);
		else
			say(r, "net", what[i], e[i] == EPERM || e[i] == EACCES,
			    e[i] == 0 ? NULL : strerror((int)e[i]));
	}
}

static int test_refused(struct report *r, struct err *err)
{
	struct chain c;
	int status = chain_start(&c, try_all, NULL, err);

	if (status == 0) {
		read_refusals(r, c.sock);
		look_at(r, &c);
		look_from_net(r, c.opener);
	}
	chain_stop(&c);
	return status;
}

static int test_fatal(struct report *r, const struct probe *probe, struct err *err)
{
	struct control_msg msg = { .type = 0 };
	struct chain c;
	int fd = -1, status = chain_start(&c, try_one, &probe, err);

	if (status == 0) {
		bool ended;

		tell(c.sock);
		ended = next_message(c.control, &msg, &fd) == 0 && msg.type == CONTROL_DIED &&
			WIFSIGNALED(msg.value) && WTERMSIG(msg.value) == SIGSYS;
		say(r, "opener", probe->what, ended, ended ? "ended by SIGSYS" : NULL);
		if (fd >= 0)
			close(fd);
	}
	chain_stop(&c);
	return status;
}

/* Openers that end here say so on standard error, which is of no interest; what it was, or -1. */
static int quiet_errors(void)
{
	int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (kept >= 0 && null >= 0)
		dup2(null, STDERR_FILENO);
	if (null >= 0)
		close(null);
	return kept;
}

int jail_self_test(FILE *out, struct err *err)
{
	struct report r = { .out = out };
	int status, kept = quiet_errors();

	status = test_refused(&r, err);
	for (size_t i = 0; i < COUNT(fatal) && status == 0; i++)
		status = test_fatal(&r, &fatal[i], err);
	if (kept >= 0) {
		dup2(kept, STDERR_FILENO);
		close(kept);
	}
	if (status < 0)
		return -1;
	if (r.allowed != 0)
		return err_set(err, ERR_INTERNAL,
			       "the jail has a hole: %u of %u attempts and states are not as they "
			       "must be",
			       r.allowed, r.tried);
	fprintf(out, "all %u attempts and states are as they must be\n", r.tried);
	return 0;
}
