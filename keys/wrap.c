/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/wrap.h"

#include <sodium.h>
#include <string.h>

#include "base/ct.h"
#include "base/err.h"
#include "base/mem.h"
#include "keys/hkdf.h"

#define X25519_INFO "age-encryption.org/v1/X25519"
#define SCRYPT_LABEL "age-encryption.org/v1/scrypt"
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SCRYPT_STACK 16384 /* bytes, more than libsodium's scrypt uses */

/* Each wrap key is used once, so age fixes the nonce. */
static const unsigned char zero_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

static void aead_seal(const unsigned char key[static HKDF_SIZE],
		      const unsigned char file_key[static AGE_FILE_KEY_SIZE],
		      unsigned char body[static AGE_WRAPPED_SIZE])
{
	crypto_aead_chacha20poly1305_ietf_encrypt(body, NULL, file_key, AGE_FILE_KEY_SIZE, NULL, 0,
						  NULL, zero_nonce, key);
}

static enum wrap_verdict aead_open(const unsigned char key[static HKDF_SIZE],
				   const unsigned char body[static AGE_WRAPPED_SIZE],
				   unsigned char file_key[static AGE_FILE_KEY_SIZE])
{
	int r = crypto_aead_chacha20poly1305_ietf_decrypt(
	    file_key, NULL, NULL, body, AGE_WRAPPED_SIZE, NULL, 0, zero_nonce, key);

	ct_public(&r, sizeof(r)); /* which stanza is ours may be told */
	if (r == 0)
		return WRAP_OPENED;
	memset(file_key, 0, AGE_FILE_KEY_SIZE);
	return WRAP_NO_MATCH;
}

static void x25519_key(unsigned char key[static HKDF_SIZE],
		       const unsigned char shared[static AGE_KEY_SIZE],
		       const unsigned char share[static AGE_KEY_SIZE],
		       const struct age_recipient *recipient)
{
	unsigned char salt[2 * AGE_KEY_SIZE];

	memcpy(salt, share, AGE_KEY_SIZE);
	memcpy(salt + AGE_KEY_SIZE, recipient->point, AGE_KEY_SIZE);
	hkdf_sha256(key, (struct hkdf_bytes){ shared, AGE_KEY_SIZE },
		    (struct hkdf_bytes){ salt, sizeof(salt) }, X25519_INFO);
}

/* -1 when the result is zero, which says that the point has a low order, and nothing else. */
static int multiply(unsigned char out[static AGE_KEY_SIZE], const unsigned char *scalar,
		    const unsigned char *point)
{
	int r = crypto_scalarmult(out, scalar, point);

	ct_public(&r, sizeof(r));
	return r;
}

int wrap_x25519_seal(const struct age_recipient *to,
		     const unsigned char file_key[static AGE_FILE_KEY_SIZE],
		     unsigned char share[static AGE_KEY_SIZE],
		     unsigned char body[static AGE_WRAPPED_SIZE], struct err *err)
{
	unsigned char secret[AGE_KEY_SIZE], shared[AGE_KEY_SIZE], key[HKDF_SIZE];
	int r = -1;

	randombytes_buf(secret, sizeof(secret));
	ct_secret(secret, sizeof(secret));
	if (multiply(shared, secret, to->point) != 0) {
		err_set(err, ERR_RECIPIENT,
			"a recipient is a low-order point: whatever is sealed "
			"to it, everyone could open");
		goto out;
	}
	crypto_scalarmult_base(share, secret);
	ct_public(share, AGE_KEY_SIZE);
	x25519_key(key, shared, share, to);
	aead_seal(key, file_key, body);
	r = 0;
out:
	mem_wipe(secret, sizeof(secret));
	mem_wipe(shared, sizeof(shared));
	mem_wipe(key, sizeof(key));
	return r;
}

enum wrap_verdict wrap_x25519_open(const struct age_identity *id,
				   const unsigned char share[static AGE_KEY_SIZE],
				   const unsigned char body[static AGE_WRAPPED_SIZE],
				   unsigned char file_key[static AGE_FILE_KEY_SIZE])
{
	unsigned char shared[AGE_KEY_SIZE], key[HKDF_SIZE];
	enum wrap_verdict verdict = WRAP_NO_MATCH;

	memset(file_key, 0, AGE_FILE_KEY_SIZE);
	if (multiply(shared, age_identity_scalar(id), share) == 0) {
		x25519_key(key, shared, share, age_identity_recipient(id));
		verdict = aead_open(key, body, file_key);
	}
	mem_wipe(shared, sizeof(shared));
	mem_wipe(key, sizeof(key));
	return verdict;
}

/* libsodium 1.0.18 leaves the derived key in the stack frame of its PBKDF2, hence the last step. */
static int scrypt_key(const struct wrap_passphrase *p, unsigned char key[static HKDF_SIZE])
{
	unsigned char salt[sizeof(SCRYPT_LABEL) - 1 + AGE_SALT_SIZE];
	int r;

	memcpy(salt, SCRYPT_LABEL, sizeof(SCRYPT_LABEL) - 1);
	memcpy(salt + sizeof(SCRYPT_LABEL) - 1, p->salt, AGE_SALT_SIZE);
	r = crypto_pwhash_scryptsalsa208sha256_ll((const uint8_t *)p->text, p->len, salt,
						  sizeof(salt), UINT64_C(1) << p->log_n, SCRYPT_R,
						  SCRYPT_P, key, HKDF_SIZE);
	sodium_stackzero(SCRYPT_STACK);
	return r;
}

enum wrap_verdict wrap_scrypt_seal(const struct wrap_passphrase *p,
				   const unsigned char file_key[static AGE_FILE_KEY_SIZE],
				   unsigned char body[static AGE_WRAPPED_SIZE])
{
	unsigned char key[HKDF_SIZE];
	enum wrap_verdict verdict = WRAP_NO_MEMORY;

	if (scrypt_key(p, key) == 0) {
		aead_seal(key, file_key, body);
		verdict = WRAP_OPENED;
	}
	mem_wipe(key, sizeof(key));
	return verdict;
}

enum wrap_verdict wrap_scrypt_open(const struct wrap_passphrase *p,
				   const unsigned char body[static AGE_WRAPPED_SIZE],
				   unsigned char file_key[static AGE_FILE_KEY_SIZE])
{
	unsigned char key[HKDF_SIZE];
	enum wrap_verdict verdict = WRAP_NO_MEMORY;

	memset(file_key, 0, AGE_FILE_KEY_SIZE);
	if (scrypt_key(p, key) == 0)
		verdict = aead_open(key, body, file_key);
	mem_wipe(key, sizeof(key));
	return verdict;
}
