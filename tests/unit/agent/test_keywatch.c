/* SPDX-License-Identifier: Apache-2.0 */
/* A key directory under every kind of change. */
#include "tests/unit/agent/scene.h"

#include <poll.h>

#include "agent/keywatch.h"

static char *top, *keys;

static int setup(void **state)
{
	(void)state;
	top = scene_new();
	keys = scene_path(top, "keys");
	scene_mkdir(top, "keys");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scene_remove(top);
	mem_free(keys);
	mem_free(top);
	return 0;
}

/* inotify tells within a moment, asks for a look soon, and the look sees the change once. */
static void expect_change(struct keywatch *w)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };

	assert_int_equal(poll(&p, 1, 2000), 1);
	keywatch_read(w);
	assert_true(w->look_at <= clock_monotonic_ms() + KEYWATCH_QUIET_MS);
	assert_true(keywatch_look(w));
	assert_false(keywatch_look(w));
	assert_true(w->look_at > clock_monotonic_ms() + KEYWATCH_SLOW_MS / 2);
}

static void expect_nothing(struct keywatch *w)
{
	keywatch_read(w);
	assert_false(keywatch_look(w));
}

static void test_files(void **state)
{
	struct keywatch w;
	char *a = scene_path(keys, "a.key"), *b = scene_path(keys, "b.key");

	(void)state;
	keywatch_init(&w, keys);
	expect_nothing(&w);
	scene_write(keys, "a.key", "one");
	expect_change(&w);
	scene_write(keys, "a.key", "two");
	expect_change(&w);
	assert_int_equal(rename(a, b), 0);
	expect_change(&w);
	assert_int_equal(chmod(b, 0400), 0);
	expect_change(&w);
	assert_int_equal(unlink(b), 0);
	expect_change(&w);
	scene_write(keys, ".hidden", "x"); /* the keyring passes over it, so it is no news */
	expect_nothing(&w);
	keywatch_clear(&w);
	mem_free(a);
	mem_free(b);
}

static void test_reading_is_no_change(void **state)
{
	struct keywatch w;
	char *a = scene_path(keys, "a.key");
	char c;
	int fd;

	(void)state;
	scene_write(keys, "a.key", "one");
	keywatch_init(&w, keys);
	fd = open(a, O_RDONLY);
	assert_int_equal(read(fd, &c, 1), 1);
	close(fd);
	expect_nothing(&w);
	keywatch_clear(&w);
	mem_free(a);
}

/* Missing, with the folder above it missing too; then there, gone, there again. */
static void test_directory_comes_and_goes(void **state)
{
	struct keywatch w;
	char *far = scene_path(keys, "deep/er"), *deep = scene_path(keys, "deep"),
	     *moved = scene_path(keys, "moved");

	(void)state;
	keywatch_init(&w, far);
	expect_nothing(&w);
	assert_int_equal(mkdir(deep, 0700), 0);
	keywatch_read(&w);
	assert_false(keywatch_look(&w)); /* still missing, but now watched from nearer */
	assert_int_equal(mkdir(far, 0700), 0);
	expect_change(&w);
	scene_write(far, "a.key", "one");
	expect_change(&w);
	scene_remove(far);
	expect_change(&w);
	assert_int_equal(mkdir(far, 0700), 0);
	expect_change(&w);
	scene_write(far, "a.key", "one");
	expect_change(&w);
	assert_int_equal(rename(far, moved), 0);
	expect_change(&w);
	keywatch_clear(&w);
	mem_free(far);
	mem_free(deep);
	mem_free(moved);
}

static void link_to(const char *target, const char *name)
{
	char *path = scene_path(keys, name), *tmp = scene_path(keys, "..tmp");

	assert_int_equal(symlink(target, tmp), 0);
	assert_int_equal(rename(tmp, path), 0);
	mem_free(path);
	mem_free(tmp);
}

/* A mounted Secret: files link to ..data/FILE, and ..data is pointed at a new folder. */
static void test_mounted_secret(void **state)
{
	struct keywatch w;
	char *one = scene_path(keys, "..one"), *two = scene_path(keys, "..two");

	(void)state;
	scene_mkdir(keys, "..one");
	scene_write(one, "a.key", "one");
	link_to("..one", "..data");
	link_to("..data/a.key", "a.key");
	keywatch_init(&w, keys);
	expect_nothing(&w);
	scene_mkdir(keys, "..two");
	scene_write(two, "a.key", "one");
	scene_write(two, "b.key", "two");
	link_to("..two", "..data");
	link_to("..data/b.key", "b.key");
	expect_change(&w);
	assert_int_equal(w.seen.n, 2);
	scene_remove(one); /* the old folder is not looked at any more */
	expect_nothing(&w);
	/* a link that leads nowhere is a state like others */
	link_to("..gone", "..data");
	expect_change(&w);
	keywatch_clear(&w);
	mem_free(one);
	mem_free(two);
}

/* A copy under way is not looked at before it is quiet, but not put off for ever either. */
static void test_waits_for_quiet(void **state)
{
	struct keywatch w;
	int64_t first;

	(void)state;
	keywatch_init(&w, keys);
	scene_write(keys, "a.key", "1");
	keywatch_read(&w);
	first = w.look_at;
	assert_in_range(first - clock_monotonic_ms(), 0, KEYWATCH_QUIET_MS);
	scene_sleep(20);
	scene_write(keys, "b.key", "1");
	keywatch_read(&w);
	assert_true(w.look_at > first);
	w.first = clock_monotonic_ms() - KEYWATCH_BUSY_MS;
	scene_write(keys, "c.key", "1");
	keywatch_read(&w);
	assert_true(w.look_at <= clock_monotonic_ms());
	assert_true(keywatch_look(&w));
	assert_int_equal(w.first, 0);
	keywatch_clear(&w);
}

static void test_unreadable(void **state)
{
	struct keywatch w;

	(void)state;
	scene_write(top, "file", "not a folder");
	mem_free(keys);
	keys = scene_path(top, "file");
	keywatch_init(&w, keys);
	assert_int_equal(w.seen.n, 1);
	expect_nothing(&w);
	keywatch_clear(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reading_is_no_change, setup, teardown),
		cmocka_unit_test_setup_teardown(test_directory_comes_and_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mounted_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_quiet, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unreadable, setup, teardown),
	};

	mem_init();
	return cmocka_run_group_tests_name("keywatch", tests, NULL, NULL);
}
