/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No copy of a key stays behind.  Each operation runs on a stack of our own, which is then searched
 * for the private scalar, its text, the file key and what is derived from both, on success and on
 * each kind of failure.  A run that leaves a copy on purpose shows that the search finds one.
 */
#include "tests/unit/keys/keys.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif

#include "base/mem.h"
#include "keys/age_header.h"
#include "keys/age_payload.h"
#include "keys/hkdf.h"
#include "keys/wrap.h"

#define STACK_SIZE (1 << 20)
#define MARKS_MAX 20

struct mark {
	const char *what;
	unsigned char bytes[80];
	size_t len;
};

/* What is looked for is kept away from the stack that is searched. */
static struct mark marks[MARKS_MAX];
static size_t n_marks;
static unsigned char *stack;
static unsigned char *snapshot; /* of the stack, when an operation has just returned */

/*
 * Stands in for libsodium's, so that what is random is known: a new byte each, the same every time.
 */
static unsigned next_random;

void randombytes_buf(void *const buf, const size_t size)
{
	for (size_t i = 0; i < size; i++, next_random++)
		((unsigned char *)buf)[i] = (unsigned char)(next_random * 167 + (next_random >> 8));
}

static void mark(const char *what, const void *bytes, size_t len)
{
	assert_true(n_marks < MARKS_MAX && len <= sizeof(marks[0].bytes));
	marks[n_marks].what = what;
	memcpy(marks[n_marks].bytes, bytes, len);
	marks[n_marks++].len = len;
}

static const char *found(void)
{
	for (size_t m = 0; m < n_marks; m++)
		if (memmem(snapshot, STACK_SIZE, marks[m].bytes, marks[m].len) != NULL)
			return marks[m].what;
	return NULL;
}

/* --- the operations --------------------------------------------------------------------------- */

#define FILE_KEY "YELLOW SUBMARINE" /* of this file, as its vector says */

static struct buf file, out;
static const struct age_identity *id;
static struct age_recipient to;
static char text[] = KEY_B;
static int result;

static void do_decrypt(void)
{
	struct err err = ERR_INIT;

	result = age_decrypt(&id, 1, 0, file.data, file.len, &out, NULL, &err);
}

static void do_passphrase(void)
{
	struct err err = ERR_INIT;

	result = age_decrypt_passphrase("password", 8, file.data, file.len, &out, &err);
}

static void do_encrypt(void)
{
	struct err err = ERR_INIT;

	result = age_encrypt(&to, 1, "plain", 5, &out, &err);
}

static void do_encrypt_passphrase(void)
{
	struct err err = ERR_INIT;

	result = age_encrypt_passphrase("password", 8, 4, "plain", 5, &out, &err);
}

static void do_parse(void)
{
	struct err err = ERR_INIT;
	struct age_identity *parsed = age_identity_parse(text, strlen(text), &err);

	result = parsed == NULL ? -1 : 0;
	age_identity_free(parsed);
}

static void do_format(void)
{
	age_identity_format(id, &out);
	result = 0;
}

/* The parts by themselves: within a whole opening, a later call would cover what they leave. */

static unsigned char share[32], body[32], file_key[16], mac_key_out[32], salt16[16];
static struct age_header header;

static void do_wrap_seal(void)
{
	struct err err = ERR_INIT;

	result = wrap_x25519_seal(&to, file_key, share, body, &err);
}

static void do_wrap_open(void)
{
	unsigned char key[16];

	result = wrap_x25519_open(id, share, body, key) == WRAP_OPENED ? 0 : -1;
	mem_wipe(key, sizeof(key));
}

static void do_scrypt_seal(void)
{
	struct wrap_passphrase p = { "password", 8, salt16, 4 };

	result = wrap_scrypt_seal(&p, file_key, body) == WRAP_OPENED ? 0 : -1;
}

static void do_scrypt_open(void)
{
	struct wrap_passphrase p = { "password", 8, salt16, 4 };
	unsigned char key[16];

	result = wrap_scrypt_open(&p, body, key) == WRAP_OPENED ? 0 : -1;
	mem_wipe(key, sizeof(key));
}

static void do_hkdf(void)
{
	hkdf_sha256(mac_key_out, (struct hkdf_bytes){ file_key, 16 },
		    (struct hkdf_bytes){ NULL, 0 }, "header");
	result = 0;
}

