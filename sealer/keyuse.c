/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/keyuse.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/edit.h"
#include "git/blobs.h"
#include "git/tree.h"

bool keyuse_needs(const struct keyuse *u, const struct kv *recipients)
{
	bool listed = false;

	for (size_t i = 0; i < recipients->n; i++) {
		const char *id = (const char *)recipients->items[i].data;

		if (strcmp(id, u->id) != 0 && kv_has(u->others, id))
			return false;
		listed = listed || strcmp(id, u->id) == 0;
	}
	return listed;
}

/* An id stands in a document as it is, unless it is written with escapes. */
bool keyuse_may_list(const char *id, const void *text, size_t len)
{
	return edit_mentions(text, len) &&
	       (memmem(text, len, id, strlen(id)) != NULL || memchr(text, '\\', len) != NULL);
}

struct use {
	const char *where, *file, *document, *part, *why; /* what is not known is NULL */
};

static void put(json_t *v, const char *name, const char *text)
{
	char *escaped;

	if (text == NULL)
		return;
	escaped = out_escaped(text); /* a path may be any bytes, and JSON is UTF-8 */
	json_object_set_new(v, name, json_string(escaped));
	mem_free(escaped);
}

static void add(json_t *uses, const struct use *u)
{
	json_t *v = json_object();

	put(v, "where", u->where);
	put(v, "file", u->file);
	put(v, "document", u->document);
	put(v, "part", u->part);
	put(v, "why", u->why);
	json_array_append_new(uses, v);
}

/* --- a tree ----------------------------------------------------------------------------------- */

struct look {
	const struct keyuse *u;
	const struct keyuse_tree *t;
	json_t *uses;
	char **paths, **ids; /* regular files of the tree */
	size_t n, cap;
};

static int take_entry(void *ctx, const struct git_entry *e, struct err *err)
{
	struct look *l = ctx;

	(void)err;
	if ((e->mode & GIT_MODE_TYPE) != GIT_MODE_FILE)
		return 0;
	if (l->n == l->cap) {
		l->cap = l->cap > 0 ? l->cap * 2 : 256;
		l->paths = mem_grow(l->paths, l->cap, sizeof(*l->paths));
		l->ids = mem_grow(l->ids, l->cap, sizeof(*l->ids));
	}
	l->paths[l->n] = mem_str(e->path);
	l->ids[l->n++] = mem_str(e->id);
	return 0;
}

static void look_at_document(struct look *l, const char *path, const struct document *d)
{
	char *name = mem_printf("%s/%s", d->namespace, d->name);

	for (size_t i = 0; i < d->n; i++)
		if (keyuse_needs(l->u, &d->parts[i].recipients))
			add(l->uses,
			    &(struct use){ l->t->where, path, name, d->parts[i].name, NULL });
	mem_free(name);
}

static void look_at_text(struct look *l, const char *path, struct buf *text)
{
	struct edit_file f = EDIT_FILE_INIT;
	struct err why = ERR_INIT;

	if (!keyuse_may_list(l->u->id, text->data, text->len))
		return;
	if (edit_load(path, text, &f, &why) != 0)
		add(l->uses, &(struct use){ l->t->where, path, NULL, NULL, why.text });
	for (size_t i = 0; i < f.n; i++)
		look_at_document(l, path, &f.documents[i]);
	for (size_t i = 0; i < f.yaml.n; i++)
		if (document_in_list(&f.yaml.docs[i]))
			add(l->uses, &(struct use){ l->t->where, path, NULL, NULL,
						    "sealed documents in a List are not read" });
	edit_clear(&f);
}

static bool is_yaml(const char *path)
{
	const char *dot = strrchr(path, '.');

	return dot != NULL && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static int take_blob(void *ctx, const struct git_blob *b, struct err *err)
{
	struct look *l = ctx;

	(void)err;
	if (b->state == GIT_BLOB_OK)
		look_at_text(l, l->paths[b->i], b->text);
	else if (is_yaml(l->paths[b->i]))
		add(l->uses, &(struct use){ l->t->where, l->paths[b->i], NULL, NULL,
					    b->state == GIT_BLOB_LARGE
						? "larger than any file of sealed documents"
						: "its content is not in this repository" });
	return 0;
}

int keyuse_in_tree(const struct keyuse *u, const struct keyuse_tree *t, json_t *uses,
		   struct err *err)
{
	struct look l = { .u = u, .t = t, .uses = uses };
	struct git_blobs *blobs = NULL;
	struct git_blobs_ask ask = { .max = DOCUMENT_FILE_MAX, .visit = take_blob, .ctx = &l };
	int r = git_tree_each(t->git, t->commit, NULL, take_entry, &l, err);

	if (r == 0) {
		blobs = git_blobs_open(t->git, err);
		r = blobs != NULL ? 0 : -1;
	}
	ask.ids = (const char *const *)l.ids;
	ask.n = l.n;
	if (r == 0 && l.n > 0)
		r = git_blobs_each(blobs, &ask, err);
	git_blobs_close(blobs);
	for (size_t i = 0; i < l.n; i++) {
		mem_free(l.paths[i]);
		mem_free(l.ids[i]);
	}
	mem_free(l.paths);
	mem_free(l.ids);
	return r;
}

/* --- a cluster -------------------------------------------------------------------------------- */

static void look_at_object(const struct keyuse *u, const char *name, const json_t *object,
			   const char *where, json_t *uses)
{
	json_t *parts = json_object_get(json_object_get(object, "spec"), "parts"), *part, *id;
	const char *part_name, *recipient;

	json_object_foreach(parts, part_name, part)
	{
		struct kv listed = KV_INIT;

		json_object_foreach(json_object_get(part, "recipients"), recipient, id)
		{
			if (json_is_string(id))
				kv_set_str(&listed, recipient, json_string_value(id));
		}
		if (keyuse_needs(u, &listed))
			add(uses, &(struct use){ where, NULL, name, part_name, NULL });
		kv_clear(&listed);
	}
}

void keyuse_in_objects(const struct keyuse *u, const json_t *objects, const char *where,
		       json_t *uses)
{
	const char *name;
	json_t *object;

	json_object_foreach((json_t *)(uintptr_t)objects, name, object)
	{
		look_at_object(u, name, object, where, uses);
	}
}
