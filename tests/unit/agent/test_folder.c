/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

static const struct folder_modes modes = { .file = 0440, .folder = 0750 };

struct bed {
	char path[64];
	int top;
	int fd;	   /* the Secret's folder */
	int aside; /* where foreign entries go */
};

static int bed_make(void **state)
{
	struct bed *b = mem_alloc(sizeof(*b));

	umask(077);
	snprintf(b->path, sizeof(b->path), "/tmp/bulla-folder-XXXXXX");
	assert_non_null(mkdtemp(b->path));
	b->top = open(b->path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(mkdirat(b->top, "secret", 0700), 0);
	assert_int_equal(mkdirat(b->top, "aside", 0700), 0);
	b->fd = openat(b->top, "secret", O_RDONLY | O_DIRECTORY);
	b->aside = openat(b->top, "aside", O_RDONLY | O_DIRECTORY);
	*state = b;
	return 0;
}

static int bed_clear(void **state)
{
	struct bed *b = *state;

	folder_empty(b->top, NULL);
	close(b->fd);
	close(b->aside);
	close(b->top);
	rmdir(b->path);
	mem_free(b);
	return 0;
}

static void put(int at, const char *name, const char *text)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text, strlen(text), NULL), 0);
	close(fd);
}

static int number(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY);
	char **names;
	size_t n, i;

	assert_true(fd >= 0);
	assert_int_equal(folder_names(fd, &names, &n), 0);
	for (i = 0; i < n; i++)
		mem_free(names[i]);
	mem_free(names);
	close(fd);
	return (int)n;
}

/* What a reader of SECRET/KEY gets: "" when there is none. */
static void read_key(const struct bed *b, const char *key, char *out, size_t size)
{
	char path[300];
	int fd;
	ssize_t n = 0;

	snprintf(path, sizeof(path), "secret/%s", key);
	fd = openat(b->top, path, O_RDONLY);
	if (fd >= 0) {
		n = read(fd, out, size - 1);
		assert_true(n > 0);
		close(fd);
	}
	out[n] = '\0';
}

static void assert_key(const struct bed *b, const char *key, const char *want)
{
	char got[64];

	read_key(b, key, got, sizeof(got));
	assert_string_equal(got, want);
}

