/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's small modules: command line, paths, tables, watches, entries. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/entry.h"
#include "agent/folder.h"
#include "agent/object_key.h"
#include "agent/options.h"
#include "agent/paths.h"
#include "agent/table.h"
#include "agent/trim.h"
#include "agent/watch.h"
#include "base/err.h"
#include "base/mem.h"
#include "tests/unit/test.h"

/* --- options ---------------------------------------------------------------------------------- */

static int parse(const char *line, struct options *out, struct err *err)
{
	static char copy[512];
	char *argv[32];
	int argc = 0;
	char *at = copy;

	snprintf(copy, sizeof(copy), "bulla-agent %s", line);
	for (at = strtok(copy, " "); at != NULL; at = strtok(NULL, " "))
		argv[argc++] = at;
	argv[argc] = NULL;
	return options_parse(argc, argv, out, err);
}

#define DIRS "--documents d --secrets s --keys k"

static void test_options(void **state)
{
	struct err err = ERR_INIT;
	struct options o;

	(void)state;
	assert_int_equal(parse(DIRS, &o, &err), 0);
	assert_string_equal(o.documents, "d");
	assert_string_equal(o.secrets, "s");
	assert_string_equal(o.keys, "k");
	assert_int_equal(o.mode, OPTIONS_RUN);
	assert_int_equal(o.file_mode, 0400);
	assert_int_equal(o.settle_ms, 5000);
	assert_int_equal(o.look_ms, 300000);
	assert_int_equal(o.level, LOG_INFO);
	assert_false(o.once);
	assert_null(o.listen);
	assert_int_equal(parse(DIRS " --once --file-mode 440 --settle 0 --full-look 7", &o, &err),
			 0);
	assert_true(o.once);
	assert_int_equal(o.file_mode, 0440);
	assert_int_equal(o.settle_ms, 0);
	assert_int_equal(o.look_ms, 7000);
	assert_int_equal(parse("--kubernetes --keys c", &o, &err), 0);
	assert_int_equal(o.settle_ms, 60000);
	assert_int_equal(o.look_ms, 600000);
	assert_int_equal(o.give_up_ms, 120000);
	assert_int_equal(parse("--kubernetes --keys c --once --give-up 3", &o, &err), 0);
	assert_int_equal(o.give_up_ms, 3000);
	assert_int_equal(parse("--kubernetes --keys c --settle 1 --full-look 7", &o, &err), 0);
	assert_int_equal(o.settle_ms, 1000);
	assert_int_equal(o.look_ms, 7000);
	assert_int_equal(parse("--kubernetes --keys c --file-mode 440", &o, &err), -1);
	assert_int_equal(o.level, LOG_ERROR);
	assert_int_equal(parse("--documents=d --secrets=s --keys=k --listen=:1", &o, &err), 0);
	assert_string_equal(o.listen, ":1");
	assert_int_equal(parse("--help --nothing-else=1", &o, &err), -1);
	assert_int_equal(parse("-h", &o, &err), 0);
	assert_int_equal(o.mode, OPTIONS_HELP);
	assert_int_equal(parse("--version", &o, &err), 0);
	assert_int_equal(o.mode, OPTIONS_VERSION);
	assert_int_equal(parse("--self-test", &o, &err), 0);
	assert_int_equal(o.mode, OPTIONS_SELF_TEST);
}

