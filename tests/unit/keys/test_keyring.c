/* SPDX-License-Identifier: Apache-2.0 */
/* Identity files, encrypted ones, key directories, and their names. */
#include "tests/unit/keys/keys.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "keys/keyring.h"

#define LOG_N 4

static char dir[64];

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/bulla-test-keyring-XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static char *path_of(const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static void put(const char *name, const char *text)
{
	char *path = path_of(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	mem_free(path);
}

/* --- identity files --------------------------------------------------------------------------- */

static int add(struct keyring *kr, const char *text, struct err *err)
{
	return keyring_add_bytes(kr, "keys.txt", text, strlen(text), NULL, NULL, err);
}

static void test_files(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} cases[] = {
		{ KEY_A, 1 },
		{ KEY_A "\n", 1 },
		{ "# created: 2026-11-23T08:00:00Z\n# public key: " PUB_A "\n" KEY_A "\n", 1 },
		{ "\n\n" KEY_A "\n\n#\n" KEY_B "\n", 2 },
		{ "#x\r\n" KEY_A "\r\n\r\n" KEY_B "\r\n", 2 },
		{ KEY_A "\n" KEY_A "\n" KEY_B "\n" KEY_A, 2 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct keyring kr = KEYRING_INIT;
		struct age_identity *a = identity(KEY_A);
		struct err err = ERR_INIT;

		if (add(&kr, cases[i].text, &err) != 0)
			fail_msg("case %zu: %s", i, err.text);
		assert_int_equal(kr.n, cases[i].n);
		assert_string_equal(age_identity_id(kr.ids[0]), age_identity_id(a));
		assert_string_equal(kr.names[0], "keys.txt");
		assert_ptr_equal(keyring_find(&kr, age_identity_id(a)), kr.ids[0]);
		assert_null(keyring_find(&kr, "00000000000000000000000000000000"));
		/* each key once, also over several files */
		assert_int_equal(add(&kr, cases[i].text, &err), 0);
		assert_int_equal(kr.n, cases[i].n);
		age_identity_free(a);
		keyring_clear(&kr);
	}
}

static void test_files_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "keys.txt: holds no private key" },
		{ "# only a comment\n\n", "keys.txt: holds no private key" },
		{ KEY_A "\n " KEY_B "\n", "keys.txt:2: this is not an age private key" },
		{ KEY_A "\n" KEY_B " \n", "keys.txt:2: the private key has 75 characters" },
		{ "\n\n" PUB_A "\n", "keys.txt:3: this is a public key" },
		{ "\xef\xbb\xbf" KEY_A "\n", "keys.txt: begins with a byte order mark" },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----\n", "keys.txt:1: this is a PEM block" },
		{ "-----BEGIN AGE ENCRYPTED FILE-----\n", "keys.txt: age armor: line 2" },
		{ "age-encryption.org/v1\n", "keys.txt: age header: line 2" },
		{ KEY_A "\rAGE", "keys.txt:1: the private key has 78 characters" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct keyring kr = KEYRING_INIT;
		struct err err = ERR_INIT;

		check_err(add(&kr, cases[i].text, &err), &err, ERR_INVALID, cases[i].error);
		assert_int_equal(kr.n, 0); /* nothing, also of the lines that were right */
		keyring_clear(&kr);
	}
}

static void test_bounds(void **state)
{
	struct keyring kr = KEYRING_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	buf_puts(&text, KEY_A "\n");
	while (text.len < KEYRING_FILE_MAX)
		buf_putc(&text, '\n');
	assert_int_equal(keyring_add_bytes(&kr, "x", text.data, text.len, NULL, NULL, &err), 0);
	buf_putc(&text, '\n');
	check_err(keyring_add_bytes(&kr, "x", text.data, text.len, NULL, NULL, &err), &err,
		  ERR_INVALID, "x: larger than 262144 bytes");
	buf_clear(&text);
	keyring_clear(&kr);
}

