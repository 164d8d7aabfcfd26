/* SPDX-License-Identifier: Apache-2.0 */
/* Framing and control messages over real sockets, whole and hostile. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/control.h"
#include "agent/frame.h"
#include "base/clock.h"
#include "base/mem.h"

struct pair {
	int a, b;
};

static struct pair stream(void)
{
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s), 0);
	return (struct pair){ s[0], s[1] };
}

static void closing(struct pair p)
{
	close(p.a);
	close(p.b);
}

static int64_t soon(void)
{
	return clock_monotonic_ms() + 50;
}

static void put(int fd, const void *data, size_t len)
{
	assert_int_equal(write(fd, data, len), (ssize_t)len);
}

static void test_small(void **state)
{
	struct pair p = stream();
	struct buf b = BUF_INIT;

	(void)state;
	frame_begin(&b);
	buf_puts(&b, "hello");
	assert_int_equal(frame_send(p.a, &b, soon()), FRAME_OK);
	assert_memory_equal(b.data, "\0\0\0\5hello", 9);
	assert_int_equal(frame_recv(p.b, &b, 5, soon()), FRAME_OK);
	assert_int_equal(b.len, FRAME_HEAD + 5);
	assert_memory_equal(b.data + FRAME_HEAD, "hello", 5);
	frame_begin(&b); /* nothing is a message too */
	assert_int_equal(frame_send(p.a, &b, soon()), FRAME_OK);
	assert_int_equal(frame_recv(p.b, &b, 5, soon()), FRAME_OK);
	assert_int_equal(b.len, FRAME_HEAD);
	closing(p);
	buf_clear(&b);
}

/* Larger than any socket buffer: both sides must take turns. */
static void test_large(void **state)
{
	enum { SIZE = 3 << 20 };
	struct pair p = stream();
	struct buf b = BUF_INIT;
	pid_t child;
	int status;

	(void)state;
	frame_begin(&b);
	memset(buf_reserve(&b, SIZE), 'x', SIZE);
	b.data[FRAME_HEAD + SIZE - 1] = 'y';
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(frame_send(p.a, &b, clock_monotonic_ms() + 10000) == FRAME_OK ? 0 : 1);
	buf_reset(&b);
	assert_int_equal(frame_recv(p.b, &b, SIZE, clock_monotonic_ms() + 10000), FRAME_OK);
	assert_int_equal(b.len, FRAME_HEAD + SIZE);
	assert_int_equal(b.data[FRAME_HEAD], 'x');
	assert_int_equal(b.data[FRAME_HEAD + SIZE - 1], 'y');
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	closing(p);
	buf_clear(&b);
}

static void test_broken(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		bool close;
		enum frame_result want;
	} cases[] = {
		{ "", 0, true, FRAME_CLOSED },
		{ "", 0, false, FRAME_TIMEOUT },
		{ "\0", 1, true, FRAME_CUT },
		{ "\0\0\0", 3, false, FRAME_TIMEOUT },
		{ "\0\0\0\2x", 5, true, FRAME_CUT },
		{ "\0\0\0\2x", 5, false, FRAME_TIMEOUT },
		{ "\0\0\0\2xyz", 7, false, FRAME_BROKEN },
		{ "\0\0\0\0\0", 5, false, FRAME_BROKEN },
		{ "\0\0\0\x11", 4, false, FRAME_BROKEN },
		{ "\xff\xff\xff\xff", 4, false, FRAME_BROKEN },
		{ "\x80\0\0\0", 4, true, FRAME_BROKEN },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct pair p = stream();
		struct buf b = BUF_INIT;
		enum frame_result r;

		put(p.a, cases[i].bytes, cases[i].len);
		if (cases[i].close)
			shutdown(p.a, SHUT_WR);
		r = frame_recv(p.b, &b, 16, soon());
		if (r != cases[i].want)
			fail_msg("case %zu: %d instead of %d", i, (int)r, (int)cases[i].want);
		assert_int_equal(b.len, 0);
		closing(p);
		buf_clear(&b);
	}
}

static void test_send_to_nobody(void **state)
{
	struct pair p = stream();
	struct buf b = BUF_INIT;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	frame_begin(&b);
	memset(buf_reserve(&b, 3 << 20), 'x', 3 << 20);
	assert_int_equal(frame_send(p.a, &b, soon()), FRAME_TIMEOUT); /* nobody reads */
	close(p.b);
	assert_int_equal(frame_send(p.a, &b, soon()), FRAME_CLOSED);
	close(p.a);
	assert_int_equal(frame_send(p.a, &b, soon()), FRAME_ERROR);
	assert_int_equal(errno, EBADF);
	buf_clear(&b);
}