static void test_generate_options(void **state)
{
	static const struct {
		const char *line;
		const char *error; /* NULL: none */
	} cases[] = {
		{ "--generate-key", NULL },
		{ "--generate-key --agent-namespace a --kubeconfig f --context c -q -v", NULL },
		{ "--agent-namespace a --generate-key", NULL },
		{ "--generate-key --generate-key", "given twice" },
		{ "--generate-key extra", "unexpected argument" },
		{ "--generate-key --agent-namespace=", "is empty" },
		{ "--generate-key --kubernetes", "--kubernetes does not go with --generate-key" },
		{ "--generate-key --keys k", "--keys does not go with --generate-key" },
		{ "--generate-key --once", "--once does not go with --generate-key" },
		{ "--generate-key --listen :1", "--listen does not go with --generate-key" },
		{ "opener --generate-key", "not for bulla-agent opener" },
		{ "--agent-namespace a", "needs --kubernetes" },
	};
	struct options o;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		int r = parse(cases[i].line, &o, &err);

		if (cases[i].error == NULL ? r != 0
					   : r == 0 || strstr(err.text, cases[i].error) == NULL)
			fail_msg("%s: %d %s", cases[i].line, r, err.text);
		if (r != 0)
			assert_int_equal(err.class, ERR_USAGE);
	}
	assert_int_equal(parse("--generate-key", &o, NULL), 0);
	assert_int_equal(o.mode, OPTIONS_GENERATE_KEY);
	assert_string_equal(o.agent_namespace, "bulla-system");
	assert_int_equal(o.level, LOG_INFO);
	assert_int_equal(parse("--generate-key --agent-namespace other -q", &o, NULL), 0);
	assert_string_equal(o.agent_namespace, "other");
	assert_int_equal(o.level, LOG_WARN);
}

static void test_opener_options(void **state)
{
	static const struct {
		const char *line;
		const char *error; /* NULL: none */
	} cases[] = {
		{ "opener --keys k --socket s", NULL },
		{ "opener --keys k --socket s -v", NULL },
		{ "opener --keys k --socket s --client-uid 7 --socket-group 8", NULL },
		{ "opener --keys k --socket s --client-uid 0", NULL },
		{ "opener --keys k --socket s --socket-group 4294967294", NULL },
		{ "opener --keys k --socket s --client-uid 4294967294", "needs --socket-group" },
		{ "opener --keys k --socket s --socket-group 4294967295", "a number from 0" },
		{ "opener --keys k --socket s --socket-group -1", "a number from 0" },
		{ "opener --keys k --socket s --socket-group staff", "a number from 0" },
		{ "opener --keys k --socket s --client-uid=", "a number from 0" },
		{ "opener --keys k --socket s --client-uid 99999999999", "a number from 0" },
		{ "opener --keys k --socket=", "path of a socket" },
		{ "opener --keys k", "--socket PATH is needed" },
		{ "opener --socket s", "--keys DIR is needed" },
		{ "opener --keys k --socket s extra", "unexpected argument" },
		{ "opener --keys k --socket s --documents d", "not for bulla-agent opener" },
		{ DIRS " --socket s", "only for bulla-agent opener" },
		{ DIRS " opener", "unexpected argument" },
		{ "--documents d --secrets s", "--keys DIR or --opener PATH is needed" },
		{ "--documents d --secrets s --opener o", NULL },
		{ "--documents d --secrets s --opener o --opener-uid 7", NULL },
		{ DIRS " --opener o", "either here or there" },
		{ DIRS " --opener-uid 7", "only with --opener" },
		{ "--documents d --secrets s --opener=", "path of a socket" },
	};
	struct options o;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		int r = parse(cases[i].line, &o, &err);

		if (cases[i].error == NULL ? r != 0
					   : r == 0 || strstr(err.text, cases[i].error) == NULL)
			fail_msg("%s: %d %s", cases[i].line, r, err.text);
		if (r != 0)
			assert_int_equal(err.class, ERR_USAGE);
	}
	assert_int_equal(
	    parse("opener --keys k --socket s --client-uid 0 --socket-group 8", &o, NULL), 0);
	assert_int_equal(o.mode, OPTIONS_OPENER);
	assert_string_equal(o.keys, "k");
	assert_string_equal(o.socket, "s");
	assert_true(o.client_uid == 0 && o.socket_group == 8 && o.opener_uid == -1);
}

