/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of headers, payload lengths and armor: what is refused, and by which words. */
#include "tests/unit/keys/keys.h"

#include <sodium.h>

#include "base/b64.h"
#include "base/mem.h"
#include "keys/age_header.h"
#include "keys/age_payload.h"

#define V "age-encryption.org/v1\n"
#define SHARE "TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc"
#define BODY "EmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7U"
#define STANZA "-> X25519 " SHARE "\n" BODY "\n"
#define SALT "rF0/NwblUHHTpgQgRpe5CQ"
#define MAC "D0Uu/whYjf/Cwqz6MHRR9T5em06PLAjTCMcw8aXdyEk"
#define END "--- " MAC "\n"
#define PAYLOAD "0123456789abcdef"
#define COLS64 "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"

struct accepted {
	const char *text;
	size_t of_type[AGE_STANZA_TYPES];
};

static const struct accepted accepted[] = {
	{ V STANZA END PAYLOAD, { 1, 0, 0, 0 } },
	{ V STANZA STANZA STANZA END PAYLOAD, { 3, 0, 0, 0 } },
	{ V "-> scrypt " SALT " 10\n" BODY "\n" END PAYLOAD, { 0, 1, 0, 0 } },
	{ V "-> scrypt " SALT " 1\n" BODY "\n" END PAYLOAD, { 0, 1, 0, 0 } },
	{ V "-> scrypt " SALT " 22\n" BODY "\n" END PAYLOAD, { 0, 1, 0, 0 } },
	{ V "-> x25519 " SHARE "\n" BODY "\n" END PAYLOAD, { 0, 0, 0, 1 } },
	{ V "-> joe\n\n" STANZA END PAYLOAD, { 1, 0, 0, 1 } },
	{ V "-> ! ~ -> ---\n" COLS64 "\n\n" END PAYLOAD, { 0, 0, 0, 1 } },
	{ V "-> a b c d e f g\n" COLS64 "\n" COLS64 "\nQQ\n" STANZA END PAYLOAD, { 1, 0, 0, 1 } },
};

static void test_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(accepted); i++) {
		struct age_header h;
		struct err err = ERR_INIT;
		const char *text = accepted[i].text;
		size_t n = 0;

		if (age_header_parse(text, strlen(text), &h, &err) != 0)
			fail_msg("case %zu: %s", i, err.text);
		assert_memory_equal(h.of_type, accepted[i].of_type, sizeof(h.of_type));
		for (int t = 0; t < AGE_STANZA_TYPES; t++)
			n += h.of_type[t];
		assert_int_equal(h.n, n);
		assert_memory_equal(text + h.len, PAYLOAD, strlen(PAYLOAD));
		assert_memory_equal(text + h.mac_len - 4, "\n---", 4);
		age_header_clear(&h);
	}
}

