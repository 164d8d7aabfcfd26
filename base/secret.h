/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guarded storage for private keys: pages of its own between guard pages, locked and left out of
 * core dumps where the system allows, wiped when freed (libsodium's sodium_malloc).  Costs at
 * least four pages each: for keys, not for payloads (those live in struct buf and struct kv).
 */
#ifndef BULLA_BASE_SECRET_H
#define BULLA_BASE_SECRET_H

#include <stddef.h>

/* len writable bytes, to be filled by the caller; ends the process when there is no memory. */
unsigned char *secret_new(size_t len);
/* Make a filled block read-only.  Writing to it afterwards ends the process. */
void secret_seal(unsigned char *secret);
void secret_free(unsigned char *secret); /* wiped; NULL is fine */

#endif