static void test_levels(void **state)
{
	static const struct {
		const char *line;
		enum log_level level;
	} cases[] = {
		{ "-q", LOG_WARN },
		{ "-q -q", LOG_ERROR },
		{ "-qqqq", LOG_ERROR },
		{ "-v", LOG_DEBUG },
		{ "-vvv --verbose", LOG_DEBUG },
		{ "--quiet --verbose", LOG_INFO },
		{ "--once", LOG_ERROR },
		{ "--once -v", LOG_WARN },
		{ "--once -vv", LOG_INFO },
		{ "--once -vvv", LOG_DEBUG },
	};
	struct err err = ERR_INIT;
	struct options o;
	char line[128];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		snprintf(line, sizeof(line), DIRS " %s", cases[i].line);
		assert_int_equal(parse(line, &o, &err), 0);
		if (o.level != cases[i].level)
			fail_msg("%s: %d", cases[i].line, (int)o.level);
	}
}

/* Each long option is known, asks for a value when the table says so, and stands once. */
static void test_every_option_once(void **state)
{
	const struct options_row *row;
	struct err err = ERR_INIT;
	struct options o;
	char line[128];

	(void)state;
	for (row = options_table; row->name != NULL; row++) {
		const char *value = row->arg == NULL			  ? ""
				    : strcmp(row->name, "file-mode") == 0 ? " 0400"
				    : strcmp(row->arg, "SECONDS") == 0	  ? " 1"
				    : strcmp(row->arg, "UID") == 0	  ? " 1"
				    : strcmp(row->arg, "GID") == 0	  ? " 1"
									  : " x";

		const char *mode = (row->modes & OPTIONS_FOR_RUN) != 0 ? "" : "opener ";

		snprintf(line, sizeof(line), "%s--help --%s%s", mode, row->name, value);
		if (strcmp(row->name, "help") == 0)
			snprintf(line, sizeof(line), "--help");
		if (parse(line, &o, &err) != 0)
			fail_msg("%s: %s", line, err.text);
		snprintf(line, sizeof(line), "%s--version --%s%s --%s%s", mode, row->name, value,
			 row->name, value);
		assert_int_equal(parse(line, &o, &err) == 0, row->many);
		/* in the other mode it is refused, unless it is for both */
		snprintf(line, sizeof(line), "%s%s%s%s", *mode == '\0' ? "opener --" : "--",
			 row->name, value, row->modes == 3 ? " -h" : "");
		assert_int_equal(parse(line, &o, &err) == 0,
				 row->modes == 3 && strcmp(row->name, "help") != 0);
		if (row->modes != 3)
			assert_non_null(strstr(err.text, "bulla-agent opener"));
		if (row->arg == NULL)
			continue;
		snprintf(line, sizeof(line), "--%s", row->name);
		assert_int_equal(parse(line, &o, &err), -1);
		assert_int_equal(err.class, ERR_USAGE);
	}
}

/* --- paths ------------------------------------------------------------------------------------ */

struct folders {
	char top[64];
	int dir;
};

static int folders_make(void **state)
{
	struct folders *f = mem_alloc(sizeof(*f));

	snprintf(f->top, sizeof(f->top), "/tmp/bulla-small-XXXXXX");
	assert_non_null(mkdtemp(f->top));
	f->dir = open(f->top, O_RDONLY | O_DIRECTORY);
	assert_int_equal(chdir(f->top), 0);
	*state = f;
	return 0;
}

static int folders_clear(void **state)
{
	struct folders *f = *state;

	assert_int_equal(chdir("/"), 0);
	folder_empty(f->dir, NULL);
	close(f->dir);
	rmdir(f->top);
	mem_free(f);
	return 0;
}