static const struct {
	const char *text, *error;
} refused[] = {
	{ "", "the file is empty" },
	{ "hello", "this is not an age file" },
	{ "age-encryption.org", "this is not an age file" },
	{ "-----BEGIN AGE ENCRYPTED FILE-----\n", "the file is armored" },
	{ "-----BEGIN CERTIFICATE-----\n", "the file is armored" },
	{ "age-encryption.org/v1", "line 1: the header ends before its last line" },
	{ "age-encryption.org/v2\n" STANZA END PAYLOAD, "line 1: another version" },
	{ "age-encryption.org/v1 \n" STANZA END PAYLOAD, "line 1: another version" },
	{ "age-encryption.org/\n" STANZA END PAYLOAD, "line 1: another version" },
	{ "age-encryption.org/v1\r\n" STANZA END PAYLOAD, "line 1: the line ends in a carriage" },
	{ V, "line 2: the header ends before its last line" },
	{ V END PAYLOAD, "line 2: the header has no stanza" },
	{ V "\n" END PAYLOAD, "line 2: neither a stanza" },
	{ V " " STANZA END PAYLOAD, "line 2: neither a stanza" },
	{ V "->\n" BODY "\n" END PAYLOAD, "line 2: neither a stanza" },
	{ V "->X25519 " SHARE "\n" BODY "\n" END PAYLOAD, "line 2: neither a stanza" },
	{ V STANZA "x\n" END PAYLOAD, "line 4: neither a stanza" },
	{ V "-> \n" BODY "\n" END PAYLOAD, "a stanza argument is empty at column 4" },
	{ V "->  X25519 " SHARE "\n" BODY "\n" END PAYLOAD, "argument is empty at column 4" },
	{ V "-> X25519  " SHARE "\n" BODY "\n" END PAYLOAD, "argument is empty at column 11" },
	{ V "-> X25519 " SHARE " \n" BODY "\n" END PAYLOAD, "argument is empty at column 55" },
	{ V "-> X25519 \x7f\n" BODY "\n" END PAYLOAD, "not visible ASCII at column 11" },
	{ V "-> X25519\t" SHARE "\n" BODY "\n" END PAYLOAD, "not visible ASCII at column 10" },
	{ V "-> j\xc3\xb6\n" BODY "\n" END PAYLOAD, "not visible ASCII at column 5" },
	{ V "-> X25519 " SHARE "\r\n" BODY "\n" END PAYLOAD, "not visible ASCII at column 54" },
	{ V "-> X25519\n" BODY "\n" END PAYLOAD, "the X25519 stanza has 0 arguments, not 1" },
	{ V "-> X25519 " SHARE " x\n" BODY "\n" END PAYLOAD, "the X25519 stanza has 2 arguments" },
	{ V "-> X25519 " SHARE "=\n" BODY "\n" END PAYLOAD, "the X25519 share is not canonical" },
	{ V "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCd\n" BODY "\n" END PAYLOAD,
	  "line 2: the X25519 share is not canonical base64 without padding" },
	{ V "-> X25519 TEiF0ypqr-bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOCc\n" BODY "\n" END PAYLOAD,
	  "the X25519 share is not canonical base64" },
	{ V "-> X25519 TEiF0ypqr+bpvcqXNyCVJpL7OuwPdVwPL7KQEbFDOA\n" BODY "\n" END PAYLOAD,
	  "the X25519 share has 31 bytes, not 32" },
	{ V "-> X25519 " SHARE "A\n" BODY "\n" END PAYLOAD, "the X25519 share" },
	{ V STANZA "-> X25519 AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n" BODY "\n" END PAYLOAD,
	  "line 4: the X25519 share is a low-order point" },
	{ V "-> X25519 " SHARE "\n" END PAYLOAD, "line 3: a stanza's body is not canonical" },
	{ V "-> X25519 " SHARE "\n\n" END PAYLOAD, "the X25519 stanza has 0 bytes, not 32" },
	{ V "-> X25519 " SHARE "\n" BODY "=\n" END PAYLOAD, "a stanza's body is not canonical" },
	{ V "-> X25519 " SHARE "\nEmECAEcKN+n/Vs9SbWiV+Hu0r+E8R77DdWYyd83nw7V\n" END PAYLOAD,
	  "line 3: a stanza's body is not canonical" },
	{ V "-> X25519 " SHARE "\n" BODY "\r\n" END PAYLOAD, "a stanza's body is not canonical" },
	{ V "-> X25519 " SHARE "\n" COLS64 "\n\n" END PAYLOAD, "has 48 bytes, not 32" },
	{ V "-> joe\n" COLS64 "A\n\n" END PAYLOAD, "line 3: a line of a stanza's body is longer" },
	{ V "-> joe\n" COLS64 "\n" END PAYLOAD, "line 4: a stanza's body is not canonical" },
	{ V "-> joe\nQQ\nQQ\n" END PAYLOAD, "line 4: neither a stanza" },
	{ V "-> joe\nQR\n" END PAYLOAD, "line 3: a stanza's body is not canonical" },
	{ V "-> joe\n" COLS64, "line 3: the header ends before" },
	{ V STANZA, "line 4: the header ends before" },
	{ V STANZA "--- " MAC, "line 4: the header ends before" },
	{ V STANZA "---\n" PAYLOAD, "line 4: the last line is not" },
	{ V STANZA "---" MAC "\n" PAYLOAD, "line 4: the last line is not" },
	{ V STANZA "---  " MAC "\n" PAYLOAD, "line 4: the last line is not" },
	{ V STANZA "--- " MAC " \n" PAYLOAD, "line 4: the last line is not" },
	{ V STANZA "--- " MAC "=\n" PAYLOAD, "line 4: the last line is not" },
	{ V STANZA "--- D0Uu/whYjf/Cwqz6MHRR9T5em06PLAjTCMcw8aXdyEl\n" PAYLOAD,
	  "line 4: the MAC is not canonical" },
	{ V STANZA END, "0 bytes follow it" },
	{ V STANZA END "0123456789abcde", "15 bytes follow it, fewer than the payload's nonce" },
	/* scrypt */
	{ V "-> scrypt " SALT " 10\n" BODY "\n" STANZA END PAYLOAD,
	  "a scrypt stanza is not alone" },
	{ V STANZA "-> scrypt " SALT " 10\n" BODY "\n" END PAYLOAD,
	  "a scrypt stanza is not alone" },
	{ V "-> joe\n\n-> scrypt " SALT " 10\n" BODY "\n" END PAYLOAD, "is not alone" },
	{ V "-> scrypt " SALT "\n" BODY "\n" END PAYLOAD,
	  "the scrypt stanza has 1 arguments, not 2" },
	{ V "-> scrypt " SALT " 10 1\n" BODY "\n" END PAYLOAD,
	  "the scrypt stanza has 3 arguments" },
	{ V "-> scrypt " SALT "AA 10\n" BODY "\n" END PAYLOAD, "the scrypt salt" },
	{ V "-> scrypt rF0/NwblUHHTpgQgRpe5 10\n" BODY "\n" END PAYLOAD,
	  "salt has 15 bytes, not 16" },
	{ V "-> scrypt rF0/NwblUHHTpgQgRpe5CR 10\n" BODY "\n" END PAYLOAD,
	  "the scrypt salt is not" },
	{ V "-> scrypt " SALT " 0\n" BODY "\n" END PAYLOAD, "not a plain decimal number" },
	{ V "-> scrypt " SALT " 010\n" BODY "\n" END PAYLOAD, "not a plain decimal number" },
	{ V "-> scrypt " SALT " +10\n" BODY "\n" END PAYLOAD, "not a plain decimal number" },
	{ V "-> scrypt " SALT " -1\n" BODY "\n" END PAYLOAD, "not a plain decimal number" },
	{ V "-> scrypt " SALT " 1e1\n" BODY "\n" END PAYLOAD, "not a plain decimal number" },
	{ V "-> scrypt " SALT " 0xa\n" BODY "\n" END PAYLOAD, "not a plain decimal number" },
	{ V "-> scrypt " SALT " 23\n" BODY "\n" END PAYLOAD, "the scrypt work factor is above 22" },
	{ V "-> scrypt " SALT " 18446744073709551626\n" BODY "\n" END PAYLOAD, "is above 22" },
	{ V "-> scrypt " SALT " 10\nAAAA\n" END PAYLOAD, "scrypt stanza has 3 bytes, not 32" },
	/* hybrid */
	{ V "-> mlkem768x25519\n" BODY "\n" END PAYLOAD, "mlkem768x25519 stanza has 0 arguments" },
	{ V "-> mlkem768x25519 " SHARE "\n" BODY "\n" END PAYLOAD, "has 32 bytes, not 1120" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refused); i++) {
		size_t len = strlen(refused[i].text);
		char *exact = malloc(len == 0 ? 1 : len); /* so that a read past the end is seen */
		struct age_header h;
		struct err err = ERR_INIT;
		int r;

		assert_non_null(exact);
		memcpy(exact, refused[i].text, len);
		r = age_header_parse(exact, len, &h, &err);
		if (r == 0 || strstr(err.text, refused[i].error) == NULL)
			fail_msg("case %zu (%s): %d %s", i, refused[i].error, r, err.text);
		assert_int_equal(err.class, ERR_INVALID);
		assert_int_equal(strncmp(err.text, "age header: ", 12), 0);
		age_header_clear(&h);
		free(exact);
	}
}

