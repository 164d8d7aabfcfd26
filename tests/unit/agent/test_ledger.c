/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ledger.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/test.h"

struct bed {
	char path[64];
	int dir;
	struct buf seen;
};

static int bed_make(void **state)
{
	struct bed *b = mem_alloc(sizeof(*b));

	snprintf(b->path, sizeof(b->path), "/tmp/bulla-ledger-XXXXXX");
	assert_non_null(mkdtemp(b->path));
	b->dir = open(b->path, O_RDONLY | O_DIRECTORY);
	*state = b;
	return 0;
}

static int bed_clear(void **state)
{
	struct bed *b = *state;

	folder_empty(b->dir, NULL);
	close(b->dir);
	rmdir(b->path);
	buf_clear(&b->seen);
	mem_free(b);
	return 0;
}

/* --- a reader that writes down what it is told ------------------------------------------------ */

static void see_secret(void *ctx, const struct ledger_secret *s)
{
	buf_printf(ctx, "S %s/%s %s%s%s %02x..%02x %llu %lld %s %02x..%02x <%s>\n", s->namespace,
		   s->name, s->adopted ? "a" : "", s->retained ? "g" : "", s->retain ? "r" : "",
		   s->made[0], s->made[31], (unsigned long long)s->mark.ino,
		   (long long)s->mark.born, s->mark.stamp, s->mark.print[0], s->mark.print[15],
		   s->source);
}

static void see_secret_gone(void *ctx, const char *namespace, const char *name)
{
	buf_printf(ctx, "s %s/%s\n", namespace, name);
}

static void see_removed(void *ctx, const char *namespace, int64_t at)
{
	buf_printf(ctx, "R %s %lld\n", namespace, (long long)at);
}

static void see_file_mode(void *ctx, mode_t mode)
{
	buf_printf(ctx, "M %o\n", (unsigned)mode);
}

static void see_namespace_made(void *ctx, const char *namespace)
{
	buf_printf(ctx, "N %s\n", namespace);
}

static void see_namespace_gone(void *ctx, const char *namespace)
{
	buf_printf(ctx, "n %s\n", namespace);
}

static void see_file(void *ctx, const char *path, const struct scan_stat *st)
{
	buf_printf(ctx, "F <%s> %llu %llu %llu %lld %lld\n", path, (unsigned long long)st->dev,
		   (unsigned long long)st->ino, (unsigned long long)st->size, (long long)st->mtime,
		   (long long)st->ctime);
}

static void see_doc(void *ctx, const struct scan_doc *d, const char *recipients)
{
	buf_printf(ctx, "D %s/%s %02x %s%s %u %lld %s\n", d->namespace, d->name, d->id[0],
		   d->chosen ? "c" : "", d->retain ? "r" : "", d->line, (long long)d->not_after,
		   recipients);
}

static void see_file_gone(void *ctx, const char *path)
{
	buf_printf(ctx, "f <%s>\n", path);
}

static void see_files_lost(void *ctx)
{
	buf_puts(ctx, "lost\n");
}

static int try_open(struct bed *b, struct ledger *l, struct err *err)
{
	const struct ledger_reader reader = {
		.ctx = &b->seen,
		.secret = see_secret,
		.secret_gone = see_secret_gone,
		.removed = see_removed,
		.file_mode = see_file_mode,
		.namespace_made = see_namespace_made,
		.namespace_gone = see_namespace_gone,
		.file = see_file,
		.doc = see_doc,
		.file_gone = see_file_gone,
		.files_lost = see_files_lost,
	};

	buf_reset(&b->seen);
	return ledger_open(l, b->dir, &reader, err);
}

static void reopen(struct bed *b, struct ledger *l)
{
	struct err err = ERR_INIT;

	if (try_open(b, l, &err) < 0)
		fail_msg("%s", err.text);
}

static void flush(struct ledger *l)
{
	struct err err = ERR_INIT;

	if (ledger_flush(l, true, &err) < 0)
		fail_msg("%s", err.text);
}

/* --- things to remember ----------------------------------------------------------------------- */