static const struct {
	const char *documents, *secrets, *keys;
	const char *refused; /* part of the text; NULL: taken */
} triples[] = {
	{ "d", "s", "k", NULL },
	{ "d/", "./s//", "d/../k", NULL },
	{ "missing", "x/y", "z", NULL },
	{ "d", "ds", "dk", NULL }, /* a common beginning is not a common folder */
	{ "d", "d", "k", "SECRETS and DOCUMENTS are the same" },
	{ "d", "d/s", "k", "lies inside DOCUMENTS" },
	{ "d", "to-d/s", "k", "lies inside DOCUMENTS" },
	{ "s/d", "s", "k", "lies inside SECRETS" },
	{ ".", "s", "k", "lies inside DOCUMENTS" },
	{ "d", ".", "k", "lies inside SECRETS" },
	{ "d", "s", "d/k", "no key belongs" },
	{ "d", "s", "d", "no key belongs" },
	{ "d", "s", "s/k", "must not read keys" },
	{ "d", "s", ".", "no key belongs" },
	{ "to-s", "s", "k", "same folder" },
	{ "link-d", "s", "k", NULL },
	{ "link-d", "d/s", "k", "lies inside DOCUMENTS" },
	{ "d", "git/s", "k", "lies in the Git tree" },
	{ "git", "s", "k", NULL },
	{ "d", "/", "k", "inside SECRETS" },
};

static void test_paths(void **state)
{
	size_t i;

	(void)state;
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(mkdir("s", 0700), 0);
	assert_int_equal(mkdir("k", 0700), 0);
	assert_int_equal(mkdir("git", 0700), 0);
	assert_int_equal(mkdir("git/.git", 0700), 0);
	assert_int_equal(symlink("d", "to-d"), 0);
	assert_int_equal(symlink("s", "to-s"), 0);
	assert_int_equal(symlink("d", "link-d"), 0);
	for (i = 0; i < COUNT(triples); i++) {
		struct err err = ERR_INIT;
		struct paths p;
		int r = paths_resolve(triples[i].documents, triples[i].secrets, triples[i].keys, &p,
				      &err);

		if ((r == 0) != (triples[i].refused == NULL))
			fail_msg("%s %s %s: %s", triples[i].documents, triples[i].secrets,
				 triples[i].keys, err.text);
		if (r < 0) {
			assert_int_equal(err.class, ERR_REFUSED);
			if (strstr(err.text, triples[i].refused) == NULL)
				fail_msg("%s", err.text);
		} else {
			assert_int_equal(p.documents[0], '/');
			assert_int_equal(p.secrets[0], '/');
		}
		paths_clear(&p);
	}
}

/* The link itself is kept, because it may be pointed elsewhere; what leads to it is resolved. */
static void test_link_as_documents(void **state)
{
	const struct folders *f = *state;
	struct err err = ERR_INIT;
	struct paths p;
	char want[100];

	assert_int_equal(mkdir("real", 0700), 0);
	assert_int_equal(mkdir("real/v1", 0700), 0);
	assert_int_equal(symlink("v1", "real/current"), 0);
	assert_int_equal(symlink("real", "alias"), 0);
	assert_int_equal(paths_resolve("alias/current/", "s", "k", &p, &err), 0);
	snprintf(want, sizeof(want), "%s/real/current", f->top);
	assert_string_equal(p.documents, want);
	paths_clear(&p);
	assert_int_equal(paths_resolve("real/..", "/tmp/x", "/tmp/k", &p, &err), 0);
	assert_string_equal(p.documents, f->top);
	paths_clear(&p);
}

/* --- tables ----------------------------------------------------------------------------------- */

struct number {
	struct table_node node;
	int n;
};

static void test_object_key(void **state)
{
	static const char *const others[] = {
		"a/b/c", "a", "a/", "/b", "a/bc", "ab/b", "aa/b", ""
	};
	char key[OBJECT_KEY_MAX], long_name[OBJECT_KEY_MAX];
	size_t n = object_key("a", "b", key);

	(void)state;
	assert_int_equal(n, 3);
	assert_string_equal(key, "a/b");
	assert_true(object_key_is(key, n, "a", "b"));
	for (size_t i = 0; i < COUNT(others); i++)
		assert_false(object_key_is(others[i], strlen(others[i]), "a", "b"));
	memset(long_name, 'x', sizeof(long_name));
	long_name[OBJECT_KEY_MAX - 3] = '\0'; /* the longest there is */
	assert_int_equal(object_key("a", long_name, key), OBJECT_KEY_MAX - 1);
	assert_true(object_key_is(key, OBJECT_KEY_MAX - 1, "a", long_name));
	long_name[OBJECT_KEY_MAX - 3] = 'x';
	long_name[OBJECT_KEY_MAX - 2] = '\0';
	assert_int_equal(object_key("a", long_name, key), 0);
}

