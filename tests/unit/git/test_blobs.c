/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "git/blobs.h"

#include "git/idset.h"
#include "git/tree.h"
#include "tests/unit/git/repo.h"

#define BLOBS 1000

static struct git_blobs *open_blobs(const struct git *g)
{
	struct err err = ERR_INIT;
	struct git_blobs *b = git_blobs_open(g, &err);

	if (b == NULL)
		fail_msg("%s", err.text);
	return b;
}

static void find(const struct git *g, const char *path, char id[static GIT_ID_TEXT])
{
	struct err err = ERR_INIT;
	unsigned mode;

	assert_int_equal(git_tree_find(g, "HEAD", path, id, &mode, &err), 0);
	assert_string_not_equal(id, "");
}

static void reads_one_after_the_other(void **state)
{
	static const char *const texts[] = { "", "\n", "one\n", "no newline", "two\n\nlines\n" };
	char id[GIT_ID_TEXT];
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	struct git *g;
	struct git_blobs *b;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		repo_write((char[2]){ (char)('a' + i), '\0' }, texts[i]);
	repo_commit("all");
	g = repo_open();
	b = open_blobs(g);
	for (size_t i = 0; i < COUNT(texts); i++) {
		find(g, (char[2]){ (char)('a' + i), '\0' }, id);
		assert_int_equal(git_blobs_read(b, id, 100, &out, &err), 0);
		assert_string_equal(buf_str(&out), texts[i]);
	}
	buf_clear(&out);
	git_blobs_close(b);
	git_close(g);
}

