/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The header of an age file: its grammar, read and written.  Every line is checked, also of stanzas
 * that are nobody's, before anything is made of it.
 */
#ifndef BULLA_KEYS_AGE_HEADER_H
#define BULLA_KEYS_AGE_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "keys/age_format.h"

struct err;

enum age_stanza_type { AGE_STANZA_X25519, AGE_STANZA_SCRYPT, AGE_STANZA_HYBRID, AGE_STANZA_OTHER };
#define AGE_STANZA_TYPES 4

struct age_stanza {
	enum age_stanza_type type;
	unsigned char share[AGE_KEY_SIZE];    /* X25519; of a hybrid, the X25519 part of enc */
	unsigned char salt[AGE_SALT_SIZE];    /* scrypt */
	int log_n;			      /* scrypt, 1 to AGE_SCRYPT_LOG_N_MAX */
	unsigned char body[AGE_WRAPPED_SIZE]; /* of the three known types */
};

struct age_header {
	struct age_stanza *stanzas; /* 1 to AGE_STANZAS_MAX */
	size_t n;
	size_t of_type[AGE_STANZA_TYPES];
	unsigned char mac[AGE_MAC_SIZE];
	size_t mac_len; /* the MAC covers that many bytes of the file */
	size_t len;	/* the payload follows after that many */
};

#define AGE_HEADER_INIT                                                                            \
	{                                                                                          \
		NULL, 0, { 0 }, { 0 }, 0, 0                                                        \
	}

/*
 * Parse the header that a file begins with; at least a payload nonce follows it.  ERR_INVALID: the
 * text begins "age header: line N: ".  out is for age_header_clear in any case.
 */
int age_header_parse(const void *file, size_t len, struct age_header *out, struct err *err);
void age_header_clear(struct age_header *h);

/* Is the MAC right under this file key?  Compared in constant time. */
bool age_header_verify(const struct age_header *h, const void *file,
		       const unsigned char file_key[static AGE_FILE_KEY_SIZE]);

/* Write a header: begin, one or more stanzas, end.  All append; -1 when past out's max. */
int age_header_begin(struct buf *out);
int age_header_put_x25519(struct buf *out, const unsigned char share[static AGE_KEY_SIZE],
			  const unsigned char body[static AGE_WRAPPED_SIZE]);
int age_header_put_scrypt(struct buf *out, const unsigned char salt[static AGE_SALT_SIZE],
			  int log_n, const unsigned char body[static AGE_WRAPPED_SIZE]);
/* out must hold the header alone. */
int age_header_end(struct buf *out, const unsigned char file_key[static AGE_FILE_KEY_SIZE]);
/* Bytes of a header with n X25519 stanzas. */
size_t age_header_x25519_len(size_t n);

#endif