static bool is_number(const struct table_node *node, const void *key, size_t len)
{
	assert_int_equal(len, sizeof(int));
	return ((const struct number *)node)->n == *(const int *)key;
}

static void test_table(void **state)
{
	enum { N = 3000 };
	struct number *numbers = mem_array(N, sizeof(*numbers));
	struct table t = TABLE_INIT(is_number);
	struct table_node **nodes;
	long sum = 0;
	int i;

	(void)state;
	i = 5;
	assert_null(table_find(&t, &i, sizeof(i)));
	for (i = 0; i < N; i++) {
		numbers[i].n = i;
		table_add(&t, &numbers[i].node, &i, sizeof(i));
	}
	assert_int_equal(t.n, N);
	for (i = 0; i < N; i += 2)
		table_remove(&t, &numbers[i].node);
	for (i = 0; i < N; i++)
		assert_ptr_equal(table_find(&t, &i, sizeof(i)),
				 i % 2 == 0 ? NULL : &numbers[i].node);
	nodes = table_nodes(&t);
	for (i = 0; i < (int)t.n; i++)
		sum += ((struct number *)nodes[i])->n;
	assert_int_equal(t.n, N / 2);
	assert_int_equal(sum, (long)N * N / 4);
	mem_free(nodes);
	table_clear(&t);
	i = 1;
	assert_null(table_find(&t, &i, sizeof(i)));
	mem_free(numbers);
}

/* --- watches ---------------------------------------------------------------------------------- */

struct events {
	void *owner;
	char name[64];
	bool folder;
	size_t n;
};

static void see(void *ctx, void *owner, const char *name, bool folder)
{
	struct events *e = ctx;

	e->owner = owner;
	snprintf(e->name, sizeof(e->name), "%s", name);
	e->folder = folder;
	e->n++;
}

static void touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void test_watch(void **state)
{
	struct events e = { 0 };
	struct err err = ERR_INIT;
	struct watch w;
	int one = 1, two = 2;
	int wd;

	(void)state;
	assert_int_equal(watch_open(&w, &err), 0);
	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(mkdir("b", 0700), 0);
	assert_int_equal(symlink("a", "link"), 0);
	touch("file");
	wd = watch_add(&w, "a", false, &one);
	assert_true(wd > 0);
	assert_int_equal(watch_add(&w, "file", false, &one), -1);
	assert_int_equal(watch_add(&w, "link", false, &one), -1);
	assert_int_equal(watch_add(&w, "missing", false, &one), -1);
	assert_int_equal(w.refused, 0);
	assert_int_equal(watch_add(&w, "link", true, &two), wd); /* now of another owner */
	touch("a/x");
	assert_true(watch_read(&w, see, &e));
	assert_ptr_equal(e.owner, &two);
	assert_string_equal(e.name, "x");
	assert_false(e.folder);
	assert_int_equal(mkdir("a/sub", 0700), 0);
	assert_true(watch_read(&w, see, &e));
	assert_string_equal(e.name, "sub");
	assert_true(e.folder);
	watch_remove(&w, wd);
	e.n = 0;
	touch("a/y");
	assert_true(watch_read(&w, see, &e));
	assert_int_equal(e.n, 0);
	/* a folder that goes says so, and its watch with it */
	assert_true(watch_add(&w, "b", false, &one) > 0);
	assert_int_equal(rmdir("b"), 0);
	assert_true(watch_read(&w, see, &e));
	assert_true(e.n > 0);
	assert_string_equal(e.name, "");
	assert_int_equal(w.by_wd.n, 0);
	watch_remove(&w, wd);
	watch_remove(&w, -1);
	watch_close(&w);
}

