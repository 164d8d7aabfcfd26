/* SPDX-License-Identifier: Apache-2.0 */
/* Failures of github/http.c, told to people: a part of that module. */
#ifndef BULLA_GITHUB_HTTP_EXPLAIN_H
#define BULLA_GITHUB_HTTP_EXPLAIN_H

#include <stdint.h>

#include "base/curl.h"
#include "github/http_answer.h"

struct err;
struct http;

/* Why the last try failed, and what that says of it: fills fault and unsent of a, and err. */
void http_explain(struct http *h, CURLcode code, const char *words, struct http_answer *a,
		  struct err *err);
/* http_clock_hint for a skew in seconds.  A new string. */
char *http_explain_skew(const char *host, int64_t skew);

#endif
