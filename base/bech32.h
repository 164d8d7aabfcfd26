/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bech32 (BIP 173) without its length limit, for data of a known size.  The case of the prefix is
 * the case of the whole text.  Both directions run in constant time over the data: a private key
 * is written this way.
 */
#ifndef BULLA_BASE_BECH32_H
#define BULLA_BASE_BECH32_H

#include <stddef.h>

/* Characters of a text, NUL included; prefix is a string literal, size the bytes of data. */
#define BECH32_TEXT(prefix, size) (sizeof(prefix) + 1 + ((size)*8 + 4) / 5 + 6)

enum bech32_verdict {
	BECH32_OK,
	BECH32_PREFIX,	 /* does not begin with the prefix and "1" */
	BECH32_LENGTH,	 /* too short or too long for that much data */
	BECH32_CASE,	 /* a letter of the other case */
	BECH32_CHAR,	 /* a character that Bech32 does not use */
	BECH32_CHECKSUM, /* every character is possible, but not together */
	BECH32_PADDING,	 /* the unused bits at the end are not zero */
};

/* Decode len characters of text into exactly size bytes of data, which is wiped on failure. */
enum bech32_verdict bech32_decode(const char *text, size_t len, const char *prefix,
				  unsigned char *data, size_t size);

/* text has room for BECH32_TEXT(prefix, size); it may be a secret then, for the caller to wipe. */
void bech32_encode(const char *prefix, const unsigned char *data, size_t size, char *text);

/* What a verdict says of a text ("has a character that ..."); never quotes it. */
const char *bech32_reason(enum bech32_verdict verdict);

#endif
