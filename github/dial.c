/* SPDX-License-Identifier: Apache-2.0 */
#include "github/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "github/lookup.h"
#include "github/wait.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SO_NOSIGPIPE does it */
#endif
#define ANSWER_MAX 8192 /* bytes of a proxy's header */

static enum github_dial_failure failure_of(int error)
{
	if (error == ETIMEDOUT)
		return GITHUB_DIAL_TIMEOUT;
	return error == ECONNREFUSED ? GITHUB_DIAL_REFUSED : GITHUB_DIAL_UNREACHABLE;
}

/* An unconnected socket that no write ends the process with. */
static int new_socket(const struct addrinfo *to)
{
	int fd = socket(to->ai_family, to->ai_socktype, to->ai_protocol);
	const int on = 1;

	if (fd < 0)
		return -1;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
#ifdef SO_NOSIGPIPE
	setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#endif
	return fd;
}

/* Connected socket, or -1 and errno. */
static int try_address(const struct addrinfo *to, int64_t deadline)
{
	int fd = new_socket(to), error = 0;
	socklen_t size = sizeof(error);

	if (fd < 0)
		return -1;
	if (connect(fd, to->ai_addr, to->ai_addrlen) == 0)
		return fd;
	error = errno;
	if (error == EINPROGRESS || error == EINTR) {
		if (!github_wait(fd, POLLOUT, deadline))
			error = ETIMEDOUT;
		else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
			error = errno;
	}
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

static void show(const struct addrinfo *to, char *text, size_t size)
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getnameinfo(to->ai_addr, to->ai_addrlen, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		memcpy(text, "?", 2);
	else
		snprintf(text, size, to->ai_family == AF_INET6 ? "[%.45s]:%.5s" : "%.45s:%.5s",
			 host, port);
}

static int explain(const struct github_dialed *out, const char *host, int error, struct err *err)
{
	static const char *const texts[] = {
		[GITHUB_DIAL_REFUSED] = "refuses the connection: nothing listens on that port, or "
					"a firewall is in the way",
		[GITHUB_DIAL_TIMEOUT] = "does not answer in time: a firewall may be in the way "
					"(GitHub's SSH is also at ssh.github.com:443)",
	};
	const char *text =
	    texts[out->failure == GITHUB_DIAL_REFUSED ? GITHUB_DIAL_REFUSED : GITHUB_DIAL_TIMEOUT];

	if (out->failure == GITHUB_DIAL_UNREACHABLE)
		text = strerror(error);
	return err_set(err, ERR_IO, "%s (%s): %s", host, out->address, text);
}

static int try_all(const char *host, unsigned port, int64_t deadline, struct github_dialed *out,
		   struct err *err)
{
	bool late;
	struct addrinfo *list = github_lookup(host, port, deadline, &late, err);
	int64_t n = 0;
	int error = 0;

	if (list == NULL) {
		out->failure = late ? GITHUB_DIAL_TIMEOUT : GITHUB_DIAL_DNS;
		return -1;
	}
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
		n++;
	for (const struct addrinfo *a = list; a != NULL && out->fd < 0; a = a->ai_next, n--) {
		int64_t now = clock_monotonic_ms();

		show(a, out->address, sizeof(out->address));
		out->fd = try_address(a, now + (deadline - now) / n);
		error = errno;
	}
	freeaddrinfo(list);
	if (out->fd >= 0)
		return 0;
	out->failure = failure_of(error);
	return explain(out, host, error, err);
}

/* --- through a proxy -------------------------------------------------------------------------- */

static int send_all(int fd, const struct buf *b, int64_t deadline)
{
	size_t sent = 0;

	while (sent < b->len) {
		ssize_t n = send(fd, b->data + sent, b->len - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else if (n == 0 || (errno != EAGAIN && errno != EINTR) ||
			 !github_wait(fd, POLLOUT, deadline))
			return -1;
	}
	return 0;
}

static void write_request(const struct github_dial *d, struct buf *out)
{
	const char *open = strchr(d->host, ':') == NULL ? "" : "[",
		   *shut = *open == '\0' ? "" : "]";

	buf_printf(out, "CONNECT %s%s%s:%u HTTP/1.1\r\nHost: %s%s%s:%u\r\n", open, d->host, shut,
		   d->port, open, d->host, shut, d->port);
	if (d->proxy->login.len > 0)
		buf_printf(out, "Proxy-Authorization: Basic %s\r\n", buf_str(&d->proxy->login));
	buf_puts(out, "\r\n");
}

/*
 * The header of the answer, and not a byte of what follows: that is the other protocol's.  Bytes
 * are looked at before they are taken.
 */
static int read_answer(int fd, struct buf *answer, int64_t deadline)
{
	char bytes[1024];

	while (answer->len < ANSWER_MAX) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_PEEK);
		size_t before = answer->len, keep;
		const char *end;

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return -1;
		if (n < 0) {
			if (!github_wait(fd, POLLIN, deadline))
				return -1;
			continue;
		}
		buf_put(answer, bytes, (size_t)n);
		end = strstr(buf_str(answer), "\r\n\r\n");
		keep = end == NULL ? (size_t)n : (size_t)(end + 4 - buf_str(answer)) - before;
		if (recv(fd, bytes, keep, 0) != (ssize_t)keep)
			return -1;
		buf_truncate(answer, before + keep);
		if (end != NULL)
			return 0;
	}
	return -1;
}

