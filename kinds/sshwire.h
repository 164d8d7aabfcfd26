/* SPDX-License-Identifier: Apache-2.0 */
/* The data types of the SSH protocol (RFC 4251 section 5), read from and written to memory. */
#ifndef BULLA_KINDS_SSHWIRE_H
#define BULLA_KINDS_SSHWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* What is still to be read.  Also the result of a read: bytes inside the text that was given. */
struct sshwire {
	const unsigned char *data;
	size_t len;
};

/* Take one value off the front; false, and r as it was, when there is none of that form. */
bool sshwire_u32(struct sshwire *r, uint32_t *value);
bool sshwire_string(struct sshwire *r, struct sshwire *out);
/* A positive integer in the shortest form, without its sign byte. */
bool sshwire_mpint(struct sshwire *r, struct sshwire *out);

bool sshwire_is(const struct sshwire *s, const char *text);
bool sshwire_same(const struct sshwire *a, const struct sshwire *b); /* public bytes only */

void sshwire_put_string(struct buf *out, const void *data, size_t len);
/* An unsigned big-endian integer. */
void sshwire_put_mpint(struct buf *out, const unsigned char *data, size_t len);

#endif