static void test_too_many(void **state)
{
	struct keyring kr = KEYRING_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i <= KEYRING_MAX; i++) {
		struct age_identity *id = age_identity_generate();

		buf_reset(&text);
		age_identity_format(id, &text);
		age_identity_free(id);
		if (i < KEYRING_MAX)
			assert_int_equal(add(&kr, buf_str(&text), &err), 0);
		else
			check_err(add(&kr, buf_str(&text), &err), &err, ERR_INVALID,
				  "more than 1000 private keys");
	}
	assert_int_equal(kr.n, KEYRING_MAX);
	keyring_clear(&kr);
	buf_clear(&text);
}

static void test_file(void **state)
{
	struct keyring kr = KEYRING_INIT;
	struct err err = ERR_INIT;
	char *path = path_of("one.txt"), *missing = path_of("missing");

	(void)state;
	put("one.txt", KEY_A "\n");
	assert_int_equal(keyring_add_file(&kr, path, NULL, NULL, &err), 0);
	assert_int_equal(kr.n, 1);
	assert_string_equal(kr.names[0], path);
	check_err(keyring_add_file(&kr, missing, NULL, NULL, &err), &err, ERR_IO, "missing");
	check_err(keyring_add_file(&kr, dir, NULL, NULL, &err), &err, ERR_IO, "not a regular file");
	assert_int_equal(kr.n, 1);
	unlink(path);
	mem_free(path);
	mem_free(missing);
	keyring_clear(&kr);
}

/* --- encrypted -------------------------------------------------------------------------------- */

struct asked {
	const char *answer; /* NULL: nobody is there */
	int times;
	char what[32];
};

static int ask(void *ctx, const char *what, struct buf *out, struct err *err)
{
	struct asked *asked = ctx;

	asked->times++;
	snprintf(asked->what, sizeof(asked->what), "%s", what);
	if (asked->answer == NULL)
		return err_set(err, ERR_IO, "no terminal");
	return buf_puts(out, asked->answer);
}

static int add_encrypted(const struct buf *file, struct asked *asked, struct keyring *kr,
			 struct err *err)
{
	return keyring_add_bytes(kr, "id.age", file->data, file->len, asked == NULL ? NULL : ask,
				 asked, err);
}

static void encrypt(const char *text, bool armored, struct buf *out)
{
	struct buf file = BUF_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(age_encrypt_passphrase("tulip", 5, LOG_N, text, strlen(text), &file, &err),
			 0);
	if (armored)
		assert_int_equal(age_armor(file.data, file.len, out, &err), 0);
	else
		buf_move(out, &file);
	buf_clear(&file);
}

static void test_encrypted(void **state)
{
	(void)state;
	for (int armored = 0; armored < 2; armored++) {
		struct asked asked = { .answer = "tulip" };
		struct keyring kr = KEYRING_INIT;
		struct buf file = BUF_INIT;
		struct err err = ERR_INIT;

		encrypt("# two\n" KEY_A "\n" KEY_B "\n", armored, &file);
		assert_int_equal(add_encrypted(&file, &asked, &kr, &err), 0);
		assert_int_equal(kr.n, 2);
		assert_int_equal(asked.times, 1);
		assert_string_equal(asked.what, "id.age");
		keyring_clear(&kr);

		asked.answer = "rose";
		check_err(add_encrypted(&file, &asked, &kr, &err), &err, ERR_NOKEY,
			  "id.age: the passphrase is wrong");
		asked.answer = NULL;
		check_err(add_encrypted(&file, &asked, &kr, &err), &err, ERR_IO, "no terminal");
		check_err(add_encrypted(&file, NULL, &kr, &err), &err, ERR_NOKEY,
			  "id.age: encrypted with a passphrase, which cannot be asked for here");
		asked.answer = "tulip";
		encrypt("no key in here\n", armored, &file);
		check_err(add_encrypted(&file, &asked, &kr, &err), &err, ERR_INVALID,
			  "id.age:1: this is not an age private key");
		assert_int_equal(kr.n, 0);
		keyring_clear(&kr);
		buf_clear(&file);
	}
}