static void do_verify(void)
{
	result = age_header_verify(&header, file.data, file_key) ? 0 : -1;
}

static void do_header_end(void)
{
	age_header_begin(&out);
	result = age_header_end(&out, file_key);
}

static void do_payload_encrypt(void)
{
	result = age_payload_encrypt(file_key, "plain", 5, &out);
}

static void do_payload_decrypt(void)
{
	struct err err = ERR_INIT;

	result = age_payload_decrypt(file_key, file.data + header.len, file.len - header.len, &out,
				     &err);
}

/* Reads its copy, so that it is made. */
static void do_leave_a_copy(void)
{
	volatile unsigned char copy[32];

	for (size_t i = 0; i < sizeof(copy); i++)
		copy[i] = age_identity_scalar(id)[i];
	result = copy[0] == age_identity_scalar(id)[0] ? 0 : -1;
}

/*
 * memcheck takes what is below a stack pointer for nobody's.  No call: that would use the stack
 * that is to be looked at.
 */
static inline __attribute__((always_inline)) void tools_allow_stack(void)
{
#ifdef VALGRIND_MAKE_MEM_DEFINED
	(void)VALGRIND_MAKE_MEM_DEFINED(stack, STACK_SIZE);
#endif
}

/*
 * The copy is made before anything else can use the stack again, and by no function that needs some
 * of it.  The tools are told that reading there is meant.
 */
__attribute__((no_sanitize("address"))) static void *thread_main(void *operation)
{
	(*(void (**)(void))operation)();
	tools_allow_stack();
	for (size_t i = 0; i < STACK_SIZE; i++)
		((volatile unsigned char *)snapshot)[i] = ((volatile unsigned char *)stack)[i];
	return NULL;
}

static void run(void (*operation)(void))
{
	pthread_attr_t attr;
	pthread_t thread;

	tools_allow_stack();
	memset(stack, 0, STACK_SIZE);
	buf_clear(&out);
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstack(&attr, stack, STACK_SIZE), 0);
	assert_int_equal(pthread_create(&thread, &attr, thread_main, &operation), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
}

static void run_clean(void (*operation)(void), int want)
{
	run(operation);
	assert_int_equal(result, want);
	if (found() != NULL)
		fail_msg("left on the stack: %s", found());
}

/* --- the tests -------------------------------------------------------------------------------- */

/* Read from the file: what it takes to know all secrets of one opening. */
static void mark_opening(void)
{
	unsigned char shared[32], salt[64], key[32];
	struct age_header h;
	struct err err = ERR_INIT;

	assert_int_equal(age_header_parse(file.data, file.len, &h, &err), 0);
	assert_int_equal(crypto_scalarmult(shared, age_identity_scalar(id), h.stanzas[0].share), 0);
	mark("shared secret", shared, sizeof(shared));
	memcpy(salt, h.stanzas[0].share, 32);
	memcpy(salt + 32, age_identity_recipient(id)->point, 32);
	hkdf_sha256(key, (struct hkdf_bytes){ shared, 32 }, (struct hkdf_bytes){ salt, 64 },
		    "age-encryption.org/v1/X25519");
	mark("wrap key", key, sizeof(key));
	hkdf_sha256(key, (struct hkdf_bytes){ FILE_KEY, 16 }, (struct hkdf_bytes){ NULL, 0 },
		    "header");
	mark("MAC key", key, sizeof(key));
	hkdf_sha256(key, (struct hkdf_bytes){ FILE_KEY, 16 },
		    (struct hkdf_bytes){ file.data + h.len, 16 }, "payload");
	mark("payload key", key, sizeof(key));
	mark("file key", FILE_KEY, 16);
	age_header_clear(&h);
}

static void load(const char *name)
{
	char *path = mem_printf("tests/vectors/cctv-age/testdata/%s", name);
	FILE *f = fopen(path, "r");
	char line[400];
	int c;

	assert_non_null(f);
	buf_clear(&file);
	do
		assert_non_null(fgets(line, sizeof(line), f));
	while (line[0] != '\n');
	while ((c = getc(f)) != EOF)
		buf_putc(&file, (unsigned char)c);
	fclose(f);
	mem_free(path);
}

