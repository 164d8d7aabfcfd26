/* SPDX-License-Identifier: Apache-2.0 */
/* A scratch folder with a Git work tree and a home, for the tests of the sealer. */
#ifndef BULLA_TESTS_UNIT_SEALER_SCRATCH_H
#define BULLA_TESTS_UNIT_SEALER_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

/* Three keys made for the tests, so that their order and ids are always the same. */
#define KEY_A "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm"
#define KEY_B "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"
#define KEY_C "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"

static char scratch[64];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* The current folder becomes scratch/repo, a work tree; HOME becomes scratch/home. */
static int scratch_make(void **state)
{
	char home[80];

	(void)state;
	strcpy(scratch, "/tmp/bulla-test-XXXXXX");
	if (mkdtemp(scratch) == NULL || chdir(scratch) != 0)
		return -1;
	snprintf(home, sizeof(home), "%s/home", scratch);
	if (mkdir("home", 0700) != 0 || mkdir("repo", 0755) != 0 || mkdir("repo/.git", 0755) != 0)
		return -1;
	setenv("HOME", home, 1);
	unsetenv("XDG_CONFIG_HOME");
	return chdir("repo");
}

static int scratch_remove(void **state)
{
	(void)state;
	return chdir("/") == 0 ? nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS) : -1;
}

static void __attribute__((unused)) scratch_write(const char *path, const char *text)
{
	FILE *f;

	for (const char *s = strchr(path, '/'); s != NULL; s = strchr(s + 1, '/')) {
		char *dir = mem_strn(path, (size_t)(s - path));

		mkdir(dir, 0755);
		mem_free(dir);
	}
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

#endif
