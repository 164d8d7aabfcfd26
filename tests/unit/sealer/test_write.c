/* SPDX-License-Identifier: Apache-2.0 */
/* documents on their way to a file */
#include "tests/unit/test.h"

#include "sealer/write.h"
#include "document/seal.h"
#include "tests/unit/sealer/scratch.h"

/* A sealed document web/NAME, of one value, for KEY_A. */
static void seal(struct document *d, const char *name, const char *value)
{
	struct kind_secret s = { .type = TYPE_OPAQUE };
	struct recipients to = RECIPIENTS_INIT;
	struct age_recipient key;

	*d = (struct document)DOCUMENT_INIT;
	d->name = mem_str(name);
	d->namespace = mem_str("web");
	d->kind = kind_find("opaque");
	d->type = TYPE_OPAQUE;
	assert_int_equal(age_recipient_parse(KEY_A, &key, NULL), 0);
	assert_int_equal(recipients_add(&to, "a", &key, NULL), 0);
	kv_set_str(&s.data, "A", value);
	assert_int_equal(seal_part(d, "A", &s, &to, 1790000000, NULL), 0);
	kv_clear(&s.data);
	recipients_clear(&to);
}

static int put(const char *path, const char *name, bool dry_run, struct err *err)
{
	struct target t = TARGET_INIT;
	struct write w = { .target = NULL };
	struct document d;
	int r;

	seal(&d, name, "value");
	assert_int_equal(target_open(path, name, &t, NULL), 0);
	r = write_begin(&t, "web", name, &w, err);
	if (r == 0)
		r = write_document(&w, &d, dry_run, err);
	write_clear(&w);
	target_clear(&t);
	document_clear(&d);
	return r;
}

static char *contents(const char *path)
{
	struct buf text = BUF_INIT;
	char *s;

	assert_int_equal(file_read(path, DOCUMENT_FILE_MAX, 0, &text, NULL, NULL), 0);
	s = mem_str(buf_str(&text));
	buf_clear(&text);
	return s;
}

static void check_names(const char *path, const char *const names[], size_t n)
{
	struct edit_file f = { 0 };
	struct buf text = BUF_INIT;

	assert_int_equal(file_read(path, DOCUMENT_FILE_MAX, 0, &text, NULL, NULL), 0);
	assert_int_equal(edit_load(path, &text, &f, NULL), 0);
	assert_int_equal(f.n, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(f.documents[i].name, names[i]);
	edit_clear(&f);
	buf_clear(&text);
}

/* What a file had stays byte for byte in front of what is added. */
static void test_appends(void **state)
{
	static const char *const had[] = {
		"",
		"# only a comment\n",
		"a: 1\n",
		"a: 1",
		"a: 1\r\n",
		"---\na: 1\n---\nb: 2\n...\n",
		"\xef\xbb\xbf"
		"a: \"\xc3\xbc\"\n",
		"{\"a\": 1}\n",
		"a: |\n  text\n\n\n",
		"a: |+\n  text\n\n\n",
	};
	static const char *const names[] = { "one", "two" };

	(void)state;
	for (size_t i = 0; i < COUNT(had); i++) {
		char *text;

		scratch_write("all.yaml", had[i]);
		assert_int_equal(put("all.yaml", "one", false, NULL), 0);
		assert_int_equal(put("all.yaml", "two", false, NULL), 0);
		text = contents("all.yaml");
		assert_memory_equal(text, had[i], strlen(had[i]));
		check_names("all.yaml", names, 2);
		mem_free(text);
	}
}

static void test_new_files(void **state)
{
	static const char *const names[] = { "one" };
	struct stat st;

	(void)state;
	umask(027);
	assert_int_equal(put("new/folder/one.yaml", "one", false, NULL), 0);
	umask(022);
	check_names("new/folder/one.yaml", names, 1);
	assert_int_equal(stat("new/folder/one.yaml", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(put("other/x.yaml", "one", true, NULL), 0);
	assert_int_equal(access("other", F_OK), -1);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *had;
		enum err_class class;
		const char *text;
	} cases[] = {
		{ "a: [1\n", ERR_INVALID, NULL },
		{ "a: 1\na: 2\n", ERR_INVALID, NULL },
		{ "kind: SealedCredential\n", ERR_INVALID, NULL },
		{ "a: 1\n<<<<<<< ours\nb: 1\n=======\nb: 2\n>>>>>>> theirs\n", ERR_CONFLICT, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		char *text;

		scratch_write("all.yaml", cases[i].had);
		assert_int_equal(put("all.yaml", "one", false, &err), -1);
		assert_int_equal(err.class, cases[i].class);
		text = contents("all.yaml");
		assert_string_equal(text, cases[i].had);
		mem_free(text);
	}
}

static void test_the_same_again(void **state)
{
	struct err err = ERR_INIT;
	char *before, *after;

	(void)state;
	scratch_write("all.yaml", "a: 1\n");
	assert_int_equal(put("all.yaml", "one", false, NULL), 0);
	before = contents("all.yaml");
	assert_int_equal(put("all.yaml", "one", false, &err), -1);
	assert_int_equal(err.class, ERR_CONFLICT);
	assert_string_equal(err.text, "all.yaml:3: web/one is there already; 'bulla set' replaces "
				      "what it holds");
	after = contents("all.yaml");
	assert_string_equal(before, after);
	mem_free(before);
	mem_free(after);
}

/* What changes between the look and the write is not overwritten. */
static void test_changed_meanwhile(void **state)
{
	static const char *const writes[] = { "all.yaml", "new.yaml" };

	(void)state;
	for (size_t i = 0; i < COUNT(writes); i++) {
		struct target t = TARGET_INIT;
		struct write w = { .target = NULL };
		struct document d;
		struct err err = ERR_INIT;
		char *text;

		scratch_write("all.yaml", "a: 1\n");
		seal(&d, "one", "v");
		assert_int_equal(target_open(writes[i], "one", &t, NULL), 0);
		assert_int_equal(write_begin(&t, "web", "one", &w, NULL), 0);
		scratch_write(writes[i], "someone: else\n");
		assert_int_equal(write_document(&w, &d, false, &err), -1);
		assert_int_equal(err.class, ERR_CONFLICT);
		text = contents(writes[i]);
		assert_string_equal(text, "someone: else\n");
		mem_free(text);
		write_clear(&w);
		target_clear(&t);
		document_clear(&d);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_appends),	   TEST(test_new_files),	 TEST(test_refuses),
		TEST(test_the_same_again), TEST(test_changed_meanwhile),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
