/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short HTTPS requests, one after another, to one server: GitHub, a registry, a Git host.
 *
 * TLS 1.2 or newer, the certificate verified against the system's authorities or a given one;
 * nothing switches that off.  http:// is talked to a literal loopback address alone (127.0.0.0/8,
 * [::1]), which no proxy and no one between can read.  Proxies are those of the environment, as
 * curl reads it (https_proxy, HTTPS_PROXY, ALL_PROXY, NO_PROXY); what they say of users and
 * passwords appears nowhere.  HTTP/1.1, because libcurl's HTTP/2 keeps copies of headers that
 * nobody wipes (base/curl.h).
 *
 * Whatever the server says may hold anything; it is escaped where it is printed (base/out.h).  No
 * error quotes a header that was sent or a body.  Not for two threads at a time: each has its own
 * (curl_api_load before the first of them is started).
 */
#ifndef BULLA_GITHUB_HTTP_H
#define BULLA_GITHUB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "github/http_answer.h"
#include "github/http_text.h"

struct err;
struct http;

#define HTTP_BODY_MAX ((size_t)4 << 20) /* bytes of an answer, unless a request says less */
#define HTTP_CONNECT_MS 10000		/* name, connection, proxy and TLS together */
#define HTTP_TRY_MS 15000		/* one try, from its beginning */
#define HTTP_TOTAL_MS 30000		/* all tries and the pauses between them */
#define HTTP_TRIES 4			/* of one request */
#define HTTP_REDIRECTS 5

/* Before a pause of so many milliseconds that host asked for; not told of shorter ones. */
typedef void http_pause_fn(const char *host, int64_t ms);
#define HTTP_PAUSE_TOLD_MS 5000

struct http_options {
	const char *base;	/* https://HOST[:PORT][/PREFIX], no user, query or fragment */
	const char *ca_file;	/* PEM; in place of the system's authorities.  NULL: those */
	const struct buf *ca;	/* the same, at hand, when there is no ca_file; or NULL */
	const char *option;	/* what the user calls base, for errors; NULL: "--api-url" */
	http_pause_fn *pausing; /* or NULL */
	/* milliseconds; 0: as above */
	int64_t connect_ms, try_ms, total_ms;
};

/* All texts are copied.  ERR_INVALID: base or ca_file; ERR_IO: libcurl or a file. */
struct http *http_new(const struct http_options *options, struct err *err);
void http_free(struct http *h); /* NULL is fine */
/* The server's name in errors: "api.github.com", "127.0.0.1:8443". */
const char *http_host(const struct http *h);

struct http_request;

/*
 * Shall the request be sent once more?  Milliseconds to wait before, or -1: the answer is final.
 * tries: how many there were.  What would outlast the time left is final too.
 */
typedef int64_t http_again_fn(const struct http_request *r, const struct http_answer *a,
			      unsigned tries);

struct http_request {
	const char *method; /* NULL: GET */
	/*
	 * Behind base, beginning with "/", already percent-encoded; or the whole URL of a page that
	 * the server named, which is refused unless scheme, host and port are those of base.
	 */
	const char *path;
	const char *const *headers;	 /* "Name: value", NULL-terminated; or NULL.  No secrets */
	const struct buf *authorization; /* "Bearer ...": never sent to another host; or NULL */
	const struct buf *body;		 /* or NULL */
	const char *type;		 /* its Content-Type; NULL: application/json */
	/* It may be sent twice without harm.  GET, HEAD, PUT, DELETE and OPTIONS always may. */
	bool idempotent;
	bool follow; /* redirects, of GET and HEAD, to https:// alone */
	/*
	 * An answer of 200 to 299 with a body must be JSON: a page of HTML is a sign-in page of
	 * some network or a wrong address, and its error says so.
	 */
	bool json;
	size_t max;	      /* bytes of the body that is read; 0: HTTP_BODY_MAX */
	unsigned tries;	      /* at most; 0: HTTP_TRIES */
	http_again_fn *again; /* NULL: http_again */
};

/* The default: 429 and 503 when they say how long, 500, 502, 503 and 504 of what may be sent twice.
 */
http_again_fn http_again;

/*
 * Ask.  0 when an answer came, whatever its status (a redirect that is not followed is one).  -1:
 * none came, a->fault says which kind of failure and err (ERR_IO) tells the user what failed and
 * what to do; ERR_INVALID: the request itself cannot be sent (a line break in a header, a URL of
 * another host).  a is cleared before; the caller clears it, which wipes.
 */
int http_send(struct http *h, const struct http_request *r, struct http_answer *a, struct err *err);
/*
 * Is our clock off?  When the answer's Date is more than five minutes from it, a text that says by
 * how much and which way, for the end of an error ("; this machine's clock is 24 h behind that of
 * HOST: set it"); else "".  A new string.
 */
char *http_clock_hint(const struct http *h, const struct http_answer *a);

#endif
