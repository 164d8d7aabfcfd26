/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP proxy through which a host is reached, as the environment says: ALL_PROXY, else
 * HTTPS_PROXY, unless NO_PROXY names the host; each in capitals or small letters (those win, as in
 * curl).  "http://[USER:PASSWORD@]HOST:PORT" or "HOST:PORT".
 *
 * NO_PROXY: "*", or entries with commas or spaces between.  A name means the host and all below it,
 * a leading "." changes nothing; an address, or a network "10.0.0.0/8", "fd00::/8", means the hosts
 * that are given by such an address: no name is looked up for it.  ":PORT" behind an entry means
 * that port alone ("[fd00::1]:443" for version 6).  What is none of these names nobody.
 */
#ifndef BULLA_GITHUB_PROXY_H
#define BULLA_GITHUB_PROXY_H

#include <stdbool.h>

#include "base/buf.h"

struct err;

#define GITHUB_PROXY_HOST 254

struct github_proxy {
	char host[GITHUB_PROXY_HOST]; /* "": go there directly */
	unsigned port;
	struct buf login; /* base64 of USER:PASSWORD, for the header; empty when there is none */
};

#define GITHUB_PROXY_INIT                                                                          \
	{                                                                                          \
		"", 0, BUF_INIT                                                                    \
	}

/*
 * One value, which what names ("HTTPS_PROXY").  ERR_INVALID; the text quotes nothing of it, because
 * it may hold a password.  out must be GITHUB_PROXY_INIT and stays so on failure.
 */
int github_proxy_parse(const char *what, const char *text, struct github_proxy *out,
		       struct err *err);

/* Does a NO_PROXY text name this host and port? */
bool github_proxy_excepts(const char *no_proxy, const char *host, unsigned port);

/* The proxy for a host; out->host is "" when there is none.  ERR_INVALID as above. */
int github_proxy_from_environment(const char *host, unsigned port, struct github_proxy *out,
				  struct err *err);

void github_proxy_clear(struct github_proxy *p);

#endif
