/* SPDX-License-Identifier: Apache-2.0 */
/* bech32, HKDF and the points of Curve25519 against published answers and against other code. */
#include "tests/unit/keys/keys.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <sodium.h>

#include "base/mem.h"
#include "base/bech32.h"
#include "keys/hkdf.h"
#include "keys/x25519.h"

static void unhex(const char *hex, unsigned char *out, size_t len)
{
	size_t n;

	assert_int_equal(sodium_hex2bin(out, len, hex, strlen(hex), NULL, &n, NULL), 0);
	assert_int_equal(n, len);
}

/* --- bech32 ----------------------------------------------------------------------------------- */

static const struct {
	const char *prefix, *text, *hex;
} published[] = {
	/* BIP 173, "the following strings are valid Bech32" */
	{ "A", "A12UEL5L", "" },
	{ "a", "a12uel5l", "" },
	{ "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio",
	  "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio"
	  "1tt5tgs",
	  "" },
	{ "abcdef", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
	  "00443214c74254b635cf84653a56d7c675be77df" },
	{ "split", "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
	  "c5f38b70305f519bf66d85fb6cf03058f3dde463ecd7918f2dc743918f2d" },
	{ "?", "?1ezyfcl", "" },
	/* C2SP age.md */
	{ "AGE-SECRET-KEY-", KEY_A,
	  "4242424242424242424242424242424242424242424242424242424242424242" },
};

static void test_bech32_published(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(published); i++) {
		size_t size = strlen(published[i].hex) / 2, len = strlen(published[i].text);
		unsigned char want[64], data[64];
		char text[128];

		unhex(published[i].hex, want, size);
		assert_int_equal(
		    bech32_decode(published[i].text, len, published[i].prefix, data, size),
		    BECH32_OK);
		assert_memory_equal(data, want, size);
		bech32_encode(published[i].prefix, want, size, text);
		assert_string_equal(text, published[i].text);
	}
}

/* BIP 173 again, written the plain way: what bech32_encode must agree with, and a maker of texts
 * that it would not make. */
static void plain_text(const char *prefix, const unsigned char *values, size_t n, char *text)
{
	static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
	unsigned char in[256];
	size_t k = 0;
	uint32_t chk = 1;

	for (const char *c = prefix; *c != '\0'; c++)
		in[k++] = (unsigned char)(*c >> 5);
	in[k++] = 0;
	for (const char *c = prefix; *c != '\0'; c++)
		in[k++] = *c & 31;
	memcpy(in + k, values, n);
	k += n;
	memset(in + k, 0, 6);
	k += 6;
	for (size_t i = 0; i < k; i++) {
		uint32_t b = chk >> 25;

		chk = (chk & 0x1ffffff) << 5 ^ in[i];
		if (b & 1)
			chk ^= 0x3b6a57b2;
		if (b & 2)
			chk ^= 0x26508e6d;
		if (b & 4)
			chk ^= 0x1ea119fa;
		if (b & 8)
			chk ^= 0x3d4233dd;
		if (b & 16)
			chk ^= 0x2a1462b3;
	}
	chk ^= 1;
	k = (size_t)sprintf(text, "%s1", prefix);
	for (size_t i = 0; i < n; i++)
		text[k++] = alphabet[values[i]];
	for (int i = 0; i < 6; i++)
		text[k++] = alphabet[chk >> (25 - 5 * i) & 31];
	text[k] = '\0';
}

static void test_bech32_random(void **state)
{
	(void)state;
	for (size_t size = 0; size < 70; size++) {
		unsigned char data[70], values[120], back[70];
		char want[200], text[200];
		size_t n = (size * 8 + 4) / 5;

		randombytes_buf(data, sizeof(data));
		memset(values, 0, sizeof(values));
		for (size_t bit = 0; bit < size * 8; bit++)
			if (data[bit / 8] >> (7 - bit % 8) & 1)
				values[bit / 5] |= (unsigned char)(1 << (4 - bit % 5));
		plain_text("age", values, n, want);
		bech32_encode("age", data, size, text);
		assert_string_equal(text, want);
		assert_int_equal(bech32_decode(text, strlen(text), "age", back, size), BECH32_OK);
		assert_memory_equal(back, data, size);
		/* every unused bit at the end, set */
		for (size_t bit = size * 8; bit < n * 5; bit++) {
			values[n - 1] ^= (unsigned char)(1 << (4 - bit % 5));
			plain_text("age", values, n, text);
			assert_int_equal(bech32_decode(text, strlen(text), "age", back, size),
					 BECH32_PADDING);
			values[n - 1] ^= (unsigned char)(1 << (4 - bit % 5));
		}
	}
}

