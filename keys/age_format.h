/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and limits of the age v1 format (C2SP age.md), in bytes unless said. */
#ifndef BULLA_KEYS_AGE_FORMAT_H
#define BULLA_KEYS_AGE_FORMAT_H

#define AGE_KEY_SIZE 32 /* X25519, either half */
#define AGE_FILE_KEY_SIZE 16
#define AGE_TAG_SIZE 16
#define AGE_WRAPPED_SIZE (AGE_FILE_KEY_SIZE + AGE_TAG_SIZE)
#define AGE_SALT_SIZE 16 /* of scrypt */
#define AGE_MAC_SIZE 32
#define AGE_NONCE_SIZE 16 /* of the payload */
#define AGE_CHUNK_SIZE 65536
#define AGE_HYBRID_ENC_SIZE 1120 /* ML-KEM-768 ciphertext, then an X25519 share */

/* Ours; the format sets none.  A header is bounded before anything is done for it. */
#define AGE_HEADER_MAX 524288
#define AGE_STANZAS_MAX 256 /* of any file; documents allow fewer (document/document.h) */
#define AGE_SCRYPT_LOG_N 18 /* written; up to AGE_SCRYPT_LOG_N_MAX is read */
#define AGE_SCRYPT_LOG_N_MAX 22

#endif
