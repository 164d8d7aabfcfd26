/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/walk.h"

struct seen {
	char text[1024];
	int stop_at; /* visits until the end; 0: never */
	int visits;
};

static char top[] = "/tmp/bulla-walk-XXXXXX";

static void put(const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", top, name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	mem_free(path);
}

static void folder(const char *name)
{
	char *path = mem_printf("%s/%s", top, name);

	assert_int_equal(mkdir(path, 0700), 0);
	mem_free(path);
}

static void link_to(const char *target, const char *name)
{
	char *path = mem_printf("%s/%s", top, name);

	assert_int_equal(symlink(target, path), 0);
	mem_free(path);
}

static int visit(void *ctx, const char *path, struct buf *text, const struct err *error)
{
	struct seen *s = ctx;
	size_t n = strlen(s->text);

	snprintf(s->text + n, sizeof(s->text) - n, "%s=%.*s%s ", path + sizeof(top), (int)text->len,
		 text->len > 0 ? (const char *)text->data : "", error != NULL ? "!" : "");
	return ++s->visits == s->stop_at ? 7 : 0;
}

static int walk(const char *below, struct seen *s)
{
	char *path = mem_printf("%s/%s", top, below);
	struct err err = ERR_INIT;
	int r = walk_yaml(path, 4, visit, s, &err);

	mem_free(path);
	return r;
}

static int setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	folder("empty");
	folder("some");
	folder("some/in");
	folder("some/.hidden");
	put("some/b.yaml", "b");
	put("some/a.yml", "a");
	put("some/in/c.yaml", "c");
	put("some/.d.yaml", "d");
	put("some/.hidden/e.yaml", "e");
	put("some/f.txt", "f");
	put("some/g.yaml", "too long");
	link_to("b.yaml", "some/h.yaml");
	link_to("in", "some/j");
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {
		"some/in/c.yaml", "some/.hidden/e.yaml", "some/b.yaml",
		"some/a.yml",	  "some/.d.yaml",	 "some/f.txt",
		"some/g.yaml",	  "some/h.yaml",	 "some/j",
		"some/in",	  "some/.hidden",	 "some",
		"empty",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char *path = mem_printf("%s/%s", top, names[i]);

		remove(path);
		mem_free(path);
	}
	return rmdir(top);
}

/* The C library may not be given a NULL to sort, not even nothing of it. */
static void test_empty(void **state)
{
	struct seen s = { .stop_at = 0 };

	(void)state;
	assert_int_equal(walk("empty", &s), 0);
	assert_int_equal(s.visits, 0);
}

static void test_order(void **state)
{
	struct seen s = { .stop_at = 0 };

	(void)state;
	assert_int_equal(walk("some", &s), 0);
	assert_string_equal(s.text, "some/a.yml=a some/b.yaml=b some/g.yaml=! some/in/c.yaml=c ");
}

/* Only endings that are asked for, of names that have something before them. */
static void test_endings(void **state)
{
	static const char *const suffixes[] = { ".txt", "c.yaml", "b.yaml", NULL };
	char *path = mem_printf("%s/some", top);
	const struct walk_from from = { .root = path, .max = 4, .suffixes = suffixes };
	struct seen s = { .stop_at = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(walk_files(&from, visit, &s, &err), 0);
	assert_string_equal(s.text, "some/f.txt=f ");
	mem_free(path);
}

static void test_ends_early(void **state)
{
	struct seen s = { .stop_at = 2 };

	(void)state;
	assert_int_equal(walk("some", &s), 7);
	assert_string_equal(s.text, "some/a.yml=a some/b.yaml=b ");
}

static bool skip_in(void *ctx, const char *path)
{
	(void)ctx;
	return strcmp(strrchr(path, '/'), "/in") == 0;
}

static void test_every_file(void **state)
{
	char *path = mem_printf("%s/some", top);
	struct walk_from from = { .root = path, .max = 4 };
	struct seen s = { .stop_at = 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(walk_files(&from, visit, &s, &err), 0);
	assert_string_equal(s.text, "some/.d.yaml=d some/.hidden/e.yaml=e some/a.yml=a "
				    "some/b.yaml=b some/f.txt=f some/g.yaml=! some/in/c.yaml=c ");
	from.skip = skip_in;
	s = (struct seen){ .stop_at = 0 };
	assert_int_equal(walk_files(&from, visit, &s, &err), 0);
	assert_null(strstr(s.text, "in/c.yaml"));
	assert_non_null(strstr(s.text, "g.yaml"));
	folder("some/.git");
	put("some/.git/f.yaml", "f");
	s = (struct seen){ .stop_at = 0 };
	assert_int_equal(walk_files(&from, visit, &s, &err), 0);
	assert_null(strstr(s.text, ".git"));
	mem_free(path);
	path = mem_printf("%s/some/.git/f.yaml", top);
	remove(path);
	mem_free(path);
	path = mem_printf("%s/some/.git", top);
	remove(path);
	mem_free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	   cmocka_unit_test(test_order),
		cmocka_unit_test(test_endings),	   cmocka_unit_test(test_ends_early),
		cmocka_unit_test(test_every_file),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