/* What no passphrase opens is told without asking for one. */
static void test_encrypted_to_keys(void **state)
{
	struct asked asked = { .answer = "tulip" };
	struct age_recipient to = recipient(PUB_A);
	struct keyring kr = KEYRING_INIT;
	struct buf file = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(age_encrypt(&to, 1, KEY_B, strlen(KEY_B), &file, &err), 0);
	check_err(add_encrypted(&file, &asked, &kr, &err), &err, ERR_NOKEY,
		  "id.age: an age file encrypted to keys, not with a passphrase");
	buf_truncate(&file, file.len - 17);
	assert_int_equal(asked.times, 0);
	/* and within an encrypted file there is no other */
	encrypt("-----BEGIN AGE ENCRYPTED FILE-----\n", false, &file);
	check_err(add_encrypted(&file, &asked, &kr, &err), &err, ERR_INVALID, "id.age:1: ");
	assert_int_equal(kr.n, 0);
	buf_clear(&file);
}

/* --- directories ------------------------------------------------------------------------------ */

static bool noted(const struct notes *notes, const char *text)
{
	for (size_t i = 0; i < notes->n; i++)
		if (strstr(notes->text[i], text) != NULL)
			return true;
	return false;
}

static void test_dir(void **state)
{
	struct age_identity *a = identity(KEY_A), *b = identity(KEY_B);
	struct keyring kr = KEYRING_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	char *path;

	(void)state;
	assert_int_equal(keyring_add_dir(&kr, dir, &notes, &err), 0); /* empty is fine */
	assert_int_equal(kr.n + notes.n, 0);

	put("20260101T000000Z-old.key", "# old\n" KEY_A "\n");
	put("20270101T000000Z-new.key", KEY_B "\n");
	put("20250101T000000Z-same.key", KEY_A "\n"); /* again, under a lesser name */
	put("by-hand.key", KEY_A "\n");		      /* again, under the greatest */
	put(".hidden.key", KEY_A "\n");
	put("README", "not a key");
	put("key.age", "not a key");
	put(".key", "not a key");
	put("0-bad.key", "garbage\n");
	put("1-two.key", KEY_A "\n" KEY_B "\n");
	put("2-empty.key", "");
	put("3-public.key", PUB_A "\n");
	path = path_of("4-dir.key");
	assert_int_equal(mkdir(path, 0700), 0);
	mem_free(path);
	path = path_of("5-dangling.key");
	assert_int_equal(symlink("nowhere", path), 0);
	mem_free(path);
	path = path_of("6-fifo.key");
	assert_int_equal(mkfifo(path, 0600), 0);
	mem_free(path);
	path = path_of("7-unreadable.key");
	put("7-unreadable.key", KEY_A "\n");
	assert_int_equal(chmod(path, 0), 0);
	mem_free(path);

	assert_int_equal(keyring_add_dir(&kr, dir, &notes, &err), 0);
	assert_int_equal(kr.n, 2);
	assert_string_equal(kr.names[0], "by-hand.key");
	assert_string_equal(age_identity_id(kr.ids[0]), age_identity_id(a));
	assert_string_equal(kr.names[1], "20270101T000000Z-new.key");
	assert_string_equal(age_identity_id(kr.ids[1]), age_identity_id(b));
	assert_true(noted(&notes, "0-bad.key:1: this is not an age private key"));
	assert_true(noted(&notes, "1-two.key: holds 2 private keys"));
	assert_true(noted(&notes, "2-empty.key: holds no private key"));
	assert_true(noted(&notes, "3-public.key:1: this is a public key"));
	assert_true(noted(&notes, "4-dir.key: not a regular file"));
	assert_true(noted(&notes, "5-dangling.key: cannot open"));
	assert_true(noted(&notes, "6-fifo.key: not a regular file"));
	if (geteuid() != 0)
		assert_true(noted(&notes, "7-unreadable.key: cannot open"));
	assert_int_equal(notes.n, geteuid() == 0 ? 7 : 8);
	for (size_t i = 0; i < notes.n; i++)
		assert_null(strstr(notes.text[i], "garbage"));
	notes_clear(&notes);
	keyring_clear(&kr);
	age_identity_free(a);
	age_identity_free(b);

	path = path_of("no-such-folder");
	check_err(keyring_add_dir(&kr, path, &notes, &err), &err, ERR_IO,
		  "cannot open the key directory: No such file");
	mem_free(path);
}

