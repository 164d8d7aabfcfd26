/* SPDX-License-Identifier: Apache-2.0 */
/* What github/http.c and github/http_explain.c share; not for others. */
#ifndef BULLA_GITHUB_HTTP_STATE_H
#define BULLA_GITHUB_HTTP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/curl.h"

struct http {
	const struct curl_api *curl;
	CURL *easy;
	char *base;   /* without a "/" at its end */
	char *origin; /* "https://host:port" */
	char *host;   /* as people write it */
	char *option;
	char *ca_file; /* its name; NULL: the system's authorities */
	struct buf ca;
	bool plain;				       /* http:// on loopback */
	void (*pausing)(const char *host, int64_t ms); /* http_pause_fn */
	int64_t connect_ms, try_ms, total_ms;
};

/* What holds for each request, asked by a user or by us: TLS, proxies, times.  false: libcurl lacks
 * something without which it is not safe. */
bool http_set_up(const struct http *h, CURL *easy, int64_t left_ms);

#endif
