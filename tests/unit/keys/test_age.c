/* SPDX-License-Identifier: Apache-2.0 */
/* Whole age files: round trips, tampering, the order of checks, cost, keys and their texts. */
#include "tests/unit/keys/keys.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "base/b64.h"
#include "base/mem.h"
#include "keys/age_header.h"
#include "keys/age_payload.h"
#include "keys/wrap.h"

#define CHUNK ((size_t)AGE_CHUNK_SIZE)
#define LOG_N 4 /* quick; the format is the same */

/*
 * Stands in for libsodium's, which does no more than this, and counts: what an opening costs is a
 * promise of keys/age.h.
 */
static size_t multiplications;

int crypto_scalarmult(unsigned char *q, const unsigned char *n, const unsigned char *p)
{
	multiplications++;
	return crypto_scalarmult_curve25519(q, n, p);
}

static size_t base_multiplications;

int crypto_scalarmult_base(unsigned char *q, const unsigned char *n)
{
	base_multiplications++;
	return crypto_scalarmult_curve25519_base(q, n);
}

static bool no_memory; /* scrypt's memory cannot be had */

int crypto_pwhash_scryptsalsa208sha256_ll(const uint8_t *passwd, size_t passwdlen,
					  const uint8_t *salt, size_t saltlen, uint64_t N,
					  uint32_t r, uint32_t p, uint8_t *buf, size_t buflen)
{
	assert_true(N == 1 << LOG_N || N == 1 << 5 || N == 1 << 6); /* a flip of "4" */
	assert_int_equal(r, 8);
	assert_int_equal(p, 1);
	if (no_memory)
		return -1;
	/* scrypt has one answer, whoever computes it */
	assert_int_equal(
	    EVP_PBE_scrypt((const char *)passwd, passwdlen, salt, saltlen, N, r, p, 0, buf, buflen),
	    1);
	return 0;
}

struct fixture {
	struct age_identity *ids[20];
	struct age_recipient recipients[20];
};

static int set_up(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	for (size_t i = 0; i < COUNT(f->ids); i++) {
		f->ids[i] = age_identity_generate();
		f->recipients[i] = *age_identity_recipient(f->ids[i]);
	}
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(f->ids); i++)
		age_identity_free(f->ids[i]);
	mem_free(f);
	return 0;
}

static int open_one(const struct age_identity *id, const void *file, size_t len, struct buf *out,
		    struct err *err)
{
	return age_decrypt(&id, 1, 0, file, len, out, NULL, err);
}

static void seal(const struct fixture *f, size_t n, const void *plain, size_t len, struct buf *out)
{
	struct err err = ERR_INIT;

	if (age_encrypt(f->recipients, n, plain, len, out, &err) != 0)
		fail_msg("%s", err.text);
}

/* --- round trips ------------------------------------------------------------------------------ */

static void test_round_trip(void **state)
{
	static const size_t sizes[] = {
		0,	1, 15, 16, 17, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5,
		1 << 20
	};
	static const size_t counts[] = { 1, 2, 20 };
	struct fixture *f = *state;
	unsigned char *plain = mem_alloc(1 << 20);

	randombytes_buf(plain, 1 << 20);
	for (size_t s = 0; s < COUNT(sizes); s++) {
		for (size_t c = 0; c < COUNT(counts); c++) {
			struct buf file = BUF_INIT, text = BUF_INIT, binary = BUF_INIT,
				   out = BUF_INIT;
			struct err err = ERR_INIT;
			struct age_info info;
			size_t n = counts[c];

			seal(f, n, plain, sizes[s], &file);
			assert_int_equal(file.cap, file.len < 256 ? 256 : file.len);
			assert_int_equal(file.len,
					 age_header_x25519_len(n) + age_payload_len(sizes[s]));
			assert_int_equal(age_armor(file.data, file.len, &text, &err), 0);
			assert_true(age_is_armored(text.data, text.len));
			assert_false(age_is_armored(file.data, file.len));
			assert_int_equal(age_dearmor(text.data, text.len, &binary, &err), 0);
			assert_int_equal(binary.len, file.len);
			assert_memory_equal(binary.data, file.data, file.len);
			assert_int_equal(age_inspect(file.data, file.len, &info, &err), 0);
			assert_int_equal(info.x25519, n);
			assert_int_equal(info.stanzas, n);
			assert_int_equal(info.scrypt + info.hybrid + info.other, 0);
			assert_int_equal(info.plain_len, sizes[s]);
			for (size_t i = 0; i < n; i++) {
				assert_int_equal(
				    open_one(f->ids[i], file.data, file.len, &out, &err), 0);
				assert_int_equal(out.len, sizes[s]);
				assert_memory_equal(buf_str(&out), plain, sizes[s]);
				assert_true(out.cap <= (sizes[s] < 256 ? 256 : sizes[s]));
			}
			buf_clear(&file);
			buf_clear(&text);
			buf_clear(&binary);
			buf_clear(&out);
		}
	}
	mem_free(plain);
}