static void test_search_finds(void **state)
{
	(void)state;
	run(do_leave_a_copy);
	assert_int_equal(result, 0);
	assert_non_null(found());
}

static void test_decrypt(void **state)
{
	static const struct {
		const char *name;
		int want;
	} cases[] = {
		{ "x25519", 0 },
		{ "x25519_multiple_recipients", 0 },
		{ "hmac_bad", -1 },
		{ "stream_bad_tag", -1 },
		{ "stream_no_chunks", -1 },
		{ "x25519_bad_tag", -1 },
		{ "x25519_low_order", -1 },
		{ "x25519_extra_argument", -1 },
		{ "stream_short_chunk", -1 },
	};
	size_t before = n_marks;

	(void)state;
	load("x25519");
	mark_opening();
	for (size_t i = 0; i < COUNT(cases); i++) {
		load(cases[i].name);
		run_clean(do_decrypt, cases[i].want);
	}
	n_marks = before;
}

static void test_passphrase(void **state)
{
	static const struct {
		const char *name;
		int want;
	} cases[] = { { "scrypt", 0 }, { "scrypt_bad_tag", -1 }, { "scrypt_no_match", 0 } };
	size_t before = n_marks;

	(void)state;
	mark("file key", "YELLOW SUBMARINE", 16);
	for (size_t i = 0; i < COUNT(cases); i++) {
		load(cases[i].name);
		run_clean(do_passphrase, cases[i].want);
	}
	n_marks = before;
}

/*
 * The file key of an encryption is random, so it is read back: the identity opens the outcome, and
 * from its file key the other secrets follow.
 */
static void test_encrypt(void **state)
{
	unsigned char shared[32], salt[64], key[32];
	size_t before = n_marks;
	struct age_header h;
	struct err err = ERR_INIT;

	(void)state;
	run(do_encrypt);
	assert_int_equal(result, 0);
	assert_int_equal(age_header_parse(out.data, out.len, &h, &err), 0);
	assert_int_equal(crypto_scalarmult(shared, age_identity_scalar(id), h.stanzas[0].share), 0);
	mark("shared secret", shared, 32);
	memcpy(salt, h.stanzas[0].share, 32);
	memcpy(salt + 32, to.point, 32);
	hkdf_sha256(key, (struct hkdf_bytes){ shared, 32 }, (struct hkdf_bytes){ salt, 64 },
		    "age-encryption.org/v1/X25519");
	mark("wrap key", key, 32);
	memset(salt, 0, 12);
	assert_int_equal(crypto_aead_chacha20poly1305_ietf_decrypt(
			     file_key, NULL, NULL, h.stanzas[0].body, 32, NULL, 0, salt, key),
			 0);
	mark("file key", file_key, 16);
	hkdf_sha256(key, (struct hkdf_bytes){ file_key, 16 }, (struct hkdf_bytes){ NULL, 0 },
		    "header");
	mark("MAC key", key, 32);
	hkdf_sha256(key, (struct hkdf_bytes){ file_key, 16 },
		    (struct hkdf_bytes){ out.data + h.len, 16 }, "payload");
	mark("payload key", key, 32);
	age_header_clear(&h);
	if (found() != NULL)
		fail_msg("left on the stack: %s", found());
	n_marks = before;
	next_random = 0;
	randombytes_buf(file_key, 16);
	mark("file key", file_key, 16);
	next_random = 0;
	run_clean(do_encrypt_passphrase, 0);
	n_marks = before;
}

static void test_identity(void **state)
{
	(void)state;
	run_clean(do_parse, 0);
	run_clean(do_format, 0);
	text[20] = text[20] == 'Q' ? 'P' : 'Q'; /* half of it is in a register by then */
	run_clean(do_parse, -1);
}

/* HMAC's key and what hashing leaves of it: the inner block is the key, changed by 0x36. */
static void mark_hmac(const char *what, const unsigned char *key, size_t len)
{
	unsigned char pad[32] = { 0 };

	assert_true(len == sizeof(pad));
	for (size_t i = 0; i < len; i++)
		pad[i] = key[i] ^ 0x36;
	mark(what, pad, len);
	for (size_t i = 0; i < len; i++)
		pad[i] = key[i] ^ 0x5c;
	mark(what, pad, len);
}

