/* SPDX-License-Identifier: Apache-2.0 */
/* files, buffers, sorted names with bytes, errors */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/kv.h"
#include "base/mem.h"

static char dir[64];

static const char *in_dir(const char *name)
{
	static char path[4][128];
	static int next;

	next = (next + 1) % 4;
	snprintf(path[next], sizeof(path[next]), "%s/%s", dir, name);
	return path[next];
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/bulla-test-XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static void put(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(in_dir(name), mode);
}

static void test_read(void **state)
{
	struct err err = ERR_INIT;
	struct buf b = BUF_INIT;

	(void)state;
	put("a", "12345", 0644);
	put("private", "12345", 0600);
	assert_int_equal(symlink("a", in_dir("link")), 0);
	assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
	assert_int_equal(mkdir(in_dir("d"), 0700), 0);

	assert_int_equal(file_read(in_dir("a"), 5, 0, &b, NULL, &err), 0);
	assert_string_equal(buf_str(&b), "12345");
	assert_int_equal(file_read(in_dir("link"), 5, 0, &b, NULL, &err), 0);
	assert_int_equal(b.len, 5);

	assert_int_equal(file_read(in_dir("a"), 4, 0, &b, NULL, &err), -1);
	assert_int_equal(err.class, ERR_INVALID);
	assert_non_null(strstr(err.text, "larger than 4 bytes"));
	assert_int_equal(b.len, 0);
	assert_int_equal(file_read(in_dir("link"), 5, FILE_NOFOLLOW, &b, NULL, &err), -1);
	assert_non_null(strstr(err.text, "a symbolic link"));
	assert_int_equal(file_read(in_dir("fifo"), 5, 0, &b, NULL, &err), -1);
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_int_equal(file_read(in_dir("d"), 5, 0, &b, NULL, &err), -1);
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_int_equal(file_read("/dev/zero", 5, 0, &b, NULL, &err), -1);
	assert_non_null(strstr(err.text, "not a regular file"));
	assert_int_equal(file_read(in_dir("none"), 5, 0, &b, NULL, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	assert_int_equal(file_read(in_dir("a"), 5, FILE_PRIVATE, &b, NULL, &err), -1);
	assert_non_null(strstr(err.text, "chmod 600"));
	assert_int_equal(file_read(in_dir("private"), 5, FILE_PRIVATE, &b, NULL, &err), 0);
	buf_clear(&b);
}

/* A buffer of its own limit takes as much as may be read, from a pipe and from a file. */
static void test_read_into_a_bounded_buffer(void **state)
{
	struct err err = ERR_INIT;
	struct buf b = { .max = 5 };
	int ends[2];

	(void)state;
	put("bounded", "12345", 0600);
	for (size_t max = 4; max <= 6; max++) {
		int want = max == 5 ? 0 : -1;

		assert_int_equal(file_read(in_dir("bounded"), max, 0, &b, NULL, &err), want);
		assert_int_equal(b.len, max == 5 ? 5 : 0);
		assert_int_equal(b.max, 5);
		assert_int_equal(pipe(ends), 0);
		assert_int_equal(write(ends[1], "12345", 5), 5);
		close(ends[1]);
		assert_int_equal(file_read_fd(ends[0], "p", max, &b, &err), want);
		close(ends[0]);
		assert_int_equal(b.len, max == 5 ? 5 : 0);
		assert_int_equal(b.max, 5);
		assert_int_equal(want == 0 ? ERR_NONE : err.class, max == 4   ? ERR_INVALID
								   : max == 5 ? ERR_NONE
									      : ERR_INTERNAL);
	}
	buf_clear(&b);
}

static void test_read_beneath(void **state)
{
	static const char *const refused[] = { "",    "/etc/passwd", "../x",   "d/../a", "d//f",
					       "./a", "out/passwd",  "d/link", "d",	 "a/b" };
	struct err err = ERR_INIT;
	struct buf b = BUF_INIT;
	int fd;

	(void)state;
	assert_int_equal(mkdir(in_dir("d"), 0700), 0);
	put("a", "x", 0600);
	put("d/f", "inside", 0600);
	assert_int_equal(symlink("/etc", in_dir("out")), 0);
	assert_int_equal(symlink("f", in_dir("d/link")), 0);
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(file_read_beneath(fd, "d/f", 100, &b, NULL, &err), 0);
	assert_string_equal(buf_str(&b), "inside");
	for (size_t i = 0; i < COUNT(refused); i++)
		assert_int_equal(file_read_beneath(fd, refused[i], 100, &b, NULL, &err), -1);
	close(fd);
	buf_clear(&b);
}

static void assert_file(const char *name, const char *text, mode_t mode)
{
	struct err err = ERR_INIT;
	struct buf b = BUF_INIT;
	struct stat st;

	assert_int_equal(file_read(in_dir(name), 1000, 0, &b, &st, &err), 0);
	assert_string_equal(buf_str(&b), text);
	assert_int_equal(st.st_mode & 07777, mode);
	buf_clear(&b);
}

static void test_write(void **state)
{
	struct err err = ERR_INIT;
	struct file_write w = { .path = in_dir("w"), .mode = 0640, .exclusive = true };
	struct stat st;
	char path[128];

	(void)state;
	strcpy(path, in_dir("w"));
	w.path = path;
	assert_int_equal(file_write(&w, "one", 3, &err), 0);
	assert_file("w", "one", 0640);
	assert_int_equal(file_write(&w, "two", 3, &err), -1);
	assert_int_equal(err.class, ERR_CONFLICT);
	assert_file("w", "one", 0640);

	w.exclusive = false;
	chmod(path, 0604);
	assert_int_equal(file_write(&w, "three", 5, &err), 0);
	assert_file("w", "three", 0604);

	assert_int_equal(stat(path, &st), 0);
	w.expect = &st;
	assert_int_equal(file_write(&w, "four", 4, &err), 0);
	assert_int_equal(file_write(&w, "five", 4, &err), -1); /* another inode now */
	assert_int_equal(err.class, ERR_CONFLICT);
	unlink(path);
	assert_int_equal(file_write(&w, "six", 3, &err), -1);
	assert_non_null(strstr(err.text, "removed meanwhile"));

	w.expect = NULL;
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(file_write(&w, "x", 1, &err), -1);
	assert_int_equal(access(in_dir("elsewhere"), F_OK), -1);
	unlink(path);

	/* what a killed writer left is taken over, and no temporary file stays */
	put(".w.bulla~", "half", 0600);
	assert_int_equal(file_write(&w, "whole", 5, &err), 0);
	assert_file("w", "whole", 0640);
	assert_int_equal(access(in_dir(".w.bulla~"), F_OK), -1);

	/* a planted link at the temporary name must not be written through */
	assert_int_equal(symlink("victim", in_dir(".w.bulla~")), 0);
	assert_int_equal(file_write(&w, "evil", 4, &err), -1);
	assert_int_equal(access(in_dir("victim"), F_OK), -1);
	assert_file("w", "whole", 0640);
}

/* Twice replaced within a second it has its size, and on ext4 its inode number, again. */
static void test_changed_twice(void **state)
{
	struct stat first;
	struct file_write w = { .path = NULL, .mode = 0600 }, late = { .expect = &first };
	struct err err = ERR_INIT;
	char path[128];

	(void)state;
	strcpy(path, in_dir("w"));
	w.path = late.path = path;
	assert_int_equal(file_write(&w, "one", 3, &err), 0);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(stat(path, &first), 0);
		assert_int_equal(file_write(&w, "two", 3, &err), 0);
		assert_int_equal(file_write(&w, "six", 3, &err), 0);
		assert_int_equal(file_write(&late, "old", 3, &err), -1);
		assert_int_equal(err.class, ERR_CONFLICT);
		assert_file("w", "six", 0600);
	}
}

static void set_mtime(const char *path, time_t sec, long nsec)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
				     { .tv_sec = sec, .tv_nsec = nsec } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* What counts as a change, each alone. */
static void test_expect(void **state)
{
	enum { NOTHING, MTIME, MODE, LINK, RENAME, RENAMED, BOTH, CASES };
	static const bool want[CASES] = { [NOTHING] = true, [RENAMED] = true };
	struct err err = ERR_INIT;
	char path[128], other[128];

	(void)state;
	strcpy(path, in_dir("w"));
	strcpy(other, in_dir("v"));
	for (int i = 0; i < CASES; i++) {
		struct stat st;
		struct file_write w = { .path = path, .expect = &st };

		w.renamed = i == RENAMED || i == BOTH;
		put("w", "old", 0600);
		set_mtime(path, 1000000000, 5);
		assert_int_equal(stat(path, &st), 0);
		usleep(20000); /* the clock of the file system */
		if (i == MTIME || i == BOTH)
			set_mtime(path, 1000000000, 6);
		if (i == MODE)
			assert_int_equal(chmod(path, 0640), 0);
		if (i == LINK)
			assert_int_equal(link(path, other), 0);
		if (i == RENAME || i == RENAMED) {
			assert_int_equal(rename(path, other), 0);
			w.path = other;
		}
		assert_int_equal(file_write(&w, "new", 3, &err), want[i] ? 0 : -1);
		assert_int_equal(want[i] ? ERR_CONFLICT : err.class, ERR_CONFLICT);
		unlink(path);
		unlink(other);
	}
}

/* A clock that has not moved since the last change is no reason for the same time. */
static void test_later_than_before(void **state)
{
	struct file_write w = { .path = in_dir("w"), .mode = 0600 };
	struct timespec now;
	struct stat st;

	(void)state;
	put("w", "old", 0600);
	assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
	set_mtime(w.path, now.tv_sec, 999999990);
	for (int i = 0; i < 3; i++)
		assert_int_equal(file_write(&w, "new", 3, NULL), 0);
	assert_int_equal(stat(w.path, &st), 0);
	assert_true(st.st_mtime > now.tv_sec || st.st_mtim.tv_nsec == 999999993);
	/* a time far off is not kept up with */
	set_mtime(w.path, now.tv_sec + 1000, 5);
	assert_int_equal(file_write(&w, "new", 3, NULL), 0);
	assert_int_equal(stat(w.path, &st), 0);
	assert_true(st.st_mtime < now.tv_sec + 1000);
}

/* Many at once: nothing changes before commit, and what is not committed leaves nothing. */
static void test_stages(void **state)
{
	enum { N = 6 };
	struct file_stage *stages[N];
	struct err err = ERR_INIT;
	struct stat st[N];
	char name[4];

	(void)state;
	for (size_t i = 0; i < N; i++) {
		struct file_write w = { .path = name, .mode = 0600, .expect = &st[i] };

		snprintf(name, sizeof(name), "s%zu", i);
		put(name, "old", 0640);
		assert_int_equal(stat(in_dir(name), &st[i]), 0);
		w.path = in_dir(name);
		stages[i] = file_stage_new(&w, "new", 3, &err);
		assert_non_null(stages[i]);
		assert_file(name, "old", 0640);
	}
	/* held: nobody sweeps what is being written */
	file_stage_sweep(in_dir("s0"));
	assert_int_equal(access(in_dir(".s0.bulla~"), F_OK), 0);
	assert_int_equal(file_stage_sync(stages, N, &err), 0);
	assert_int_equal(file_stage_sync(stages, 2, &err), 0);
	put("s1", "meanwhile", 0640);
	assert_int_equal(file_stage_commit(stages[0], &err), 0);
	assert_int_equal(file_stage_commit(stages[1], &err), -1);
	assert_int_equal(err.class, ERR_CONFLICT);
	for (size_t i = 2; i < N - 1; i++)
		assert_int_equal(file_stage_commit(stages[i], &err), 0);
	for (size_t i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "s%zu", i);
		file_stage_free(stages[i]);
		assert_file(name, i == 1 ? "meanwhile" : i == N - 1 ? "old" : "new", 0640);
	}
	file_stage_free(NULL);
	assert_int_equal(access(in_dir(".s1.bulla~"), F_OK), -1);
	assert_int_equal(access(in_dir(".s5.bulla~"), F_OK), -1);
}

/* Only a temporary file goes, and only its own. */
static void test_sweep(void **state)
{
	(void)state;
	put("w", "text", 0600);
	put(".w.bulla~", "left", 0600);
	file_stage_sweep(in_dir("v"));
	assert_int_equal(access(in_dir(".w.bulla~"), F_OK), 0);
	file_stage_sweep(in_dir("w"));
	assert_int_equal(access(in_dir(".w.bulla~"), F_OK), -1);
	assert_file("w", "text", 0600);
	assert_int_equal(symlink("w", in_dir(".w.bulla~")), 0);
	file_stage_sweep(in_dir("w"));
	assert_file("w", "text", 0600);
	file_stage_sweep(in_dir("not-there"));
}

/* A new file was linked to its name, and the writer killed before the temporary one was gone. */
static void test_two_names(void **state)
{
	struct file_write w = { .path = NULL, .mode = 0600 };
	struct buf b = BUF_INIT;
	struct stat st;

	(void)state;
	put("n", "first", 0600);
	assert_int_equal(link(in_dir("n"), in_dir(".n.bulla~")), 0);
	w.path = in_dir("n");
	assert_int_equal(file_write(&w, "second", 6, NULL), 0);
	assert_int_equal(file_read(in_dir("n"), 100, 0, &b, &st, NULL), 0);
	assert_string_equal(buf_str(&b), "second");
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(access(in_dir(".n.bulla~"), F_OK), -1);
	/* what else has that name is not written through */
	put("other", "theirs", 0600);
	assert_int_equal(link(in_dir("other"), in_dir(".n.bulla~")), 0);
	w.path = in_dir("n");
	assert_int_equal(file_write(&w, "third", 5, NULL), 0);
	assert_int_equal(file_read(in_dir("other"), 100, 0, &b, &st, NULL), 0);
	assert_string_equal(buf_str(&b), "theirs");
	buf_clear(&b);
}

/* Who may write to the folder made the temporary file beforehand, and would read what we write. */
static void test_temporary_of_another(void **state)
{
	struct file_write w = { .path = NULL, .mode = 0600 };
	struct stat theirs, st;
	char path[128];
	int fd;

	(void)state;
	if (geteuid() != 0)
		skip();
	strcpy(path, in_dir("w"));
	w.path = path;
	put(".w.bulla~", "", 0666);
	assert_int_equal(chown(in_dir(".w.bulla~"), 65534, 65534), 0);
	fd = open(in_dir(".w.bulla~"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(file_write(&w, "secret", 6, NULL), 0);
	assert_file("w", "secret", 0600);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(fstat(fd, &theirs), 0);
	assert_int_equal(theirs.st_size, 0);
	assert_int_equal(access(in_dir(".w.bulla~"), F_OK), -1);
	close(fd);
}

static void test_paths(void **state)
{
	struct err err = ERR_INIT;
	char *real = realpath(dir, NULL), *p, *q;

	(void)state;
	assert_int_equal(file_mkdirs(in_dir("x/y/z"), 0700, &err), 0);
	assert_int_equal(file_mkdirs(in_dir("x/y/z"), 0700, &err), 0);
	assert_int_equal(file_mkdirs_above(in_dir("x/a/b"), 0700, &err), 0);
	assert_int_equal(access(in_dir("x/a"), F_OK), 0);
	assert_int_equal(access(in_dir("x/a/b"), F_OK), -1);
	assert_int_equal(file_mkdirs_above("/b", 0700, &err), 0);
	assert_int_equal(file_mkdirs_above("b", 0700, &err), 0);
	assert_int_equal(rmdir(in_dir("x/a")), 0);
	assert_int_equal(mkdir(in_dir("x/.git"), 0700), 0);
	p = file_git_top(in_dir("x/y/z/not/there.yaml"));
	q = mem_printf("%s/x", real);
	assert_string_equal(p, q);
	mem_free(p);
	mem_free(q);
	assert_null(file_git_top(in_dir("elsewhere")));
	p = file_absolute(in_dir("x/none/a"), &err);
	q = mem_printf("%s/x/none/a", real);
	assert_string_equal(p, q);
	mem_free(p);
	mem_free(q);
	free(real);
}

static void test_buf(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	b.max = 8;
	assert_int_equal(buf_puts(&b, "12345"), 0);
	assert_int_equal(buf_puts(&b, "6789"), -1);
	assert_true(b.truncated);
	assert_string_equal(buf_str(&b), "12345");
	assert_int_equal(buf_printf(&b, "%d", 678), 0);
	assert_string_equal(buf_str(&b), "12345678");
	assert_int_equal(buf_splice(&b, 1, 6, "ab", 2), 0);
	assert_string_equal(buf_str(&b), "1ab8");
	assert_int_equal(buf_splice(&b, 4, 0, "cdef", 4), 0);
	assert_string_equal(buf_str(&b), "1ab8cdef");
	assert_int_equal(buf_splice(&b, 0, 1, "xy", 2), -1);
	assert_string_equal(buf_str(&b), "1ab8cdef");
	buf_clear(&b);
	assert_int_equal(b.max, 8);
	assert_string_equal(buf_str(&b), "");
}

static void test_kv(void **state)
{
	struct kv kv = KV_INIT, copy = KV_INIT;

	(void)state;
	kv_set_str(&kv, "b", "2");
	kv_set_str(&kv, "a", "1");
	kv_set(&kv, "c", "3\0", 2);
	kv_set_fmt(&kv, "b", "%s", "two");
	assert_int_equal(kv.n, 3);
	assert_string_equal(kv.items[0].name, "a");
	assert_string_equal(kv_get_str(&kv, "b"), "two");
	assert_null(kv_get_str(&kv, "c")); /* holds a NUL */
	assert_int_equal(kv_get(&kv, "c")->len, 2);
	assert_int_equal(kv_bytes(&kv), 6);
	kv_copy(&copy, &kv);
	assert_true(kv_equal(&copy, &kv));
	assert_true(kv_del(&copy, "a"));
	assert_false(kv_del(&copy, "a"));
	assert_false(kv_equal(&copy, &kv));
	kv_clear(&kv);
	kv_clear(&copy);
}

static void test_err(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, ERR_INVALID, "bad %s", "thing"), -1);
	err_wrap(&err, "file %d", 7);
	assert_string_equal(err.text, "file 7: bad thing");
	assert_int_equal(err.class, ERR_INVALID);
	errno = ENOENT;
	err_sys(&err, "x");
	assert_string_equal(err.text, "x: No such file or directory");
	assert_string_equal(err_class_name(ERR_NOKEY), "no-key");
	assert_int_equal(err_set(NULL, ERR_IO, "nobody listens"), -1);
}

/* What a relative entry of PATH holds is never run, nor is a folder. */
static void test_program(void **state)
{
	char *was = mem_str(getenv("PATH")), *path, *p;
	int fd = open(in_dir("prog"), O_CREAT | O_WRONLY | O_CLOEXEC, 0700);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(mkdir(in_dir("first"), 0700), 0);
	assert_int_equal(mkdir(in_dir("first/prog"), 0700), 0);
	path = mem_printf(".::%s:/nowhere:%s/first:%s", "relative", dir, dir);
	setenv("PATH", path, 1);
	p = file_program("prog");
	assert_non_null(p);
	assert_string_equal(p, in_dir("prog"));
	mem_free(p);
	assert_null(file_program("no-such-program"));
	p = file_program("some/where");
	assert_string_equal(p, "some/where");
	mem_free(p);
	assert_int_equal(chdir(dir), 0);
	setenv("PATH", ".", 1);
	assert_null(file_program("prog"));
	assert_int_equal(chdir("/"), 0);
	setenv("PATH", was, 1);
	mem_free(path);
	mem_free(was);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_into_a_bounded_buffer, setup, teardown),
		cmocka_unit_test_setup_teardown(test_read_beneath, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_expect, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later_than_before, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stages, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sweep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_two_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_temporary_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths, setup, teardown),
		cmocka_unit_test_setup_teardown(test_program, setup, teardown),
		cmocka_unit_test(test_buf),
		cmocka_unit_test(test_kv),
		cmocka_unit_test(test_err),
	};

	mem_init();
	return cmocka_run_group_tests_name("base: files", tests, NULL, NULL);
}