/* The same plaintext twice: no stanza, nonce or chunk may be the same again. */
static void test_fresh(void **state)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	seal(*state, 2, "same", 4, &a);
	seal(*state, 2, "same", 4, &b);
	assert_int_equal(a.len, b.len);
	for (size_t at = strlen("age-encryption.org/v1\n"); at + 16 <= a.len; at++)
		if (strncmp((char *)a.data + at, "-> X25519 ", 10) == 0)
			at += 9;
		else
			assert_memory_not_equal(a.data + at, b.data + at, 16);
	buf_clear(&a);
	buf_clear(&b);
}

static void test_passphrase(void **state)
{
	struct buf file = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;
	struct age_info info;

	(void)state;
	assert_int_equal(
	    age_encrypt_passphrase("correct horse", 13, LOG_N, "plain", 5, &file, &err), 0);
	assert_int_equal(age_inspect(file.data, file.len, &info, &err), 0);
	assert_int_equal(info.scrypt, 1);
	assert_int_equal(info.stanzas, 1);
	assert_int_equal(
	    age_decrypt_passphrase("correct horse", 13, file.data, file.len, &out, &err), 0);
	assert_string_equal(buf_str(&out), "plain");
	check_err(age_decrypt_passphrase("correct horsf", 13, file.data, file.len, &out, &err),
		  &err, ERR_NOKEY, "the passphrase is wrong");
	assert_int_equal(out.len, 0);
	check_err(age_decrypt(NULL, 0, 0, file.data, file.len, &out, NULL, &err), &err, ERR_NOKEY,
		  "encrypted with a passphrase");
	check_err(age_encrypt_passphrase("", 0, LOG_N, "plain", 5, &file, &err), &err, ERR_INVALID,
		  "the passphrase is empty");
	check_err(age_encrypt_passphrase("x", 1, 0, "plain", 5, &file, &err), &err, ERR_INVALID,
		  "not in 1 to 22");
	check_err(age_encrypt_passphrase("x", 1, 23, "plain", 5, &file, &err), &err, ERR_INVALID,
		  "not in 1 to 22");
	assert_int_equal(
	    age_encrypt_passphrase("correct horse", 13, LOG_N, "plain", 5, &file, &err), 0);
	no_memory = true;
	check_err(age_encrypt_passphrase("x", 1, LOG_N, "plain", 5, &out, &err), &err, ERR_MEMORY,
		  "scrypt needs 1 MiB of memory");
	assert_int_equal(out.len, 0);
	check_err(age_decrypt_passphrase("correct horse", 13, file.data, file.len, &out, &err),
		  &err, ERR_MEMORY, "scrypt needs 1 MiB of memory");
	assert_int_equal(out.len, 0);
	no_memory = false;
	buf_clear(&file);
	buf_clear(&out);
}

/* --- cost ------------------------------------------------------------------------------------- */

static void test_cost(void **state)
{
	struct fixture *f = *state;
	struct buf file = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;

	multiplications = base_multiplications = 0;
	seal(f, 20, "x", 1, &file);
	assert_int_equal(multiplications, 20);
	assert_int_equal(base_multiplications, 20);
	for (size_t i = 0; i < 20; i++) { /* the position is known: one, whichever it is */
		const struct age_identity *id = f->ids[i];

		multiplications = base_multiplications = 0;
		assert_int_equal(age_decrypt(&id, 1, i, file.data, file.len, &out, NULL, &err), 0);
		assert_int_equal(multiplications, 1);
		/* not known: one for each stanza before it */
		multiplications = 0;
		assert_int_equal(age_decrypt(&id, 1, 0, file.data, file.len, &out, NULL, &err), 0);
		assert_int_equal(multiplications, i + 1);
		/* wrong, or outside: each stanza once */
		multiplications = 0;
		assert_int_equal(age_decrypt(&id, 1, 19, file.data, file.len, &out, NULL, &err), 0);
		assert_int_equal(multiplications, i == 19 ? 1 : i + 2);
		multiplications = 0;
		assert_int_equal(age_decrypt(&id, 1, 999, file.data, file.len, &out, NULL, &err),
				 0);
		assert_int_equal(multiplications, i + 1);
		assert_int_equal(base_multiplications, 0); /* the public half is never made again */
	}
	buf_clear(&file);
	buf_clear(&out);
}