/* So many files are no key directory. */
static void test_dir_too_many(void **state)
{
	struct keyring kr = KEYRING_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	char name[32];

	(void)state;
	for (int i = 0; i <= 10000; i++) {
		snprintf(name, sizeof(name), "%d.key", i);
		put(name, "");
	}
	check_err(keyring_add_dir(&kr, dir, &notes, &err), &err, ERR_IO,
		  "more than 10000 key files");
	assert_int_equal(kr.n + notes.n, 0);
}

/* An encrypted key is told: a key directory is read where nobody can be asked. */
static void test_dir_encrypted(void **state)
{
	struct keyring kr = KEYRING_INIT;
	struct notes notes = NOTES_INIT;
	struct buf file = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	encrypt(KEY_A "\n", true, &file);
	put("x.key", buf_str(&file));
	put("y.key", KEY_B "\n");
	assert_int_equal(keyring_add_dir(&kr, dir, &notes, &err), 0);
	assert_int_equal(kr.n, 1);
	assert_int_equal(notes.n, 1);
	assert_true(noted(&notes, "x.key: encrypted with a passphrase"));
	notes_clear(&notes);
	keyring_clear(&kr);
	buf_clear(&file);
}

/* As the kubelet lays out a mounted Secret: links to "..data", which is a link itself. */
static void test_mounted_secret(void **state)
{
	static const char data[] = "..2026_11_23_08_00_00.1234567890";
	struct age_identity *a = identity(KEY_A), *b = identity(KEY_B);
	struct keyring kr = KEYRING_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	char cwd[256], *name;

	(void)state;
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(dir), 0);
	assert_int_equal(mkdir(data, 0755), 0);
	assert_int_equal(symlink(data, "..data"), 0);
	for (int i = 0; i < 2; i++) {
		char *key = keyring_file_name(i == 0 ? a : b, 1767225600 + i * 86400);

		name = mem_printf("%s/%s", data, key);
		put(name, i == 0 ? KEY_A "\n" : KEY_B "\n");
		mem_free(name);
		name = mem_printf("..data/%s", key);
		assert_int_equal(symlink(name, key), 0);
		mem_free(name);
		mem_free(key);
	}
	assert_int_equal(chdir(cwd), 0);
	assert_int_equal(keyring_add_dir(&kr, dir, &notes, &err), 0);
	assert_int_equal(notes.n, 0);
	assert_int_equal(kr.n, 2);
	assert_string_equal(age_identity_id(kr.ids[0]), age_identity_id(b)); /* the newer */
	assert_string_equal(age_identity_id(kr.ids[1]), age_identity_id(a));
	keyring_clear(&kr);
	age_identity_free(a);
	age_identity_free(b);
}

/* --- names ------------------------------------------------------------------------------------ */

static void test_names(void **state)
{
	struct age_identity *a = identity(KEY_A);
	char *name = keyring_file_name(a, 1795420800), *want;
	struct buf text = BUF_INIT;
	struct keyring kr = KEYRING_INIT;
	struct err err = ERR_INIT;

	(void)state;
	want = mem_printf("20261123T080000Z-%s.key", age_identity_id(a));
	assert_string_equal(name, want);
	keyring_file_format(a, 1795420800, &text);
	assert_string_equal(buf_str(&text), "# created: 2026-11-23T08:00:00Z\n"
					    "# public key: " PUB_A "\n" KEY_A "\n");
	assert_int_equal(add(&kr, buf_str(&text), &err), 0);
	mem_free(name);
	mem_free(want);
	buf_clear(&text);
	keyring_clear(&kr);
	age_identity_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_files_refused),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
		cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_encrypted_to_keys),
		cmocka_unit_test_setup_teardown(test_dir, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dir_encrypted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_dir_too_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_mounted_secret, set_up, tear_down),
		cmocka_unit_test(test_names),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