static void test_lost_events(void **state)
{
	struct events e = { 0 };
	struct err err = ERR_INIT;
	struct watch w;
	char name[32];
	int i;

	(void)state;
	assert_int_equal(watch_open(&w, &err), 0);
	assert_true(watch_add(&w, ".", false, NULL) > 0);
	/* two events each, more than the kernel keeps by default (16,384) */
	for (i = 0; i < 9000; i++) {
		snprintf(name, sizeof(name), "f%d", i % 2);
		touch(name);
		unlink(name);
	}
	assert_false(watch_read(&w, see, &e));
	assert_true(e.n > 1000);
	touch("later");
	assert_true(watch_read(&w, see, &e));
	assert_string_equal(e.name, "later");
	watch_close(&w);
}

/* --- entries ---------------------------------------------------------------------------------- */

static void test_entries(void **state)
{
	struct ledger_secret made = { .namespace = "a",
				      .name = "b",
				      .source = "x.yaml",
				      .retain = true,
				      .mark = { .ino = 7, .born = 9 } };
	struct ledger_secret back;
	struct entries e;
	struct entry *x;

	(void)state;
	entries_init(&e);
	assert_null(entries_find(&e, "a", "b"));
	x = entries_need(&e, "a", "b");
	assert_ptr_equal(entries_need(&e, "a", "b"), x);
	assert_ptr_equal(entries_find(&e, "a", "b"), x);
	/* where one name ends and the other begins matters */
	assert_null(entries_find(&e, "a.b", ""));
	assert_ptr_not_equal(entries_need(&e, "ab", "c"), entries_need(&e, "a", "bc"));
	assert_int_equal(entries_list(&e), 3);
	assert_ptr_equal(e.subjects[0], &e.list[0]->s);
	assert_string_equal(x->s.namespace, "a");
	assert_string_equal(x->s.name, "b");
	assert_true(x->stale && x->fresh);
	assert_false(x->s.recorded);
	entry_record(x, &made);
	assert_true(x->s.recorded && x->s.made_retain);
	back = entry_secret(x);
	entry_record(x, &back); /* its own strings */
	assert_string_equal(x->source, "x.yaml");
	assert_int_not_equal(x->s.incarnation, 0);
	entry_forget(x);
	assert_false(x->s.recorded || x->s.made_retain);
	assert_null(x->source);
	mem_replace(&x->why, "one");
	mem_replace(&x->why, x->why);
	assert_string_equal(x->why, "one");
	mem_replace(&x->why, NULL);
	assert_null(x->why);
	entries_drop(&e, x);
	assert_null(entries_find(&e, "a", "b"));
	assert_int_equal(entries_list(&e), 2);
	entries_clear(&e);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Pages of files in memory. */
static long file_pages(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	long size, resident, shared;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld %ld", &size, &resident, &shared), 3);
	fclose(f);
	return shared;
}

static void test_trim(void **state)
{
	long before = file_pages();
	unsigned seed = 1;

	(void)state;
	assert_true(trim_memory() > 100000);
	assert_true(file_pages() < before);
	/* constants, code and data of libraries are what they were */
	assert_int_equal(rand_r(&seed), rand_r(&(unsigned){ 1 }));
	assert_string_equal(strerror(ENOENT), "No such file or directory");
	assert_true(trim_memory() > 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_generate_options),
		cmocka_unit_test(test_opener_options),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_every_option_once),
		cmocka_unit_test_setup_teardown(test_paths, folders_make, folders_clear),
		cmocka_unit_test_setup_teardown(test_link_as_documents, folders_make,
						folders_clear),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_object_key),
		cmocka_unit_test_setup_teardown(test_watch, folders_make, folders_clear),
		cmocka_unit_test_setup_teardown(test_lost_events, folders_make, folders_clear),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_trim),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