static void test_which_identity(void **state)
{
	struct fixture *f = *state;
	const struct age_identity *const *ids = (const struct age_identity *const *)f->ids;
	struct buf file = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;
	size_t used = 99;

	assert_int_equal(age_encrypt(&f->recipients[7], 3, "x", 1, &file, &err), 0);
	assert_int_equal(age_decrypt(ids, 20, 0, file.data, file.len, &out, &used, &err), 0);
	assert_int_equal(used, 7);
	assert_int_equal(age_decrypt(ids, 20, 2, file.data, file.len, &out, &used, &err), 0);
	assert_int_equal(used, 9);
	assert_int_equal(age_decrypt(ids + 8, 2, 0, file.data, file.len, &out, &used, &err), 0);
	assert_int_equal(used, 0);
	used = 99;
	check_err(age_decrypt(ids, 7, 0, file.data, file.len, &out, &used, &err), &err, ERR_NOKEY,
		  "no key at hand (7 tried) opens the age file: it is for 3 others");
	assert_int_equal(used, 99);
	check_err(age_decrypt(NULL, 0, 0, file.data, file.len, &out, &used, &err), &err, ERR_NOKEY,
		  "there is no key at hand");
	buf_clear(&file);
	buf_clear(&out);
}

/* --- tampering -------------------------------------------------------------------------------- */

/* Nobody opens it: binary, or as armor. */
static void assert_refused(const struct age_identity *id, const void *file, size_t len,
			   bool armored)
{
	struct buf binary = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;
	int r = 0;

	if (armored)
		r = age_dearmor(file, len, &binary, &err);
	if (r == 0)
		r = open_one(id, armored ? binary.data : file, armored ? binary.len : len, &out,
			     &err);
	if (r == 0)
		fail_msg("a changed file was opened");
	assert_true(err.class == ERR_INVALID || err.class == ERR_NOKEY || err.class == ERR_REFUSED);
	assert_int_equal(out.len, 0);
	assert_true(out.cap == 0 || sodium_is_zero(out.data, out.cap));
	buf_clear(&binary);
	buf_clear(&out);
}