/* NUL bytes are bytes as any other: no rule ends at one. */
static void test_nul(void **state)
{
	static const char text[] = V "-> X25519 " SHARE "\0\n" BODY "\n" END PAYLOAD;
	struct age_header h;
	struct err err = ERR_INIT;

	(void)state;
	check_err(age_header_parse(text, sizeof(text) - 1, &h, &err), &err, ERR_INVALID,
		  "not visible ASCII at column 54");
	age_header_clear(&h);
}

static void check_long(struct buf *text, const char *error)
{
	struct age_header h;
	struct err err = ERR_INIT;

	check_err(age_header_parse(text->data, text->len, &h, &err), &err, ERR_INVALID, error);
	age_header_clear(&h);
}

static void test_bounds(void **state)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct age_header h;

	(void)state;
	buf_puts(&text, V);
	for (int i = 0; i < AGE_STANZAS_MAX; i++)
		buf_puts(&text, STANZA);
	buf_puts(&text, END PAYLOAD);
	assert_int_equal(age_header_parse(text.data, text.len, &h, &err), 0);
	assert_int_equal(h.n, AGE_STANZAS_MAX);
	age_header_clear(&h);
	buf_splice(&text, strlen(V), 0, STANZA, strlen(STANZA));
	check_long(&text, "line 514: more than 256 stanzas");

	/* one body, one argument and one line that never end */
	buf_reset(&text);
	buf_puts(&text, V "-> joe\n");
	while (text.len <= AGE_HEADER_MAX)
		buf_puts(&text, COLS64 "\n");
	check_long(&text, "the header is longer than 524288 bytes");
	buf_reset(&text);
	buf_puts(&text, V "-> joe ");
	while (text.len <= AGE_HEADER_MAX)
		buf_puts(&text, COLS64);
	check_long(&text, "line 2: the header is longer than 524288 bytes");
	buf_reset(&text);
	while (text.len <= AGE_HEADER_MAX)
		buf_puts(&text, "age-encryption.org/");
	check_long(&text, "line 1: the header is longer than 524288 bytes");
	/* a payload may be long */
	buf_reset(&text);
	buf_puts(&text, V STANZA END);
	buf_reserve(&text, 2 * AGE_HEADER_MAX);
	assert_int_equal(age_header_parse(text.data, text.len, &h, &err), 0);
	age_header_clear(&h);
	buf_clear(&text);
}

