/* SPDX-License-Identifier: Apache-2.0 */
/* backups of sealing keys: what is in them, and the names of their files when keys come and go */
#include "tests/unit/test.h"

#include "sealer/backup.h"
#include "sealer/keygen.h"
#include "sealer/repo.h"
#include "tests/unit/sealer/scratch.h"

#define NOW 1790000000
#define OLD "00000000000000000000000000000001"
#define NEW "00000000000000000000000000000002"
#define THIRD "00000000000000000000000000000003"

/* --- names ------------------------------------------------------------------------------------ */

/* "main=1 OLD=1": what .bulla/keys holds; the digit is the content. */
struct step {
	const char *before, *id, *after;
};

static const char *file_of(char letter)
{
	switch (letter) {
	case 'm':
		return ".bulla/keys/eu.age";
	case 'O':
		return ".bulla/keys/eu." OLD ".age";
	case 'N':
		return ".bulla/keys/eu." NEW ".age";
	default:
		return ".bulla/keys/eu." THIRD ".age";
	}
}

static void make_state(const char *text)
{
	for (const char *s = "mONT"; *s != '\0'; s++)
		unlink(file_of(*s));
	for (const char *s = text; *s != '\0'; s++)
		if (s[1] == '=') {
			char content[2] = { s[2], '\0' };

			scratch_write(file_of(*s), content);
		}
}

static void read_state(struct buf *out)
{
	for (const char *s = "mONT"; *s != '\0'; s++) {
		struct buf text = BUF_INIT;
		bool exists;

		assert_int_equal(repo_read(".", file_of(*s), 10, &text, NULL, &exists, NULL), 0);
		if (exists)
			buf_printf(out, "%s%c=%s", out->len > 0 ? " " : "", *s, buf_str(&text));
		buf_clear(&text);
	}
}