/* No other byte at any place makes a key, and none leaves a part of one behind. */
static void test_bech32_substitutions(void **state)
{
	char text[] = KEY_A;
	size_t len = strlen(text), seen[BECH32_PADDING + 1] = { 0 };
	unsigned char data[32];

	(void)state;
	for (size_t i = 0; i < len; i++) {
		char was = text[i];

		for (int c = 0; c < 256; c++) {
			enum bech32_verdict v;

			text[i] = (char)c;
			v = bech32_decode(text, len, "AGE-SECRET-KEY-", data, sizeof(data));
			seen[v]++;
			assert_int_equal(v == BECH32_OK, text[i] == was);
			if (v != BECH32_OK && v != BECH32_PREFIX)
				assert_true(sodium_is_zero(data, sizeof(data)));
		}
		text[i] = was;
	}
	assert_int_equal(seen[BECH32_OK], len);
	assert_int_equal(seen[BECH32_PREFIX], 16 * 255);
	assert_int_equal(seen[BECH32_CASE], 58 * 23); /* 9 of the 32 characters are digits */
	assert_true(seen[BECH32_CHAR] > 0 && seen[BECH32_CHECKSUM] > 0);
}

static void test_bech32_refused(void **state)
{
	static const struct {
		const char *text;
		enum bech32_verdict verdict;
	} cases[] = {
		{ "", BECH32_PREFIX },
		{ "age", BECH32_PREFIX },
		{ "age1", BECH32_LENGTH },
		{ "AGE1ZVKYG2LQZRAA2LNJVQEJ32NKUU0UES2S82HZRYE869XEEXVN73EQUNUJWJ", BECH32_PREFIX },
		{ "age1Zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", BECH32_CASE },
		{ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwJ", BECH32_CASE },
		{ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujw", BECH32_LENGTH },
		{ PUB_A "q", BECH32_LENGTH },
		{ PUB_A " ", BECH32_LENGTH },
		{ " " PUB_A, BECH32_PREFIX },
		{ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwb", BECH32_CHAR },
		{ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujw1", BECH32_CHAR },
		{ "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujw\n", BECH32_CHAR },
		{ "age1vzkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj",
		  BECH32_CHECKSUM },
		/* the checksum counts the prefix */
		{ "age2zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj", BECH32_PREFIX },
	};
	unsigned char data[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(
		    bech32_decode(cases[i].text, strlen(cases[i].text), "age", data, sizeof(data)),
		    cases[i].verdict);
		assert_true(strlen(bech32_reason(cases[i].verdict)) > 5);
	}
}

/* --- HKDF ------------------------------------------------------------------------------------- */

static void test_hkdf_rfc5869(void **state)
{
	static const struct {
		int ikm[2], salt[2]; /* first byte and length; counting up unless ikm[0] is 0x0b */
		int info[2];
		const char *okm; /* its first 32 bytes */
	} cases[] = {
		{ { 0x0b, 22 },
		  { 0x00, 13 },
		  { 0xf0, 10 },
		  "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf" },
		{ { 0x00, 80 },
		  { 0x60, 80 },
		  { 0xb0, 80 },
		  "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c" },
		{ { 0x0b, 22 },
		  { 0, 0 },
		  { 0, 0 },
		  "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unsigned char ikm[80], salt[80], out[32], want[32];
		char info[81] = "";

		for (int j = 0; j < 80; j++) {
			ikm[j] =
			    (unsigned char)(cases[i].ikm[0] + (cases[i].ikm[0] == 0x0b ? 0 : j));
			salt[j] = (unsigned char)(cases[i].salt[0] + j);
			info[j] = (char)(cases[i].info[0] + j);
		}
		info[cases[i].info[1]] = '\0';
		unhex(cases[i].okm, want, sizeof(want));
		hkdf_sha256(out, (struct hkdf_bytes){ ikm, (size_t)cases[i].ikm[1] },
			    (struct hkdf_bytes){ salt, (size_t)cases[i].salt[1] }, info);
		assert_memory_equal(out, want, sizeof(want));
	}
}

static void openssl_hkdf(unsigned char out[32], unsigned char *ikm, size_t ikm_len,
			 unsigned char *salt, size_t salt_len, char *info)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, ikm, ikm_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salt, salt_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, strlen(info)),
		OSSL_PARAM_construct_end(),
	};

	assert_int_equal(EVP_KDF_derive(ctx, out, 32, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void test_hkdf_against_openssl(void **state)
{
	unsigned char ikm[200], salt[200], ours[32], theirs[32];
	char info[] = "age-encryption.org/v1/X25519";

	(void)state;
	for (size_t n = 1; n <= sizeof(ikm); n += 7) {
		randombytes_buf(ikm, n);
		randombytes_buf(salt, n);
		hkdf_sha256(ours, (struct hkdf_bytes){ ikm, n }, (struct hkdf_bytes){ salt, n },
			    info);
		openssl_hkdf(theirs, ikm, n, salt, n, info);
		assert_memory_equal(ours, theirs, sizeof(ours));
	}
}

/* --- points ----------------------------------------------------------------------------------- */

/* The points that take every scalar to zero: libsodium says so by failing. */
static const char *const low[] = {
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void test_low_order(void **state)
{
	unsigned char point[32], scalar[32], out[32];

	(void)state;
	for (size_t i = 0; i < COUNT(low); i++) {
		for (int top = 0; top < 2; top++) {
			unhex(low[i], point, sizeof(point));
			point[31] |= (unsigned char)(top << 7);
			randombytes_buf(scalar, sizeof(scalar));
			assert_int_equal(crypto_scalarmult(out, scalar, point), -1);
			assert_true(x25519_is_low_order(point));
			for (int bit = 0; bit < 255; bit++) { /* and none of its neighbours */
				point[bit / 8] ^= (unsigned char)(1 << bit % 8);
				assert_int_equal(x25519_is_low_order(point),
						 crypto_scalarmult(out, scalar, point) != 0);
				point[bit / 8] ^= (unsigned char)(1 << bit % 8);
			}
		}
	}
	for (int i = 0; i < 200; i++) {
		randombytes_buf(point, sizeof(point));
		assert_false(x25519_is_low_order(point));
	}
}

static void test_canonical(void **state)
{
	static const struct {
		const char *hex;
		bool canonical;
	} cases[] = {
		{ "0000000000000000000000000000000000000000000000000000000000000000", true },
		{ "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", true },
		{ "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false },
		{ "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false },
		{ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", false },
		{ "0900000000000000000000000000000000000000000000000000000000000000", true },
		{ "0900000000000000000000000000000000000000000000000000000000000080", false },
		{ "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe7f", true },
		{ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false },
	};
	unsigned char point[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		unhex(cases[i].hex, point, sizeof(point));
		assert_int_equal(x25519_is_canonical(point), cases[i].canonical);
	}
}

/* Texts of low-order and other refused points are themselves right; only the point is not. */
static void test_recipient_points(void **state)
{
	struct age_recipient r = { { 0 } }, out;
	struct err err = ERR_INIT;
	char text[AGE_RECIPIENT_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(low); i++) {
		unhex(low[i], r.point, sizeof(r.point));
		age_recipient_format(&r, text);
		check_err(age_recipient_parse(text, &out, &err), &err, ERR_RECIPIENT,
			  "low-order point");
	}
	r = recipient(PUB_A);
	r.point[31] |= 0x80;
	age_recipient_format(&r, text);
	check_err(age_recipient_parse(text, &out, &err), &err, ERR_RECIPIENT, "canonical");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bech32_published),
		cmocka_unit_test(test_bech32_random),
		cmocka_unit_test(test_bech32_substitutions),
		cmocka_unit_test(test_bech32_refused),
		cmocka_unit_test(test_hkdf_rfc5869),
		cmocka_unit_test(test_hkdf_against_openssl),
		cmocka_unit_test(test_low_order),
		cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_recipient_points),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