/* A hybrid stanza of the right shape, its X25519 part the given byte and zeros. */
static void hybrid(struct buf *text, unsigned char first)
{
	unsigned char enc[AGE_HYBRID_ENC_SIZE] = { 0 };

	memset(enc, 0x55, AGE_HYBRID_ENC_SIZE - AGE_KEY_SIZE);
	enc[AGE_HYBRID_ENC_SIZE - AGE_KEY_SIZE] = first;
	buf_reset(text);
	buf_puts(text, V "-> mlkem768x25519 ");
	b64_encode_raw(text, enc, sizeof(enc));
	buf_puts(text, "\n" BODY "\n" END PAYLOAD "0123456789abcdef");
}

static void test_hybrid(void **state)
{
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct err err = ERR_INIT;
	struct age_info info;
	struct age_identity *id = identity(KEY_A);

	(void)state;
	hybrid(&text, 9);
	assert_int_equal(age_inspect(text.data, text.len, &info, &err), 0);
	assert_int_equal(info.hybrid, 1);
	assert_int_equal(info.stanzas, 1);
	check_err(age_decrypt((const struct age_identity *const *)&id, 1, 0, text.data, text.len,
			      &out, NULL, &err),
		  &err, ERR_NOKEY, "opening it needs mlkem768x25519");
	check_err(age_decrypt_passphrase("x", 1, text.data, text.len, &out, &err), &err, ERR_NOKEY,
		  "not encrypted with a passphrase");
	hybrid(&text, 1);
	check_err(age_inspect(text.data, text.len, &info, &err), &err, ERR_INVALID,
		  "mlkem768x25519 share is a low-order point");
	age_identity_free(id);
	buf_clear(&text);
}

