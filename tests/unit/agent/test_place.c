/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/test.h"

struct bed {
	char top[64];
	char secrets[80];
	int dir;
	struct place place;
	struct kv data;
};

static int bed_make(void **state)
{
	struct bed *b = mem_alloc(sizeof(*b));
	struct err err = ERR_INIT;

	umask(077);
	snprintf(b->top, sizeof(b->top), "/tmp/bulla-place-XXXXXX");
	assert_non_null(mkdtemp(b->top));
	snprintf(b->secrets, sizeof(b->secrets), "%s/secrets", b->top);
	b->dir = open(b->top, O_RDONLY | O_DIRECTORY);
	if (place_open(&b->place, b->secrets, 0440, &err) < 0)
		fail_msg("%s", err.text);
	kv_set_str(&b->data, "k", "one");
	*state = b;
	return 0;
}

static int bed_clear(void **state)
{
	struct bed *b = *state;

	place_close(&b->place);
	folder_empty(b->dir, NULL);
	close(b->dir);
	rmdir(b->top);
	kv_clear(&b->data);
	mem_free(b);
	return 0;
}

static void put(const struct bed *b, const char *name, const char *text)
{
	int fd = openat(b->place.fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_write_fd(fd, text, strlen(text), NULL), 0);
	close(fd);
}

