/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys out of PEM blocks: PKCS#8 (PRIVATE KEY), PKCS#1 (RSA PRIVATE KEY) and SEC1 (EC
 * PRIVATE KEY), whole and nothing behind, the label being that of the contents.
 */
#ifndef BULLA_KINDS_PKEY_PEM_H
#define BULLA_KINDS_PKEY_PEM_H

#include <stdbool.h>

#include "base/buf.h"
#include "kinds/pem.h"
#include "kinds/pkey.h"

struct err;

#define PKEY_PASSWORD_MAX 1024 /* bytes; OpenSSL's PEM_BUFSIZE */

/* Does this block need a password?  (PKCS#8 or RFC 1421 headers.) */
bool pkey_pem_encrypted(const struct pem_block *b);

/*
 * password, when not NULL, opens a block with RFC 1421 headers, encrypted by AES or triple DES in
 * CBC mode (as in Go's x509.DecryptPEMBlock, without single DES); it is not looked at for a block
 * that needs none.  An encrypted block without a password, and PKCS#8 encryption, which Go reads
 * nowhere, are refused, as is any other label or type of key: ERR_INVALID, "WHAT: reason".
 * out must be PKEY_INIT and stays so on failure.
 */
int pkey_pem_parse(const char *what, const struct pem_block *b, const struct buf *password,
		   struct pkey *out, struct err *err);

#endif
