/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of a folder: each is visited once, and what cannot be read is told and passed. */
#include "tests/unit/test.h"

#include "document/seal.h"
#include "sealer/documents.h"
#include "tests/unit/sealer/scratch.h"

#define NOW INT64_C(1795420800) /* 2026-11-23T08:00:00Z */

/* A sealed document, appended. */
static void put_document(const char *name, struct buf *text)
{
	struct document d = { .name = mem_str(name),
			      .namespace = mem_str("web"),
			      .kind = kind_find("opaque"),
			      .type = TYPE_OPAQUE };
	struct age_identity *id = age_identity_generate();
	struct recipients to = RECIPIENTS_INIT;
	struct kind_secret s = { .type = TYPE_OPAQUE };
	struct err err = ERR_INIT;

	kv_set_str(&s.data, "A", "x");
	assert_int_equal(recipients_add(&to, "eu", age_identity_recipient(id), &err), 0);
	assert_int_equal(seal_part(&d, "A", &s, &to, NOW, &err), 0);
	assert_int_equal(document_format(&d, text, &err), 0);
	kind_secret_clear(&s);
	recipients_clear(&to);
	age_identity_free(id);
	document_clear(&d);
}

static void write_documents(const char *path, const char *one, const char *other)
{
	struct buf text = BUF_INIT;

	put_document(one, &text);
	if (other != NULL) {
		buf_puts(&text, "---\nkind: Other\n---\n");
		put_document(other, &text);
	}
	scratch_write(path, buf_str(&text));
	buf_clear(&text);
}

static void note_document(void *ctx, const char *path, const struct document *d)
{
	buf_printf(ctx, "%s %s/%s\n", path, d->namespace, d->name);
}

static void note_unread(void *ctx, const char *path, const struct err *why)
{
	assert_non_null(strstr(why->text, path));
	buf_printf(ctx, "%s class %d\n", path, why->class);
}

static void expect(const char *root, const char *seen)
{
	struct buf list = BUF_INIT;
	const struct documents_visit v = { note_document, note_unread, &list };
	struct err err = ERR_INIT;

	assert_int_equal(documents_walk(root, &v, &err), 0);
	assert_string_equal(buf_str(&list), seen);
	buf_clear(&list);
}

static void test_folder(void **state)
{
	(void)state;
	write_documents("a/one.yaml", "one", NULL);
	write_documents("a/two.yml", "two", "three");
	scratch_write("a/other.yaml", "kind: Other\n");
	scratch_write("a/not.txt", "apiVersion: bulla.dev/v1\n");
	scratch_write("b/bad.yaml", "apiVersion: bulla.dev/v1\nkind: SealedCredential\n");
	scratch_write("b/conflict.yaml", "# bulla.dev\n<<<<<<< ours\n=======\n>>>>>>> theirs\n");
	write_documents("c/last.yaml", "last", NULL);
	assert_int_equal(symlink("../c/last.yaml", "a/link.yaml"), 0);
	expect(".", "a/one.yaml web/one\na/two.yml web/two\na/two.yml web/three\n"
		    "b/bad.yaml class 3\nb/conflict.yaml class 8\nc/last.yaml web/last\n");
	expect("a", "a/one.yaml web/one\na/two.yml web/two\na/two.yml web/three\n");
	expect("a/link.yaml", "a/link.yaml web/last\n");
}

static void test_empty(void **state)
{
	const struct documents_visit v = { note_document, note_unread, NULL };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdir("d", 0755), 0);
	expect("d", "");
	assert_int_equal(documents_walk("nowhere", &v, &err), -1);
	assert_int_equal(err.class, ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_folder, scratch_make, scratch_remove),
		cmocka_unit_test_setup_teardown(test_empty, scratch_make, scratch_remove),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
