/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/scan.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/folder.h"
#include "base/file.h"
#include "tests/unit/agent/sealed.h"

#define NOBODY 65534

struct bed {
	char path[64];
	int dir;
	struct recipients to;
	struct scan scan;
	struct buf folders; /* those that were visited */
	size_t gone;
};

static void see_folder(void *ctx, const char *path)
{
	buf_printf(&((struct bed *)ctx)->folders, "%s;", path);
}

static void see_gone(void *ctx, const struct scan_file *f)
{
	(void)f;
	((struct bed *)ctx)->gone++;
}

static int bed_make(void **state)
{
	struct bed *b = mem_alloc(sizeof(*b));

	snprintf(b->path, sizeof(b->path), "/tmp/bulla-scan-XXXXXX");
	assert_non_null(mkdtemp(b->path));
	b->dir = open(b->path, O_RDONLY | O_DIRECTORY);
	sealed_key("one", NULL, &b->to);
	scan_init(&b->scan, b->path);
	b->scan.folder = see_folder;
	b->scan.gone = see_gone;
	b->scan.ctx = b;
	*state = b;
	return 0;
}

static int bed_clear(void **state)
{
	struct bed *b = *state;

	scan_clear(&b->scan);
	recipients_clear(&b->to);
	buf_clear(&b->folders);
	if (b->dir >= 0) {
		folder_empty(b->dir, NULL);
		close(b->dir);
	}
	rmdir(b->path);
	mem_free(b);
	return 0;
}

/* Written long ago: its stat can be trusted. */
static void put(const struct bed *b, const char *name, const char *text)
{
	const struct timespec long_ago[2] = { { 1700000000, 1 }, { 1700000000, 1 } };
	int fd = openat(b->dir, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text, strlen(text), NULL), 0);
	assert_int_equal(futimens(fd, long_ago), 0);
	close(fd);
}

static void put_sealed(const struct bed *b, const char *file, const char *name, const char *value)
{
	const struct sealed s = { "foobar", name, value, POLICY_UNSET, &b->to };
	struct buf text = BUF_INIT;

	sealed_text(&s, &text);
	put(b, file, buf_str(&text));
	buf_clear(&text);
}

/* Times of change cannot be set: wait until they are old enough. */
static void settle(struct bed *b)
{
	usleep(60000);
	scan_look(&b->scan);
	scan_look(&b->scan);
}

static void test_files_and_documents(void **state)
{
	struct bed *b = *state;
	const struct scan_file *f;

	put_sealed(b, "a.yaml", "one", "1");
	put(b, "b.yml", "kind: Deployment\nmetadata: {name: x}\n");
	put(b, "c.txt", "kind: SealedCredential\n");
	put(b, ".d.yaml", "kind: SealedCredential\n");
	put(b, "helm.yaml", "{{ if .Values }}\n: [\n");
	assert_int_equal(mkdirat(b->dir, "sub", 0700), 0);
	assert_int_equal(mkdirat(b->dir, ".git", 0700), 0);
	put_sealed(b, "sub/e.yaml", "two", "2");
	put_sealed(b, ".git/f.yaml", "three", "3");
	assert_true(scan_look(&b->scan));
	assert_null(b->scan.blind);
	assert_int_equal(b->scan.files.n, 4);
	assert_int_equal(b->scan.documents, 2);
	assert_string_equal(buf_str(&b->folders), ";sub;");
	f = scan_file(&b->scan, "sub/e.yaml");
	assert_non_null(f);
	assert_int_equal(f->n, 1);
	assert_string_equal(f->docs[0].namespace, "foobar");
	assert_string_equal(f->docs[0].name, "two");
	assert_int_equal(f->docs[0].line, 1);
	assert_false(f->docs[0].retain);
	assert_false(f->docs[0].chosen);
	assert_string_equal(f->docs[0].set->recipients, b->to.items[0].id);
	/* all sealed to the same: one set for both */
	assert_int_equal(b->scan.sets.n, 1);
	assert_ptr_equal(f->docs[0].set, scan_file(&b->scan, "a.yaml")->docs[0].set);
	assert_int_equal(scan_file(&b->scan, "helm.yaml")->state, SCAN_FINE);
	assert_null(scan_file(&b->scan, "c.txt"));
}