/* What is written is what is read. */
static void test_written(void **state)
{
	unsigned char share[32], body[32], salt[16], key[16];
	struct buf text = BUF_INIT, tiny = { .max = 60 };
	struct age_header h;
	struct err err = ERR_INIT;

	(void)state;
	randombytes_buf(share, sizeof(share));
	randombytes_buf(body, sizeof(body));
	randombytes_buf(salt, sizeof(salt));
	randombytes_buf(key, sizeof(key));
	age_header_begin(&text);
	age_header_put_x25519(&text, share, body);
	age_header_put_x25519(&text, body, share);
	assert_int_equal(age_header_end(&text, key), 0);
	assert_int_equal(text.len, age_header_x25519_len(2));
	buf_puts(&text, PAYLOAD);
	assert_int_equal(age_header_parse(text.data, text.len, &h, &err), 0);
	assert_int_equal(h.n, 2);
	assert_memory_equal(h.stanzas[0].share, share, 32);
	assert_memory_equal(h.stanzas[0].body, body, 32);
	assert_memory_equal(h.stanzas[1].share, body, 32);
	assert_true(age_header_verify(&h, text.data, key));
	key[3] ^= 1;
	assert_false(age_header_verify(&h, text.data, key));
	age_header_clear(&h);

	buf_reset(&text);
	age_header_begin(&text);
	age_header_put_scrypt(&text, salt, 18, body);
	age_header_end(&text, key);
	buf_puts(&text, PAYLOAD);
	assert_int_equal(age_header_parse(text.data, text.len, &h, &err), 0);
	assert_memory_equal(h.stanzas[0].salt, salt, 16);
	assert_int_equal(h.stanzas[0].log_n, 18);
	age_header_clear(&h);

	age_header_begin(&tiny);
	assert_int_equal(age_header_put_x25519(&tiny, share, body), -1);
	assert_int_equal(age_header_end(&tiny, key), -1);
	buf_clear(&tiny);
	buf_clear(&text);
}