static void the_limit_is_exact_and_what_follows_is_read(void **state)
{
	char large[GIT_ID_TEXT], small[GIT_ID_TEXT];
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	struct git *g;
	struct git_blobs *b;

	(void)state;
	repo_write("large", "0123456789");
	repo_write("small", "s");
	repo_commit("both");
	g = repo_open();
	find(g, "large", large);
	find(g, "small", small);
	b = open_blobs(g);
	assert_int_equal(git_blobs_read(b, large, 10, &out, &err), 0);
	assert_int_equal(out.len, 10);
	assert_int_equal(git_blobs_read(b, large, 9, &out, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_string_equal(err.text, "larger than 9 bytes");
	assert_int_equal(out.len, 0);
	assert_int_equal(git_blobs_read(b, small, 9, &out, &err), 0);
	assert_string_equal(buf_str(&out), "s");
	buf_clear(&out);
	git_blobs_close(b);
	git_close(g);
}

static void what_is_missing_or_no_blob_is_told(void **state)
{
	static const char *const missing = "1234567890123456789012345678901234567890";
	char id[GIT_ID_TEXT];
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	struct git *g;
	struct git_blobs *b;

	(void)state;
	repo_write("file", "text");
	repo_commit("one");
	g = repo_open();
	b = open_blobs(g);
	assert_int_equal(git_blobs_read(b, missing, 9, &out, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_non_null(strstr(err.text, "not in this repository"));
	assert_int_equal(git_resolve(g, "HEAD", "tree", id, NULL, &err), 0);
	assert_int_equal(git_blobs_read(b, id, 1000, &out, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_non_null(strstr(err.text, "is no blob"));
	find(g, "file", id);
	assert_int_equal(git_blobs_read(b, id, 9, &out, &err), 0);
	assert_string_equal(buf_str(&out), "text");
	buf_clear(&out);
	git_blobs_close(b);
	git_close(g);
}

static void files_by_commit_and_path(void **state)
{
	static const char *const missing = "1234567890123456789012345678901234567890"
					   "123456789012345678901234";
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	char first[GIT_ID_TEXT], second[GIT_ID_TEXT], none[GIT_ID_TEXT] = "";
	struct git *g;
	struct git_blobs *b;
	bool exists;

	(void)state;
	repo_write("folder/file", "first");
	repo_commit("one");
	repo_write("folder/file", "second\n");
	repo_write("missing", "beside");
	repo_commit("two");
	g = repo_open();
	assert_int_equal(git_resolve(g, "HEAD~1", "commit", first, NULL, &err), 0);
	assert_int_equal(git_resolve(g, "HEAD", "commit", second, NULL, &err), 0);
	memcpy(none, missing, strlen(first));
	const struct {
		struct git_blobs_place at;
		const char *text; /* NULL: not there; or what is wrong */
		enum err_class class;
	} cases[] = {
		{ { first, "folder/file", 9 }, "first", ERR_NONE },
		{ { second, "folder/file", 9 }, "second\n", ERR_NONE },
		{ { first, "missing", 9 }, NULL, ERR_NONE },
		{ { second, "missing", 9 }, "beside", ERR_NONE },
		{ { second, "folder/file", 6 }, "larger than 6 bytes", ERR_INVALID },
		{ { second, "folder", 99 }, "is no blob", ERR_INVALID },
		{ { second, "folder/other file", 9 }, NULL, ERR_NONE },
		{ { none, "folder/file", 9 }, NULL, ERR_NONE },
		{ { first, "folder/file", 5 }, "first", ERR_NONE },
	};
	b = open_blobs(g);
	for (size_t i = 0; i < COUNT(cases); i++) {
		int r = git_blobs_read_at(b, &cases[i].at, &out, &exists, &err);

		assert_int_equal(r, cases[i].class == ERR_NONE ? 0 : -1);
		if (r != 0)
			assert_non_null(strstr(err.text, cases[i].text));
		assert_int_equal(err.class, cases[i].class);
		assert_int_equal(exists, cases[i].text != NULL);
		assert_string_equal(buf_str(&out), r == 0 && exists ? cases[i].text : "");
		err = (struct err)ERR_INIT;
	}
	/* what is asked for by id is not taken for a place */
	assert_int_equal(git_blobs_read(b, "HEAD:missing", 9, &out, &err), -1);
	assert_non_null(strstr(err.text, "an answer to another question"));
	buf_clear(&out);
	git_blobs_close(b);
	git_close(g);
}

static int keep_text(void *ctx, const struct git_blob *blob, struct err *err)
{
	(void)err;
	assert_int_equal(blob->state, GIT_BLOB_OK);
	buf_put(ctx, blob->text->data, blob->text->len);
	return 0;
}

static void objects_of_another_type(void **state)
{
	char id[GIT_ID_TEXT];
	const char *ids = id;
	struct buf out = BUF_INIT;
	struct git_blobs_ask ask = {
		.ids = &ids, .n = 1, .max = 1000, .type = "commit", .visit = keep_text, .ctx = &out
	};
	struct err err = ERR_INIT;
	struct git *g;
	struct git_blobs *b;

	(void)state;
	repo_commit("what was done");
	g = repo_open();
	b = open_blobs(g);
	assert_int_equal(git_resolve(g, "HEAD", "commit", id, NULL, &err), 0);
	assert_int_equal(git_blobs_each(b, &ask, &err), 0);
	assert_non_null(strstr(buf_str(&out), "\n\nwhat was done\n"));
	buf_clear(&out);
	git_blobs_close(b);
	git_close(g);
}

/* --- many ------------------------------------------------------------------------------------- */

struct many {
	char *ids[BLOBS];
	size_t n;
};

static int keep_id(void *ctx, const struct git_entry *e, struct err *err)
{
	struct many *m = ctx;
	char path[32];

	(void)err;
	assert_true(m->n < BLOBS);
	snprintf(path, sizeof(path), "d/%04zu", m->n);
	assert_string_equal(e->path, path);
	m->ids[m->n++] = mem_str(e->id);
	return 0;
}

static int compare(void *ctx, const struct git_blob *blob, struct err *err)
{
	const size_t *stop = ctx;
	char text[32];

	assert_int_equal(blob->state, GIT_BLOB_OK);
	snprintf(text, sizeof(text), "blob number %zu\n", blob->i);
	assert_string_equal(buf_str(blob->text), text);
	assert_int_equal(blob->size, strlen(text));
	return blob->i == *stop ? err_set(err, ERR_CONFLICT, "enough") : 0;
}

static void many_come_in_order_and_can_be_broken_off(void **state)
{
	struct many m = { .n = 0 };
	struct err err = ERR_INIT;
	size_t never = BLOBS, soon = 3;
	struct git_blobs_ask ask = { .max = 100, .visit = compare };
	struct git *g;
	struct git_blobs *b;

	(void)state;
	for (int i = 0; i < BLOBS; i++) {
		char path[16], text[32];

		snprintf(path, sizeof(path), "d/%04d", i);
		snprintf(text, sizeof(text), "blob number %d\n", i);
		repo_write(path, text);
	}
	repo_commit("many");
	g = repo_open();
	assert_int_equal(git_tree_each(g, "HEAD", NULL, keep_id, &m, &err), 0);
	assert_int_equal(m.n, BLOBS);
	b = open_blobs(g);
	ask.ids = (const char *const *)m.ids;
	ask.n = m.n;
	ask.ctx = &never;
	assert_int_equal(git_blobs_each(b, &ask, &err), 0);
	ask.ctx = &soon;
	assert_int_equal(git_blobs_each(b, &ask, &err), -1);
	assert_string_equal(err.text, "enough");
	while (m.n > 0)
		mem_free(m.ids[--m.n]);
	git_blobs_close(b);
	git_close(g);
}

static void an_id_is_in_a_set_once(void **state)
{
	struct idset *s = idset_new();
	char id[GIT_ID_TEXT];

	(void)state;
	for (int width = 40; width <= 64; width += 24)
		for (unsigned i = 1; i < test_repeats(6000); i++) {
			/* the first digits collide often, as no hash's do */
			snprintf(id, sizeof(id), "%08x%0*x", i % 16, width - 8, i);
			assert_false(idset_has(s, id));
			assert_true(idset_add(s, id));
			assert_false(idset_add(s, id));
			assert_true(idset_has(s, id));
		}
	memset(id, '0', 40);
	id[40] = '\0';
	assert_true(idset_has(s, id));
	assert_false(idset_add(s, id));
	idset_free(s);
	idset_free(NULL);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, repo_make, repo_destroy)
#define BOTH(test) EACH(test), cmocka_unit_test_setup_teardown(test, repo_make_sha256, repo_destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(reads_one_after_the_other),
		BOTH(the_limit_is_exact_and_what_follows_is_read),
		EACH(what_is_missing_or_no_blob_is_told),
		BOTH(files_by_commit_and_path),
		BOTH(objects_of_another_type),
		BOTH(many_come_in_order_and_can_be_broken_off),
		cmocka_unit_test(an_id_is_in_a_set_once),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
