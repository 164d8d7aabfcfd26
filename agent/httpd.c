/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/httpd.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define CONNECTIONS 16
#define CONNECTIONS_OF_ONE 8 /* address, that others find a place: the kubelet's probes */
#define CONNECTION_MEMORY (16 * 1024)
#define CONNECTION_SECONDS 10

struct httpd {
	struct MHD_Daemon *daemon;
	const struct httpd_pages *pages;
	int epoll;
	char address[INET6_ADDRSTRLEN + 10];
};

/* --- the address ------------------------------------------------------------------------------ */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int no_address(struct err *err)
{
	return err_set(err, ERR_USAGE,
		       "--listen: an address in numbers and a port, as 127.0.0.1:9464, [::1]:9464 "
		       "or :9464");
}

static int read_port(const char *text, in_port_t *port)
{
	if (*text == '\0' || strlen(text) > 5 || strspn(text, "0123456789") != strlen(text) ||
	    atoi(text) > 65535)
		return -1;
	*port = htons((uint16_t)atoi(text));
	return 0;
}

static int read_address(const char *text, union address *out, socklen_t *len, struct err *err)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	in_port_t port;
	size_t n;

	memset(out, 0, sizeof(*out));
	if (colon == NULL || (size_t)(colon - text) >= sizeof(host) ||
	    read_port(colon + 1, &port) < 0)
		return no_address(err);
	n = (size_t)(colon - text);
	memcpy(host, text, n);
	host[n] = '\0';
	if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = port;
		*len = sizeof(out->v6);
		return inet_pton(AF_INET6, host + 1, &out->v6.sin6_addr) == 1 ? 0 : no_address(err);
	}
	out->v4.sin_family = AF_INET;
	out->v4.sin_port = port;
	*len = sizeof(out->v4);
	return inet_pton(AF_INET, n == 0 ? "127.0.0.1" : host, &out->v4.sin_addr) == 1
		   ? 0
		   : no_address(err);
}

static void write_address(struct httpd *h, int fd)
{
	char host[INET6_ADDRSTRLEN] = "";
	union address a;
	socklen_t len = sizeof(a);

	memset(&a, 0, sizeof(a));
	if (getsockname(fd, &a.any, &len) < 0)
		return;
	if (a.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof(host));
		snprintf(h->address, sizeof(h->address), "[%s]:%u", host, ntohs(a.v6.sin6_port));
	} else {
		inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof(host));
		snprintf(h->address, sizeof(h->address), "%s:%u", host, ntohs(a.v4.sin_port));
	}
}

static int open_socket(const char *text, struct err *err)
{
	const int on = 1;
	union address a;
	socklen_t len = 0;
	int fd;

	if (read_address(text, &a, &len, err) < 0)
		return -1;
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(err, "--listen %s: cannot make a socket", text);
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, &a.any, len) < 0 || listen(fd, CONNECTIONS) < 0) {
		err_sys(err, "--listen %s: cannot listen", text);
		close(fd);
		return -1;
	}
	return fd;
}

/* --- answers ---------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *text,
			      size_t len)
{
	struct MHD_Response *r;
	enum MHD_Result result;

	/* copied, because the page is gone when it is sent */
	r = MHD_create_response_from_buffer_with_free_callback(len, mem_dup(text, len), mem_free);
	if (r == NULL)
		return MHD_NO;
	MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE,
				"text/plain; version=0.0.4; charset=utf-8");
	MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	result = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	return answer(c, status, text, strlen(text));
}

static enum MHD_Result answer_health(const struct httpd *h, struct MHD_Connection *c)
{
	(void)h;
	return answer_text(c, MHD_HTTP_OK, "ok\n");
}

static enum MHD_Result answer_ready(const struct httpd *h, struct MHD_Connection *c)
{
	return h->pages->ready(h->pages->ctx)
		   ? answer_text(c, MHD_HTTP_OK, "ok\n")
		   : answer_text(c, MHD_HTTP_SERVICE_UNAVAILABLE, "not looked at everything yet\n");
}

static enum MHD_Result answer_metrics(const struct httpd *h, struct MHD_Connection *c)
{
	struct buf page = BUF_INIT;
	enum MHD_Result r;

	h->pages->metrics(h->pages->ctx, &page);
	r = answer(c, MHD_HTTP_OK, buf_str(&page), page.len);
	buf_clear(&page);
	return r;
}

static const struct {
	const char *path;
	enum MHD_Result (*answer)(const struct httpd *h, struct MHD_Connection *c);
} pages[] = {
	{ "/healthz", answer_health },
	{ "/readyz", answer_ready },
	{ "/metrics", answer_metrics },
};

static enum MHD_Result handle(void *ctx, struct MHD_Connection *c, const char *url,
			      const char *method, const char *version, const char *upload,
			      size_t *upload_len, void **state)
{
	const struct httpd *h = ctx;
	size_t i;

	(void)version;
	(void)upload;
	if (*upload_len != 0 || (strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
				 strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)) {
		*upload_len = 0;
		return answer_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n");
	}
	/* the first call comes before a body could; answering only in the second keeps the
	 * connection */
	if (*state == NULL) {
		*state = ctx;
		return MHD_YES;
	}
	for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcmp(url, pages[i].path) == 0)
			return pages[i].answer(h, c);
	return answer_text(c, MHD_HTTP_NOT_FOUND, "/healthz, /readyz and /metrics are here\n");
}

/* --- the server ------------------------------------------------------------------------------- */

struct httpd *httpd_open(const char *listen, const struct httpd_pages *p, struct err *err)
{
	const union MHD_DaemonInfo *info;
	struct httpd *h;
	int fd = open_socket(listen, err);

	if (fd < 0)
		return NULL;
	h = mem_alloc(sizeof(*h));
	h->pages = p;
	write_address(h, fd);
	h->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL, 0, NULL, NULL, handle, h, MHD_OPTION_LISTEN_SOCKET, fd,
	    MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
	    (unsigned)CONNECTIONS_OF_ONE, MHD_OPTION_CONNECTION_TIMEOUT,
	    (unsigned)CONNECTION_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
	info = h->daemon == NULL ? NULL : MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info == NULL) {
		if (h->daemon == NULL)
			close(fd);
		httpd_close(h);
		err_set(err, ERR_IO, "--listen %s: the HTTP server does not start", listen);
		return NULL;
	}
	h->epoll = info->epoll_fd;
	return h;
}

void httpd_close(struct httpd *h)
{
	if (h == NULL)
		return;
	if (h->daemon != NULL)
		MHD_stop_daemon(h->daemon);
	mem_free(h);
}

const char *httpd_address(const struct httpd *h)
{
	return h->address;
}

int httpd_fd(const struct httpd *h)
{
	return h->epoll;
}

int64_t httpd_timeout(const struct httpd *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(h->daemon, &ms) != MHD_YES)
		return -1;
	return ms > INT32_MAX ? INT32_MAX : (int64_t)ms;
}

void httpd_run(struct httpd *h)
{
	MHD_run(h->daemon);
}