static void write_data(const struct bed *b, const struct kv *data, struct folder_mark *mark,
		       size_t *moved)
{
	struct err err = ERR_INIT;

	if (folder_write(b->fd, data, &modes, b->aside, mark, moved, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_layout(void **state)
{
	const struct bed *b = *state;
	struct folder_mark mark = { 0 };
	struct kv data = KV_INIT;
	char target[64];
	struct stat st;
	size_t moved;

	kv_set_str(&data, "tls.crt", "certificate");
	kv_set_str(&data, "tls.key", "key");
	kv_set_str(&data, "empty", "");
	write_data(b, &data, &mark, &moved);
	assert_int_equal(moved, 0);
	assert_key(b, "tls.crt", "certificate");
	assert_key(b, "tls.key", "key");
	assert_int_equal(fstatat(b->fd, "empty", &st, 0), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(st.st_mode & 07777, 0440);
	assert_int_equal(fstatat(b->fd, "tls.crt", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	memset(target, 0, sizeof(target));
	assert_true(readlinkat(b->fd, "..data", target, sizeof(target) - 1) > 0);
	assert_string_equal(target, mark.stamp);
	/* ..2026_11_25_19_30_00.1804289383 */
	assert_int_equal(strlen(mark.stamp), 32);
	assert_int_equal(strncmp(mark.stamp, "..2", 3), 0);
	memset(target, 0, sizeof(target));
	assert_true(readlinkat(b->fd, "tls.key", target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "..data/tls.key");
	assert_int_equal(fstat(b->fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(fstatat(b->fd, "..data", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(number(b->top, "secret"), 5);
	kv_clear(&data);
}

static void test_update(void **state)
{
	const struct bed *b = *state;
	struct folder_mark first = { 0 }, mark = { 0 };
	struct kv data = KV_INIT;
	size_t moved;

	kv_set_str(&data, "kept", "1");
	kv_set_str(&data, "dropped", "1");
	write_data(b, &data, &first, &moved);
	kv_del(&data, "dropped");
	kv_set_str(&data, "kept", "2");
	kv_set_str(&data, "added", "2");
	write_data(b, &data, &mark, &moved);
	assert_key(b, "kept", "2");
	assert_key(b, "added", "2");
	assert_key(b, "dropped", "");
	assert_int_equal(number(b->top, "secret"), 4); /* two links, ..data, one folder */
	assert_string_not_equal(first.stamp, mark.stamp);
	assert_int_equal(first.ino, mark.ino);
	assert_true(folder_holds(b->fd, &data, &modes));
	kv_clear(&data);
}

/* A bind mount of the folder is a descriptor that outlives the change. */
static void test_reader_through_old_descriptor(void **state)
{
	const struct bed *b = *state;
	int held = openat(b->top, "secret", O_RDONLY | O_DIRECTORY);
	struct folder_mark mark = { 0 };
	struct kv data = KV_INIT;
	char text[8] = "";
	size_t moved;
	int fd;

	kv_set_str(&data, "k", "one");
	write_data(b, &data, &mark, &moved);
	kv_set_str(&data, "k", "two");
	write_data(b, &data, &mark, &moved);
	fd = openat(held, "k", O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text) - 1), 3);
	assert_string_equal(text, "two");
	close(fd);
	close(held);
	kv_clear(&data);
}

static void test_foreign_entries_are_spared(void **state)
{
	const struct bed *b = *state;
	struct folder_mark mark = { 0 };
	struct kv data = KV_INIT;
	size_t moved;

	kv_set_str(&data, "k", "one");
	write_data(b, &data, &mark, &moved);
	put(b->fd, "notes.txt", "mine");
	assert_int_equal(mkdirat(b->fd, "folder", 0700), 0);
	assert_int_equal(symlinkat("/etc/hostname", b->fd, "elsewhere"), 0);
	put(b->fd, "new", "in the way of a key");
	unlinkat(b->fd, "k", 0);
	assert_int_equal(mkdirat(b->fd, "k", 0700), 0);
	unlinkat(b->fd, "..data", 0);
	assert_int_equal(mkdirat(b->fd, "..data", 0700), 0);
	assert_false(folder_holds(b->fd, &data, &modes));

	kv_set_str(&data, "new", "two");
	write_data(b, &data, &mark, &moved);
	assert_int_equal(moved, 6);
	assert_int_equal(number(b->top, "aside"), 6);
	assert_key(b, "k", "one");
	assert_key(b, "new", "two");
	assert_true(folder_holds(b->fd, &data, &modes));
	kv_clear(&data);
}

struct edit {
	const char *what;
	void (*edit)(const struct bed *b, const struct folder_mark *mark);
	bool holds; /* the content is still right, only touched */
};

static void edit_value(const struct bed *b, const struct folder_mark *m)
{
	(void)m;
	assert_int_equal(fchmodat(b->fd, "k", 0600, 0), 0);
	put(b->fd, "k", "two");
	assert_int_equal(fchmodat(b->fd, "k", 0440, 0), 0);
}

static void edit_mode(const struct bed *b, const struct folder_mark *m)
{
	(void)m;
	assert_int_equal(fchmodat(b->fd, "k", 0444, 0), 0);
}

static void edit_add(const struct bed *b, const struct folder_mark *m)
{
	(void)m;
	put(b->fd, "more", "x");
}

static void edit_add_beneath(const struct bed *b, const struct folder_mark *m)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/more", m->stamp);
	put(b->fd, path, "x");
}

static void edit_unlink(const struct bed *b, const struct folder_mark *m)
{
	(void)m;
	assert_int_equal(unlinkat(b->fd, "k", 0), 0);
}

static void edit_link(const struct bed *b, const struct folder_mark *m)
{
	(void)m;
	assert_int_equal(unlinkat(b->fd, "k", 0), 0);
	assert_int_equal(symlinkat("/etc/hostname", b->fd, "k"), 0);
}

static void edit_folder_mode(const struct bed *b, const struct folder_mark *m)
{
	(void)m;
	assert_int_equal(fchmod(b->fd, 0777), 0);
}

static void edit_data(const struct bed *b, const struct folder_mark *m)
{
	(void)m;
	assert_int_equal(unlinkat(b->fd, "..data", 0), 0);
	assert_int_equal(symlinkat("..2020_01_01_00_00_00.1", b->fd, "..data"), 0);
}

static void edit_touch(const struct bed *b, const struct folder_mark *m)
{
	(void)m;
	assert_int_equal(utimensat(b->fd, "k", NULL, 0), 0);
}

static void edit_nothing(const struct bed *b, const struct folder_mark *m)
{
	char path[80];

	(void)m;
	snprintf(path, sizeof(path), "%s/secret", b->path);
	assert_int_equal(renameat(b->top, "secret", b->top, "away"), 0);
	assert_int_equal(renameat(b->top, "away", b->top, "secret"), 0);
}

static const struct edit edits[] = {
	{ "value", edit_value, false },
	{ "mode of a key", edit_mode, false },
	{ "a file more", edit_add, false },
	{ "a file more beneath", edit_add_beneath, false },
	{ "a key's link gone", edit_unlink, false },
	{ "a key's link elsewhere", edit_link, false },
	{ "mode of the folder", edit_folder_mode, false },
	{ "..data elsewhere", edit_data, false },
	{ "touched", edit_touch, true },
};

static void test_print_and_holds(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		unsigned char before[FOLDER_PRINT], after[FOLDER_PRINT];
		struct folder_mark mark = { 0 };
		struct kv data = KV_INIT;
		void *own;
		struct bed *b;
		size_t moved;

		bed_make(&own);
		b = own;
		kv_set_str(&data, "k", "one");
		write_data(b, &data, &mark, &moved);
		assert_int_equal(folder_print(b->fd, before), 0);
		edit_nothing(b, &mark);
		assert_int_equal(folder_print(b->fd, after), 0);
		assert_memory_equal(before, after, FOLDER_PRINT);
		assert_true(folder_holds(b->fd, &data, &modes));
		edits[i].edit(b, &mark);
		assert_int_equal(folder_print(b->fd, after), 0);
		if (memcmp(before, after, FOLDER_PRINT) == 0)
			fail_msg("%s: same print", edits[i].what);
		if (folder_holds(b->fd, &data, &modes) != edits[i].holds)
			fail_msg("%s: holds", edits[i].what);
		write_data(b, &data, &mark, &moved);
		assert_true(folder_holds(b->fd, &data, &modes));
		kv_clear(&data);
		bed_clear(&own);
	}
}

static void test_holds_exactly(void **state)
{
	const struct bed *b = *state;
	const struct folder_modes others = { .file = 0400, .folder = 0700 };
	struct folder_mark mark = { 0 };
	struct kv data = KV_INIT;
	size_t moved;

	kv_set_str(&data, "a", "1");
	kv_set_str(&data, "b", "2");
	assert_false(folder_holds(b->fd, &data, &modes));
	write_data(b, &data, &mark, &moved);
	assert_true(folder_holds(b->fd, &data, &modes));
	assert_false(folder_holds(b->fd, &data, &others));
	kv_set_str(&data, "b", "3");
	assert_false(folder_holds(b->fd, &data, &modes));
	kv_set_str(&data, "b", "22");
	assert_false(folder_holds(b->fd, &data, &modes));
	kv_del(&data, "b");
	assert_false(folder_holds(b->fd, &data, &modes));
	kv_set_str(&data, "b", "2");
	kv_set_str(&data, "c", "3");
	assert_false(folder_holds(b->fd, &data, &modes));
	kv_clear(&data);
}

static void test_identity(void **state)
{
	const struct bed *b = *state;
	struct folder_mark mark = { 0 }, other = { 0 };
	struct kv data = KV_INIT;
	size_t moved;
	int fd;

	kv_set_str(&data, "k", "one");
	write_data(b, &data, &mark, &moved);
	assert_true(folder_is(b->fd, &mark));
	assert_int_equal(mkdirat(b->top, "another", 0700), 0);
	fd = openat(b->top, "another", O_RDONLY | O_DIRECTORY);
	assert_false(folder_is(fd, &mark));
	/* a restored copy: other inodes, the same random name */
	assert_int_equal(mkdirat(fd, mark.stamp, 0700), 0);
	assert_true(folder_is(fd, &mark));
	other = mark;
	other.stamp[0] = '\0';
	assert_false(folder_is(fd, &other));
	assert_true(folder_is(b->fd, &other));
	other.born++;
	assert_false(folder_is(b->fd, &other));
	close(fd);
	kv_clear(&data);
}

/* --- killed at every system call -------------------------------------------------------------- */

static _Noreturn void child_write(const struct bed *b, const struct kv *data)
{
	struct folder_mark mark = { 0 };
	size_t moved;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(99);
	raise(SIGSTOP);
	_exit(folder_write(b->fd, data, &modes, b->aside, &mark, &moved, NULL) < 0 ? 1 : 0);
}

/*
 * Let a child write and kill it when it enters its n-th system call.  1: it was killed; 0: it was
 * done before; -1: this machine lets nobody trace.
 */
static int write_and_kill(const struct bed *b, const struct kv *data, unsigned n)
{
	pid_t pid = fork();
	unsigned stops = 0;
	int status;

	if (pid == 0)
		child_write(b, data);
	assert_true(pid > 0);
	for (;;) {
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_not_equal(WEXITSTATUS(status), 1);
			return WEXITSTATUS(status) == 99 ? -1 : 0;
		}
		assert_true(WIFSTOPPED(status));
		/* every call stops twice: when it is entered and when it is left */
		if (++stops == 2 * n) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return 1;
		}
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
	}
}

static void assert_old_or_new(const struct bed *b, unsigned n)
{
	char kept[16], dropped[16], added[16];
	bool old, new;

	read_key(b, "kept", kept, sizeof(kept));
	read_key(b, "dropped", dropped, sizeof(dropped));
	read_key(b, "added", added, sizeof(added));
	old = strcmp(kept, "old") == 0 && strcmp(dropped, "old") == 0 && added[0] == '\0';
	new = strcmp(kept, "new") == 0 && dropped[0] == '\0' && strcmp(added, "new") == 0;
	if (!old && !new)
		fail_msg("killed at call %u: kept=%s dropped=%s added=%s", n, kept, dropped, added);
}

static void test_killed_at_every_call(void **state)
{
	struct kv before = KV_INIT, after = KV_INIT;
	unsigned n;
	int killed = 1;

	(void)state;
	kv_set_str(&before, "kept", "old");
	kv_set_str(&before, "dropped", "old");
	kv_set_str(&after, "kept", "new");
	kv_set_str(&after, "added", "new");
	for (n = 1; killed == 1; n++) {
		struct folder_mark mark = { 0 };
		size_t moved;
		void *own;
		struct bed *b;

		bed_make(&own);
		b = own;
		write_data(b, &before, &mark, &moved);
		killed = write_and_kill(b, &after, n);
		if (killed >= 0)
			assert_old_or_new(b, n);
		/* whatever it left, the next write is whole and leaves nothing over */
		write_data(b, &after, &mark, &moved);
		assert_int_equal(moved, 0);
		assert_true(folder_holds(b->fd, &after, &modes));
		bed_clear(&own);
	}
	kv_clear(&before);
	kv_clear(&after);
	if (killed < 0)
		skip();
	assert_true(n > 40); /* else it did not do what this test is about */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_layout, bed_make, bed_clear),
		cmocka_unit_test_setup_teardown(test_update, bed_make, bed_clear),
		cmocka_unit_test_setup_teardown(test_reader_through_old_descriptor, bed_make,
						bed_clear),
		cmocka_unit_test_setup_teardown(test_foreign_entries_are_spared, bed_make,
						bed_clear),
		cmocka_unit_test(test_print_and_holds),
		cmocka_unit_test_setup_teardown(test_holds_exactly, bed_make, bed_clear),
		cmocka_unit_test_setup_teardown(test_identity, bed_make, bed_clear),
		cmocka_unit_test(test_killed_at_every_call),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