static struct ledger_secret secret(void)
{
	struct ledger_secret s = { .namespace = "foobar",
				   .name = "app.one",
				   .source = "a b/ä.yaml",
				   .retain = true,
				   .mark = { .ino = UINT64_MAX, .born = -5 } };

	s.made[0] = 0xab;
	s.made[31] = 0xcd;
	snprintf(s.mark.stamp, sizeof(s.mark.stamp), "..2026_11_25_19_30_00.0000000001");
	s.mark.print[0] = 0x12;
	s.mark.print[15] = 0x34;
	return s;
}

static char namespace[] = "foobar", name_one[] = "one", name_two[] = "two", path[] = "x y.yaml";
static char ids[] = "0a,0b;0c";

static struct scan_file file(struct scan_doc docs[static 2], struct scan_set *set)
{
	struct scan_file f = {
		.path = path, .stat = { 1, 2, 3, -4, 5 }, .trusted = true, .docs = docs, .n = 2
	};

	*set = (struct scan_set){ .users = 2, .recipients = ids };
	docs[0] = (struct scan_doc){ .namespace = namespace,
				     .name = name_one,
				     .line = 1,
				     .set = set,
				     .chosen = true,
				     .retain = true };
	docs[1] = (struct scan_doc){ .namespace = namespace,
				     .name = name_two,
				     .line = 9,
				     .set = set,
				     .not_after = 1800000000 };
	docs[0].id[0] = 7;
	return f;
}

static void test_all_lines_come_back(void **state)
{
	struct bed *b = *state;
	struct ledger_secret s = secret();
	struct scan_doc docs[2];
	struct scan_set set;
	struct scan_file f = file(docs, &set);
	struct ledger l;

	reopen(b, &l);
	ledger_put_file_mode(&l, 0440);
	ledger_put_namespace(&l, "foobar", true);
	ledger_put_secret(&l, &s);
	s.adopted = true;
	s.retained = true;
	s.retain = false;
	s.source = "";
	ledger_put_secret(&l, &s);
	ledger_put_secret_gone(&l, "foobar", "app.one");
	ledger_put_removed(&l, "foobar", 1764100000);
	ledger_put_namespace(&l, "foobar", false);
	assert_true(ledger_can_put_file(&f));
	ledger_put_file(&l, &f);
	ledger_put_file_gone(&l, path);
	flush(&l);
	ledger_close(&l);
	reopen(b, &l);
	assert_string_equal(buf_str(&b->seen),
			    "M 440\n"
			    "N foobar\n"
			    "S foobar/app.one r ab..cd 18446744073709551615 -5 "
			    "..2026_11_25_19_30_00.0000000001 12..34 <a b/ä.yaml>\n"
			    "S foobar/app.one ag ab..cd 18446744073709551615 -5 "
			    "..2026_11_25_19_30_00.0000000001 12..34 <>\n"
			    "s foobar/app.one\n"
			    "R foobar 1764100000\n"
			    "n foobar\n"
			    "F <x y.yaml> 1 2 3 -4 5\n"
			    "D foobar/one 07 cr 1 0 0a,0b;0c\n"
			    "D foobar/two 00  9 1800000000 0a,0b;0c\n"
			    "f <x y.yaml>\n");
	assert_false(ledger_damaged(&l));
	ledger_close(&l);
}

static void test_files_that_are_not_remembered(void **state)
{
	struct scan_doc docs[2];
	struct scan_set set;
	struct scan_file f = file(docs, &set);
	char *many;

	(void)state;
	f.trusted = false;
	assert_false(ledger_can_put_file(&f));
	f.trusted = true;
	f.state = SCAN_BROKEN;
	assert_false(ledger_can_put_file(&f));
	f.state = SCAN_FINE;
	f.list = true;
	assert_false(ledger_can_put_file(&f));
	f.list = false;
	docs[1].invalid = true;
	assert_false(ledger_can_put_file(&f));
	docs[1].invalid = false;
	many = mem_alloc(20000);
	memset(many, 'a', 20000);
	set.recipients = many;
	assert_false(ledger_can_put_file(&f));
	mem_free(many);
	set.recipients = ids;
	assert_true(ledger_can_put_file(&f));
	f.n = 0;
	assert_true(ledger_can_put_file(&f));
}