static bool there(const struct bed *b, const char *name)
{
	return faccessat(b->place.fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static size_t entries(int fd)
{
	char **names;
	size_t n, i;

	assert_int_equal(folder_names(fd, &names, &n), 0);
	for (i = 0; i < n; i++)
		mem_free(names[i]);
	mem_free(names);
	return n;
}

static int make(struct bed *b, const char *namespace, const char *name, bool adopt,
		struct folder_mark *mark, struct err *err)
{
	const struct place_new *list[1];
	struct place_new new;
	int r;

	assert_int_equal(place_stage(&b->place, &b->data, &new, err), 0);
	list[0] = &new;
	assert_int_equal(place_sync(&b->place, list, 1, err), 0);
	*mark = new.mark;
	r = place_publish(&b->place, namespace, name, &new, adopt, err);
	if (r == 0)
		assert_int_equal(place_settle(&b->place, namespace, err), 0);
	place_drop(&b->place, &new);
	assert_int_equal(entries(b->place.making), 0);
	return r;
}

static void made(struct bed *b, const char *name, struct folder_mark *mark)
{
	struct err err = ERR_INIT;

	if (make(b, "foobar", name, false, mark, &err) < 0)
		fail_msg("%s", err.text);
}

static enum target look(const struct bed *b, const char *name, const struct folder_mark *mark)
{
	struct err why = ERR_INIT;
	enum target t = place_look(&b->place, "foobar", name, mark, &why);

	/* what needs a word has one */
	assert_int_equal(why.class != ERR_NONE, t == TARGET_FOREIGN || t == TARGET_ERROR);
	return t;
}

static void test_make_and_look(void **state)
{
	struct bed *b = *state;
	struct folder_mark mark;
	struct stat st;

	assert_int_equal(look(b, "one", NULL), TARGET_ABSENT);
	assert_true(place_lacks_namespace(&b->place, "foobar"));
	made(b, "one", &mark);
	assert_false(place_lacks_namespace(&b->place, "foobar"));
	assert_int_equal(look(b, "one", &mark), TARGET_INTACT);
	assert_int_equal(look(b, "one", NULL), TARGET_FOREIGN);
	assert_true(place_holds(&b->place, "foobar", "one", &b->data));
	assert_false(place_holds(&b->place, "foobar", "two", &b->data));
	assert_int_equal(fstatat(b->place.fd, "foobar", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	put(b, "foobar/one/more", "x");
	assert_int_equal(look(b, "one", &mark), TARGET_CHANGED);
	assert_false(place_holds(&b->place, "foobar", "one", &b->data));
}

/* The print is taken before anyone can see the Secret, and holds after it was put in place. */
static void test_many_at_once(void **state)
{
	struct bed *b = *state;
	struct place_new news[20];
	const struct place_new *list[COUNT(news)];
	struct err err = ERR_INIT;
	char name[8];
	size_t i;

	for (i = 0; i < COUNT(news); i++) {
		assert_int_equal(place_stage(&b->place, &b->data, &news[i], &err), 0);
		list[i] = &news[i];
	}
	assert_int_equal(place_sync(&b->place, list, COUNT(news), &err), 0);
	for (i = 0; i < COUNT(news); i++) {
		snprintf(name, sizeof(name), "s%zu", i);
		assert_int_equal(place_publish(&b->place, "foobar", name, &news[i], false, &err),
				 0);
		place_drop(&b->place, &news[i]);
	}
	for (i = 0; i < COUNT(news); i++) {
		snprintf(name, sizeof(name), "s%zu", i);
		assert_int_equal(look(b, name, &news[i].mark), TARGET_INTACT);
	}
}

static void test_never_over_something(void **state)
{
	struct bed *b = *state;
	struct folder_mark mark;
	struct err err = ERR_INIT;

	assert_int_equal(mkdirat(b->place.fd, "foobar", 0700), 0);
	assert_int_equal(mkdirat(b->place.fd, "foobar/folder", 0700), 0);
	put(b, "foobar/folder/mine", "x");
	put(b, "foobar/file", "x");
	assert_int_equal(symlinkat("/etc", b->place.fd, "foobar/link"), 0);
	assert_int_equal(make(b, "foobar", "folder", false, &mark, &err), -1);
	assert_int_equal(make(b, "foobar", "file", false, &mark, &err), -1);
	assert_int_equal(make(b, "foobar", "link", false, &mark, &err), -1);
	assert_int_equal(look(b, "folder", NULL), TARGET_FOREIGN);
	assert_int_equal(look(b, "file", NULL), TARGET_FOREIGN);
	assert_int_equal(look(b, "link", NULL), TARGET_FOREIGN);
	assert_true(there(b, "foobar/folder/mine"));
	/* a namespace that leads elsewhere is not entered */
	assert_int_equal(symlinkat("foobar", b->place.fd, "barolab"), 0);
	assert_int_equal(make(b, "barolab", "one", false, &mark, &err), -1);
	assert_int_equal(entries(b->place.found), 0);
}

static void test_adopt(void **state)
{
	struct bed *b = *state;
	struct folder_mark mark;
	struct err err = ERR_INIT;
	char **names;
	char path[300];
	size_t n;

	assert_int_equal(mkdirat(b->place.fd, "foobar", 0700), 0);
	assert_int_equal(mkdirat(b->place.fd, "foobar/one", 0700), 0);
	put(b, "foobar/one/mine", "x");
	assert_int_equal(symlinkat("mine", b->place.fd, "foobar/one/" PLACE_ADOPT), 0);
	assert_int_equal(look(b, "one", NULL), TARGET_FOREIGN); /* only a file counts */
	assert_int_equal(unlinkat(b->place.fd, "foobar/one/" PLACE_ADOPT, 0), 0);
	put(b, "foobar/one/" PLACE_ADOPT, "");
	assert_int_equal(look(b, "one", NULL), TARGET_ADOPT);
	assert_int_equal(make(b, "foobar", "one", true, &mark, &err), 0);
	assert_int_equal(look(b, "one", &mark), TARGET_INTACT);
	assert_int_equal(folder_names(b->place.found, &names, &n), 0);
	assert_int_equal(n, 1);
	assert_non_null(strstr(names[0], ".foobar.one"));
	snprintf(path, sizeof(path), PLACE_OWN "/found/%s/mine", names[0]);
	assert_true(there(b, path));
	mem_free(names[0]);
	mem_free(names);
	/* nothing there to exchange with */
	assert_int_equal(make(b, "foobar", "two", true, &mark, &err), -1);
	assert_false(there(b, "foobar/two"));
}

/* A foreign folder that was exchanged and not set aside yet is not taken for a leftover of ours. */
static void test_leftovers(void **state)
{
	struct bed *b = *state;
	struct place_new new;
	struct err err = ERR_INIT;

	assert_int_equal(place_stage(&b->place, &b->data, &new, &err), 0);
	assert_int_equal(mkdirat(b->place.making, "foreign", 0700), 0);
	put(b, PLACE_OWN "/new/foreign/mine", "x");
	put(b, PLACE_OWN "/new/file", "x");
	place_close(&b->place);
	assert_int_equal(place_open(&b->place, b->secrets, 0400, &err), 0);
	assert_int_equal(entries(b->place.making), 0);
	assert_int_equal(entries(b->place.found), 1);
}

static void test_update(void **state)
{
	struct bed *b = *state;
	struct folder_mark mark, before, other = { .ino = 1 };
	struct err err = ERR_INIT;
	size_t moved;

	made(b, "one", &mark);
	put(b, "foobar/one/notes", "mine");
	before = mark;
	kv_set_str(&b->data, "k", "two");
	assert_int_equal(place_update(&b->place, "foobar", "one", &b->data, &mark, &moved, &err),
			 0);
	assert_int_equal(moved, 1);
	assert_int_equal(entries(b->place.found), 1);
	assert_int_equal(mark.ino, before.ino);
	assert_string_not_equal(mark.stamp, before.stamp);
	assert_int_equal(place_print(&b->place, "foobar", "one", &mark, &err), 0);
	assert_int_equal(look(b, "one", &mark), TARGET_INTACT);
	/* not what we made, or nothing at all */
	assert_int_equal(place_update(&b->place, "foobar", "one", &b->data, &other, &moved, &err),
			 -1);
	assert_int_equal(err.class, ERR_CONFLICT);
	assert_int_equal(place_update(&b->place, "foobar", "two", &b->data, &mark, &moved, &err),
			 -1);
	assert_int_equal(err.class, ERR_IO);
	assert_int_equal(place_print(&b->place, "foobar", "two", &mark, &err), -1);
	assert_int_equal(look(b, "one", &mark), TARGET_INTACT);
}

static void test_remove(void **state)
{
	struct bed *b = *state;
	struct folder_mark one, two, other = { .ino = 1 };
	struct err err = ERR_INIT;

	made(b, "one", &one);
	made(b, "two", &two);
	put(b, "foobar/one/notes", "mine");
	assert_int_equal(place_remove(&b->place, "foobar", "one", &other, true, &err), -1);
	assert_int_equal(err.class, ERR_CONFLICT);
	assert_true(there(b, "foobar/one/k"));
	assert_int_equal(place_remove(&b->place, "foobar", "one", &one, true, &err), 0);
	assert_false(there(b, "foobar/one"));
	assert_int_equal(entries(b->place.found), 1);
	assert_int_equal(entries(b->place.making), 0);
	assert_true(there(b, "foobar"));
	assert_int_equal(place_remove(&b->place, "foobar", "one", &one, false, &err), 0);
	assert_int_equal(place_remove(&b->place, "foobar", "two", &two, false, &err), 0);
	assert_true(there(b, "foobar"));
	assert_int_equal(place_remove(&b->place, "foobar", "two", &two, true, &err), 0);
	assert_false(there(b, "foobar"));
	assert_int_equal(place_remove(&b->place, "foobar", "two", &two, true, &err), 0);
}

static void test_open(void **state)
{
	struct bed *b = *state;
	struct place p;
	struct err err = ERR_INIT;
	char path[120];
	struct stat st;

	assert_int_equal(stat(b->secrets, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(fstat(b->place.own, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* one agent at a time */
	assert_int_equal(place_open(&p, b->secrets, 0400, &err), -1);
	assert_int_equal(err.class, ERR_CONFLICT);
	place_close(&p);
	snprintf(path, sizeof(path), "%s/a/b", b->top);
	assert_int_equal(place_open(&p, path, 0400, &err), -1);
	assert_int_equal(err.class, ERR_IO);
	place_close(&p);
	snprintf(path, sizeof(path), "%s/secrets/file", b->top);
	put(b, "file", "x");
	assert_int_equal(place_open(&p, path, 0400, &err), -1);
	place_close(&p);
	snprintf(path, sizeof(path), "%s/open", b->top);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0777), 0);
	assert_int_equal(place_open(&p, path, 0400, &err), -1);
	assert_int_equal(err.class, ERR_REFUSED);
	place_close(&p);
	/* its own folder must be one */
	assert_int_equal(chmod(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/open/" PLACE_OWN, b->top);
	assert_int_equal(symlink("/tmp", path), 0);
	snprintf(path, sizeof(path), "%s/open", b->top);
	assert_int_equal(place_open(&p, path, 0400, &err), -1);
	place_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, bed_make, bed_clear)
		TEST(test_make_and_look), TEST(test_many_at_once), TEST(test_never_over_something),
		TEST(test_adopt),	  TEST(test_leftovers),	   TEST(test_update),
		TEST(test_remove),	  TEST(test_open),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
