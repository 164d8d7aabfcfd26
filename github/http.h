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

struct err;
struct http;

#define HTTP_BODY_MAX ((size_t)4 << 20) /* bytes of an answer, unless a request says less */
#define HTTP_CONNECT_MS 10000		/* name, connection, proxy and TLS together */
#define HTTP_TRY_MS 15000		/* one try, from its beginning */
#define HTTP_TOTAL_MS 30000		/* all tries and the pauses between them */
#define HTTP_TRIES 4			/* of one request */
#define HTTP_REDIRECTS 5

struct http_options {
	const char *base;    /* https://HOST[:PORT][/PREFIX], no user, query or fragment */
	const char *ca_file; /* PEM; in place of the system's authorities.  NULL: those */
	const char *option;  /* what the user calls base, for errors; NULL: "--api-url" */
	/* milliseconds; 0: as above */
	int64_t connect_ms, try_ms, total_ms;
};

/* All texts are copied.  ERR_INVALID: base or ca_file; ERR_IO: libcurl or a file. */
struct http *http_new(const struct http_options *options, struct err *err);
void http_free(struct http *h); /* NULL is fine */
/* The server's name in errors: "api.github.com", "127.0.0.1:8443". */
const char *http_host(const struct http *h);

struct http_request;
struct http_answer;

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
	http_again_fn *again; /* NULL: http_again */
};

/* The default: 429 and 503 when they say how long, 500, 502, 503 and 504 of what may be sent twice.
 */
http_again_fn http_again;

/* Why there is no answer. */
enum http_fault {
	HTTP_ANSWERED,
	HTTP_NAME,    /* the host's or proxy's name cannot be looked up */
	HTTP_CONNECT, /* refused, no route */
	HTTP_PROXY,   /* the proxy refuses or cannot be used */
	HTTP_TLS,     /* handshake, certificate, wrong name */
	HTTP_CLOCK,   /* certificate outside its validity: expired, or our clock is wrong */
	HTTP_TIMEOUT,
	HTTP_BROKEN, /* closed or cut, or not HTTP */
	HTTP_LARGE,
	HTTP_PAGE, /* a web page where JSON was due */
	HTTP_LOCAL,
};

struct http_header {
	char *name; /* lower case */
	char *value;
};

struct http_answer {
	enum http_fault fault;
	long status;	/* 0 without an answer */
	bool unsent;	/* certainly nothing of the request was acted on; only without an answer */
	unsigned tries; /* how often it was sent */
	struct http_header *headers; /* of the last answer, in order; at most HTTP_HEADERS_MAX */
	size_t n;
	char
	    *url; /* where the answer came from in the end; differs from what was asked by follow */
	struct buf body;
	int64_t skew; /* the server's clock minus ours, seconds; 0 when there is no Date */
};

#define HTTP_ANSWER_INIT                                                                           \
	{                                                                                          \
		HTTP_ANSWERED, 0, false, 0, NULL, 0, NULL, BUF_INIT, 0                             \
	}
#define HTTP_HEADERS_MAX 200
#define HTTP_HEADER_MAX 16384 /* bytes of one */

/*
 * Ask.  0 when an answer came, whatever its status (a redirect that is not followed is one).  -1:
 * none came, a->fault says which kind of failure and err (ERR_IO) tells the user what failed and
 * what to do; ERR_INVALID: the request itself cannot be sent (a line break in a header, a URL of
 * another host).  a is cleared before; the caller clears it, which wipes.
 */
int http_send(struct http *h, const struct http_request *r, struct http_answer *a, struct err *err);
void http_answer_clear(struct http_answer *a);

/* The value of the nth (from 0) header of that name (any case), or NULL; owned by a. */
const char *http_header(const struct http_answer *a, const char *name, size_t nth);

/*
 * Is our clock off?  When the answer's Date is more than five minutes from it, a text that says by
 * how much and which way, for the end of an error ("; this machine's clock is 24 h behind that of
 * HOST: set it"); else "".  A new string.
 */
char *http_clock_hint(const struct http *h, const struct http_answer *a);

/* "Thu, 26 Nov 2026 10:45:21 GMT" (RFC 9110 5.6.7, the form that must be sent) and nothing else. */
bool http_date(const char *text, int64_t *t);
/* Retry-After: seconds, or such a date.  Milliseconds from now, not negative; -1: not readable. */
int64_t http_retry_after(const char *text, int64_t now);
/*
 * The target of the link with that relation in a Link header (RFC 8288), or NULL: a new string.
 * The first one counts; nothing is resolved or checked here.
 */
char *http_link(const char *text, const char *rel);

#endif
