/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/out.h"
#include "sealer/export.h"
#include "sealer/report.h"

#define FOLDER_MODE 0700
#define FILE_MODE 0600

static char *folder_of(const char *dir, const struct document *d)
{
	return mem_printf("%s/%s/%s", dir, d->namespace, d->name);
}

static int refuse_git(const char *dir, struct err *err)
{
	char *real = file_absolute(dir, err), *top = real != NULL ? file_git_top(real) : NULL;
	int r = real != NULL ? 0 : -1;

	if (top != NULL)
		r = err_set(
		    err, ERR_INVALID,
		    "-w: %s is inside the Git work tree %s; what is in plain text does not go "
		    "there",
		    dir, top);
	mem_free(real);
	mem_free(top);
	return r;
}

/* Nothing that is there is replaced, and no two documents may meet in one folder. */
static int check_free(const struct export *ex, const char *dir, struct err *err)
{
	for (size_t i = 0; i < ex->n_items; i++) {
		const struct document *d = ex->items[i].d;
		char *path = folder_of(dir, d);
		struct stat st;
		int r = lstat(path, &st) != 0 ? 0 : -1;

		if (r != 0)
			err_set(err, ERR_CONFLICT, "%s: is there already", path);
		else
			r = refuse_git(path, err); /* the namespace's folder may be a link */
		mem_free(path);
		for (size_t j = 0; r == 0 && j < i; j++)
			if (strcmp(ex->items[j].d->name, d->name) == 0 &&
			    strcmp(ex->items[j].d->namespace, d->namespace) == 0)
				r = err_set(err, ERR_CONFLICT,
					    "%s/%s stands in several files; name the one that is "
					    "meant",
					    d->namespace, d->name);
		if (r != 0)
			return -1;
	}
	return 0;
}

static void remove_folder(const char *dir, const struct kv *data)
{
	for (size_t i = 0; i < data->n; i++) {
		char *path = mem_printf("%s/%s", dir, data->items[i].name);

		unlink(path);
		mem_free(path);
	}
	rmdir(dir);
}

static int write_keys(const char *dir, const struct kv *data, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < data->n; i++) {
		const struct kv_item *item = &data->items[i];
		char *path = mem_printf("%s/%s", dir, item->name);
		const struct file_write w = { .path = path, .mode = FILE_MODE, .exclusive = true };

		r = file_write(&w, item->data, item->len, err);
		mem_free(path);
	}
	return r;
}

/* Under another name first, so that a Secret is there with all of its keys or not at all. */
static int write_secret(const char *dir, const struct export_item *item, struct err *err)
{
	char *at = folder_of(dir, item->d);
	char *parent = mem_printf("%s/%s", dir, item->d->namespace);
	char *made = mem_printf("%s/.%s.XXXXXX", parent, "new");
	int r = -1;

	if (file_mkdirs(parent, FOLDER_MODE, err) != 0)
		goto out;
	if (mkdtemp(made) == NULL) {
		err_sys(err, "%s: cannot make a folder", parent);
		goto out;
	}
	r = write_keys(made, &item->secret.data, err);
	if (r == 0 && rename(made, at) != 0)
		r = err_sys(err, "%s: cannot be made", at);
	if (r != 0)
		remove_folder(made, &item->secret.data);
out:
	mem_free(at);
	mem_free(parent);
	mem_free(made);
	return r;
}

static void put_rows(struct export *ex, const struct export_item *item)
{
	const struct document *d = item->d;
	char *folder = folder_of(ex->o->write, d);

	for (size_t i = 0; i < item->secret.data.n; i++) {
		const char *key = item->secret.data.items[i].name;
		char *path = mem_printf("%s/%s", folder, key);

		result_row(&ex->result, "files",
			   json_pack("{s:o, s:o, s:s}", "file", report_text(path), "document",
				     json_sprintf("%s/%s", d->namespace, d->name), "key", key));
		mem_free(path);
	}
	mem_free(folder);
}

int export_dir(struct export *ex, struct err *err)
{
	const char *dir = ex->o->write;

	if (refuse_git(dir, err) != 0 || check_free(ex, dir, err) != 0 ||
	    file_mkdirs(dir, FOLDER_MODE, err) != 0)
		return -1;
	for (size_t i = 0; i < ex->n_items; i++) {
		if (write_secret(dir, &ex->items[i], err) != 0)
			return -1;
		put_rows(ex, &ex->items[i]);
	}
	out_note("%zu Secret%s written below %s, in plain text", ex->n_items,
		 ex->n_items == 1 ? "" : "s", dir);
	return 0;
}
