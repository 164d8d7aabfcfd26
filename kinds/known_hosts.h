/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known_hosts as Flux reads it (fluxcd/pkg ssh/knownhosts, a fork of x/crypto's), with what it
 * reads silently wrong refused: two keys on one line, a second key of a type for one host, a type
 * word that is not the key's, host certificates.
 *
 *	[MARKER] HOSTS TYPE KEY [COMMENT]
 *
 * HOSTS: names with "*", "?" and a leading "!", commas between, "[host]:port"; or one hashed name
 * "|1|SALT|HASH".  MARKER: @cert-authority or @revoked.  One key per line; "#" comments and empty
 * lines are fine; "\n" line ends.
 */
#ifndef BULLA_KINDS_KNOWN_HOSTS_H
#define BULLA_KINDS_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/notes.h"
#include "kinds/sshpub.h"
#include "kinds/url.h"

struct err;

#define KNOWN_HOSTS_MAX ((size_t)64 * 1024 - 1) /* bytes; Go's line scanner stops at 64 KiB */
#define KNOWN_HOSTS_KEYS_MAX 20			/* their fingerprints fit in one fact */

enum known_hosts_marker { MARKER_NONE, MARKER_AUTHORITY, MARKER_REVOKED };

struct known_hosts_line {
	enum known_hosts_marker marker;
	const char *hosts; /* hostpat.h; in the text that was parsed */
	size_t hosts_len;
	struct sshpub pub;
	struct buf blob;
	unsigned line;
};

struct known_hosts {
	struct known_hosts_line *lines;
	size_t n;
};

#define KNOWN_HOSTS_INIT                                                                           \
	{                                                                                          \
		NULL, 0                                                                            \
	}

/*
 * All lines of a text, which stays the caller's and must outlive out.  ERR_INVALID,
 * "WHAT: line N: reason"; out is KNOWN_HOSTS_INIT before and after a failure.
 */
int known_hosts_parse(const char *what, const char *text, size_t len, struct known_hosts *out,
		      struct err *err);
void known_hosts_clear(struct known_hosts *kh);

/*
 * Would Flux find the right key for this URL?  At least one key for its host, no two of one type,
 * none revoked, for GitHub's hosts none but GitHub's; the revoked GitHub key nowhere.  ERR_INVALID.
 */
int known_hosts_check(const char *what, const struct known_hosts *kh, const struct url *u,
		      struct notes *notes, struct err *err);

/*
 * The fact "host-keys": the fingerprints of all keys but revoked ones, sorted, a space between; or
 * "github.com" when they are GitHub's three and u is there.  Appended.  ERR_INVALID when there are
 * more than KNOWN_HOSTS_KEYS_MAX.
 */
int known_hosts_fact(const char *what, const struct known_hosts *kh, const struct url *u,
		     struct buf *out, struct err *err);
#define KNOWN_HOSTS_GITHUB "github.com"

#endif
