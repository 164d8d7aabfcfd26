/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What opening costs above the cryptography itself: 10,000 parts of 1 KiB, sealed to three
 * recipients, opened in one process, beside the bare operations on the same sizes in a tight loop.
 * The kinds of run take turns, so that all see the same machine; a figure is the median of its
 * runs.
 *
 * usage: bench_open [PARTS [ROUNDS]]
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "keys/age.h"

#define PLAIN 1024
#define RECIPIENTS 3
#define HEADER_LEN 366 /* what the MAC covers with three stanzas, about */

struct bench {
	size_t parts;
	struct buf *files, *texts; /* one a part: binary, armored */
	struct age_identity *ids[RECIPIENTS];
	unsigned char plain[PLAIN];
};

static void fail(const char *text)
{
	fprintf(stderr, "bench_open: %s\n", text);
	exit(1);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void prepare(struct bench *b)
{
	struct age_recipient to[RECIPIENTS];
	struct err err = ERR_INIT;

	for (size_t i = 0; i < RECIPIENTS; i++) {
		b->ids[i] = age_identity_generate();
		to[i] = *age_identity_recipient(b->ids[i]);
	}
	b->files = mem_array(b->parts, sizeof(*b->files));
	b->texts = mem_array(b->parts, sizeof(*b->texts));
	randombytes_buf(b->plain, sizeof(b->plain));
	for (size_t i = 0; i < b->parts; i++)
		if (age_encrypt(to, RECIPIENTS, b->plain, PLAIN, &b->files[i], &err) != 0 ||
		    age_armor(b->files[i].data, b->files[i].len, &b->texts[i], &err) != 0)
			fail(err.text);
}

/* --- the runs --------------------------------------------------------------------------------- */

static void open_binary(struct bench *b)
{
	const struct age_identity *id = b->ids[1];
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < b->parts; i++) {
		if (age_decrypt(&id, 1, 1, b->files[i].data, b->files[i].len, &out, NULL, &err) !=
		    0)
			fail(err.text);
		if (out.len != PLAIN || memcmp(out.data, b->plain, PLAIN) != 0)
			fail("another plaintext came out");
		buf_clear(&out);
	}
}

static void open_armored(struct bench *b)
{
	const struct age_identity *id = b->ids[1];
	struct buf file = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < b->parts; i++) {
		if (age_dearmor(b->texts[i].data, b->texts[i].len, &file, &err) != 0 ||
		    age_decrypt(&id, 1, 1, file.data, file.len, &out, NULL, &err) != 0)
			fail(err.text);
		buf_clear(&out);
		buf_clear(&file);
	}
}

/* Twice HMAC-SHA256, as HKDF is. */
static void hkdf(unsigned char out[32], const unsigned char *ikm, size_t len)
{
	crypto_auth_hmacsha256_state s;
	unsigned char key[32] = { 0 };

	crypto_auth_hmacsha256_init(&s, key, sizeof(key));
	crypto_auth_hmacsha256_update(&s, ikm, len);
	crypto_auth_hmacsha256_final(&s, key);
	crypto_auth_hmacsha256_init(&s, key, sizeof(key));
	crypto_auth_hmacsha256_update(&s, (const unsigned char *)"info", 4);
	crypto_auth_hmacsha256_final(&s, out);
}

static unsigned char point[32], sealed[PLAIN + 16], wrapped[32];

static void bare(struct bench *b, bool all)
{
	static const unsigned char nonce[12], header[HEADER_LEN];
	unsigned char shared[32], key[32], mac[32], out[PLAIN];
	unsigned sum = 0;

	for (size_t i = 0; i < b->parts; i++) {
		point[0] = (unsigned char)i;
		if (crypto_scalarmult(shared, age_identity_scalar(b->ids[0]), point) != 0)
			fail("a low-order point");
		hkdf(key, shared, 32);
		if (all) { /* unwrapping, the header's MAC, the payload's key */
			if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, wrapped, 32,
								      NULL, 0, nonce, key) == 0)
				fail("a made-up tag was right");
			hkdf(key, key, 16);
			crypto_auth_hmacsha256(mac, header, sizeof(header), key);
			hkdf(key, mac, 16);
		}
		if (crypto_aead_chacha20poly1305_ietf_decrypt(
			out, NULL, NULL, sealed, sizeof(sealed), NULL, 0, nonce, b->plain) != 0)
			fail("the tag is wrong");
		sum += out[i % PLAIN] + key[0];
	}
	if (sum == 1)
		puts(""); /* so that nothing is left out */
}

static void bare_least(struct bench *b)
{
	bare(b, false);
}

static void bare_all(struct bench *b)
{
	bare(b, true);
}

static void bare_x25519(struct bench *b)
{
	unsigned char shared[32];

	for (size_t i = 0; i < b->parts; i++) {
		point[0] = (unsigned char)i;
		if (crypto_scalarmult(shared, age_identity_scalar(b->ids[0]), point) != 0)
			fail("a low-order point");
	}
}

static const struct row {
	const char *name;
	void (*run)(struct bench *b);
} rows[] = {
	{ "X25519 + HKDF + ChaCha20-Poly1305, bare", bare_least },
	{ "X25519 alone, bare", bare_x25519 },
	{ "all that age asks for, bare", bare_all },
	{ "age_decrypt, position known", open_binary },
	{ "age_dearmor and age_decrypt", open_armored },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* --- the table -------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *times, size_t n)
{
	qsort(times, n, sizeof(*times), by_size);
	return n % 2 == 1 ? times[n / 2] : (times[n / 2 - 1] + times[n / 2]) / 2;
}

int main(int argc, char **argv)
{
	static const unsigned char nonce[12];
	struct bench b = { .parts = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000 };
	size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 9;
	double *times[ROWS], medians[ROWS];

	mem_init();
	if (b.parts == 0 || rounds == 0 || rounds > 1000 || b.parts > 1000000)
		fail("usage: bench_open [PARTS [ROUNDS]]");
	prepare(&b);
	memcpy(point, age_identity_recipient(b.ids[0])->point, sizeof(point));
	crypto_aead_chacha20poly1305_ietf_encrypt(sealed, NULL, b.plain, PLAIN, NULL, 0, NULL,
						  nonce, b.plain);
	for (size_t i = 0; i < ROWS; i++)
		times[i] = mem_array(rounds, sizeof(double));
	for (size_t r = 0; r < rounds; r++) {
		for (size_t i = 0; i < ROWS; i++) {
			double start = seconds();

			rows[i].run(&b);
			times[i][r] = seconds() - start;
		}
	}
	printf("%zu parts of %d bytes for %d recipients, CPU time, median of %zu\n", b.parts, PLAIN,
	       RECIPIENTS, rounds);
	for (size_t i = 0; i < ROWS; i++) {
		medians[i] = median(times[i], rounds);
		printf("%-42s %8.1f ms %7.2f us each  x %.2f\n", rows[i].name, medians[i] * 1e3,
		       medians[i] * 1e6 / (double)b.parts, medians[i] / medians[0]);
	}
	return 0;
}
