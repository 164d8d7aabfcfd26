/* SPDX-License-Identifier: Apache-2.0 */
/* Against NIST's vectors (SP 800-38D test cases 13 to 16 of McGrew and Viega), and against itself.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "foreign/gcm.h"

#include "base/mem.h"

static size_t unhex(const char *hex, unsigned char *out)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		char two[3] = { hex[2 * i], hex[2 * i + 1], 0 };

		out[i] = (unsigned char)strtoul(two, NULL, 16);
	}
	return n;
}

static const struct vector {
	const char *key, *nonce, *about, *plain, *sealed, *tag;
} vectors[] = {
	{ "0000000000000000000000000000000000000000000000000000000000000000",
	  "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b" },
	{ "0000000000000000000000000000000000000000000000000000000000000000",
	  "000000000000000000000000", "", "00000000000000000000000000000000",
	  "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919" },
	{ "00000000000000000000000000000000", "000000000000000000000000", "",
	  "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
	  "ab6e47d42cec13bdf53a67b21257bddf" },
	{ "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
	  "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
	  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e24"
	  "49a6b525b16aedf5aa0de657ba637b39",
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10"
	  "56828838c5f61e6393ba7a0abcc9f662",
	  "76fc6ece0f4e1768cddf8853bb2d551b" },
};

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		unsigned char key[32], nonce[32], about[64], plain[64], want[64], got[64], tag[16],
		    want_tag[16];
		struct gcm g = { .key = key, .nonce = nonce, .about = (const char *)about };
		size_t n = unhex(v->plain, plain);

		g.key_len = unhex(v->key, key);
		g.nonce_len = unhex(v->nonce, nonce);
		g.about_len = unhex(v->about, about);
		unhex(v->sealed, want);
		unhex(v->tag, want_tag);
		assert_true(gcm_seal(&g, plain, n, got, tag));
		assert_memory_equal(got, want, n);
		assert_memory_equal(tag, want_tag, 16);
		assert_true(gcm_open(&g, want, n, want_tag, got));
		assert_memory_equal(got, plain, n);
	}
}

/* Nonces of 32 bytes, as SOPS has them; every part is authenticated. */
static void test_everything_counts(void **state)
{
	unsigned char key[32] = { 1 }, nonce[32] = { 2 }, tag[16], sealed[9], plain[9];
	char about[] = "data:password:";
	struct gcm g = { key, 32, nonce, 32, about, sizeof(about) - 1 };
	unsigned char *const parts[] = { key, nonce, (unsigned char *)about, tag, sealed };
	static const unsigned char zero[9];

	(void)state;
	assert_true(gcm_seal(&g, (const unsigned char *)"something", 9, sealed, tag));
	for (size_t i = 0; i < COUNT(parts); i++) {
		parts[i][3] ^= 4;
		memset(plain, 'x', sizeof(plain));
		assert_false(gcm_open(&g, sealed, 9, tag, plain));
		assert_memory_equal(plain, zero, sizeof(plain));
		parts[i][3] ^= 4;
	}
	assert_true(gcm_open(&g, sealed, 9, tag, plain));
	assert_memory_equal(plain, "something", 9);
}

static void test_sizes(void **state)
{
	static const struct {
		size_t key, nonce;
		bool fine;
	} cases[] = {
		{ 16, 12, true },  { 24, 12, true },  { 32, 12, true },	 { 32, 1, true },
		{ 32, 64, true },  { 32, 0, false },  { 32, 65, false }, { 0, 12, false },
		{ 31, 12, false }, { 33, 12, false },
	};
	unsigned char key[33] = { 0 }, nonce[65] = { 0 }, out[1], tag[16];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct gcm g = { key, cases[i].key, nonce, cases[i].nonce, NULL, 0 };

		assert_int_equal(gcm_seal(&g, key, 1, out, tag), cases[i].fine);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_everything_counts),
		cmocka_unit_test(test_sizes),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
