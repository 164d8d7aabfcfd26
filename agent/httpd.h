/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /healthz, /readyz and /metrics, on the agent's own loop: no thread, one descriptor to wait
 * for.  Small limits, no other method, no body, nothing that changes anything.
 */
#ifndef BULLA_AGENT_HTTPD_H
#define BULLA_AGENT_HTTPD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct err;
struct httpd;

/* What stands behind the pages. */
struct httpd_pages {
	const void *ctx;
	bool (*ready)(const void *ctx);
	void (*metrics)(const void *ctx, struct buf *page); /* appends */
};

/*
 * listen: "127.0.0.1:9464", "[::1]:9464", ":9464" (loopback); numbers only, port 0 takes any free
 * one.  NULL and err (ERR_USAGE: no address; ERR_IO).  p must outlive it.
 */
struct httpd *httpd_open(const char *listen, const struct httpd_pages *p, struct err *err);
void httpd_close(struct httpd *h); /* NULL is fine */

const char *httpd_address(const struct httpd *h); /* as it listens, "127.0.0.1:9464" */
int httpd_fd(const struct httpd *h);		  /* readable: call httpd_run */
int64_t httpd_timeout(const struct httpd *h);	  /* ms until httpd_run is due anyhow; -1: never */
void httpd_run(struct httpd *h);

#endif