static int judge(const struct github_dial *d, const struct buf *answer, struct err *err)
{
	const char *text = buf_str(answer), *digits = text + strlen("HTTP/1.1 ");

	if (strncmp(text, "HTTP/1.", 7) != 0 || strspn(digits, "0123456789") != 3)
		return err_set(err, ERR_IO, "the proxy %s:%u does not answer with HTTP",
			       d->proxy->host, d->proxy->port);
	if (digits[0] == '2')
		return 0;
	if (strncmp(digits, "407", 3) == 0)
		return err_set(err, ERR_IO,
			       "the proxy %s:%u asks for a login, or refuses the one it was given: "
			       "http://USER:PASSWORD@HOST:PORT",
			       d->proxy->host, d->proxy->port);
	return err_set(err, ERR_IO,
		       "the proxy %s:%u does not connect to %s:%u (status %.3s): many allow port "
		       "443 only (ssh.github.com:443 is GitHub's); NO_PROXY=%s goes there directly",
		       d->proxy->host, d->proxy->port, d->host, d->port, digits, d->host);
}

static int ask_proxy(const struct github_dial *d, int fd, struct github_dialed *out,
		     struct err *err)
{
	struct buf request = BUF_INIT, answer = BUF_INIT;
	int rc;

	write_request(d, &request);
	out->failure = GITHUB_DIAL_PROXY;
	if (send_all(fd, &request, d->deadline) == 0 &&
	    read_answer(fd, &answer, d->deadline) == 0) {
		rc = judge(d, &answer, err);
	} else if (clock_monotonic_ms() >= d->deadline) {
		out->failure = GITHUB_DIAL_TIMEOUT;
		rc = err_set(err, ERR_IO, "the proxy %s:%u does not answer in time", d->proxy->host,
			     d->proxy->port);
	} else {
		rc = err_set(err, ERR_IO, "the proxy %s:%u closed the connection", d->proxy->host,
			     d->proxy->port);
	}
	buf_clear(&request);
	buf_clear(&answer);
	return rc;
}

int github_dial(const struct github_dial *d, struct github_dialed *out, struct err *err)
{
	bool proxied = d->proxy != NULL && d->proxy->host[0] != '\0';

	*out = (struct github_dialed){ .fd = -1 };
	if (!proxied)
		return try_all(d->host, d->port, d->deadline, out, err);
	if (try_all(d->proxy->host, d->proxy->port, d->deadline, out, err) != 0)
		return err_wrap(err, "proxy");
	if (ask_proxy(d, out->fd, out, err) == 0) {
		out->failure = 0;
		return 0;
	}
	close(out->fd);
	out->fd = -1;
	return -1;
}