static void test_payload_lengths(void **state)
{
	static const struct {
		size_t len; /* without the nonce */
		size_t plain;
		const char *error;
	} cases[] = {
		{ 0, 0, "it has no chunk" },
		{ 1, 0, "its last chunk is 1 bytes, shorter than a tag" },
		{ 15, 0, "its last chunk is 15 bytes, shorter than a tag" },
		{ 16, 0, NULL },
		{ 17, 1, NULL },
		{ 65552, 65536, NULL },
		{ 65553, 0, "its last chunk is 1 bytes" },
		{ 65568, 0, "its last chunk is empty" },
		{ 65569, 65537, NULL },
		{ 131104, 131072, NULL },
		{ 131120, 0, "its last chunk is empty" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		size_t plain = 99;
		int r = age_payload_plain_len(cases[i].len + AGE_NONCE_SIZE, &plain, &err);

		if (cases[i].error != NULL) {
			check_err(r, &err, ERR_INVALID, cases[i].error);
			continue;
		}
		assert_int_equal(r, 0);
		assert_int_equal(plain, cases[i].plain);
		assert_int_equal(age_payload_len(plain), cases[i].len + AGE_NONCE_SIZE);
	}
	for (size_t i = 0; i < AGE_NONCE_SIZE; i++) {
		struct err err = ERR_INIT;
		size_t plain;

		check_err(age_payload_plain_len(i, &plain, &err), &err, ERR_INVALID,
			  "its nonce is cut");
	}
}

/* --- armor ------------------------------------------------------------------------------------ */

#define B "-----BEGIN AGE ENCRYPTED FILE-----\n"
#define E "-----END AGE ENCRYPTED FILE-----"
#define ROW "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm"
#define ROW_TEXT "0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *text, *plain, *error; /* one of the two */
} armors[] = {
	{ B E "\n", "", NULL },
	{ B E, "", NULL },
	{ B "YQ==\n" E "\n", "a", NULL },
	{ B "YWI=\n" E "\n", "ab", NULL },
	{ B "YWJj\n" E "\n", "abc", NULL },
	{ B ROW "\n" E "\n", ROW_TEXT, NULL },
	{ B ROW "\nYQ==\n" E "\n", ROW_TEXT "a", NULL },
	{ " \t\r\n" B "YQ==\n" E "\n\n \t", "a", NULL },
	{ "-----BEGIN AGE ENCRYPTED FILE-----\r\nYQ==\r\n" E "\r\n", "a", NULL },
	{ "-----BEGIN AGE ENCRYPTED FILE-----\r\nYQ==\r\n" E, "a", NULL },
	{ "", NULL, "line 1: the text ends before" },
	{ "x", NULL, "line 1: not \"-----BEGIN" },
	{ "\n\nx" B, NULL, "line 3: not \"-----BEGIN" },
	{ "-----BEGIN PRIVATE KEY-----\n", NULL, "line 1: armor of another kind" },
	{ "-----BEGIN \n", NULL, "line 1: armor of another kind" },
	{ "-----BEGIN\n", NULL, "line 1: not \"-----BEGIN" },
	{ "-----BEGIN age encrypted file-----\n", NULL, "line 1: armor of another kind" },
	{ "-----BEGIN AGE ENCRYPTED FILE----- \n" E, NULL, "line 1: armor of another kind" },
	{ B, NULL, "line 2: the text ends before" },
	{ B "YQ==\n", NULL, "line 3: the text ends before" },
	{ B "YQ==", NULL, "line 3: the text ends before" },
	{ B "\nYQ==\n" E, NULL, "line 2: an empty line inside" },
	{ B "YQ==\n\n" E, NULL, "line 3: it follows a line shorter" },
	{ B ROW "\n\n" E, NULL, "line 3: an empty line inside" },
	{ B "Key: value\n\nYQ==\n" E, NULL, "line 2: not canonical base64" },
	{ B "YWJj\nYWJj\n" E, NULL, "line 3: it follows a line shorter than 64" },
	{ B ROW "A\n" E, NULL, "line 2: longer than 64" },
	{ B ROW "AAAA\n" E, NULL, "line 2: longer than 64" },
	{ B "YQ\n" E, NULL, "line 2: not canonical base64" },
	{ B "YQ=\n" E, NULL, "line 2: not canonical base64" },
	{ B "YR==\n" E, NULL, "line 2: not canonical base64" },
	{ B "YQ= =\n" E, NULL, "line 2: not canonical base64" },
	{ B " YQ==\n" E, NULL, "line 2: not canonical base64" },
	{ B "YQ== \n" E, NULL, "line 2: not canonical base64" },
	{ B "YQ-_\n" E, NULL, "line 2: not canonical base64" },
	{ B "YQ\xaf\xab\n" E, NULL, "line 2: not canonical base64" },
	{ B "YQ==YQ==\n" E, NULL, "line 2: not canonical base64" },
	{ B "YQ==\n=TXen\n" E, NULL, "line 3: it follows a line shorter" },
	{ B ROW "\n=TXen\n" E, NULL, "line 3: not canonical base64" },
	{ B ROW "\n-----END AGE FILE-----\n", NULL, "line 3: not \"-----END" },
	{ B "YQ==\n" E "x\n", NULL, "line 3: it follows a line shorter" },
	{ B ROW "\n" E " \n", NULL, "line 3: not \"-----END" },
	{ B "YQ==\n" E "\nx", NULL, "line 3: something follows the armor" },
	{ B "YQ==\n" E "\n" B "YQ==\n" E "\n", NULL, "line 3: something follows the armor" },
	{ B "YQ==\r\n" E "\n", NULL, "line 2: line ends are mixed" },
	{ "-----BEGIN AGE ENCRYPTED FILE-----\r\nYQ==\n" E, NULL, "line 2: line ends are mixed" },
	{ B "YQ==\r" E "\n", NULL, "line 2: not canonical base64" },
};

