/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/frame.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "base/clock.h"

#define FIRST_READ 16384 /* most messages arrive whole in one read of this size */

void frame_begin(struct buf *b)
{
	buf_reset(b);
	buf_reserve(b, FRAME_HEAD);
}

enum frame_result frame_wait(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = deadline == FRAME_FOREVER ? -1 : deadline - clock_monotonic_ms();
		int n;

		if (deadline != FRAME_FOREVER && left < 0)
			left = 0;
		n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n > 0)
			return FRAME_OK;
		if (n == 0)
			return FRAME_TIMEOUT;
		if (errno != EINTR)
			return FRAME_ERROR;
	}
}

/* After a failed read or write: FRAME_OK means try again. */
static enum frame_result again(int fd, short events, int64_t deadline)
{
	if (errno == EINTR)
		return FRAME_OK;
	if (errno == EAGAIN)
		return frame_wait(fd, events, deadline);
	return errno == EPIPE || errno == ECONNRESET ? FRAME_CLOSED : FRAME_ERROR;
}

enum frame_result frame_send(int fd, struct buf *b, int64_t deadline)
{
	size_t len = b->len - FRAME_HEAD, sent = 0;

	for (size_t i = 0; i < FRAME_HEAD; i++)
		b->data[i] = (unsigned char)(len >> (8 * (FRAME_HEAD - 1 - i)));
	while (sent < b->len) {
		ssize_t n = write(fd, b->data + sent, b->len - sent);
		enum frame_result r;

		if (n >= 0) {
			sent += (size_t)n;
			continue;
		}
		r = again(fd, POLLOUT, deadline);
		if (r == FRAME_CLOSED && sent != 0)
			return FRAME_CUT;
		if (r != FRAME_OK)
			return r;
	}
	return FRAME_OK;
}

/* Read until b holds want bytes, at most room of them in one go. */
static enum frame_result fill(int fd, struct buf *b, size_t want, size_t room, int64_t deadline)
{
	while (b->len < want) {
		size_t had = b->len;
		unsigned char *at = buf_reserve(b, room - had);
		ssize_t n = read(fd, at, room - had);
		enum frame_result r;

		buf_truncate(b, had + (n > 0 ? (size_t)n : 0));
		if (n > 0)
			continue;
		if (n == 0)
			return had == 0 ? FRAME_CLOSED : FRAME_CUT;
		r = again(fd, POLLIN, deadline);
		if (r == FRAME_CLOSED && had != 0)
			return FRAME_CUT;
		if (r != FRAME_OK)
			return r;
	}
	return FRAME_OK;
}

static size_t announced(const struct buf *b)
{
	size_t len = 0;

	for (size_t i = 0; i < FRAME_HEAD; i++)
		len = len << 8 | b->data[i];
	return len;
}

enum frame_result frame_recv(int fd, struct buf *b, size_t max, int64_t deadline)
{
	enum frame_result r;
	size_t len;

	buf_reset(b);
	/* an answer takes its time: a read before it is there would be for nothing */
	r = deadline == FRAME_FOREVER ? FRAME_OK : frame_wait(fd, POLLIN, deadline);
	if (r == FRAME_OK)
		r = fill(fd, b, FRAME_HEAD, FIRST_READ, deadline);
	if (r != FRAME_OK)
		goto out;
	len = announced(b);
	r = FRAME_BROKEN;
	if (len > max || b->len > FRAME_HEAD + len)
		goto out;
	r = fill(fd, b, FRAME_HEAD + len, FRAME_HEAD + len, deadline);
out:
	if (r != FRAME_OK)
		buf_reset(b);
	return r;
}
