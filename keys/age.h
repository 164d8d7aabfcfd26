/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The age v1 format (C2SP age.md), natively: X25519 and scrypt recipients, binary and armored.
 *
 * Strict in everything: canonical base64 and lower-case bech32, stanza grammar, nothing after the
 * end.  The order is fixed: the whole header is parsed, a file key is unwrapped, the header MAC is
 * compared in constant time, and only then the payload is decrypted; no byte of a chunk is given
 * out before its tag is right, and on any failure out is empty.
 *
 * Error classes: ERR_INVALID malformed; ERR_NOKEY no identity matches (also: needs
 * mlkem768x25519, or a passphrase); ERR_REFUSED a tag or MAC is wrong.
 */
#ifndef BULLA_KEYS_AGE_H
#define BULLA_KEYS_AGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "keys/age_format.h"
#include "keys/age_identity.h"
#include "keys/age_recipient.h"

struct err;

/*
 * Encrypt to n >= 1 recipients, stanzas in the given order.  out: binary, emptied before, one
 * allocation of the exact size; plain must not lie in it.  ERR_RECIPIENT: nobody, or more than
 * AGE_STANZAS_MAX, or a low-order point; ERR_INVALID: too large for out.
 */
int age_encrypt(const struct age_recipient *recipients, size_t n, const void *plain, size_t len,
		struct buf *out, struct err *err);
/* The same for a passphrase, which is not empty; log_n: AGE_SCRYPT_LOG_N, less in tests. */
int age_encrypt_passphrase(const char *passphrase, size_t passphrase_len, int log_n,
			   const void *plain, size_t len, struct buf *out, struct err *err);

/*
 * Decrypt a binary file.  Every X25519 stanza is tried with every identity, stanza `first` before
 * the others (pass 0 when nothing is known; a sealed document knows its own position).  *used, when
 * given, becomes the index of the identity that opened it.  out is emptied before and gets one
 * allocation of the exact size; file must not lie in it.  Cost: one X25519 a try, so one when
 * first and ids[0] fit.
 */
int age_decrypt(const struct age_identity *const *ids, size_t n, size_t first, const void *file,
		size_t len, struct buf *out, size_t *used, struct err *err);
int age_decrypt_passphrase(const char *passphrase, size_t passphrase_len, const void *file,
			   size_t len, struct buf *out, struct err *err);

/* What can be said of a binary file without a key; its header's grammar and payload size are
 * checked. */
struct age_info {
	size_t x25519, scrypt, hybrid, other; /* stanzas by type */
	size_t stanzas;			      /* all of them */
	size_t plain_len;		      /* length of the plaintext */
};
int age_inspect(const void *file, size_t len, struct age_info *out, struct err *err);

/*
 * RFC 7468 strict armor "AGE ENCRYPTED FILE", lines of 64, "\n".  out is emptied before.  Read as
 * all of age's armor vectors want it: CR LF, a missing last line end and white space around are
 * taken; where bytes must be exact, compare with what age_armor makes.
 */
bool age_is_armored(const void *file, size_t len);
int age_armor(const void *file, size_t len, struct buf *out, struct err *err);
int age_dearmor(const void *text, size_t len, struct buf *out, struct err *err);

#endif