static void test_only_changed_files_are_read(void **state)
{
	struct bed *b = *state;
	unsigned char id[SOURCE_ID];
	char name[16];
	int i;

	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "f%d.yaml", i);
		put_sealed(b, name, "one", "1");
	}
	assert_true(scan_look(&b->scan));
	assert_int_equal(b->scan.read, 20);
	settle(b);
	assert_int_equal(b->scan.read, 0);
	assert_false(scan_look(&b->scan));
	memcpy(id, scan_file(&b->scan, "f3.yaml")->docs[0].id, sizeof(id));
	put_sealed(b, "f3.yaml", "one", "2");
	assert_true(scan_look(&b->scan));
	assert_int_equal(b->scan.read, 1);
	assert_memory_not_equal(id, scan_file(&b->scan, "f3.yaml")->docs[0].id, sizeof(id));
	/* renamed: the same content under another path */
	assert_int_equal(renameat(b->dir, "f3.yaml", b->dir, "g.yaml"), 0);
	assert_true(scan_look(&b->scan));
	assert_null(scan_file(&b->scan, "f3.yaml"));
	assert_int_equal(b->gone, 1);
	assert_int_equal(b->scan.documents, 20);
}

/* Within a tick of the clock, two contents can have one stat. */
static void test_fresh_files_are_read_again(void **state)
{
	struct bed *b = *state;

	put_sealed(b, "a.yaml", "one", "1");
	scan_look(&b->scan);
	assert_false(scan_file(&b->scan, "a.yaml")->trusted);
	scan_look(&b->scan);
	assert_int_equal(b->scan.read, 1);
	settle(b);
	assert_true(scan_file(&b->scan, "a.yaml")->trusted);
	assert_int_equal(b->scan.read, 0);
}

static const struct {
	const char *what;
	const char *text;
	enum scan_state state;
	size_t documents;
	const char *why;
} contents[] = {
	{ "no YAML", "kind: SealedCredential\n: [", SCAN_BROKEN, 0, "f.yaml:" },
	{ "empty", "", SCAN_BROKEN, 0, "is empty, but held documents" },
	{ "comments", "# gone\n---\n# too\n", SCAN_BROKEN, 0, "is empty, but held documents" },
	{ "template", "{{ x }}\n: [", SCAN_BROKEN, 0, "f.yaml:" },
	{ "other", "kind: ConfigMap\n", SCAN_FINE, 0, NULL },
	{ "nameless", "apiVersion: bulla.dev/v1\nkind: SealedCredential\nmetadata: {name: [x]}\n",
	  SCAN_FINE, 1, "f.yaml:" },
	{ "invalid",
	  "apiVersion: bulla.dev/v1\nkind: SealedCredential\n"
	  "metadata: {name: one, namespace: foobar}\n",
	  SCAN_FINE, 1, NULL },
	{ "in a List",
	  "apiVersion: v1\nkind: List\nitems:\n"
	  "- {apiVersion: bulla.dev/v1, kind: SealedCredential}\n",
	  SCAN_FINE, 0, "inside a List" },
};

static void test_what_a_file_becomes(void **state)
{
	struct bed *b = *state;
	size_t i;

	for (i = 0; i < COUNT(contents); i++) {
		const struct scan_file *f;

		put_sealed(b, "f.yaml", "one", "1");
		scan_look(&b->scan);
		f = scan_file(&b->scan, "f.yaml");
		assert_int_equal(f->state, SCAN_FINE);
		assert_null(f->why);
		assert_true(f->held);
		put(b, "f.yaml", contents[i].text);
		assert_true(scan_look(&b->scan));
		f = scan_file(&b->scan, "f.yaml");
		if (f->state != contents[i].state || f->n != contents[i].documents)
			fail_msg("%s: state %d, %zu documents", contents[i].what, (int)f->state,
				 f->n);
		if (contents[i].why == NULL)
			assert_null(f->why);
		else if (f->why == NULL || strstr(f->why, contents[i].why) == NULL)
			fail_msg("%s: %s", contents[i].what, f->why == NULL ? "-" : f->why);
		assert_null(b->scan.blind);
	}
}

