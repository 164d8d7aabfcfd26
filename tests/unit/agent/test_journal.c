/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/journal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/folder.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/test.h"

struct bed {
	char path[64];
	int dir;
};

static int bed_make(void **state)
{
	struct bed *b = mem_alloc(sizeof(*b));

	snprintf(b->path, sizeof(b->path), "/tmp/bulla-journal-XXXXXX");
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
	mem_free(b);
	return 0;
}

/* What was read, as "TYPE:a,b;". */
static int take(void *ctx, char type, char **fields, size_t n)
{
	struct buf *seen = ctx;
	size_t i;

	if (type == '!')
		return -1;
	buf_printf(seen, "%c:", type);
	for (i = 0; i < n; i++)
		buf_printf(seen, "%s%s", i == 0 ? "" : ",", fields[i]);
	buf_puts(seen, ";");
	return 0;
}

static void reopen(struct journal *j, const struct bed *b, struct buf *seen)
{
	struct err err = ERR_INIT;

	buf_reset(seen);
	if (journal_open(j, b->dir, "j", take, seen, &err) < 0)
		fail_msg("%s", err.text);
}

static void flush(struct journal *j)
{
	struct err err = ERR_INIT;

	if (journal_flush(j, true, &err) < 0)
		fail_msg("%s", err.text);
}

static void read_text(const struct bed *b, struct buf *out)
{
	assert_int_equal(file_read_beneath(b->dir, "j", 1 << 24, out, NULL, NULL), 0);
}

