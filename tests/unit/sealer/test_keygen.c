/* SPDX-License-Identifier: Apache-2.0 */
/* sealing keys and their backups, the recovery key, rules from folders, Bulla's own files */
#include "tests/unit/test.h"

#include <fcntl.h>

#include "sealer/backup.h"
#include "sealer/keygen.h"
#include "sealer/recovery.h"
#include "sealer/repo.h"
#include "sealer/rules.h"
#include "tests/unit/sealer/scratch.h"

#define NOW 1790000000

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool fine;
	} cases[] = {
		{ "eu-west9", true }, { "a", true },
		{ "age", true },      { "recovery", false },
		{ "", false },	      { "A", false },
		{ "a.b", false },     { "../a", false },
		{ "age1abc", false }, { "0123456789abcdef0123456789abcdef", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(keygen_check_name(cases[i].name, &err), cases[i].fine ? 0 : -1);
		assert_int_equal(err.class, cases[i].fine ? ERR_NONE : ERR_RECIPIENT);
	}
}

/* A ring with one new key. */
static void make_ring(struct keyring *kr)
{
	struct age_identity *id = age_identity_generate();
	struct buf text = BUF_INIT;

	keyring_file_format(id, NOW, &text);
	assert_int_equal(keyring_add_bytes(kr, "r", text.data, text.len, NULL, NULL, NULL), 0);
	buf_clear(&text);
	age_identity_free(id);
}

