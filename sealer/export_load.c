/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/walk.h"
#include "document/seal.h"
#include "sealer/export.h"

struct loading {
	struct export *ex;
	const char *root;
	struct keyring keys;
	size_t bytes, failed;
	enum err_class worst; /* class of the first failure */
};

static void fail(struct loading *l, const struct err *why)
{
	out_warn("%s", why->text);
	if (l->failed++ == 0)
		l->worst = why->class;
}

static const char *below(const char *root, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (strcmp(root, path) == 0)
		return slash != NULL ? slash + 1 : path;
	if (strcmp(root, ".") == 0)
		return path;
	path += strlen(root);
	return path + strspn(path, "/");
}

static void open_one(struct loading *l, const struct export_file *f, const struct document *d)
{
	struct export *ex = l->ex;
	struct notes notes = NOTES_INIT;
	struct err why = ERR_INIT;
	struct export_item *item;

	ex->items = mem_grow(ex->items, ex->n_items + 1, sizeof(*ex->items));
	item = &ex->items[ex->n_items++];
	item->d = d;
	if (open_document(d, &l->keys, ex->now, &item->secret, NULL, &notes, &why) != 0) {
		err_wrap(&why, "%s:%u", f->path, d->line);
		fail(l, &why);
	}
	for (size_t i = 0; i < notes.n; i++)
		out_warn("%s:%u: %s", f->path, d->line, notes.text[i]);
	notes_clear(&notes);
}

static void keep(struct loading *l, const char *path, struct edit_file *file)
{
	struct export *ex = l->ex;
	struct export_file *f = mem_alloc(sizeof(*f));

	ex->files = mem_grow(ex->files, ex->n_files + 1, sizeof(void *));
	ex->files[ex->n_files++] = f;
	f->path = mem_str(path);
	f->below = below(l->root, f->path);
	f->file = *file;
	*file = (struct edit_file)EDIT_FILE_INIT; /* transferred */
	f->first = ex->n_items;
	f->n = f->file.n;
	for (size_t i = 0; i < f->n; i++)
		open_one(l, f, &f->file.documents[i]);
}

static int visit(void *ctx, const char *path, struct buf *text, const struct err *error)
{
	struct loading *l = ctx;
	struct edit_file file = EDIT_FILE_INIT;
	struct err why = ERR_INIT;

	if (error != NULL) {
		fail(l, error);
		return 0;
	}
	l->bytes += edit_mentions(text->data, text->len) ? text->len : 0;
	if (l->bytes > EXPORT_FILES_MAX) {
		err_set(&why, ERR_INVALID,
			"more than %d bytes of documents in one run; name fewer files",
			EXPORT_FILES_MAX);
		fail(l, &why);
		return -1;
	}
	if (edit_load(path, text, &file, &why) != 0)
		fail(l, &why);
	else if (file.n > 0)
		keep(l, path, &file);
	edit_clear(&file);
	return 0;
}

int export_load(struct export *ex, struct err *err)
{
	struct loading l = { .ex = ex };
	int r = ring_load(&ex->o->ring, &l.keys, err);

	for (size_t i = 0; r == 0 && l.worst == ERR_NONE && i < ex->in->n; i++) {
		l.root = ex->in->args[i];
		r = walk_yaml(l.root, DOCUMENT_FILE_MAX, visit, &l, err);
	}
	if (l.failed > 0)
		r = err_set(err, l.worst,
			    "%zu of the documents and files could not be opened, so "
			    "nothing is exported",
			    l.failed);
	else if (r == 0 && ex->n_items == 0)
		r = err_set(err, ERR_INVALID, "no sealed documents here");
	keyring_clear(&l.keys);
	return r;
}

void export_clear(struct export *ex)
{
	for (size_t i = 0; i < ex->n_items; i++)
		kind_secret_clear(&ex->items[i].secret);
	for (size_t i = 0; i < ex->n_files; i++) {
		edit_clear(&ex->files[i]->file);
		mem_free(ex->files[i]->path);
		mem_free(ex->files[i]);
	}
	mem_free(ex->files);
	mem_free(ex->items);
}
