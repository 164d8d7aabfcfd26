/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union passed {
	struct cmsghdr align;
	char space[CMSG_SPACE(sizeof(int))];
};

int control_send(int sock, const struct control_msg *msg, int fd)
{
	struct control_msg copy = *msg;
	struct iovec iov = { .iov_base = &copy, .iov_len = sizeof(copy) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	union passed passed = { .space = { 0 } };
	ssize_t n;

	copy.version = CONTROL_VERSION;
	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = passed.space;
		m.msg_controllen = sizeof(passed.space);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do {
		n = sendmsg(sock, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

/*
 * What was passed along: one descriptor is *fd; more, for which the padding has room, are closed.
 * False: there were more.
 */
static bool take_passed(struct msghdr *m, int *fd)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fds[(CMSG_SPACE(sizeof(int)) - CMSG_LEN(0)) / sizeof(int)];
	size_t n;

	*fd = -1;
	if (c == NULL || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return true;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	if (n == 1) {
		*fd = fds[0];
		return true;
	}
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	return n == 0;
}

int control_recv(int sock, struct control_msg *msg, int *fd, bool *garbage)
{
	struct iovec iov = { .iov_base = msg, .iov_len = sizeof(*msg) };
	union passed passed = { .space = { 0 } };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = passed.space,
			    .msg_controllen = sizeof(passed.space) };
	bool sound;
	ssize_t n;

	*fd = -1;
	if (garbage != NULL)
		*garbage = false;
	do {
		n = recvmsg(sock, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -1;
	sound = take_passed(&m, fd);
	if (sound && n == (ssize_t)sizeof(*msg) && (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
	    msg->version == CONTROL_VERSION) {
		msg->text[sizeof(msg->text) - 1] = '\0';
		return 1;
	}
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	if (garbage != NULL)
		*garbage = n > 0;
	return 0;
}