static void test_backups(void **state)
{
	struct keyring recovery = KEYRING_INIT, other = KEYRING_INIT;
	struct keygen k, k2;
	struct kv files = KV_INIT;
	size_t added;
	struct err err = ERR_INIT;
	struct notes notes = NOTES_INIT;
	char *path;

	(void)state;
	make_ring(&recovery);
	make_ring(&other);
	assert_int_equal(
	    keygen_make("eu-west9", age_identity_recipient(recovery.ids[0]), NOW, &k, NULL), 0);
	assert_int_equal(keygen_write(&k, ".", false, NULL), 0);
	assert_int_equal(access(".bulla/keys/eu-west9.age", F_OK), 0);
	assert_int_equal(keygen_write(&k, ".", false, &err), -1);
	assert_int_equal(err.class, ERR_CONFLICT);

	/* its successor, with the first one kept */
	assert_int_equal(backup_keep(".", "eu-west9", age_identity_id(k.id), NULL), 0);
	path = repo_key_path("eu-west9", age_identity_id(k.id));
	assert_int_equal(access(path, F_OK), 0);
	mem_free(path);
	assert_int_equal(
	    keygen_make("eu-west9", age_identity_recipient(recovery.ids[0]), NOW + 1, &k2, NULL),
	    0);
	assert_int_equal(keygen_write(&k2, ".", true, NULL), 0);
	assert_int_equal(backup_settle(".", "eu-west9", age_identity_id(k2.id), NULL), 0);
	scratch_write(".bulla/keys/eu-west9.other.age", "not ours");
	scratch_write(".bulla/keys/eu-west9-b.age", "not ours");
	scratch_write(".bulla/keys/eu-west9.age~", "not ours");
	assert_int_equal(keygen_open(".", "eu-west9", &recovery, &files, &notes, NULL), 0);
	assert_int_equal(files.n, 2);
	assert_int_equal(keygen_open(".", "eu-west9", &other, &files, &notes, &err), -1);
	assert_int_equal(err.class, ERR_NOKEY);
	assert_int_equal(keygen_open(".", "eu-west9-b", &recovery, &files, &notes, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);

	assert_int_equal(keygen_install(&files, "../keys", &added, NULL), 0);
	assert_int_equal(added, 2);
	assert_int_equal(keygen_install(&files, "../keys", &added, NULL), 0);
	assert_int_equal(added, 0);
	assert_int_equal(keygen_install(&files, "keys", NULL, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_int_equal(keygen_write_key(&k, "../keys", NULL), 0); /* the same file again */
	keygen_clear(&k);
	keygen_clear(&k2);
	assert_int_equal(notes.n, 0);
	notes_clear(&notes);
	kv_clear(&files);
	keyring_clear(&recovery);
	keyring_clear(&other);
}

static void test_recovery(void **state)
{
	struct recovery a, b;
	struct keyring kr = KEYRING_INIT;
	struct buf file = BUF_INIT, plain = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(recovery_take("inside.age", NOW, &a, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_int_equal(recovery_take("../r.age", NOW, &a, NULL), 0);
	assert_int_equal(recovery_take("../r.age", NOW, &b, NULL), 0);
	assert_int_equal(a.passphrase.len, RECOVERY_GROUPS * 6 - 1);
	assert_memory_not_equal(a.passphrase.data, b.passphrase.data, a.passphrase.len);
	assert_int_equal(access("../r.age", F_OK), -1); /* nothing is written yet */
	assert_int_equal(age_dearmor(a.file.data, a.file.len, &file, NULL), 0);
	assert_int_equal(age_decrypt_passphrase((const char *)a.passphrase.data, a.passphrase.len,
						file.data, file.len, &plain, NULL),
			 0);
	assert_int_equal(keyring_add_bytes(&kr, "r", plain.data, plain.len, NULL, NULL, NULL), 0);
	assert_memory_equal(age_identity_recipient(kr.ids[0])->point, a.key.point, AGE_KEY_SIZE);
	keyring_clear(&kr);
	recovery_clear(&b);
	/* an existing file of identities or recipients, or the key itself */
	scratch_write("../plain.key", buf_str(&plain));
	assert_int_equal(recovery_take("../plain.key", NOW, &b, NULL), 0);
	assert_null(b.path);
	assert_memory_equal(a.key.point, b.key.point, AGE_KEY_SIZE);
	assert_int_equal(recovery_write(&b, NULL), 0);
	recovery_clear(&b);
	scratch_write("../public", "# offline\n" KEY_A "\n");
	assert_int_equal(recovery_take("../public", NOW, &b, NULL), 0);
	recovery_clear(&b);
	scratch_write("../public", KEY_A "\n" KEY_B "\n");
	assert_int_equal(recovery_take("../public", NOW, &b, &err), -1);
	assert_int_equal(err.class, ERR_RECIPIENT);
	assert_int_equal(recovery_take(KEY_A, NOW, &b, NULL), 0);
	assert_null(b.path);
	recovery_clear(&b);
	/* the user's own folder has one already */
	scratch_write("../home/.config/bulla/recovery.age", "x");
	assert_int_equal(recovery_take(NULL, NOW, &b, &err), -1);
	assert_int_equal(err.class, ERR_CONFLICT);
	recovery_clear(&a);
	buf_clear(&file);
	buf_clear(&plain);
}

static void test_rules(void **state)
{
	static const struct {
		const char *path, *to;
	} want[] = {
		{ "clusters/eu-west9/**", "eu-west9" },
		{ "flux/clusters/us-east1/**", "us-east1" },
	};
	struct recipients r = RECIPIENTS_INIT;
	struct config_rule *rules;
	struct age_recipient key;
	struct kv names = KV_INIT;
	size_t n;

	(void)state;
	assert_int_equal(age_recipient_parse(KEY_A, &key, NULL), 0);
	assert_int_equal(recipients_add(&r, "eu-west9", &key, NULL), 0);
	assert_int_equal(age_recipient_parse(KEY_B, &key, NULL), 0);
	assert_int_equal(recipients_add(&r, "us-east1", &key, NULL), 0);
	assert_int_equal(age_recipient_parse(KEY_C, &key, NULL), 0);
	assert_int_equal(recipients_add(&r, "recovery", &key, NULL), 0);
	scratch_write("clusters/eu-west9/us-east1/x", ""); /* in a folder that is decided */
	scratch_write("clusters/recovery/x", "");	   /* no cluster's name */
	scratch_write("clusters/us-east1", "");		   /* a file */
	scratch_write("flux/clusters/us-east1/x", "");
	scratch_write("a/b/c/us-east1/x", ""); /* too deep */
	scratch_write(".hidden/us-east1/x", "");
	scratch_write("odd*/us-east1/x", ""); /* would be a glob */
	assert_int_equal(symlink("flux", "link"), 0);
	assert_int_equal(rules_make(".", &r, &rules, &n, NULL), 0);
	assert_int_equal(n, 3);
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_string_equal(rules[i].path, want[i].path);
		assert_int_equal(rules[i].n, 1);
		assert_string_equal(rules[i].to[0], want[i].to);
	}
	assert_string_equal(rules[2].path, "**");
	assert_int_equal(rules[2].n, 2);
	assert_string_equal(rules[2].to[0], "eu-west9");
	assert_string_equal(rules[2].to[1], "us-east1");
	rules_free(rules, n);
	assert_int_equal(rules_cluster_names(".", &names, NULL), 0);
	assert_int_equal(names.n, 1);
	assert_true(kv_has(&names, "eu-west9"));
	kv_clear(&names);
	recipients_clear(&r);
}

static void test_own_files(void **state)
{
	struct buf data = BUF_INIT, got = BUF_INIT;
	struct err err = ERR_INIT;
	struct stat st;
	bool exists;
	int fd;

	(void)state;
	buf_puts(&data, "one");
	assert_int_equal(repo_read(".", ".bulla/x", 10, &got, &st, &exists, NULL), 0);
	assert_false(exists);
	assert_int_equal(repo_write(".", ".bulla/x", &data, NULL, NULL), 0);
	assert_int_equal(repo_write(".", ".bulla/x", &data, NULL, &err), -1);
	assert_int_equal(err.class, ERR_CONFLICT);
	assert_int_equal(repo_read(".", ".bulla/x", 10, &got, &st, &exists, NULL), 0);
	assert_true(exists);
	assert_string_equal(buf_str(&got), "one");
	assert_int_equal(repo_read(".", ".bulla/x", 2, &got, &st, &exists, &err), -1);
	assert_int_equal(repo_write(".", ".bulla/x", &data, &st, NULL), 0);
	assert_int_equal(repo_write(".", ".bulla/x", &data, &st, &err), -1); /* another file now */
	assert_int_equal(err.class, ERR_CONFLICT);
	mkdir("../outside", 0755);
	assert_int_equal(symlink("../../outside", ".bulla/keys"), 0);
	assert_int_equal(repo_write(".", ".bulla/keys/y", &data, NULL, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_int_equal(access("../outside/y", F_OK), -1);
	assert_int_equal(repo_read(".", ".bulla/keys/y", 10, &got, &st, &exists, NULL), 0);
	assert_false(exists);
	/* what a descriptor writes to */
	fd = open("out", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(repo_refuse_fd(fd, "standard output", &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	close(fd);
	fd = open("../out", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(repo_refuse_fd(fd, "standard output", NULL), 0);
	close(fd);
	fd = open("/dev/null", O_WRONLY);
	assert_int_equal(repo_refuse_fd(fd, "standard output", NULL), 0);
	close(fd);
	buf_clear(&data);
	buf_clear(&got);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_names), TEST(test_backups),	TEST(test_recovery),
		TEST(test_rules), TEST(test_own_files),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