static void test_invalid_document_is_still_known(void **state)
{
	struct bed *b = *state;
	const struct scan_file *f;

	put(b, "f.yaml", contents[6].text);
	scan_look(&b->scan);
	f = scan_file(&b->scan, "f.yaml");
	assert_true(f->docs[0].invalid);
	assert_string_equal(f->docs[0].namespace, "foobar");
	assert_string_equal(f->docs[0].name, "one");
	assert_non_null(f->docs[0].why);
	assert_null(f->docs[0].set);
	put(b, "f.yaml", contents[5].text);
	scan_look(&b->scan);
	assert_true(f->docs[0].invalid);
	assert_null(f->docs[0].namespace);
}

static void test_things_that_are_no_files(void **state)
{
	struct bed *b = *state;

	put_sealed(b, "real.yaml", "one", "1");
	assert_int_equal(symlinkat("real.yaml", b->dir, "link.yaml"), 0);
	assert_int_equal(symlinkat(b->path, b->dir, "loop"), 0);
	assert_int_equal(mkfifoat(b->dir, "fifo.yaml", 0600), 0);
	assert_int_equal(mkdirat(b->dir, "folder.yaml", 0700), 0);
	scan_look(&b->scan);
	assert_int_equal(b->scan.documents, 1);
	assert_int_equal(scan_file(&b->scan, "link.yaml")->state, SCAN_OTHER);
	assert_int_equal(scan_file(&b->scan, "fifo.yaml")->state, SCAN_OTHER);
	assert_null(b->scan.blind);
	assert_string_equal(buf_str(&b->folders), ";folder.yaml;");
	/* a link in place of a file that held a document */
	assert_int_equal(renameat(b->dir, "link.yaml", b->dir, "real.yaml"), 0);
	scan_look(&b->scan);
	assert_int_equal(scan_file(&b->scan, "real.yaml")->state, SCAN_OTHER);
	assert_true(scan_file(&b->scan, "real.yaml")->held);
}

static void test_too_large(void **state)
{
	struct bed *b = *state;
	int fd = openat(b->dir, "large.yaml", O_WRONLY | O_CREAT, 0600);

	put_sealed(b, "a.yaml", "one", "1");
	assert_int_equal(ftruncate(fd, DOCUMENT_FILE_MAX + 1), 0);
	close(fd);
	scan_look(&b->scan);
	assert_int_equal(scan_file(&b->scan, "large.yaml")->state, SCAN_BROKEN);
	assert_null(b->scan.blind);
	assert_int_equal(b->scan.documents, 1);
}

static void test_blind(void **state)
{
	struct bed *b = *state;
	char away[80];
	char *deep;
	int i;

	assert_true(scan_look(&b->scan));
	assert_non_null(strstr(b->scan.blind, "is empty"));
	put(b, ".hidden.yaml", "x");
	assert_int_equal(mkdirat(b->dir, ".git", 0700), 0);
	assert_int_equal(mkdirat(b->dir, "lost+found", 0700), 0);
	scan_look(&b->scan);
	assert_non_null(b->scan.blind);
	put_sealed(b, "a.yaml", "one", "1");
	assert_true(scan_look(&b->scan));
	assert_null(b->scan.blind);

	/* away with all of it: what was seen stays as it was */
	snprintf(away, sizeof(away), "%s.away", b->path);
	assert_int_equal(rename(b->path, away), 0);
	assert_true(scan_look(&b->scan));
	assert_non_null(strstr(b->scan.blind, "No such file"));
	assert_int_equal(b->scan.documents, 1);
	assert_int_equal(mkdir(b->path, 0700), 0);
	scan_look(&b->scan);
	assert_non_null(strstr(b->scan.blind, "is empty"));
	assert_int_equal(b->scan.documents, 1);
	rmdir(b->path);
	assert_int_equal(rename(away, b->path), 0);
	assert_true(scan_look(&b->scan));
	assert_null(b->scan.blind);

	deep = mem_str("d");
	for (i = 0; i < SCAN_DEPTH + 2; i++) {
		char *next = mem_printf("%s/d", deep);

		assert_int_equal(mkdirat(b->dir, deep, 0700), 0);
		mem_free(deep);
		deep = next;
	}
	mem_free(deep);
	scan_look(&b->scan);
	assert_non_null(strstr(b->scan.blind, "nested too deeply"));
	assert_int_equal(b->scan.documents, 1);
}

