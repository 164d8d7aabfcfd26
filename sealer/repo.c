/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/repo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"

#define KEYS_MAX 10000 /* files in .bulla/keys */

mode_t repo_file_mode(void)
{
	mode_t mask = umask(022);

	umask(mask);
	return 0666 & ~mask;
}

int repo_read(const char *top, const char *path, size_t max, struct buf *out, struct stat *st,
	      bool *exists, struct err *err)
{
	struct stat own;
	int dir, r = 0;

	dir = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, "%s: cannot open", top);
	*exists = fstatat(dir, path, &own, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
	if (*exists)
		r = file_read_beneath(dir, path, max, out, st != NULL ? st : &own, err);
	close(dir);
	return r;
}

/* Make the folders of path (below top), none of them through a link. */
static int make_folders(const char *top, const char *path, struct err *err)
{
	for (const char *s = strchr(path, '/'); s != NULL; s = strchr(s + 1, '/')) {
		char *dir = mem_printf("%s/%.*s", top, (int)(s - path), path);
		struct stat st;
		int r = 0;

		if (mkdir(dir, 0777) != 0 && errno != EEXIST)
			r = err_sys(err, "%s: cannot make the folder", dir);
		else if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
			r = err_set(err, ERR_INVALID, "%s: not a folder (a symbolic link?)", dir);
		mem_free(dir);
		if (r != 0)
			return -1;
	}
	return 0;
}

int repo_write(const char *top, const char *path, const struct buf *data, const struct stat *expect,
	       struct err *err)
{
	char *full = mem_printf("%s/%s", top, path);
	struct file_write w = {
		.path = full,
		.mode = repo_file_mode(),
		.exclusive = expect == NULL,
		.expect = expect,
	};
	int r = make_folders(top, path, err);

	if (r == 0)
		r = file_write(&w, data->data, data->len, err);
	mem_free(full);
	return r;
}

static int open_keys(const char *top)
{
	int a, b, dir;

	a = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b = openat(a, REPO_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = openat(b, "keys", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	return dir;
}

int repo_list_keys(const char *top, struct kv *out, struct err *err)
{
	char *keys = mem_printf("%s/%s", top, REPO_KEYS);
	int dir = -1, r = 0;
	const struct dirent *e;
	struct stat st;
	DIR *d = NULL;

	if (lstat(keys, &st) != 0 && errno == ENOENT)
		goto out;
	dir = open_keys(top);
	d = dir >= 0 ? fdopendir(dir) : NULL;
	if (d == NULL) {
		r = err_set(err, ERR_IO, "%s: cannot be read as a folder (a symbolic link?)", keys);
		goto out;
	}
	while (r == 0 && (errno = 0, e = readdir(d)) != NULL) {
		if (out->n > KEYS_MAX)
			r = err_set(err, ERR_INVALID, "%s: more than %d files", keys, KEYS_MAX);
		else if (fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			 S_ISREG(st.st_mode))
			kv_set_str(out, e->d_name, "");
	}
	if (r == 0 && errno != 0)
		r = err_sys(err, "%s: cannot be read", keys);
out:
	if (d != NULL)
		closedir(d);
	else if (dir >= 0)
		close(dir);
	mem_free(keys);
	return r;
}

char *repo_key_path(const char *name, const char *id)
{
	if (id == NULL)
		return mem_printf("%s/%s.age", REPO_KEYS, name);
	return mem_printf("%s/%s.%s.age", REPO_KEYS, name, id);
}

bool repo_key_parse(const char *file, char **name, char id[static AGE_KEY_ID_TEXT])
{
	size_t len = strlen(file), suffix = strlen(".age");
	const char *dot = strchr(file, '.');
	size_t n = dot != NULL ? (size_t)(dot - file) : 0;

	*name = NULL;
	id[0] = '\0';
	if (dot == NULL || len < suffix || strcmp(file + len - suffix, ".age") != 0)
		return false;
	if (len != n + suffix) {
		if (len != n + 1 + (AGE_KEY_ID_TEXT - 1) + suffix)
			return false;
		memcpy(id, dot + 1, AGE_KEY_ID_TEXT - 1);
		id[AGE_KEY_ID_TEXT - 1] = '\0';
		if (!name_is_key_id(id))
			return false;
	}
	*name = mem_strn(file, n);
	if (name_is_label(*name))
		return true;
	mem_free(*name);
	*name = NULL;
	return false;
}

void repo_sweep(const char *dir)
{
	size_t tail = strlen(FILE_TEMPORARY);
	DIR *d = opendir(dir);
	const struct dirent *e;

	while (d != NULL && (e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);
		char *path;

		if (e->d_name[0] != '.' || len <= 1 + tail ||
		    strcmp(e->d_name + len - tail, FILE_TEMPORARY) != 0)
			continue;
		path = mem_printf("%s/%.*s", dir, (int)(len - 1 - tail), e->d_name + 1);
		file_stage_sweep(path);
		mem_free(path);
	}
	if (d != NULL)
		closedir(d);
}

int repo_refuse_path(const char *path, const char *what, struct err *err)
{
	char *top = file_git_top(path);
	int r = 0;

	if (top != NULL)
		r = err_set(err, ERR_INVALID,
			    "%s: %s is inside the Git work tree %s; private keys do not go there",
			    what, path, top);
	mem_free(top);
	return r;
}

/* The path behind a descriptor, or NULL. */
static char *path_of(int fd)
{
	char path[PATH_MAX] = "";

#if defined(__linux__)
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return NULL;
	path[n] = '\0';
#elif defined(F_GETPATH)
	if (fcntl(fd, F_GETPATH, path) < 0)
		return NULL;
#endif
	return path[0] == '/' ? mem_str(path) : NULL;
}

int repo_refuse_fd(int fd, const char *what, struct err *err)
{
	struct stat st;
	char *path;
	int r;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return 0;
	path = path_of(fd);
	if (path == NULL)
		r = err_set(err, ERR_INVALID, "%s: a file of which the place cannot be told", what);
	else
		r = repo_refuse_path(path, what, err);
	mem_free(path);
	return r;
}
