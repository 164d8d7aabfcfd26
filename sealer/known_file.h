/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A known_hosts file in which the keys of one host are replaced by those that its owner names
 * (`known-hosts refresh`).  Pure.
 */
#ifndef BULLA_SEALER_KNOWN_FILE_H
#define BULLA_SEALER_KNOWN_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/b64.h"
#include "base/buf.h"
#include "kinds/known_hosts.h"

struct err;

enum known_state {
	KNOWN_KEPT, /* named, and there already */
	KNOWN_NEW,  /* named, and not there */
	KNOWN_GONE, /* there, and not named any more */
};

/* "kept", "new", "gone" */
const char *known_state_name(enum known_state state);

struct known_key {
	const char *type; /* "ssh-ed25519" */
	char fingerprint[B64_FINGERPRINT];
	enum known_state state;
};

struct known_file {
	struct known_key *keys; /* those named, in their order, then those gone */
	size_t n;
	bool changed;	 /* some are new or gone */
	struct buf text; /* the whole file as it is to be */
};

#define KNOWN_FILE_INIT                                                                            \
	{                                                                                          \
		NULL, 0, false, BUF_INIT                                                           \
	}

struct known_question {
	const char *file;      /* for errors */
	const struct buf *old; /* what is there; empty: nothing */
	const struct url *url; /* the host */
	const struct buf *now; /* lines "HOST TYPE BASE64" (github/meta.h) */
};

/*
 * Lines that name this host alone are replaced, at the place of the first of them or at the end;
 * all others keep their bytes.  ERR_INVALID: old or now is not known_hosts, or a line of old means
 * the host and others too (a list, a pattern, a hashed name) and would keep an old key, or revokes
 * a key of now.
 */
int known_file_make(const struct known_question *q, struct known_file *out, struct err *err);
/* The built-in keys of GitHub held against those named, as if they were a file. */
int known_file_built_in(const struct url *url, const struct buf *now, struct known_file *out,
			struct err *err);
void known_file_clear(struct known_file *f);
/* [{"type", "fingerprint", "state"}].  A new reference. */
json_t *known_file_json(const struct known_file *f);

#endif