/* What was received before must not shine through what comes after. */
static void test_wiped(void **state)
{
	struct pair p = stream();
	struct buf b = BUF_INIT;

	(void)state;
	put(p.a, "\0\0\0\x10secretsecretsecr", 20);
	assert_int_equal(frame_recv(p.b, &b, 64, soon()), FRAME_OK);
	put(p.a, "\0\0\0\1z", 5);
	assert_int_equal(frame_recv(p.b, &b, 64, soon()), FRAME_OK);
	assert_null(memmem(b.data, b.cap, "secr", 4));
	closing(p);
	buf_clear(&b);
}

static struct pair packets(void)
{
	int s[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s), 0);
	return (struct pair){ s[0], s[1] };
}

static void test_control(void **state)
{
	struct pair p = packets();
	struct control_msg out = {
		.type = CONTROL_OPENER, .generation = 7, .value = 42, .text = "why"
	};
	struct control_msg in;
	int pipe_fds[2], fd;
	char c;

	(void)state;
	assert_int_equal(control_recv(p.b, &in, &fd, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(control_send(p.a, &out, -1), 0);
	assert_int_equal(control_recv(p.b, &in, &fd, NULL), 1);
	assert_int_equal(fd, -1);
	out.version = CONTROL_VERSION;
	assert_memory_equal(&in, &out, sizeof(in));

	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(control_send(p.a, &out, pipe_fds[0]), 0);
	assert_int_equal(control_recv(p.b, &in, &fd, NULL), 1);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	put(pipe_fds[1], "!", 1);
	assert_int_equal(read(fd, &c, 1), 1);
	close(fd);
	close(pipe_fds[0]);
	close(pipe_fds[1]);

	close(p.a);
	{
		bool garbage = true;

		assert_int_equal(control_recv(p.b, &in, &fd, &garbage), 0);
		assert_false(garbage);
	}
	close(p.b);
}

static void test_control_not_ours(void **state)
{
	struct pair p = packets();
	struct control_msg in;
	char big[sizeof(in) + 1] = "";
	const uint32_t version = CONTROL_VERSION;
	bool garbage;
	int fd;

	(void)state;
	put(p.a, "short", 5);
	assert_int_equal(control_recv(p.b, &in, &fd, &garbage), 0);
	assert_true(garbage);
	put(p.a, big, sizeof(big));
	assert_int_equal(control_recv(p.b, &in, &fd, NULL), 0);
	memset(big, 'x', sizeof(big));
	put(p.a, big, sizeof(in)); /* of another version */
	assert_int_equal(control_recv(p.b, &in, &fd, &garbage), 0);
	assert_true(garbage);
	memcpy(big, &version, sizeof(version));
	put(p.a, big, sizeof(in));
	assert_int_equal(control_recv(p.b, &in, &fd, &garbage), 1);
	assert_false(garbage);
	assert_int_equal(strlen(in.text), sizeof(in.text) - 1);
	closing(p);
}

/* Any number of descriptors may come along, but none stays open that is not given to the caller. */
static void test_control_many(void **state)
{
	const struct control_msg out = { .version = CONTROL_VERSION, .type = CONTROL_KILL };
	struct pair p = packets();
	struct control_msg in;
	int next = dup(p.a), passed[16], fd;
	bool garbage;

	(void)state;
	close(next); /* the lowest number that is free */
	for (size_t n = 0; n < COUNT(passed); n++) {
		union {
			struct cmsghdr align;
			char space[CMSG_SPACE(sizeof(passed))];
		} c = { .space = { 0 } };
		struct iovec iov = { .iov_base = (void *)(uintptr_t)&out, .iov_len = sizeof(out) };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
		int last;

		for (size_t i = 0; i < n; i++)
			passed[i] = p.a;
		if (n != 0) {
			m.msg_control = c.space;
			m.msg_controllen = CMSG_SPACE(n * sizeof(int));
			c.align = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
						    .cmsg_type = SCM_RIGHTS,
						    .cmsg_len = CMSG_LEN(n * sizeof(int)) };
			memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), passed, n * sizeof(int));
		}
		assert_int_equal(sendmsg(p.a, &m, 0), (ssize_t)sizeof(out));
		assert_int_equal(control_recv(p.b, &in, &fd, &garbage), n < 2);
		assert_int_equal(garbage, n >= 2);
		assert_int_equal(fd >= 0, n == 1);
		if (fd >= 0)
			close(fd);
		last = dup(p.a);
		assert_int_equal(last, next);
		close(last);
	}
	closing(p);
}

/* A queue that nobody empties must not hold the supervisor up. */
static void test_control_full(void **state)
{
	struct pair p = packets();
	struct control_msg out = { .type = CONTROL_DIED };
	int n = 0;

	(void)state;
	while (n < 100000 && control_send(p.a, &out, -1) == 0)
		n++;
	assert_int_equal(errno, EAGAIN);
	assert_in_range(n, 10, 99999);
	closing(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_send_to_nobody),
		cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_control_not_ours),
		cmocka_unit_test(test_control_many),
		cmocka_unit_test(test_control_full),
	};

	mem_init();
	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