static void test_unreadable(void **state)
{
	struct bed *b = *state;
	uid_t before = geteuid();

	/* to root, nothing is unreadable */
	if (before == 0) {
		assert_int_equal(chown(b->path, NOBODY, NOBODY), 0);
		assert_int_equal(seteuid(NOBODY), 0);
	}
	put_sealed(b, "a.yaml", "one", "1");
	put_sealed(b, "b.yaml", "two", "1");
	assert_int_equal(mkdirat(b->dir, "sub", 0700), 0);
	put_sealed(b, "sub/c.yaml", "three", "1");
	scan_look(&b->scan);
	assert_int_equal(fchmodat(b->dir, "sub", 0, 0), 0);
	scan_look(&b->scan);
	assert_non_null(strstr(b->scan.blind, "sub: Permission denied"));
	assert_int_equal(b->scan.documents, 2);
	assert_int_equal(fchmodat(b->dir, "sub", 0700, 0), 0);
	assert_int_equal(fchmodat(b->dir, "a.yaml", 0, 0), 0);
	scan_look(&b->scan);
	assert_int_equal(scan_file(&b->scan, "a.yaml")->state, SCAN_UNREADABLE);
	assert_non_null(strstr(b->scan.blind, "a.yaml"));
	assert_int_equal(seteuid(before), 0);
}

/* What another process saw is as good as what this one sees, as long as the stat agrees. */
static void test_told(void **state)
{
	struct bed *b = *state;
	struct scan_stat stat;
	struct scan_file *f;
	struct scan told;
	struct scan_doc doc;

	put_sealed(b, "a.yaml", "one", "1");
	put_sealed(b, "b.yaml", "two", "1");
	scan_look(&b->scan);
	settle(b);
	f = scan_file(&b->scan, "a.yaml");
	stat = f->stat;
	doc = f->docs[0];

	scan_init(&told, b->path);
	f = scan_tell_file(&told, "a.yaml", &stat);
	scan_tell_doc(&told, f, &doc, doc.set->recipients);
	scan_tell_file(&told, "gone.yaml", &stat);
	f = scan_tell_file(&told, "b.yaml", &stat); /* another file's stat */
	scan_tell_doc(&told, f, &doc, doc.set->recipients);
	scan_tell_held(&told, "never.yaml");
	assert_true(scan_look(&told));
	assert_int_equal(told.read, 1);
	assert_int_equal(told.documents, 2);
	assert_int_equal(told.files.n, 2);
	assert_string_equal(scan_file(&told, "a.yaml")->docs[0].name, "one");
	assert_string_equal(scan_file(&told, "b.yaml")->docs[0].name, "two");
	scan_tell_lost(&told);
	scan_look(&told);
	assert_int_equal(told.read, 2);
	scan_tell_gone(&told, "a.yaml");
	assert_null(scan_file(&told, "a.yaml"));
	scan_tell_gone(&told, "a.yaml");
	scan_clear(&told);
}

static void test_many_in_one_file(void **state)
{
	struct bed *b = *state;
	struct buf text = BUF_INIT;
	char name[16];
	int i;

	buf_puts(&text, "kind: ConfigMap\n---\n");
	for (i = 0; i < 40; i++) {
		struct sealed s = { "foobar", name, "1", i % 2 ? POLICY_RETAIN : POLICY_DELETE,
				    &b->to };

		snprintf(name, sizeof(name), "x%d", i);
		sealed_text(&s, &text);
		buf_puts(&text, "---\n");
	}
	put(b, "a.yaml", buf_str(&text));
	scan_look(&b->scan);
	assert_int_equal(b->scan.documents, 40);
	assert_string_equal(scan_file(&b->scan, "a.yaml")->docs[39].name, "x39");
	assert_true(scan_file(&b->scan, "a.yaml")->docs[39].retain);
	assert_true(scan_file(&b->scan, "a.yaml")->docs[39].chosen);
	assert_false(scan_file(&b->scan, "a.yaml")->docs[38].retain);
	assert_true(scan_file(&b->scan, "a.yaml")->docs[1].line >
		    scan_file(&b->scan, "a.yaml")->docs[0].line);
	buf_clear(&text);
}

