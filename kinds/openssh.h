/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSH's own private key format "openssh-key-v1" (OpenSSH's PROTOCOL.key), as far as Flux reads
 * it (golang.org/x/crypto/ssh parseOpenSSHPrivateKey): one key, plain or encrypted by bcrypt with
 * aes256-ctr or aes256-cbc.  Stricter: the public half outside, the one inside and the private half
 * must agree, also for Ed25519, where Go believes the file; no bytes behind.
 */
#ifndef BULLA_KINDS_OPENSSH_H
#define BULLA_KINDS_OPENSSH_H

#include <stdbool.h>

#include "base/buf.h"
#include "kinds/pkey.h"

struct err;

#define OPENSSH_LABEL "OPENSSH PRIVATE KEY"

struct openssh_key {
	struct buf public; /* the public half's blob */
	bool encrypted;
	struct pkey key; /* the private half; PKEY_INIT while it stays closed */
};

#define OPENSSH_KEY_INIT                                                                           \
	{                                                                                          \
		BUF_INIT, false, PKEY_INIT                                                         \
	}

/*
 * bytes: what the PEM block holds.  An encrypted key is opened when there is a password, which
 * takes about 0.1 s, at most 13 s (BCRYPT_ROUNDS_MAX); without one only its public half is looked
 * at. ERR_INVALID, "WHAT: reason"; out is OPENSSH_KEY_INIT before and after a failure.
 */
int openssh_parse(const char *what, const struct buf *bytes, const struct buf *password,
		  struct openssh_key *out, struct err *err);
void openssh_clear(struct openssh_key *k); /* wiped */

/*
 * An Ed25519 key, not encrypted, as ssh-keygen writes it: a PEM block appended to out.  OpenSSH
 * reads PKCS#8 Ed25519 keys only since 9.6, this form always did.  public is its blob.
 */
int openssh_format_ed25519(const struct pkey *key, const struct buf *public, struct buf *out,
			   struct err *err);

#endif
