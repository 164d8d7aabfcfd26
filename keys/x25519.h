/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a point of Curve25519 before it is used (RFC 7748; points are public). */
#ifndef BULLA_KEYS_X25519_H
#define BULLA_KEYS_X25519_H

#include <stdbool.h>

#include "keys/age_format.h"

/* A point that every scalar takes to zero, so that the shared secret would be known to all. */
bool x25519_is_low_order(const unsigned char point[static AGE_KEY_SIZE]);

/* Below the field's prime and without the unused top bit: the one encoding of a point. */
bool x25519_is_canonical(const unsigned char point[static AGE_KEY_SIZE]);

#endif
