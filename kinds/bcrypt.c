/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/bcrypt.h"

#include <stdint.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/sha.h>

#include "base/mem.h"

#define SUBKEYS ((size_t)18)
#define BOX ((size_t)256)
#define HASH_WORDS ((size_t)8)
#define HASH_BYTES (4 * HASH_WORDS)
#define KEY_BYTES ((size_t)SHA512_DIGEST_LENGTH)

struct blowfish {
	uint32_t p[SUBKEYS];
	uint32_t s[4][BOX];
};

#define PI_BYTES (4 * (SUBKEYS + 4 * BOX))
#define PI_SPARE ((size_t)8) /* bytes computed beyond, where rounding errors stay */

#define PI_BITS ((int)(8 * (PI_BYTES + PI_SPARE)))

/* --- pi --------------------------------------------------------------------------------------- */

/* sum += sign * factor * arctan(1 / x) in fixed point; 0 when OpenSSL fails. */
static int add_arctan(BIGNUM *sum, BN_ULONG factor, BN_ULONG x, bool negative)
{
	BIGNUM *power = BN_new(), *term = BN_new();
	int ok = power != NULL && term != NULL && BN_set_word(power, factor) == 1 &&
		 BN_lshift(power, power, PI_BITS) == 1 && BN_div_word(power, x) != (BN_ULONG)-1;

	for (BN_ULONG k = 1; ok == 1 && !BN_is_zero(power); k += 2) {
		ok = BN_copy(term, power) != NULL && BN_div_word(term, k) != (BN_ULONG)-1 &&
		     (negative ? BN_sub(sum, sum, term) : BN_add(sum, sum, term)) == 1 &&
		     BN_div_word(power, x * x) != (BN_ULONG)-1;
		negative = !negative;
	}
	BN_free(power);
	BN_free(term);
	return ok;
}

/* Machin: pi = 16 arctan(1/5) - 4 arctan(1/239); the part behind the point. */
static int compute_pi(unsigned char digits[static PI_BYTES + PI_SPARE])
{
	BIGNUM *sum = BN_new();
	int ok = sum != NULL && add_arctan(sum, 16, 5, false) == 1 &&
		 add_arctan(sum, 4, 239, true) == 1 && BN_mask_bits(sum, PI_BITS) == 1 &&
		 BN_bn2binpad(sum, digits, PI_BITS / 8) > 0;

	BN_free(sum);
	ERR_clear_error();
	return ok == 1 ? 0 : -1;
}

static uint32_t get_be32(const unsigned char *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | (uint32_t)b[3];
}

/* The state every key schedule starts from, or NULL. */
static const struct blowfish *initial_state(void)
{
	/* each thread its own: while one makes it, another must not read it */
	static _Thread_local struct blowfish state;
	static _Thread_local bool ready;
	unsigned char *digits, *at;

	if (ready)
		return &state;
	digits = mem_alloc(PI_BYTES + PI_SPARE);
	if (compute_pi(digits) == 0) {
		at = digits;
		for (size_t i = 0; i < SUBKEYS; i++, at += 4)
			state.p[i] = get_be32(at);
		for (size_t i = 0; i < 4 * BOX; i++, at += 4)
			state.s[i / BOX][i % BOX] = get_be32(at);
		ready = true;
	}
	mem_free(digits);
	return ready ? &state : NULL;
}

/* --- Blowfish, and its expensive key schedule ------------------------------------------------- */

static uint32_t mix(const struct blowfish *b, uint32_t x)
{
	return ((b->s[0][x >> 24] + b->s[1][x >> 16 & 255]) ^ b->s[2][x >> 8 & 255]) +
	       b->s[3][x & 255];
}

static void encrypt(const struct blowfish *b, uint32_t *left, uint32_t *right)
{
	uint32_t l = *left ^ b->p[0], r = *right;

	for (size_t i = 1; i <= 16; i += 2) {
		r ^= mix(b, l) ^ b->p[i];
		l ^= mix(b, r) ^ b->p[i + 1];
	}
	*left = r ^ b->p[17];
	*right = l;
}

/* The i-th 32-bit word of a key that is repeated for ever. */
static uint32_t word(const unsigned char key[static KEY_BYTES], size_t i)
{
	return get_be32(key + 4 * i % KEY_BYTES);
}

