/* SPDX-License-Identifier: Apache-2.0 */
#include "base/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

struct walk {
	size_t max;
	const char *const *suffixes; /* NULL: every file */
	walk_skip *skip;
	walk_visit *visit;
	void *ctx;
	unsigned depth;
};

struct names {
	char **items;
	size_t n, cap;
};

static bool is_wanted(const struct walk *w, const char *name)
{
	size_t len = strlen(name);

	if (w->suffixes == NULL)
		return true;
	for (size_t i = 0; w->suffixes[i] != NULL; i++) {
		size_t n = strlen(w->suffixes[i]);

		if (len > n && strcmp(name + len - n, w->suffixes[i]) == 0)
			return true;
	}
	return false;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Of all files those that git keeps for itself are nobody's. */
static bool is_hidden(const struct walk *w, const char *name)
{
	if (w->suffixes != NULL)
		return name[0] == '.';
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, ".git") == 0;
}

static int names_read(const struct walk *w, struct names *names, DIR *dir)
{
	const struct dirent *e;
	int failed;

	while (errno = 0, (e = readdir(dir)) != NULL) {
		if (is_hidden(w, e->d_name))
			continue;
		if (names->n == names->cap) {
			names->cap = names->cap == 0 ? 64 : names->cap * 2;
			names->items = mem_grow(names->items, names->cap, sizeof(*names->items));
		}
		names->items[names->n++] = mem_str(e->d_name);
	}
	failed = errno;
	if (names->n > 1)
		qsort(names->items, names->n, sizeof(*names->items), by_name);
	errno = failed;
	return failed != 0 ? -1 : 0;
}

static void names_clear(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		mem_free(names->items[i]);
	mem_free(names->items);
}

static int tell(struct walk *w, const char *path, const struct err *why)
{
	struct buf none = BUF_INIT;

	return w->visit(w->ctx, path, &none, why);
}

static int visit_file(struct walk *w, int dirfd, const char *name, const char *path)
{
	struct buf text = BUF_INIT;
	struct err why = ERR_INIT;
	int r;

	if (file_read_beneath(dirfd, name, w->max, &text, NULL, &why) < 0)
		r = tell(w, path, &why);
	else
		r = w->visit(w->ctx, path, &text, NULL);
	buf_clear(&text);
	return r;
}

static int visit_folder(struct walk *w, int fd, const char *path);

static int visit_entry(struct walk *w, int dirfd, const char *name, const char *path)
{
	struct err why = ERR_INIT;
	struct stat st;
	int fd;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0; /* gone meanwhile */
		err_sys(&why, "cannot stat");
		return tell(w, path, &why);
	}
	if (!S_ISDIR(st.st_mode))
		return S_ISREG(st.st_mode) && is_wanted(w, name) ? visit_file(w, dirfd, name, path)
								 : 0;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		err_sys(&why, "cannot open the folder");
		return tell(w, path, &why);
	}
	return visit_folder(w, fd, path);
}

/* Takes fd over. */
static int visit_folder(struct walk *w, int fd, const char *path)
{
	struct names names = { NULL, 0, 0 };
	struct err why = ERR_INIT;
	DIR *dir = fdopendir(fd);
	int r = 0;

	if (dir == NULL) {
		err_sys(&why, "cannot read the folder");
		close(fd);
		return tell(w, path, &why);
	}
	if (w->depth == WALK_DEPTH) {
		err_set(&why, ERR_INVALID, "more than %d folders deep", WALK_DEPTH);
		closedir(dir);
		return tell(w, path, &why);
	}
	w->depth++;
	if (names_read(w, &names, dir) < 0) {
		err_sys(&why, "cannot read the folder");
		r = tell(w, path, &why);
	}
	for (size_t i = 0; r == 0 && i < names.n; i++) {
		bool here = strcmp(path, ".") == 0;
		char *below =
		    mem_printf("%s%s%s", here ? "" : path,
			       here || path[strlen(path) - 1] == '/' ? "" : "/", names.items[i]);

		if (w->skip == NULL || !w->skip(w->ctx, below))
			r = visit_entry(w, dirfd(dir), names.items[i], below);
		mem_free(below);
	}
	w->depth--;
	names_clear(&names);
	closedir(dir);
	return r;
}

int walk_files(const struct walk_from *from, walk_visit *visit, void *ctx, struct err *err)
{
	const char *root = from->root;
	struct walk w = { .max = from->max,
			  .suffixes = from->suffixes,
			  .skip = from->skip,
			  .visit = visit,
			  .ctx = ctx };
	struct buf text = BUF_INIT;
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd >= 0)
		return visit_folder(&w, fd, root);
	if (errno != ENOTDIR)
		return err_sys(err, "%s: cannot open", root);
	if (file_read(root, from->max, 0, &text, NULL, err) < 0)
		return -1;
	r = visit(ctx, root, &text, NULL);
	buf_clear(&text);
	return r;
}

int walk_yaml(const char *root, size_t max, walk_visit *visit, void *ctx, struct err *err)
{
	static const char *const suffixes[] = { ".yaml", ".yml", NULL };
	const struct walk_from from = { root, max, suffixes, NULL };

	return walk_files(&from, visit, ctx, err);
}