/* --- lines with the right sum and the wrong content ------------------------------------------- */

#define HEX64 "abababababababababababababababababababababababababababababababab"
#define HEX32 "abababababababababababababababab"
#define STAMP "..2026_11_25_19_30_00.0000000001"
#define GOOD "- foobar app " HEX64 " 1 2 " STAMP " " HEX32 " a.yaml"

static const struct {
	char type;
	const char *fields;
} refused[] = {
	{ 'V', "1 2" },
	{ 'S', "x foobar app " HEX64 " 1 2 " STAMP " " HEX32 " a.yaml" },
	{ 'S', "rg foobar app " HEX64 " 1 2 " STAMP " " HEX32 " a.yaml" },
	{ 'S', "- Foobar app " HEX64 " 1 2 " STAMP " " HEX32 " a.yaml" },
	{ 'S', "- foobar .. " HEX64 " 1 2 " STAMP " " HEX32 " a.yaml" },
	{ 'S', "- foobar a/b " HEX64 " 1 2 " STAMP " " HEX32 " a.yaml" },
	{ 'S', "- foobar app " HEX32 " 1 2 " STAMP " " HEX32 " a.yaml" },
	{ 'S', "- foobar app " HEX64 "ab 1 2 " STAMP " " HEX32 " a.yaml" },
	{ 'S', "- foobar app " HEX64 " -1 2 " STAMP " " HEX32 " a.yaml" },
	{ 'S', "- foobar app " HEX64 " 01 2 " STAMP " " HEX32 " a.yaml" },
	{ 'S', "- foobar app " HEX64 " 18446744073709551616 2 " STAMP " " HEX32 " a.yaml" },
	{ 'S', "- foobar app " HEX64 " 1 -0 " STAMP " " HEX32 " a.yaml" },
	{ 'S', "- foobar app " HEX64 " 1 2 .. " HEX32 " a.yaml" },
	{ 'S', "- foobar app " HEX64 " 1 2 ..2/../../etc " HEX32 " a.yaml" },
	{ 'S', "- foobar app " HEX64 " 1 2 ..data " HEX32 " a.yaml" },
	{ 'S', "- foobar app " HEX64 " 1 2 " STAMP STAMP " " HEX32 " a.yaml" },
	{ 'S', "- foobar app " HEX64 " 1 2 " STAMP " " HEX64 " a.yaml" },
	{ 'S', "- foobar app " HEX64 " 1 2 " STAMP " " HEX32 " a%.yaml" },
	{ 'S', GOOD " more" },
	{ 's', "foobar" },
	{ 's', "foobar ../x" },
	{ 'R', "foobar x" },
	{ 'R', "../x 1" },
	{ 'N', "foobar x" },
	{ 'M', "4096" },
	{ 'M', "-" },
	{ 'F', "1 2 3 4 5 x a.yaml" },
	{ 'F', "1 2 3 4 5 100001 a.yaml" },
	{ 'F', "1 2 3 4 5 0" },
	{ 'D', "- foobar app " HEX64 " 1 0 0a" }, /* of no file */
	{ 'f', "%zz" },
	{ 'x', "unknown" },
};

static void test_refused_lines(void **state)
{
	struct bed *b = *state;
	size_t i;

	for (i = 0; i < COUNT(refused); i++) {
		struct ledger l;

		reopen(b, &l);
		journal_put(&l.journal, refused[i].type, "%s", refused[i].fields);
		journal_put(&l.journal, 'S', "%s", GOOD);
		flush(&l);
		ledger_close(&l);
		reopen(b, &l);
		if (l.journal.bad != 1)
			fail_msg("%c %s: taken", refused[i].type, refused[i].fields);
		/* what is right counts, and what was known of files does not */
		assert_non_null(strstr(buf_str(&b->seen), "S foobar/app "));
		assert_non_null(strstr(buf_str(&b->seen), "lost\n"));
		assert_true(ledger_damaged(&l));
		assert_true(ledger_is_stale(&l, 1));
		ledger_close(&l);
		folder_empty(b->dir, NULL);
	}
}

