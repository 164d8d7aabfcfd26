/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys of age: X25519 recipients, their text and their key id. */
#ifndef BULLA_KEYS_AGE_RECIPIENT_H
#define BULLA_KEYS_AGE_RECIPIENT_H

#include "keys/age_format.h"

struct err;

#define AGE_RECIPIENT_TEXT 63 /* "age1..." of X25519: 62 characters and a NUL */
#define AGE_KEY_ID_TEXT 33    /* 32 hex digits and a NUL */

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

#endif
