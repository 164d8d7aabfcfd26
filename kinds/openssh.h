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

/*
 * bytes: what the PEM block holds.  public gets the public half's blob (not checked further when
 * the key stays closed), *encrypted whether a password is needed; key gets the private half: when
 * it is encrypted only with a password, else it stays PKEY_INIT.  Opening an encrypted key takes
 * about 0.1 s, at most 13 s (BCRYPT_ROUNDS_MAX).  ERR_INVALID, "WHAT: reason".
 */
int openssh_parse(const char *what, const struct buf *bytes, const struct buf *password,
		  struct buf *public, bool *encrypted, struct pkey *key, struct err *err);

/*
 * An Ed25519 key, not encrypted, as ssh-keygen writes it: a PEM block appended to out.  OpenSSH reads
 * PKCS#8 Ed25519 keys only since 9.6, this form always did.  public is its blob.
 */
int openssh_format_ed25519(const struct pkey *key, const struct buf *public, struct buf *out,
			   struct err *err);

#endif