/* What is derived within one call is known by deriving it here, plainly. */
static void test_parts(void **state)
{
	unsigned char shared[32], salt[64], key[32], prk[32], ephemeral[32];
	size_t before = n_marks;
	struct err err = ERR_INIT;

	(void)state;
	memcpy(file_key, FILE_KEY, 16);
	mark("file key", FILE_KEY, 16);

	next_random = 0;
	randombytes_buf(ephemeral, 32);
	mark("ephemeral secret", ephemeral, 32);
	assert_int_equal(crypto_scalarmult(shared, ephemeral, to.point), 0);
	mark("shared secret", shared, 32);
	crypto_scalarmult_base(salt, ephemeral);
	memcpy(salt + 32, to.point, 32);
	hkdf_sha256(key, (struct hkdf_bytes){ shared, 32 }, (struct hkdf_bytes){ salt, 64 },
		    "age-encryption.org/v1/X25519");
	mark("wrap key", key, 32);
	next_random = 0;
	run_clean(do_wrap_seal, 0);
	run_clean(do_wrap_open, 0);
	n_marks = before;

	memcpy(salt, "age-encryption.org/v1/scrypt", 28);
	memcpy(salt + 28, salt16, 16);
	assert_int_equal(crypto_pwhash_scryptsalsa208sha256_ll((const unsigned char *)"password", 8,
							       salt, 44, 16, 8, 1, key, 32),
			 0);
	mark("scrypt wrap key", key, 32);
	mark("file key", FILE_KEY, 16);
	run_clean(do_scrypt_seal, 0);
	run_clean(do_scrypt_open, 0);
	n_marks = before;

	/* HKDF-Extract is HMAC under an empty key */
	crypto_auth_hmacsha256_state hmac;

	crypto_auth_hmacsha256_init(&hmac, prk, 0);
	crypto_auth_hmacsha256_update(&hmac, file_key, 16);
	crypto_auth_hmacsha256_final(&hmac, prk);
	hkdf_sha256(key, (struct hkdf_bytes){ file_key, 16 }, (struct hkdf_bytes){ NULL, 0 },
		    "header");
	mark("HKDF's inner key", prk, 32);
	mark_hmac("HKDF's inner key in HMAC", prk, 32);
	mark("MAC key", key, 32);
	mark_hmac("MAC key in HMAC", key, 32);
	mark("file key", FILE_KEY, 16);
	run_clean(do_hkdf, 0);
	load("x25519");
	assert_int_equal(age_header_parse(file.data, file.len, &header, &err), 0);
	mark("right MAC", header.mac, 32);
	run_clean(do_verify, 0);
	n_marks--;
	run_clean(do_header_end, 0);
	hkdf_sha256(key, (struct hkdf_bytes){ file_key, 16 },
		    (struct hkdf_bytes){ file.data + header.len, 16 }, "payload");
	mark("payload key", key, 32);
	run_clean(do_payload_decrypt, 0);
	n_marks--;
	next_random = 0;
	randombytes_buf(salt, 16); /* the nonce that it will take */
	hkdf_sha256(key, (struct hkdf_bytes){ file_key, 16 }, (struct hkdf_bytes){ salt, 16 },
		    "payload");
	mark("payload key", key, 32);
	next_random = 0;
	run_clean(do_payload_encrypt, 0);
	age_header_clear(&header);
	n_marks = before;
}

static int set_up(void **state)
{
	unsigned char clamped[32];

	(void)state;
	snapshot = malloc(STACK_SIZE);
	stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	id = identity(KEY_B);
	to = *age_identity_recipient(id);
	memcpy(clamped, age_identity_scalar(id), 32);
	mark("private key", clamped, 32);
	/* its middle too: X25519 changes the first and the last byte before it starts */
	mark("clamped private key", clamped + 1, 30);
	mark("text of the private key", &KEY_B[20], 40);
	return snapshot == NULL || stack == MAP_FAILED ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search_finds), cmocka_unit_test(test_decrypt),
		cmocka_unit_test(test_passphrase),   cmocka_unit_test(test_encrypt),
		cmocka_unit_test(test_identity),     cmocka_unit_test(test_parts),
	};

	mem_init();
	return cmocka_run_group_tests(tests, set_up, NULL);
}
