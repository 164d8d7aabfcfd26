/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Git URLs as Flux takes them (GitRepository spec.url): ssh://[user@]host[:port]/path and
 * https://host[:port]/path, in one spelling: lower-case scheme and host, no credentials, no query,
 * no fragment, no "." or ".." in the path, printable ASCII.  Scheme and host decide with which key
 * and to whom Flux speaks, and are compared byte by byte with known_hosts.
 */
#ifndef BULLA_KINDS_URL_H
#define BULLA_KINDS_URL_H

#include "base/buf.h"

struct err;

#define URL_MAX 1024 /* bytes, because a URL is a fact */
#define URL_USER_MAX 64
#define URL_HOST_MAX 253

enum url_scheme {
	URL_SSH = 1,
	URL_HTTPS = 2,
	URL_NO_PATH = 4, /* beside one of these: there need not be a path (API addresses) */
};

struct url {
	enum url_scheme scheme;
	char user[URL_USER_MAX + 1]; /* "" when there is none */
	char host[URL_HOST_MAX + 1]; /* an IPv6 address without its brackets */
	unsigned port;		     /* 22 or 443 when there is none */
	const char *path;	     /* "/org/repo", inside the text that was parsed */
};

/*
 * schemes: the allowed ones, or-ed.  ERR_INVALID, "WHAT: reason", naming the form to use; never
 * quotes credentials.
 */
int url_parse(const char *what, const char *text, int schemes, struct url *out, struct err *err);

/* How known_hosts spells host and port: "host", or "[host]:port" when it is not 22.  Appended. */
void url_format_host(const struct url *u, struct buf *out);

#endif
