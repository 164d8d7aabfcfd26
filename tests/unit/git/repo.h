/* SPDX-License-Identifier: Apache-2.0 */
/* A scratch repository made with the real git, for the tests of git/. */
#ifndef BULLA_TESTS_UNIT_GIT_REPO_H
#define BULLA_TESTS_UNIT_GIT_REPO_H

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "git/entry.h"
#include "git/run.h"

static char repo_dir[64];

static int repo_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Run git in the current folder; it must work. */
#define repo_git(...) repo_git_words((const char *const[]){ __VA_ARGS__, NULL })
static void repo_git_words(const char *const words[])
{
	struct err err = ERR_INIT;

	if (git_run(".", words, &err) != 0)
		fail_msg("git %s: %s", words[0], err.text);
}

static void repo_write(const char *path, const char *text)
{
	FILE *f;

	for (const char *s = strchr(path, '/'); s != NULL; s = strchr(s + 1, '/')) {
		char *dir = mem_strn(path, (size_t)(s - path));

		mkdir(dir, 0755);
		mem_free(dir);
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void __attribute__((unused)) repo_commit(const char *message)
{
	repo_git("add", "-A");
	repo_git("commit", "-q", "--allow-empty", "-m", message);
}

/* The current folder becomes an empty repository; no configuration but its own counts. */
static int repo_make_format(const char *format)
{
	strcpy(repo_dir, "/tmp/bulla-git-XXXXXX");
	if (mkdtemp(repo_dir) == NULL || chdir(repo_dir) != 0)
		return -1;
	setenv("HOME", repo_dir, 1);
	setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
	setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("GIT_DIR");
	unsetenv("GIT_INDEX_FILE");
	for (const char *const *v =
		 (const char *const[]){ "GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME", "GIT_AUTHOR_EMAIL",
					"GIT_COMMITTER_EMAIL", NULL };
	     *v != NULL; v++)
		setenv(*v, "tests", 1);
	setenv("GIT_COMMITTER_DATE", "1800000000 +0000", 1);
	repo_git("init", "-q", "-b", "main", format);
	return 0;
}

static int __attribute__((unused)) repo_make(void **state)
{
	(void)state;
	return repo_make_format("--object-format=sha1");
}

static int __attribute__((unused)) repo_make_sha256(void **state)
{
	(void)state;
	return repo_make_format("--object-format=sha256");
}

static int __attribute__((unused)) repo_destroy(void **state)
{
	(void)state;
	return chdir("/") == 0 ? nftw(repo_dir, repo_remove_one, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

static struct git *repo_open(void)
{
	struct err err = ERR_INIT;
	struct git *g = git_open(".", &err);

	if (g == NULL)
		fail_msg("%s", err.text);
	return g;
}

/* A git_visit that appends "STATUS MODE PATH\n" to a struct buf. */
static int __attribute__((unused)) repo_list(void *ctx, const struct git_entry *e, struct err *err)
{
	(void)err;
	return buf_printf(ctx, "%c %o %s\n", e->status, e->mode, e->path);
}

#endif
