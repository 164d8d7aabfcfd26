/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bcrypt_pbkdf, by which OpenSSH encrypts private keys.  No library offers it, and without it a
 * wrong password would only be found by Flux.  It opens what was given, it protects nothing here.
 * Blowfish's tables are the binary digits of pi and are computed, once a process.
 */
#ifndef BULLA_KINDS_BCRYPT_H
#define BULLA_KINDS_BCRYPT_H

#include <stddef.h>

#include "base/buf.h"

/* golang.org/x/crypto/ssh takes no key with more; OpenSSH writes 16 to 24.  About 6 ms each. */
#define BCRYPT_ROUNDS_MAX 2048
#define BCRYPT_LEN_MAX 1024 /* bytes derived */

struct bcrypt_cost {
	const void *salt;
	size_t salt_len;
	unsigned rounds;
};

/*
 * Derive len bytes from a password and a salt, neither empty, appended to out.  -1 when rounds is
 * 0, rounds or len past their maximum, or there is nothing to derive from.
 */
int bcrypt_pbkdf(const struct buf *password, const struct bcrypt_cost *cost, size_t len,
		 struct buf *out);

#endif
