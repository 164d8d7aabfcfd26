/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No branch and no address depends on a secret: run under valgrind memcheck, which is told that
 * secret bytes are uninitialised (base/ct.h) and reports each use of one to decide something.
 *
 * usage: ct_age clean		everything that keys/ does with private and file keys: 0 reports
 *	  ct_age planted-memcmp | planted-branch | planted-table
 *				one mistake on purpose, which must be reported
 * Exit status 0 when the results are right, 1 when they are not; reports are valgrind's to count.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/memcheck.h>

#include "base/ct.h"
#include "base/err.h"
#include "base/mem.h"
#include "keys/age.h"

#define PREFIX "AGE-SECRET-KEY-1"
#define RECIPIENTS 3
#define LONG_PLAIN 70000 /* more than one chunk */

static void check(int right, const char *what)
{
	if (right)
		return;
	fprintf(stderr, "ct_age: %s\n", what);
	exit(1);
}

/*
 * Is a byte's validity what it is set to for secrets?  Else the whole check would be about nothing.
 */
static void check_secret(const void *p, const char *what)
{
	unsigned char bits = 0;

	if (RUNNING_ON_VALGRIND) {
		check(VALGRIND_GET_VBITS(p, &bits, 1) == 1, "this valgrind tells no validity bits");
		check(bits != 0, what);
	}
}

/* The text of a private key, its data secret, read and written. */
static struct age_identity *read_and_write(void)
{
	char text[] = PREFIX "GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
	struct err err = ERR_INIT;
	struct buf written = BUF_INIT;
	struct age_identity *id;

	ct_secret(text + strlen(PREFIX), sizeof(text) - sizeof(PREFIX));
	id = age_identity_parse(text, sizeof(text) - 1, &err);
	check(id != NULL, "the private key was not read");
	check_secret(age_identity_scalar(id), "the private key is not secret");
	age_identity_format(id, &written);
	check_secret(written.data + strlen(PREFIX), "the written private key is not secret");
	ct_public(written.data, written.len);
	ct_public(text, sizeof(text));
	check(strcmp(buf_str(&written), text) == 0, "the private key was not written as it was");
	buf_clear(&written);
	return id;
}

/* A mistyped key: that it is wrong may be told, what it is may not. */
static void read_wrong(void)
{
	char text[] = PREFIX "GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEE";
	struct err err = ERR_INIT;

	ct_secret(text + strlen(PREFIX), sizeof(text) - sizeof(PREFIX));
	check(age_identity_parse(text, sizeof(text) - 1, &err) == NULL, "a mistyped key was read");
}

static void encrypt(const struct age_identity *last, size_t len, struct buf *out)
{
	struct age_recipient to[RECIPIENTS];
	unsigned char *plain = mem_alloc(len);
	struct err err = ERR_INIT;

	for (size_t i = 0; i < RECIPIENTS; i++) {
		struct age_identity *id = age_identity_generate();

		check_secret(age_identity_scalar(id), "a new key is not secret");
		to[i] = i + 1 < RECIPIENTS ? *age_identity_recipient(id)
					   : *age_identity_recipient(last);
		age_identity_free(id);
	}
	memset(plain, 'x', len);
	ct_secret(plain, len);
	check(age_encrypt(to, RECIPIENTS, plain, len, out, &err) == 0, err.text);
	check_secret(out->data + out->len - 1, "the encrypted file does not depend on the secrets");
	ct_public(out->data, out->len); /* it is for everyone to see */
	mem_free(plain);
}

static void decrypt(const struct age_identity *id, const struct buf *file, size_t len)
{
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	check(age_decrypt(&id, 1, 0, file->data, file->len, &out, NULL, &err) == 0, err.text);
	check(out.len == len, "the plaintext has another length");
	check_secret(out.data, "the plaintext is not secret");
	ct_public(out.data, out.len);
	for (size_t i = 0; i < len; i++)
		check(out.data[i] == 'x', "the plaintext is another");
	buf_clear(&out);
}

/* change: so that what comes out is another byte, and in the header still base64 */
static void decrypt_fails(const struct age_identity *id, struct buf *file, size_t at,
			  unsigned char change, enum err_class class)
{
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;

	file->data[at] ^= change;
	check(age_decrypt(&id, 1, 0, file->data, file->len, &out, NULL, &err) != 0,
	      "a changed file was opened");
	check(err.class == class, err.text);
	file->data[at] ^= change;
	buf_clear(&out);
}

static void clean(void)
{
	struct age_identity *id = read_and_write(), *other = age_identity_generate();
	struct buf file = BUF_INIT, big = BUF_INIT;
	const char *mac;
	unsigned char *in_mac;

	read_wrong();
	encrypt(id, 100, &file);
	encrypt(id, LONG_PLAIN, &big);
	decrypt(id, &file, 100);
	decrypt(id, &big, LONG_PLAIN);
	mac = strstr((char *)file.data, "\n--- ");
	check(mac != NULL, "there is no MAC");
	in_mac = file.data + (mac - (char *)file.data) + 10;
	decrypt_fails(id, &file, (size_t)(in_mac - file.data),
		      *in_mac ^ (*in_mac == 'A' ? 'B' : 'A'), ERR_REFUSED);
	decrypt_fails(id, &file, file.len - 1, 1, ERR_REFUSED);
	decrypt_fails(id, &big, big.len - 1, 1, ERR_REFUSED);
	decrypt_fails(other, &file, file.len - 1, 1, ERR_NOKEY);
	age_identity_free(id);
	age_identity_free(other);
	buf_clear(&file);
	buf_clear(&big);
}

/* --- mistakes --------------------------------------------------------------------------------- */

static void planted_memcmp(void)
{
	struct age_identity *id = read_and_write();
	unsigned char guess[AGE_KEY_SIZE] = { 0x42, 0x42, 0x43 };

	printf("%d\n", memcmp(age_identity_scalar(id), guess, sizeof(guess)) == 0);
	age_identity_free(id);
}

static void planted_branch(void)
{
	struct age_identity *id = age_identity_generate();

	if (age_identity_scalar(id)[5] & 1)
		puts("odd");
	age_identity_free(id);
}

static void planted_table(void)
{
	static const volatile char table[256] = "table";
	struct age_identity *id = age_identity_generate();
	volatile char c = table[age_identity_scalar(id)[5]];

	(void)c;
	age_identity_free(id);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {
		{ "clean", clean },
		{ "planted-memcmp", planted_memcmp },
		{ "planted-branch", planted_branch },
		{ "planted-table", planted_table },
	};

	mem_init();
	for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(argv[1], modes[i].name) == 0) {
			modes[i].run();
			return 0;
		}
	}
	fputs("usage: ct_age clean | planted-memcmp | planted-branch | planted-table\n", stderr);
	return 2;
}