/* --- what is remembered of a document --------------------------------------------------------- */

static void test_id_covers_what_is_outside(void **state)
{
	const struct bed *b = *state;
	const struct sealed s = { "foobar", "one", "1", POLICY_UNSET, &b->to };
	struct document d = sealed_document(&s);
	unsigned char id[SOURCE_ID], other[SOURCE_ID];
	char digest[DOCUMENT_DIGEST_TEXT], after[DOCUMENT_DIGEST_TEXT];

	source_id(&d, id);
	source_id(&d, other);
	assert_memory_equal(id, other, SOURCE_ID);
	document_digest(&d, digest);
	kv_set_str(&d.parts[0].facts, "sealed-at", "2020-01-01T00:00:00Z");
	document_digest(&d, after);
	assert_string_equal(digest, after); /* the digest does not cover it */
	source_id(&d, other);
	assert_memory_not_equal(id, other, SOURCE_ID);
	source_id(&d, id);
	kv_set_str(&d.parts[0].recipients, "two", "00112233445566778899aabbccddeeff");
	source_id(&d, other);
	assert_memory_not_equal(id, other, SOURCE_ID);
	d.policy = POLICY_RETAIN;
	source_id(&d, id);
	assert_memory_not_equal(id, other, SOURCE_ID);
	document_clear(&d);
}

static void test_recipients_in_short(void **state)
{
	static const struct {
		const char *parts[3][3];
		const char *text;
	} cases[] = {
		{ { { "bb", "aa" } }, "aa,bb" },
		{ { { "aa", "bb" }, { "bb", "aa" } }, "aa,bb" },
		{ { { "aa" }, { "aa", "bb" }, { "aa" } }, "aa;aa,bb" },
		{ { { "cc" }, { "bb" }, { "aa" } }, "aa;bb;cc" },
	};
	size_t i, k, m;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		struct document d = DOCUMENT_INIT;
		char name[2] = "a";
		char *text;

		for (k = 0; k < 3 && cases[i].parts[k][0] != NULL; k++, name[0]++) {
			struct document_part *p = document_part_add(&d, name);
			char to[2] = "z";

			for (m = 0; m < 3 && cases[i].parts[k][m] != NULL; m++, to[0]--)
				kv_set_str(&p->recipients, to, cases[i].parts[k][m]);
		}
		text = source_recipients(&d);
		assert_string_equal(text, cases[i].text);
		mem_free(text);
		document_clear(&d);
	}
}

static void test_soonest_expiry(void **state)
{
	struct document d = DOCUMENT_INIT;

	(void)state;
	assert_int_equal(source_not_after(&d), 0);
	kv_set_str(&document_part_add(&d, "a")->facts, "not-after", "2027-01-01T00:00:00Z");
	kv_set_str(&document_part_add(&d, "b")->facts, "not-after", "2026-12-01T00:00:00Z");
	kv_set_str(&document_part_add(&d, "c")->facts, "not-after", "soon");
	assert_int_equal(source_not_after(&d), 1796083200);
	document_clear(&d);
}

static void test_names_that_are_taken(void **state)
{
	static const char *const yes[] = { "a.yaml", "a.yml", "a.b.yaml" };
	static const char *const no[] = { ".yaml",  ".a.yaml", "yaml", "a.yaml.bak",
					  "a.YAML", "",	       "yml" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(yes); i++)
		assert_true(scan_takes(yes[i]));
	for (i = 0; i < COUNT(no); i++)
		assert_false(scan_takes(no[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, bed_make, bed_clear)
		TEST(test_files_and_documents),
		TEST(test_only_changed_files_are_read),
		TEST(test_fresh_files_are_read_again),
		TEST(test_what_a_file_becomes),
		TEST(test_invalid_document_is_still_known),
		TEST(test_things_that_are_no_files),
		TEST(test_too_large),
		TEST(test_blind),
		TEST(test_unreadable),
		TEST(test_told),
		TEST(test_many_in_one_file),
		TEST(test_id_covers_what_is_outside),
		cmocka_unit_test(test_recipients_in_short),
		cmocka_unit_test(test_soonest_expiry),
		cmocka_unit_test(test_names_that_are_taken),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