static void all_flips(const struct age_identity *id, const struct buf *file, bool armored)
{
	for (size_t bit = 0; bit < file->len * 8; bit++) {
		file->data[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_refused(id, file->data, file->len, armored);
		file->data[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
}

/* Exact allocations, so that reading past the end is seen by the sanitizer and by memcheck. */
static void all_truncations(const struct age_identity *id, const struct buf *file, size_t up_to,
			    bool armored)
{
	for (size_t len = 0; len < up_to; len++) {
		unsigned char *cut = malloc(len == 0 ? 1 : len);

		assert_non_null(cut);
		memcpy(cut, file->data, len);
		assert_refused(id, cut, len, armored);
		free(cut);
	}
}

static void test_every_flip_and_truncation(void **state)
{
	struct fixture *f = *state;
	struct buf file = BUF_INIT, text = BUF_INIT, binary = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;

	seal(f, 1, "a secret of forty characters, no more no", 40, &file);
	assert_int_equal(open_one(f->ids[0], file.data, file.len, &out, &err), 0);
	all_flips(f->ids[0], &file, false);
	all_truncations(f->ids[0], &file, file.len, false);

	assert_int_equal(age_armor(file.data, file.len, &text, &err), 0);
	all_flips(f->ids[0], &text, true);
	/*
	 * the last line end is the one byte that age's vectors allow to be missing: same bytes then
	 */
	all_truncations(f->ids[0], &text, text.len - 1, true);
	assert_int_equal(age_dearmor(text.data, text.len - 1, &binary, &err), 0);
	assert_int_equal(binary.len, file.len);
	assert_memory_equal(binary.data, file.data, file.len);

	/* and nothing was changed for good by all that */
	assert_int_equal(open_one(f->ids[0], file.data, file.len, &out, &err), 0);
	assert_string_equal(buf_str(&out), "a secret of forty characters, no more no");
	buf_clear(&file);
	buf_clear(&text);
	buf_clear(&binary);
	buf_clear(&out);
}

/* With a passphrase every try costs a scrypt, a small one here. */
static void test_every_flip_of_a_passphrase_file(void **state)
{
	struct buf file = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(age_encrypt_passphrase("pass", 4, LOG_N, "plain", 5, &file, &err), 0);
	for (size_t bit = 0; bit < file.len * 8; bit++) {
		file.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
		assert_int_not_equal(
		    age_decrypt_passphrase("pass", 4, file.data, file.len, &out, &err), 0);
		assert_int_equal(out.len, 0);
		file.data[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	buf_clear(&file);
	buf_clear(&out);
}

static size_t header_len(const struct buf *file)
{
	struct age_header h;
	struct err err = ERR_INIT;
	size_t len;

	assert_int_equal(age_header_parse(file->data, file->len, &h, &err), 0);
	len = h.len;
	age_header_clear(&h);
	return len;
}

/* Chunks moved, repeated, dropped, from another file: each is refused, and by its tag. */
static void test_chunks(void **state)
{
	struct fixture *f = *state;
	struct buf file = BUF_INIT, other = BUF_INIT, bad = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;
	size_t sealed = CHUNK + AGE_TAG_SIZE, at;
	char *plain = mem_alloc(3 * CHUNK);

	seal(f, 1, plain, 3 * CHUNK, &file);
	seal(f, 1, plain, 3 * CHUNK, &other);
	at = header_len(&file) + AGE_NONCE_SIZE;
	for (int i = 0; i < 6; i++) {
		buf_reset(&bad);
		buf_put(&bad, file.data, file.len);
		if (i == 0) { /* the first two swapped */
			memcpy(bad.data + at, file.data + at + sealed, sealed);
			memcpy(bad.data + at + sealed, file.data + at, sealed);
		} else if (i == 1) { /* the first again in the second's place */
			memcpy(bad.data + at + sealed, file.data + at, sealed);
		} else if (i == 2) { /* the last dropped */
			buf_truncate(&bad, file.len - sealed);
		} else if (i == 3) { /* the middle dropped */
			buf_splice(&bad, at + sealed, sealed, NULL, 0);
		} else if (i == 4) { /* the last twice */
			buf_put(&bad, file.data + at + 2 * sealed, sealed);
		} else { /* one from another file */
			memcpy(bad.data + at, other.data + at, sealed);
		}
		check_err(open_one(f->ids[0], bad.data, bad.len, &out, &err), &err, ERR_REFUSED,
			  i == 1 || i == 3 ? "chunk 2 is damaged"
			  : i == 2	   ? "chunk 2 is damaged"
			  : i == 4	   ? "chunk 3 is damaged"
					   : "chunk 1 is damaged");
		assert_int_equal(out.len, 0);
		assert_true(out.cap == 0 || sodium_is_zero(out.data, out.cap));
	}
	/* an empty chunk behind full ones is told by the length alone */
	buf_put(&file, plain, AGE_TAG_SIZE);
	check_err(open_one(f->ids[0], file.data, file.len, &out, &err), &err, ERR_INVALID,
		  "age payload: its last chunk is empty");
	buf_truncate(&file, at);
	check_err(open_one(f->ids[0], file.data, file.len, &out, &err), &err, ERR_INVALID,
		  "age payload: it has no chunk");
	buf_put(&file, "123456789012345", 15);
	check_err(open_one(f->ids[0], file.data, file.len, &out, &err), &err, ERR_INVALID,
		  "age payload: its last chunk is 15 bytes, shorter than a tag");
	mem_free(plain);
	buf_clear(&file);
	buf_clear(&other);
	buf_clear(&bad);
	buf_clear(&out);
}

/* A stanza taken into another file unwraps, and the MAC refuses it; one left out the same. */
static void test_stanzas_moved(void **state)
{
	struct fixture *f = *state;
	struct buf one = BUF_INIT, two = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;
	size_t version = strlen("age-encryption.org/v1\n");
	size_t stanza = age_header_x25519_len(2) - age_header_x25519_len(1);

	seal(f, 1, "one", 3, &one);
	seal(f, 2, "two", 3, &two);
	memcpy(two.data + version, one.data + version, stanza);
	check_err(open_one(f->ids[0], two.data, two.len, &out, &err), &err, ERR_REFUSED,
		  "its MAC is wrong");
	check_err(open_one(f->ids[1], two.data, two.len, &out, &err), &err, ERR_REFUSED,
		  "its MAC is wrong");
	buf_splice(&two, version, stanza, NULL, 0);
	check_err(open_one(f->ids[1], two.data, two.len, &out, &err), &err, ERR_REFUSED,
		  "its MAC is wrong");
	check_err(open_one(f->ids[0], two.data, two.len, &out, &err), &err, ERR_NOKEY,
		  "for 1 other");
	/* the header of one before the payload of another */
	seal(f, 1, "two", 3, &two);
	memcpy(two.data, one.data, age_header_x25519_len(1));
	check_err(open_one(f->ids[0], two.data, two.len, &out, &err), &err, ERR_REFUSED,
		  "age payload: chunk 1 is damaged");
	buf_clear(&one);
	buf_clear(&two);
	buf_clear(&out);
}

/* No header lets such a share through; were one to come, it would match nobody. */
static void test_low_order_share(void **state)
{
	struct fixture *f = *state;
	unsigned char share[32] = { 1 }, body[32] = { 0 }, file_key[16], zero[16] = { 0 };

	memset(file_key, 0xff, sizeof(file_key));
	assert_int_equal(wrap_x25519_open(f->ids[0], share, body, file_key), WRAP_NO_MATCH);
	assert_memory_equal(file_key, zero, sizeof(zero));
}

/* --- limits ----------------------------------------------------------------------------------- */

static void test_limits(void **state)
{
	struct fixture *f = *state;
	struct age_recipient *many = mem_array(AGE_STANZAS_MAX + 1, sizeof(*many));
	struct buf file = BUF_INIT, small = { .max = 100 }, out = BUF_INIT;
	struct age_recipient low = { { 1 } };
	struct err err = ERR_INIT;

	for (size_t i = 0; i <= AGE_STANZAS_MAX; i++)
		many[i] = f->recipients[i % 20];
	assert_int_equal(age_encrypt(many, AGE_STANZAS_MAX, "x", 1, &file, &err), 0);
	assert_int_equal(open_one(f->ids[3], file.data, file.len, &out, &err), 0);
	check_err(age_encrypt(many, AGE_STANZAS_MAX + 1, "x", 1, &file, &err), &err, ERR_RECIPIENT,
		  "257 recipients are more than the 256 of a file");
	assert_int_equal(file.len, 0);
	check_err(age_encrypt(many, 0, "x", 1, &file, &err), &err, ERR_RECIPIENT, "nobody");
	check_err(age_encrypt(&low, 1, "x", 1, &file, &err), &err, ERR_RECIPIENT, "low-order");
	assert_int_equal(file.len, 0);
	check_err(age_encrypt(many, 1, "x", 1, &small, &err), &err, ERR_INVALID, "larger");
	assert_int_equal(small.len, 0);
	check_err(age_encrypt_passphrase("x", 1, LOG_N, "x", 1, &small, &err), &err, ERR_INVALID,
		  "larger");
	assert_int_equal(small.len, 0);
	small.max = 260; /* the header fits, the payload does not */
	check_err(age_encrypt(many, 1, file.data, 100, &small, &err), &err, ERR_INVALID, "larger");
	assert_int_equal(small.len, 0);
	small.max = 20;
	check_err(age_armor("0123456789", 10, &small, &err), &err, ERR_INVALID, "larger");
	small.max = 3;
	seal(f, 1, "four", 4, &file);
	check_err(open_one(f->ids[0], file.data, file.len, &small, &err), &err, ERR_INVALID,
		  "age payload: its 4 bytes are more than can be taken here");
	mem_free(many);
	buf_clear(&file);
	buf_clear(&out);
	buf_clear(&small);
}

/* --- keys ------------------------------------------------------------------------------------- */

static void test_key_texts(void **state)
{
	struct age_identity *a = identity(KEY_A);
	struct buf text = BUF_INIT;
	char pub[AGE_RECIPIENT_TEXT], hex[65], id[AGE_KEY_ID_TEXT];
	unsigned char hash[32];

	(void)state;
	age_identity_format(a, &text);
	assert_string_equal(buf_str(&text), KEY_A);
	age_recipient_format(age_identity_recipient(a), pub);
	assert_string_equal(pub, PUB_A);
	/* the key id, by its definition */
	crypto_hash_sha256(hash, (const unsigned char *)PUB_A, strlen(PUB_A));
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	hex[32] = '\0';
	assert_string_equal(age_identity_id(a), hex);
	age_recipient_id(age_identity_recipient(a), id);
	assert_string_equal(id, hex);
	age_identity_free(a);
	age_identity_free(NULL);
	buf_clear(&text);
	for (int i = 0; i < 20; i++) {
		struct age_identity *fresh = age_identity_generate(), *again;

		age_identity_format(fresh, &text);
		again = identity(buf_str(&text));
		assert_string_equal(age_identity_id(fresh), age_identity_id(again));
		age_recipient_format(age_identity_recipient(fresh), pub);
		assert_memory_equal(recipient(pub).point, age_identity_recipient(again)->point, 32);
		age_identity_free(fresh);
		age_identity_free(again);
		buf_clear(&text);
	}
}

#define PQ_KEY "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR"
#define TAG_PUB "age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e"

/* Each has its own text, and no text quotes what was given. */
static void test_recipients_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ KEY_A, "is a private key: give its public half" },
		{ "age-secret-key-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex",
		  "is a private key: give its public half" },
		{ PQ_KEY, "is a private key: give its public half" },
		{ "AGE-PLUGIN-YUBIKEY-1GFPYY", "private side of an age plugin" },
		{ "age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9", "needs mlkem768x25519" },
		{ TAG_PUB, "hardware key (p256tag)" },
		{ "age1tagpq1m3e4wvp6hzcrn9", "hardware key (mlkem768p256tag)" },
		{ "age1yubikey1qdu3x3mfkmxm2zh4x8y", "recipient of an age plugin" },
		{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE", "is an SSH public key" },
		{ "ssh-rsa AAAAB3NzaC1yc2E", "is an SSH public key" },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----", "is a PEM block" },
		{ "AGE1ZVKYG2LQZRAA2LNJVQEJ32NKUU0UES2S82HZRYE869XEEXVN73EQUNUJWJ",
		  "upper and lower case or is in the wrong one: it is all lower case" },
		{ "Age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
		  "it is all lower case" },
		{ "age1Zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
		  "the recipient mixes upper and lower case" },
		{ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujw",
		  "has 61 characters, not 62" },
		{ PUB_A " ", "has 63 characters, not 62" },
		{ PUB_A "\r", "has 63 characters, not 62" },
		{ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwb",
		  "a character that no key has" },
		{ "age1vzkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
		  "has a wrong checksum" },
		{ "", "does not begin with \"age1\"" },
		{ "eu-west9", "does not begin with \"age1\"" },
		{ " " PUB_A, "does not begin with \"age1\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct age_recipient r;
		struct err err = ERR_INIT;

		check_err(age_recipient_parse(cases[i].text, &r, &err), &err, ERR_RECIPIENT,
			  cases[i].error);
		if (strlen(cases[i].text) > 20)
			assert_null(strstr(err.text, cases[i].text + strlen(cases[i].text) - 12));
	}
}

static void test_identities_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ PQ_KEY, "needs mlkem768x25519" },
		{ PUB_A, "is a public key" },
		{ "AGE-PLUGIN-YUBIKEY-1GFPYYSJZ", "identity of an age plugin" },
		{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE", "is an SSH public key" },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----", "perhaps an SSH private key" },
		{ "age-secret-key-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex",
		  "the private key mixes upper and lower case or is in the wrong one: it is all "
		  "upper case" },
		{ "AGE-SECRET-KEY-1gfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpyysjzgfpq4egaex",
		  "the private key mixes upper and lower case" },
		{ "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAE",
		  "has 73 characters, not 74" },
		{ KEY_A "X", "has 75 characters, not 74" },
		{ KEY_A " ", "has 75 characters, not 74" },
		{ "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEB",
		  "a character that no key has" },
		{ "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEE",
		  "has a wrong checksum" },
		{ "", "not an age private key" },
		{ " " KEY_A, "not an age private key" },
		{ "something else entirely", "not an age private key" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		struct age_identity *id =
		    age_identity_parse(cases[i].text, strlen(cases[i].text), &err);

		check_err(id == NULL ? -1 : 0, &err, ERR_INVALID, cases[i].error);
		if (strlen(cases[i].text) > 20)
			assert_null(strstr(err.text, cases[i].text + strlen(cases[i].text) - 12));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_passphrase),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_which_identity),
		cmocka_unit_test(test_every_flip_and_truncation),
		cmocka_unit_test(test_every_flip_of_a_passphrase_file),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_stanzas_moved),
		cmocka_unit_test(test_low_order_share),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_key_texts),
		cmocka_unit_test(test_recipients_refused),
		cmocka_unit_test(test_identities_refused),
	};

	mem_init();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