static void test_armor(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(armors); i++) {
		size_t len = strlen(armors[i].text);
		char *exact = malloc(len == 0 ? 1 : len);
		struct buf out = BUF_INIT;
		struct err err = ERR_INIT;
		int r;

		assert_non_null(exact);
		memcpy(exact, armors[i].text, len);
		r = age_dearmor(exact, len, &out, &err);
		if (armors[i].error == NULL) {
			if (r != 0)
				fail_msg("case %zu: %s", i, err.text);
			assert_string_equal(buf_str(&out), armors[i].plain);
		} else {
			if (r == 0 || strstr(err.text, armors[i].error) == NULL)
				fail_msg("case %zu (%s): %d %s", i, armors[i].error, r, err.text);
			assert_int_equal(err.class, ERR_INVALID);
			assert_int_equal(strncmp(err.text, "age armor: ", 11), 0);
			assert_int_equal(out.len, 0);
		}
		free(exact);
		buf_clear(&out);
	}
}

static void test_armor_bounds(void **state)
{
	struct buf text = BUF_INIT, out = { .max = 50 };
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < 1024; i++)
		buf_putc(&text, ' ');
	buf_puts(&text, B "YQ==\n" E);
	assert_true(age_is_armored(text.data, text.len));
	assert_int_equal(age_dearmor(text.data, text.len, &out, &err), 0);
	for (int i = 0; i < 1 + 1024; i++) /* the first ends the line */
		buf_putc(&text, '\n');
	assert_int_equal(age_dearmor(text.data, text.len, &out, &err), 0);
	buf_putc(&text, '\n');
	check_err(age_dearmor(text.data, text.len, &out, &err), &err, ERR_INVALID,
		  "more than 1024 bytes of white space behind");
	buf_splice(&text, 0, 0, " ", 1);
	check_err(age_dearmor(text.data, text.len, &out, &err), &err, ERR_INVALID,
		  "more than 1024 bytes of white space before");
	assert_false(age_is_armored(text.data, text.len));
	buf_reset(&text);
	buf_puts(&text, B ROW "\n" ROW "\n" E);
	check_err(age_dearmor(text.data, text.len, &out, &err), &err, ERR_INVALID,
		  "holds more than can be taken");
	assert_int_equal(out.len, 0);
	buf_clear(&text);
	buf_clear(&out);
}

/* Encoding and decoding, every length around the line's; lines of 64, no other byte. */
static void test_armor_round_trip(void **state)
{
	(void)state;
	for (size_t n = 0; n < 200; n++) {
		struct buf text = BUF_INIT, out = BUF_INIT;
		struct err err = ERR_INIT;
		unsigned char data[200];
		size_t start = 0;

		randombytes_buf(data, sizeof(data));
		assert_int_equal(age_armor(data, n, &text, &err), 0);
		for (size_t i = 0; i < text.len; i++) {
			if (text.data[i] != '\n')
				continue;
			assert_true(i - start <= 64 && i != start);
			start = i + 1;
		}
		assert_int_equal(start, text.len);
		assert_int_equal(age_dearmor(text.data, text.len, &out, &err), 0);
		assert_int_equal(out.len, n);
		assert_memory_equal(buf_str(&out), data, n);
		buf_clear(&text);
		buf_clear(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_payload_lengths),
		cmocka_unit_test(test_armor),
		cmocka_unit_test(test_armor_bounds),
		cmocka_unit_test(test_armor_round_trip),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