static void write_text(const struct bed *b, const void *text, size_t len)
{
	int fd = openat(b->dir, "j", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(file_write_fd(fd, text, len, NULL), 0);
	close(fd);
}

static void test_lines_come_back(void **state)
{
	const struct bed *b = *state;
	struct buf seen = BUF_INIT;
	struct journal j;

	reopen(&j, b, &seen);
	assert_string_equal(buf_str(&seen), "");
	journal_put(&j, 'a', "%s %d", "one", 1);
	journal_put(&j, 'b', "%s", "two");
	flush(&j);
	journal_put(&j, 'c', "%s", "never flushed");
	journal_close(&j);
	reopen(&j, b, &seen);
	assert_string_equal(buf_str(&seen), "a:one,1;b:two;");
	assert_int_equal(j.lines, 2);
	assert_int_equal(j.bad, 0);
	assert_false(j.torn);
	journal_put(&j, 'd', "%s", "four");
	flush(&j);
	journal_close(&j);
	reopen(&j, b, &seen);
	assert_string_equal(buf_str(&seen), "a:one,1;b:two;d:four;");
	journal_close(&j);
	buf_clear(&seen);
}

static void test_texts(void **state)
{
	static const char *const texts[] = { "",  "%",	  "plain/path.yaml", "a b", "\n", "100%",
					     "ä", "\x01", "\xff\xfe",	     "%41", "~" };
	static const char *const bad[] = { "%4", "%4g", "a%", "%00", "%A0", "%%" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		struct buf field = BUF_INIT;
		char *copy;

		journal_text(&field, texts[i]);
		assert_int_not_equal(field.len, 0);
		assert_null(strpbrk(buf_str(&field), " \n\t\r"));
		copy = mem_str(buf_str(&field));
		assert_int_equal(journal_untext(copy), 0);
		assert_string_equal(copy, texts[i]);
		mem_free(copy);
		buf_clear(&field);
	}
	for (i = 0; i < COUNT(bad); i++) {
		char *copy = mem_str(bad[i]);

		if (journal_untext(copy) == 0)
			fail_msg("%s was taken", bad[i]);
		mem_free(copy);
	}
}

/* Any change of a byte is seen, and costs no more than the lines it touches. */
static void test_every_byte_counts(void **state)
{
	const struct bed *b = *state;
	struct buf seen = BUF_INIT, text = BUF_INIT;
	struct journal j;
	size_t i;

	reopen(&j, b, &seen);
	journal_put(&j, 'a', "one");
	journal_put(&j, 'b', "two");
	journal_put(&j, 'c', "three");
	flush(&j);
	journal_close(&j);
	read_text(b, &text);
	for (i = 0; i + 1 < text.len; i++) {
		text.data[i] ^= 1;
		write_text(b, text.data, text.len);
		reopen(&j, b, &seen);
		if (j.bad == 0)
			fail_msg("byte %zu changed and nobody saw", i);
		assert_true(j.bad <= 2);
		assert_null(strstr(buf_str(&seen), "twn"));
		journal_close(&j);
		text.data[i] ^= 1;
	}
	buf_clear(&seen);
	buf_clear(&text);
}

/* A write that was cut off leaves a piece of a line at the end, and nothing else. */
static void test_torn_end_is_cut_off(void **state)
{
	const struct bed *b = *state;
	struct buf seen = BUF_INIT, text = BUF_INIT;
	struct journal j;
	size_t cut, first;

	reopen(&j, b, &seen);
	journal_put(&j, 'a', "one");
	flush(&j);
	first = j.size;
	journal_put(&j, 'b', "two");
	flush(&j);
	journal_close(&j);
	read_text(b, &text);
	for (cut = first; cut < text.len; cut++) {
		write_text(b, text.data, cut);
		reopen(&j, b, &seen);
		assert_string_equal(buf_str(&seen), "a:one;");
		assert_int_equal(j.bad, 0);
		assert_int_equal(j.torn, cut != first);
		journal_put(&j, 'c', "three");
		flush(&j);
		journal_close(&j);
		reopen(&j, b, &seen);
		assert_string_equal(buf_str(&seen), "a:one;c:three;");
		assert_int_equal(j.bad, 0);
		journal_close(&j);
	}
	buf_clear(&seen);
	buf_clear(&text);
}

static void test_refused_lines(void **state)
{
	static const char nul[] = "0123456789abcdef a \0x\n";
	const struct bed *b = *state;
	struct buf seen = BUF_INIT, text = BUF_INIT;
	struct journal j;
	size_t i;

	reopen(&j, b, &seen);
	journal_put(&j, '!', "the reader refuses it");
	journal_put(&j, 'a', "%s", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17");
	journal_put(&j, 'b', "good");
	flush(&j);
	journal_close(&j);
	reopen(&j, b, &seen);
	assert_string_equal(buf_str(&seen), "b:good;");
	assert_int_equal(j.bad, 2);
	journal_close(&j);

	/* too long for any line, then a good one */
	read_text(b, &text);
	buf_truncate(&text, 0);
	for (i = 0; i < 3 * JOURNAL_LINE_MAX; i++)
		buf_putc(&text, 'x');
	buf_puts(&text, "\n\n");
	buf_put(&text, nul, sizeof(nul) - 1);
	write_text(b, text.data, text.len);
	reopen(&j, b, &seen);
	assert_int_equal(j.bad, 3);
	journal_put(&j, 'b', "good");
	flush(&j);
	journal_close(&j);
	reopen(&j, b, &seen);
	assert_string_equal(buf_str(&seen), "b:good;");
	journal_close(&j);

	/* too long and torn */
	write_text(b, text.data, 2 * JOURNAL_LINE_MAX);
	reopen(&j, b, &seen);
	assert_true(j.torn);
	journal_put(&j, 'b', "good");
	flush(&j);
	journal_close(&j);
	reopen(&j, b, &seen);
	assert_string_equal(buf_str(&seen), "b:good;");
	assert_int_equal(j.bad, 0);
	journal_close(&j);
	buf_clear(&seen);
	buf_clear(&text);
}

static void dump(void *ctx, struct journal *j)
{
	size_t n = *(size_t *)ctx;
	size_t i;

	for (i = 0; i < n; i++)
		journal_put(j, 'n', "%zu", i);
}

static void test_rewrite(void **state)
{
	const struct bed *b = *state;
	struct buf seen = BUF_INIT;
	struct err err = ERR_INIT;
	struct journal j;
	struct stat st;
	size_t n = 20000; /* more than goes out at once */
	size_t i;

	reopen(&j, b, &seen);
	for (i = 0; i < 10; i++)
		journal_put(&j, 'a', "%zu", i);
	flush(&j);
	assert_int_equal(journal_rewrite(&j, dump, &n, &err), 0);
	assert_int_equal(j.lines, n);
	journal_put(&j, 'z', "last");
	flush(&j);
	assert_int_equal(fstat(j.fd, &st), 0);
	assert_int_equal((size_t)st.st_size, j.size);
	journal_close(&j);
	seen.max = 1 << 20;
	reopen(&j, b, &seen);
	assert_int_equal(j.lines, n + 1);
	assert_int_equal(j.bad, 0);
	assert_int_equal(strncmp(buf_str(&seen), "n:0;n:1;", 8), 0);
	assert_non_null(strstr(buf_str(&seen), "n:19999;z:last;"));
	assert_int_equal(faccessat(b->dir, "j~", F_OK, 0), -1);
	journal_close(&j);
	buf_clear(&seen);
}

static void limit(rlim_t size)
{
	const struct rlimit l = { size, RLIM_INFINITY };

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* A disk that is full in the middle of a line. */
static void test_failed_append_is_taken_back(void **state)
{
	const struct bed *b = *state;
	struct buf seen = BUF_INIT;
	struct err err = ERR_INIT;
	struct journal j;
	size_t n = 100;

	signal(SIGXFSZ, SIG_IGN);
	reopen(&j, b, &seen);
	journal_put(&j, 'a', "one");
	flush(&j);
	limit(j.size + 10);
	journal_put(&j, 'b', "two");
	assert_int_equal(journal_flush(&j, true, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_true(j.lost);
	assert_int_equal(journal_rewrite(&j, dump, &n, &err), -1);
	assert_int_equal(faccessat(b->dir, "j~", F_OK, 0), -1);
	limit(RLIM_INFINITY);
	journal_put(&j, 'c', "three");
	flush(&j);
	journal_close(&j);
	reopen(&j, b, &seen);
	assert_string_equal(buf_str(&seen), "a:one;c:three;");
	assert_int_equal(j.bad, 0);
	journal_close(&j);
	buf_clear(&seen);
}

static void test_what_is_no_file(void **state)
{
	const struct bed *b = *state;
	struct buf seen = BUF_INIT;
	struct err err = ERR_INIT;
	struct journal j;

	assert_int_equal(mkdirat(b->dir, "folder", 0700), 0);
	assert_int_equal(journal_open(&j, b->dir, "folder", take, &seen, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_int_equal(symlinkat("/etc/hostname", b->dir, "link"), 0);
	assert_int_equal(journal_open(&j, b->dir, "link", take, &seen, &err), -1);
	assert_int_equal(mkfifoat(b->dir, "fifo", 0600), 0);
	assert_int_equal(journal_open(&j, b->dir, "fifo", take, &seen, &err), -1);
	buf_clear(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_lines_come_back, bed_make, bed_clear),
		cmocka_unit_test(test_texts),
		cmocka_unit_test_setup_teardown(test_every_byte_counts, bed_make, bed_clear),
		cmocka_unit_test_setup_teardown(test_torn_end_is_cut_off, bed_make, bed_clear),
		cmocka_unit_test_setup_teardown(test_refused_lines, bed_make, bed_clear),
		cmocka_unit_test_setup_teardown(test_rewrite, bed_make, bed_clear),
		cmocka_unit_test_setup_teardown(test_failed_append_is_taken_back, bed_make,
						bed_clear),
		cmocka_unit_test_setup_teardown(test_what_is_no_file, bed_make, bed_clear),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