/* A file whose documents are not all there must not pass for one that has fewer. */
static void test_missing_document_lines(void **state)
{
	struct bed *b = *state;
	struct scan_doc docs[2];
	struct scan_set set;
	struct scan_file f = file(docs, &set);
	struct buf text = BUF_INIT;
	struct ledger l;
	size_t cut;

	reopen(b, &l);
	ledger_put_file(&l, &f);
	flush(&l);
	ledger_close(&l);
	assert_int_equal(file_read_beneath(b->dir, "ledger", 1 << 20, &text, NULL, NULL), 0);
	for (cut = text.len - 1; cut > 23; cut--) {
		int fd = openat(b->dir, "ledger", O_WRONLY | O_TRUNC);

		assert_int_equal(file_write_fd(fd, text.data, cut, NULL), 0);
		close(fd);
		reopen(b, &l);
		if (strstr(buf_str(&b->seen), "F <") != NULL)
			assert_non_null(strstr(buf_str(&b->seen), "lost\n"));
		assert_false(ledger_damaged(&l)); /* what a crash leaves is no damage */
		ledger_close(&l);
	}
	buf_clear(&text);
}

static void test_newer_version(void **state)
{
	struct bed *b = *state;
	struct err err = ERR_INIT;
	struct ledger l;

	reopen(b, &l);
	journal_put(&l.journal, 'V', "2");
	journal_put(&l.journal, 'Q', "something new");
	flush(&l);
	ledger_close(&l);
	assert_int_equal(try_open(b, &l, &err), -1);
	assert_int_equal(err.class, ERR_CONFLICT);
	assert_non_null(strstr(err.text, "newer"));
	assert_int_equal(faccessat(b->dir, LEDGER_DAMAGED, F_OK, 0), -1);
}

static void test_file_that_is_no_ledger(void **state)
{
	struct bed *b = *state;
	struct ledger l;
	int fd = openat(b->dir, "ledger", O_WRONLY | O_CREAT, 0600);

	assert_int_equal(file_write_fd(fd, "hello\nworld\n", 12, NULL), 0);
	close(fd);
	reopen(b, &l);
	assert_true(ledger_damaged(&l));
	assert_int_equal(l.journal.bad, 2);
	ledger_close(&l);
}

static void dump_one(void *ctx, struct ledger *l)
{
	ledger_put_secret(l, ctx);
}

static void test_rewrite(void **state)
{
	struct bed *b = *state;
	struct ledger_secret s = secret();
	struct err err = ERR_INIT;
	struct ledger l;
	size_t i;

	reopen(b, &l);
	assert_false(ledger_is_stale(&l, 1));
	for (i = 0; i < 1010; i++)
		ledger_put_secret(&l, &s);
	flush(&l);
	assert_true(ledger_is_stale(&l, 1));
	assert_false(ledger_is_stale(&l, 1000));
	assert_int_equal(ledger_rewrite(&l, dump_one, &s, &err), 0);
	assert_false(ledger_is_stale(&l, 1));
	assert_int_equal(l.journal.lines, 2);
	ledger_put_removed(&l, "foobar", 1);
	flush(&l);
	ledger_close(&l);
	reopen(b, &l);
	assert_non_null(strstr(buf_str(&b->seen), "S foobar/app.one"));
	assert_non_null(strstr(buf_str(&b->seen), "R foobar 1\n"));
	ledger_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all_lines_come_back, bed_make, bed_clear),
		cmocka_unit_test(test_files_that_are_not_remembered),
		cmocka_unit_test_setup_teardown(test_refused_lines, bed_make, bed_clear),
		cmocka_unit_test_setup_teardown(test_missing_document_lines, bed_make, bed_clear),
		cmocka_unit_test_setup_teardown(test_newer_version, bed_make, bed_clear),
		cmocka_unit_test_setup_teardown(test_file_that_is_no_ledger, bed_make, bed_clear),
		cmocka_unit_test_setup_teardown(test_rewrite, bed_make, bed_clear),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
