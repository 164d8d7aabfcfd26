/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SSH public keys: the blob of RFC 4253 section 6.6 (RSA), RFC 5656 (ECDSA) and RFC 8709
 * (Ed25519), as golang.org/x/crypto/ssh ParsePublicKey reads it, but in one form only: shortest
 * integers, nothing behind, points on the curve.
 */
#ifndef BULLA_KINDS_SSHPUB_H
#define BULLA_KINDS_SSHPUB_H

#include <stddef.h>

#include "base/buf.h"
#include "kinds/pkey.h"

struct err;

#define SSHPUB_BLOB_MAX 4096 /* bytes; RSA of PKEY_RSA_MAX bits fits */

struct sshpub {
	const char *name; /* "ssh-ed25519"; a constant */
	enum pkey_type type;
	unsigned bits;
};

/* NULL and *out filled when blob is one such key, else the reason: a constant, "is a DSA key". */
const char *sshpub_check(const void *blob, size_t len, struct sshpub *out);

/* The blob of a private key's public half, appended. */
int sshpub_of(const struct pkey *k, struct buf *blob, struct err *err);

/* "ssh-ed25519 AAAA...", as in authorized_keys and known_hosts, without comment; appended. */
void sshpub_format(const char *name, const void *blob, size_t len, struct buf *out);

/*
 * One authorized_keys line without options, "ssh-ed25519 AAAA... [comment]", at most one "\n" at
 * its end: its blob is appended to out.  ERR_INVALID, "WHAT: reason".
 */
int sshpub_parse_line(const char *what, const char *line, size_t len, struct buf *out,
		      struct err *err);

#endif
