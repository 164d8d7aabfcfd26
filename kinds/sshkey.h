/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys as Flux reads them for ssh:// (go-git's NewPublicKeys, that is ParsePrivateKey and
 * ParsePrivateKeyWithPassphrase of golang.org/x/crypto/ssh): the first PEM block decides, so there
 * must be one only; PKCS#8, PKCS#1, SEC1 or OpenSSH's format; encrypted only with RFC 1421 headers
 * or in OpenSSH's format.  Ed25519, ECDSA P-256, P-384, P-521 and RSA of SSHKEY_RSA_MIN bits.
 */
#ifndef BULLA_KINDS_SSHKEY_H
#define BULLA_KINDS_SSHKEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "kinds/pem.h"
#include "kinds/sshpub.h"

struct err;

#define SSHKEY_RSA_MIN 3072 /* bits: 128 bits of strength (NIST SP 800-57) */

struct sshkey {
	struct sshpub pub;
	struct buf blob; /* the public half */
	bool encrypted;
};

#define SSHKEY_INIT                                                                                \
	{                                                                                          \
		{ NULL, PKEY_ED25519, 0 }, BUF_INIT, false                                         \
	}

enum sshkey_depth {
	SSHKEY_FULL,  /* an encrypted key is opened with its password */
	SSHKEY_QUICK, /* of an encrypted OpenSSH key only the public half is looked at: opening it
			 costs as much time as whoever made it liked */
};

/*
 * Check a private key.  password NULL: there is none, and an encrypted key is refused; with a
 * password a key that is not encrypted is refused, because nobody would ask for it.
 * ERR_INVALID, "WHAT: reason"; out is SSHKEY_INIT before and after a failure.
 */
int sshkey_parse(const struct pem_source *src, const struct buf *password, enum sshkey_depth depth,
		 struct sshkey *out, struct err *err);

/*
 * The same in full depth; the private key is appended to pem, not encrypted, in the form of a key
 * made here (sshkey_generate), for a library that is to use it.
 */
int sshkey_open(const struct pem_source *src, const struct buf *password, struct buf *pem,
		struct sshkey *out, struct err *err);

/* --type: "ed25519", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-4096"; ERR_INVALID. */
int sshkey_type(const char *what, const char *text, enum pkey_type *type, struct err *err);

/*
 * A new key that Flux and any OpenSSH read: Ed25519 in OpenSSH's format, others in PKCS#8 (appended
 * to pem), and its public half.
 */
int sshkey_generate(enum pkey_type type, struct buf *pem, struct sshkey *out, struct err *err);

void sshkey_clear(struct sshkey *k);

#endif
