/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GitHub's SSH host keys, built in so that nobody has to trust what a network shows first.
 * Source: GitHub's page "GitHub's SSH key fingerprints" (github/docs, content/authentication/
 * keeping-your-account-and-data-secure/githubs-ssh-key-fingerprints.md); a test hashes the keys and
 * compares with the published fingerprints.  They changed last in March 2023, when the RSA key was
 * revoked; ssh.github.com (port 443) has the same keys.
 */
#ifndef BULLA_KINDS_GITHUB_HOSTS_H
#define BULLA_KINDS_GITHUB_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "kinds/url.h"

struct err;

#define GITHUB_HOSTS_KEYS 3

/* The revoked RSA key, which still goes round in copies. */
#define GITHUB_HOSTS_REVOKED "SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8"

bool github_hosts_is(const char *host); /* one that answers to SSH */

/*
 * A URL at github.com or ssh.github.com: the path is /OWNER/NAME, the user over SSH is git or left
 * out, the port is the one that answers (22 and 443; 443 for HTTPS).  ERR_INVALID, "WHAT: reason".
 */
int github_hosts_check_url(const char *what, const struct url *u, struct err *err);

/* The three lines of known_hosts for this URL's host and port; appended. */
void github_hosts_format(const struct url *u, struct buf *out);

/* Which of the keys is this blob: 0 to GITHUB_HOSTS_KEYS - 1, or -1. */
int github_hosts_find(const void *blob, size_t len);

bool github_hosts_is_revoked(const void *blob, size_t len);

#endif
