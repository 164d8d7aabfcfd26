/* SPDX-License-Identifier: Apache-2.0 */
/* What came of a request of github/http.h, which includes this. */
#ifndef BULLA_GITHUB_HTTP_ANSWER_H
#define BULLA_GITHUB_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

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

void http_answer_clear(struct http_answer *a);

/* The value of the nth (from 0) header of that name (any case), or NULL; owned by a. */
const char *http_header(const struct http_answer *a, const char *name, size_t nth);

/* A line of a header as it came is added (what is none is passed over): false when there are too
 * many or it is too long. */
bool http_answer_add(struct http_answer *a, const char *line, size_t n);
/* All headers and the body are dropped again. */
void http_answer_drop(struct http_answer *a);
/* Does it call itself JSON? */
bool http_answer_is_json(const struct http_answer *a);

#endif
