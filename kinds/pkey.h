/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys that a Git server, a TLS server or GitHub Apps take: RSA, ECDSA on the NIST curves
 * and Ed25519, on OpenSSL.  Nothing else gets through, and only keys whose halves fit: what Go's
 * crypto/rsa, crypto/ecdsa and x509 refuse when they load a key is refused here
 * (crypto/internal/fips140/rsa checkPrivateKey, crypto/x509 ParsePKCS8PrivateKey).
 * Primality is not tested: an opener does this for keys that anyone may have sealed, and it is
 * slow.
 *
 * No function leaves anything in OpenSSL's error queue.  Errors are ERR_INVALID and begin "WHAT: ".
 */
#ifndef BULLA_KINDS_PKEY_H
#define BULLA_KINDS_PKEY_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct err;

enum pkey_type { PKEY_ED25519, PKEY_P256, PKEY_P384, PKEY_P521, PKEY_RSA };

/* bits: of an RSA modulus or an EC field. */
struct pkey {
	EVP_PKEY *evp;
	enum pkey_type type;
	unsigned bits;
};

#define PKEY_INIT                                                                                  \
	{                                                                                          \
		NULL, PKEY_ED25519, 0                                                              \
	}

#define PKEY_RSA_MAX 16384 /* bits; golang.org/x/crypto/ssh and OpenSSH take no larger key */

/*
 * Take evp over: into out when it is of a known type, not larger than PKEY_RSA_MAX, and its halves
 * fit; else it is freed.  out must be PKEY_INIT and stays so on failure.
 */
int pkey_adopt(const char *what, EVP_PKEY *evp, struct pkey *out, struct err *err);

/* RSA keys have 4,096 bits. */
int pkey_generate(enum pkey_type type, struct pkey *out, struct err *err);

/* The numbers of a key in another format; all unsigned, big-endian. */
struct pkey_number {
	const unsigned char *data;
	size_t len;
};
int pkey_from_ed25519(const char *what, const unsigned char seed[static 32], struct pkey *out,
		      struct err *err);
struct pkey_ec {
	enum pkey_type curve;
	struct pkey_number point, d; /* the point uncompressed */
};
int pkey_from_ec(const char *what, const struct pkey_ec *numbers, struct pkey *out,
		 struct err *err);
struct pkey_rsa {
	struct pkey_number n, e, d, p, q, qinv;
};
int pkey_from_rsa(const char *what, const struct pkey_rsa *numbers, struct pkey *out,
		  struct err *err);

/*
 * Which of the types is it, with how many bits?  Also for public keys out of certificates.
 */
int pkey_classify(const char *what, const EVP_PKEY *evp, enum pkey_type *type, unsigned *bits,
		  struct err *err);

/* The error for a type (OpenSSL's number) that is none of these.  -1. */
int pkey_refuse_type(const char *what, int nid, struct err *err);

/* PKCS#8 "PRIVATE KEY" PEM, appended to out. */
int pkey_format(const struct pkey *k, struct buf *out, struct err *err);
/* SHA-256 of the DER SubjectPublicKeyInfo. */
int pkey_spki_digest(const struct pkey *k, unsigned char digest[static 32], struct err *err);
/* The same public half? */
bool pkey_same_public(const struct pkey *k, const EVP_PKEY *public);

const char *pkey_type_name(enum pkey_type type); /* "ECDSA P-256" */

void pkey_clear(struct pkey *k); /* wiped */

#endif