/* Mix key into the subkeys, then replace all state by encryptions chained through salt (or 0). */
static void expand(struct blowfish *b, const unsigned char *salt,
		   const unsigned char key[static KEY_BYTES])
{
	uint32_t l = 0, r = 0;
	size_t n = 0;

	for (size_t i = 0; i < SUBKEYS; i++)
		b->p[i] ^= word(key, i);
	for (size_t i = 0; i < SUBKEYS + 4 * BOX; i += 2) {
		uint32_t *out =
		    i < SUBKEYS ? &b->p[i] : &b->s[(i - SUBKEYS) / BOX][(i - SUBKEYS) % BOX];

		if (salt != NULL) {
			l ^= word(salt, n++);
			r ^= word(salt, n++);
		}
		encrypt(b, &l, &r);
		out[0] = l;
		out[1] = r;
	}
}

/* One derivation: where it begins, the state at work, the hashed password. */
struct work {
	const struct blowfish *initial;
	struct blowfish state;
	unsigned char key[KEY_BYTES];
};

static void hash(struct work *w, const unsigned char salt[static KEY_BYTES],
		 unsigned char out[static HASH_BYTES])
{
	static const unsigned char text[] = "OxychromaticBlowfishSwatDynamite";
	uint32_t words[HASH_WORDS];

	w->state = *w->initial;
	expand(&w->state, salt, w->key);
	for (int i = 0; i < 64; i++) {
		expand(&w->state, NULL, salt);
		expand(&w->state, NULL, w->key);
	}
	for (size_t i = 0; i < HASH_WORDS; i++)
		words[i] = get_be32(text + 4 * i);
	for (size_t i = 0; i < HASH_WORDS; i += 2)
		for (int k = 0; k < 64; k++)
			encrypt(&w->state, &words[i], &words[i + 1]);
	for (size_t i = 0; i < HASH_BYTES; i++) /* little-endian words */
		out[i] = (unsigned char)(words[i / 4] >> 8 * (i % 4));
	mem_wipe(words, sizeof(words));
}

/* --- the derivation --------------------------------------------------------------------------- */

/* One block of HASH_BYTES: rounds hashes, each salted with the one before, folded together. */
static void derive_block(struct work *w, const struct buf *salt, unsigned rounds,
			 unsigned char out[static HASH_BYTES])
{
	unsigned char salted[KEY_BYTES], last[HASH_BYTES];

	SHA512(salt->data, salt->len, salted);
	hash(w, salted, last);
	memcpy(out, last, HASH_BYTES);
	for (unsigned i = 1; i < rounds; i++) {
		SHA512(last, HASH_BYTES, salted);
		hash(w, salted, last);
		for (size_t k = 0; k < HASH_BYTES; k++)
			out[k] ^= last[k];
	}
	mem_wipe(salted, sizeof(salted));
	mem_wipe(last, sizeof(last));
}

static void derive(struct work *w, const struct bcrypt_cost *cost, unsigned char *out, size_t len)
{
	size_t blocks = (len + HASH_BYTES - 1) / HASH_BYTES;
	unsigned char block[HASH_BYTES];
	struct buf salt = BUF_INIT;

	for (size_t n = 0; n < blocks; n++) {
		buf_reset(&salt);
		buf_put(&salt, cost->salt, cost->salt_len);
		buf_put(&salt, (unsigned char[]){ 0, 0, 0, (unsigned char)(n + 1) }, 4);
		derive_block(w, &salt, cost->rounds, block);
		/*
		 * the blocks' bytes are dealt out in turn, so that no part of the key comes cheap
		 */
		for (size_t i = 0; i * blocks + n < len && i < HASH_BYTES; i++)
			out[i * blocks + n] = block[i];
	}
	mem_wipe(block, sizeof(block));
	buf_clear(&salt);
}

int bcrypt_pbkdf(const struct buf *password, const struct bcrypt_cost *cost, size_t len,
		 struct buf *out)
{
	struct work *w;
	unsigned char *at;

	if (password->len == 0 || cost->salt_len == 0 || cost->rounds == 0 ||
	    cost->rounds > BCRYPT_ROUNDS_MAX || len == 0 || len > BCRYPT_LEN_MAX)
		return -1;
	w = mem_alloc(sizeof(*w));
	w->initial = initial_state();
	at = w->initial == NULL ? NULL : buf_reserve(out, len);
	if (at != NULL) {
		SHA512(password->data, password->len, w->key);
		derive(w, cost, at, len);
	}
	mem_free(w);
	return at == NULL ? -1 : 0;
}