/* 1: the old key's backup, 2: the new one's, 3: of a third. */
static void test_settle(void **state)
{
	static const struct step steps[] = {
		/* nothing to do */
		{ "", OLD, "" },
		{ "m=1", OLD, "m=1" },
		{ "m=2 O=1", NEW, "m=2 O=1" },
		/* ended after each step of a new key */
		{ "m=1 N=2", OLD, "m=1 N=2" },
		{ "m=1 O=1 N=2", OLD, "m=1 N=2" },
		{ "m=1 O=1 N=2", NEW, "m=2 O=1" },
		{ "N=2", NEW, "m=2" },
		{ "m=2 N=2", NEW, "m=2" },
		/* a key given by hand has no backup */
		{ "m=1 O=1", NEW, "O=1" },
		/* the recipient is gone */
		{ "m=1 O=1", "", "O=1" },
		{ "m=1", "", "m=1" },
		/* of which nobody knows whose it is: it stays, under whatever name */
		{ "m=3 N=2", NEW, "m=3 N=2" },
		{ "m=3 O=1 N=2", NEW, "m=3 O=1 N=2" },
		{ "m=3 T=3 N=2", NEW, "m=2 T=3" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct buf got = BUF_INIT;

		make_state(steps[i].before);
		/* twice: what is settled stays */
		assert_int_equal(backup_settle(".", "eu", steps[i].id, NULL), 0);
		assert_int_equal(backup_settle(".", "eu", steps[i].id, NULL), 0);
		read_state(&got);
		assert_string_equal(buf_str(&got), steps[i].after);
		buf_clear(&got);
	}
}

static void test_keep(void **state)
{
	static const struct step steps[] = {
		{ "", OLD, "" },       { "m=1", OLD, "m=1 O=1" }, { "m=1 O=1", OLD, "m=1 O=1" },
		{ "O=1", OLD, "O=1" }, { "m=1 O=3", OLD, NULL }, /* two backups of one name */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct buf got = BUF_INIT;
		struct err err = ERR_INIT;
		int r;

		make_state(steps[i].before);
		r = backup_keep(".", "eu", steps[i].id, &err);
		assert_int_equal(r, steps[i].after != NULL ? 0 : -1);
		assert_int_equal(err.class, steps[i].after != NULL ? ERR_NONE : ERR_CONFLICT);
		read_state(&got);
		assert_string_equal(buf_str(&got),
				    steps[i].after != NULL ? steps[i].after : steps[i].before);
		buf_clear(&got);
	}
}

static void test_pending(void **state)
{
	bool pending;

	(void)state;
	make_state("m=1 N=2");
	assert_int_equal(backup_pending(".", "eu", NEW, &pending, NULL), 0);
	assert_true(pending);
	assert_int_equal(backup_pending(".", "eu", OLD, &pending, NULL), 0);
	assert_false(pending);
}

/* What killed writers left goes, and what is none of theirs stays. */
static void test_sweep(void **state)
{
	(void)state;
	make_state("m=1");
	scratch_write(".bulla/keys/.eu." NEW ".age.bulla~", "half");
	scratch_write(".bulla/keys/.bulla~", "x");
	scratch_write(".bulla/keys/eu.bulla~", "x");
	assert_int_equal(backup_settle(".", "eu", OLD, NULL), 0);
	assert_int_equal(access(".bulla/keys/.eu." NEW ".age.bulla~", F_OK), -1);
	assert_int_equal(access(".bulla/keys/.bulla~", F_OK), 0);
	assert_int_equal(access(".bulla/keys/eu.bulla~", F_OK), 0);
}

/* --- contents --------------------------------------------------------------------------------- */

static void make_ring(struct keyring *kr, const char *name)
{
	struct age_identity *id = age_identity_generate();
	struct buf text = BUF_INIT;

	keyring_file_format(id, NOW, &text);
	assert_int_equal(keyring_add_bytes(kr, name, text.data, text.len, NULL, NULL, NULL), 0);
	buf_clear(&text);
	age_identity_free(id);
}

static void put_key(const struct keyring *kr, size_t i, const char *name, int64_t now,
		    struct kv *files)
{
	struct buf text = BUF_INIT;

	keyring_file_format(kr->ids[i], now, &text);
	kv_set(files, name, text.data, text.len);
	buf_clear(&text);
}

static void test_round_trip(void **state)
{
	struct keyring recovery = KEYRING_INIT, keys = KEYRING_INIT, other = KEYRING_INIT;
	struct kv files = KV_INIT;
	struct buf text = BUF_INIT;
	struct backup b = BACKUP_INIT;
	struct err err = ERR_INIT;

	(void)state;
	make_ring(&recovery, "r");
	make_ring(&other, "o");
	make_ring(&keys, "a");
	make_ring(&keys, "b");
	put_key(&keys, 0, "2-b.key", NOW, &files);
	put_key(&keys, 1, "1-a.key", NOW, &files);
	assert_int_equal(backup_seal(&files, age_identity_recipient(recovery.ids[0]), &text, NULL),
			 0);
	assert_int_equal(backup_open("f", &text, &recovery, &b, NULL), 0);
	assert_true(kv_equal(&b.files, &files));
	assert_int_equal(b.readers, 1);
	assert_int_equal(b.opened_by, 0);
	/* keys stand in the order of their files */
	assert_string_equal(age_identity_id(b.keys.ids[0]), age_identity_id(keys.ids[1]));
	assert_string_equal(age_identity_id(b.keys.ids[1]), age_identity_id(keys.ids[0]));
	backup_clear(&b);
	assert_int_equal(backup_open("f", &text, &other, &b, &err), -1);
	assert_int_equal(err.class, ERR_NOKEY);
	assert_non_null(strstr(err.text, "f: "));
	backup_clear(&b);
	/* one key in two files is no backup */
	put_key(&keys, 0, "3.key", NOW + 1, &files);
	buf_reset(&text);
	assert_int_equal(backup_seal(&files, age_identity_recipient(recovery.ids[0]), &text, NULL),
			 0);
	assert_int_equal(backup_open("f", &text, &recovery, &b, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	backup_clear(&b);
	buf_clear(&text);
	kv_clear(&files);
	keyring_clear(&recovery);
	keyring_clear(&keys);
	keyring_clear(&other);
}

static void test_same_key(void **state)
{
	struct keyring keys = KEYRING_INIT;
	struct kv files = KV_INIT;

	(void)state;
	make_ring(&keys, "a");
	make_ring(&keys, "b");
	put_key(&keys, 0, "0", NOW, &files);
	put_key(&keys, 0, "1", NOW + 1, &files);
	put_key(&keys, 1, "2", NOW, &files);
	kv_set_str(&files, "3", "no key");
	kv_set_str(&files, "4", "no key either");
	assert_true(backup_same_key(&files.items[0], &files.items[1]));
	assert_false(backup_same_key(&files.items[0], &files.items[2]));
	assert_true(backup_same_key(&files.items[3], &files.items[3]));
	assert_false(backup_same_key(&files.items[3], &files.items[4]));
	assert_false(backup_same_key(&files.items[0], &files.items[3]));
	kv_clear(&files);
	keyring_clear(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_settle, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_keep, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_pending, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_sweep, scratch_make, scratch_remove),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_same_key),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
