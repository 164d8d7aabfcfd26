/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrapping a file key for one recipient (C2SP age.md, "native recipient types"): the cryptography
 * of an X25519 and of a scrypt stanza, without its text.
 */
#ifndef BULLA_KEYS_WRAP_H
#define BULLA_KEYS_WRAP_H

#include <stddef.h>

#include "keys/age_format.h"
#include "keys/age_identity.h"

struct err;

enum wrap_verdict {
	WRAP_OPENED,	/* file_key is filled; the caller wipes it */
	WRAP_NO_MATCH,	/* not for this identity, or not this passphrase; file_key is zero */
	WRAP_NO_MEMORY, /* scrypt could not have its memory */
};

/* Cost: two X25519.  ERR_RECIPIENT when the recipient is a low-order point. */
int wrap_x25519_seal(const struct age_recipient *to,
		     const unsigned char file_key[static AGE_FILE_KEY_SIZE],
		     unsigned char share[static AGE_KEY_SIZE],
		     unsigned char body[static AGE_WRAPPED_SIZE], struct err *err);
/* Cost: one X25519.  A share that is a low-order point matches nobody; headers refuse it before. */
enum wrap_verdict wrap_x25519_open(const struct age_identity *id,
				   const unsigned char share[static AGE_KEY_SIZE],
				   const unsigned char body[static AGE_WRAPPED_SIZE],
				   unsigned char file_key[static AGE_FILE_KEY_SIZE]);

struct wrap_passphrase {
	const char *text;
	size_t len;
	const unsigned char *salt; /* AGE_SALT_SIZE bytes */
	int log_n;		   /* 1 to AGE_SCRYPT_LOG_N_MAX; takes 2^log_n KiB of memory */
};

enum wrap_verdict wrap_scrypt_seal(const struct wrap_passphrase *p,
				   const unsigned char file_key[static AGE_FILE_KEY_SIZE],
				   unsigned char body[static AGE_WRAPPED_SIZE]);
enum wrap_verdict wrap_scrypt_open(const struct wrap_passphrase *p,
				   const unsigned char body[static AGE_WRAPPED_SIZE],
				   unsigned char file_key[static AGE_FILE_KEY_SIZE]);

#endif
