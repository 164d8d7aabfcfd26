/* SPDX-License-Identifier: Apache-2.0 */
/* GET /meta: the SSH host keys that GitHub names over verified TLS. */
#ifndef BULLA_GITHUB_META_H
#define BULLA_GITHUB_META_H

#include <jansson.h>

#include "base/buf.h"

struct err;
struct rest;

#define META_KEYS_MAX 32

/*
 * Append lines of known_hosts, "HOST TYPE BASE64\n", in GitHub's order; at least one.  host as
 * known_hosts spells it ("github.com", "[ssh.github.com]:443").  What is no key is ERR_INVALID, not
 * passed over.  An Enterprise Server that names none: ERR_IO.  Whether they are the built-in ones
 * is the caller's to compare.
 */
int meta_known_hosts(struct rest *r, const char *host, struct buf *out, struct err *err);

/* The same of an answer that is there; server: who gave it, for errors. */
int meta_read(const json_t *body, const char *host, const char *server, struct buf *out,
	      struct err *err);

#endif
