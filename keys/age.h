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

struct err;

#define AGE_KEY_SIZE 32
#define AGE_RECIPIENT_TEXT 63 /* "age1..." of X25519: 62 characters and a NUL */
#define AGE_KEY_ID_TEXT 33    /* 32 hex digits and a NUL */
#define AGE_STANZAS_MAX 256   /* of any file; documents allow fewer (document/document.h) */
#define AGE_SCRYPT_LOG_N 18   /* written; up to AGE_SCRYPT_LOG_N_MAX is read */
#define AGE_SCRYPT_LOG_N_MAX 22

/* A public key. */
struct age_recipient {
	unsigned char point[AGE_KEY_SIZE];
};

/*
 * "age1...": lower case, X25519, not a low-order point.  A private key given here, a hybrid, plugin
 * or SSH recipient are refused with a text that says which it is and never quotes the key.
 * ERR_RECIPIENT.
 */
int age_recipient_parse(const char *text, struct age_recipient *out, struct err *err);
void age_recipient_format(const struct age_recipient *r, char text[static AGE_RECIPIENT_TEXT]);
/* DESIGN section 2: the first 16 bytes of SHA-256 of the canonical text, in hex. */
void age_recipient_id(const struct age_recipient *r, char id[static AGE_KEY_ID_TEXT]);

/* A private key, in guarded memory, with its public half and key id. */
struct age_identity;

struct age_identity *age_identity_generate(void);
/* "AGE-SECRET-KEY-1..." of len bytes, upper case.  NULL and ERR_INVALID. */
struct age_identity *age_identity_parse(const char *text, size_t len, struct err *err);
void age_identity_format(const struct age_identity *id, struct buf *out); /* appended, no newline */
const struct age_recipient *age_identity_recipient(const struct age_identity *id);
const char *age_identity_id(const struct age_identity *id); /* the key id; owned by id */
void age_identity_free(struct age_identity *id);		/* wiped; NULL is fine */

/* Encrypt to n >= 1 recipients, stanzas in the given order.  out: binary, cleared before. */
int age_encrypt(const struct age_recipient *recipients, size_t n, const void *plain, size_t len,
		struct buf *out, struct err *err);
int age_encrypt_passphrase(const char *passphrase, size_t passphrase_len, int log_n,
			   const void *plain, size_t len, struct buf *out, struct err *err);

/*
 * Decrypt a binary file.  Every X25519 stanza is tried with every identity, stanza `first` before
 * the others (pass 0 when nothing is known; a sealed document knows its own position).  *used, when
 * given, becomes the index of the identity that opened it.  out is cleared before.
 */
int age_decrypt(const struct age_identity *const *ids, size_t n, size_t first, const void *file,
		size_t len, struct buf *out, size_t *used, struct err *err);
int age_decrypt_passphrase(const char *passphrase, size_t passphrase_len, const void *file,
			   size_t len, struct buf *out, struct err *err);

/* What can be said of a binary file without a key; its header's grammar and payload size are checked. */
struct age_info {
	size_t x25519, scrypt, hybrid, other; /* stanzas by type */
	size_t stanzas;			      /* all of them */
	size_t plain_len;		      /* length of the plaintext */
};
int age_inspect(const void *file, size_t len, struct age_info *out, struct err *err);

/* RFC 7468 strict armor "AGE ENCRYPTED FILE", lines of 64, "\n".  out is cleared before. */
bool age_is_armored(const void *file, size_t len);
int age_armor(const void *file, size_t len, struct buf *out, struct err *err);
int age_dearmor(const void *text, size_t len, struct buf *out, struct err *err);

#endif
