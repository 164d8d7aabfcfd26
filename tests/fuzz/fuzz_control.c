/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostile agent may send to the supervisor in the other container: any packet, with any
 * number of descriptors (the first byte says how many, and with its top bit that the packet begins
 * with the right version).  It is a message only when it is of the
 * right size and version and brings one descriptor at most; its text then ends; and no descriptor
 * stays open that the caller was not given.
 */
#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/control.h"

#define PASSED_MAX 4

union passed {
	struct cmsghdr align;
	char space[CMSG_SPACE(PASSED_MAX * sizeof(int))];
};

static void send_packet(int sock, const uint8_t *data, size_t size, size_t fds)
{
	union passed passed = { .space = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int list[PASSED_MAX] = { sock, sock, sock, sock };

	if (fds != 0) {
		m.msg_control = passed.space;
		m.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		passed.align.cmsg_level = SOL_SOCKET;
		passed.align.cmsg_type = SCM_RIGHTS;
		passed.align.cmsg_len = CMSG_LEN(fds * sizeof(int));
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), list, fds * sizeof(int));
	}
	must(sendmsg(sock, &m, 0) == (ssize_t)size);
}

/* The number that the next descriptor would get. */
static int next_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	must(fd >= 0);
	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_msg msg;
	uint8_t packet[4096];
	uint32_t version = CONTROL_VERSION;
	size_t fds, n;
	int pair[2], next, fd, r;
	bool garbage, right;

	if (size < 1 + sizeof(version) || size > sizeof(packet))
		return 0;
	fds = (data[0] & 0x7f) % (PASSED_MAX + 1);
	n = size - 1;
	memcpy(packet, data + 1, n);
	if ((data[0] & 0x80) != 0)
		memcpy(packet, &version, sizeof(version));
	memcpy(&version, packet, sizeof(version));
	right = n == sizeof(msg) && version == CONTROL_VERSION && fds < 2;
	must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	next = next_descriptor();
	send_packet(pair[0], packet, n, fds);
	r = control_recv(pair[1], &msg, &fd, &garbage);
	must(r == (right ? 1 : 0) && garbage == !right);
	must((fd >= 0) == (right && fds == 1));
	if (right)
		must(memchr(msg.text, '\0', sizeof(msg.text)) != NULL);
	if (fd >= 0)
		close(fd);
	must(next_descriptor() == next);
	/* closed alone, it lives on for as long as another process looks at it in /proc/PID/fd */
	must(shutdown(pair[0], SHUT_RDWR) == 0);
	close(pair[0]);
	must(control_recv(pair[1], &msg, &fd, &garbage) == 0 && !garbage && fd < 0);
	close(pair[1]);
	return 0;
}
