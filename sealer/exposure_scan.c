/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/exposure_scan.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "document/edit.h"
#include "git/history.h"
#include "git/tree.h"
#include "sealer/fresh.h"
#include "sealer/keyuse.h"
#include "sealer/progress.h"

#define UNREAD_MAX 1000 /* told one by one */

/* Room for one more in an array that doubles. */
static void *room(void *array, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return array;
	*cap = *cap > 0 ? *cap * 2 : 64;
	return mem_grow(array, *cap, size);
}

/* --- lists ------------------------------------------------------------------------------------ */

void scan_list_add(struct scan_list *l, const struct git_entry *e)
{
	size_t a = l->cap, b = a;

	l->ids = room(l->ids, l->n, &a, sizeof(*l->ids));
	l->paths = room(l->paths, l->n, &b, sizeof(*l->paths));
	l->commits = room(l->commits, l->n, &l->cap, sizeof(*l->commits));
	l->ids[l->n] = mem_str(e->id);
	l->paths[l->n] = mem_str(e->path);
	l->commits[l->n++] = mem_str(e->commit);
}

int scan_list_read(const struct git *g, const struct scan_list *l, size_t max,
		   git_blob_visit *visit, void *ctx, struct err *err)
{
	const struct git_blobs_ask ask = { .ids = (const char *const *)l->ids,
					   .n = l->n,
					   .max = max,
					   .visit = visit,
					   .ctx = ctx };
	struct git_blobs *b = l->n > 0 ? git_blobs_open(g, err) : NULL;
	int r = b != NULL ? git_blobs_each(b, &ask, err) : l->n > 0 ? -1 : 0;

	git_blobs_close(b);
	return r;
}

void scan_list_clear(struct scan_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		mem_free(l->ids[i]);
		mem_free(l->paths[i]);
		mem_free(l->commits[i]);
	}
	mem_free(l->ids);
	mem_free(l->paths);
	mem_free(l->commits);
	memset(l, 0, sizeof(*l));
}

static int take_entry(void *ctx, const struct git_entry *e, struct err *err)
{
	(void)err;
	if ((e->mode & GIT_MODE_TYPE) == GIT_MODE_FILE)
		scan_list_add(ctx, e);
	return 0;
}

/* --- parts ------------------------------------------------------------------------------------ */

static void copy_part(const struct document *d, const struct document_part *p, bool bytes,
		      struct document *out)
{
	struct document_part *to;

	fresh_begin(d, out);
	to = document_part_add(out, p->name);
	kv_copy(&to->recipients, &p->recipients);
	kv_copy(&to->facts, &p->facts);
	if (bytes)
		buf_put(&to->age, p->age.data, p->age.len);
}

static char *part_key(const struct document *d, const char *part)
{
	return mem_printf("%s/%s %s", d->namespace, d->name, part);
}

/* "NAMESPACE/NAME PART KIND HASH": what tells one value from another. */
static char *value_key(const struct document *d, const struct document_part *p)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[sizeof(hash) * 2 + 1];
	struct buf text = BUF_INIT;
	char *key;

	for (size_t i = 0; i < p->facts.n; i++)
		buf_printf(&text, "%s=%zu:%s\n", p->facts.items[i].name, p->facts.items[i].len,
			   (const char *)p->facts.items[i].data);
	crypto_hash_sha256(hash, text.data, text.len);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	key = mem_printf("%s/%s %s %s %s", d->namespace, d->name, p->name, d->kind->name, hex);
	buf_clear(&text);
	return key;
}

static bool lists_any(const struct scan *s, const struct document_part *p, struct kv *found)
{
	bool any = false;

	for (size_t i = 0; i < p->recipients.n; i++) {
		const struct kv_item *r = &p->recipients.items[i];

		if (!kv_has(s->ids, (const char *)r->data))
			continue;
		kv_set_str(found, (const char *)r->data, r->name);
		any = true;
	}
	return any;
}

static struct exposure_one *find_item(struct scan *s, const char *key, const char *path,
				      const char *commit)
{
	const json_t *at = json_object_get(s->index, key);

	if (at != NULL)
		return &s->items[json_integer_value(at)];
	s->items = room(s->items, s->n, &s->cap, sizeof(*s->items));
	json_object_set_new(s->index, key, json_integer((json_int_t)s->n));
	s->items[s->n] = (struct exposure_one){ .path = mem_str(path), .commit = mem_str(commit) };
	return &s->items[s->n++];
}

/* The newest version is kept: it is what HEAD is held against, and what is opened. */
static void take_part(struct scan *s, const struct git_blob *b, const struct document *d,
		      const struct document_part *p)
{
	struct kv keys = KV_INIT;
	struct exposure_one *one;
	char *key;

	if (lists_any(s, p, &keys)) {
		key = value_key(d, p);
		one = find_item(s, key, s->history.paths[b->i], s->history.commits[b->i]);
		document_clear(&one->document);
		copy_part(d, p, true, &one->document);
		one->versions++;
		for (size_t i = 0; i < keys.n; i++)
			kv_set(&one->keys, keys.items[i].name, keys.items[i].data,
			       keys.items[i].len);
		s->blobs = room(s->blobs, s->n_blobs, &s->cap_blobs, sizeof(*s->blobs));
		snprintf(s->blobs[s->n_blobs].id, GIT_ID_TEXT, "%s", b->id);
		s->blobs[s->n_blobs++].item = (size_t)(one - s->items);
		mem_free(key);
	}
	kv_clear(&keys);
}

static void take_head(struct scan *s, const char *path, const struct document *d, bool many)
{
	for (size_t i = 0; i < d->n; i++) {
		struct scan_head *h;

		s->heads = room(s->heads, s->n_heads, &s->cap_heads, sizeof(*s->heads));
		h = &s->heads[s->n_heads++];
		*h = (struct scan_head){ .key = part_key(d, d->parts[i].name),
					 .path = mem_str(path),
					 .many = many };
		copy_part(d, &d->parts[i], true, &h->document);
	}
}

/* --- blobs ------------------------------------------------------------------------------------ */

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Where HEAD has a blob: the first of n places in s->head. */
static size_t in_head(const struct scan *s, const char *id, size_t *n)
{
	size_t low = 0, high = s->head.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(s->head.ids[mid], id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (*n = 0; low + *n < s->head.n && strcmp(s->head.ids[low + *n], id) == 0;)
		(*n)++;
	return low;
}

static void put_unread(struct scan *s, size_t i, const char *why)
{
	if (s->n_unread >= UNREAD_MAX)
		return;
	s->unread = mem_grow(s->unread, s->n_unread + 1, sizeof(*s->unread));
	s->unread[s->n_unread++] = (struct exposure_unread){
		.path = mem_str(s->history.paths[i]),
		.commit = mem_str(s->history.commits[i]),
		.why = mem_str(why),
	};
}

static bool may_list(const struct scan *s, const struct buf *text)
{
	for (size_t i = 0; i < s->ids->n; i++)
		if (keyuse_may_list(s->ids->items[i].name, text->data, text->len))
			return true;
	return false;
}

static void take_documents(struct scan *s, const struct git_blob *b, const struct edit_file *f)
{
	size_t n, at = in_head(s, b->id, &n);

	for (size_t i = 0; i < f->n; i++) {
		const struct document *d = &f->documents[i];

		for (size_t k = 0; k < d->n; k++)
			take_part(s, b, d, &d->parts[k]);
		for (size_t k = 0; k < n; k++)
			take_head(s, s->head.paths[at + k], d, f->n > 1);
	}
	for (size_t i = 0; i < f->yaml.n; i++)
		if (document_in_list(&f->yaml.docs[i]))
			put_unread(s, b->i, "sealed documents in a List are not read");
}

static int take_blob(void *ctx, const struct git_blob *b, struct err *err)
{
	struct scan *s = ctx;
	struct edit_file f = EDIT_FILE_INIT;
	struct err why = ERR_INIT;
	bool listed, there;
	size_t n;

	(void)err;
	progress_step(s->progress, 1);
	if (b->state != GIT_BLOB_OK) {
		if (b->state == GIT_BLOB_MISSING)
			put_unread(s, b->i, "its content is not in this repository");
		return 0;
	}
	listed = may_list(s, b->text);
	in_head(s, b->id, &n);
	there = n > 0 && edit_mentions(b->text->data, b->text->len);
	if (!listed && !there)
		return 0;
	if (edit_load(s->history.paths[b->i], b->text, &f, &why) == 0)
		take_documents(s, b, &f);
	else if (listed)
		put_unread(s, b->i, why.text);
	edit_clear(&f);
	return 0;
}

/* --- sorted ----------------------------------------------------------------------------------- */

static int compare_blobs(const void *a, const void *b)
{
	const struct scan_blob *x = a, *y = b;

	return strcmp(x->id, y->id);
}

void scan_sort_blobs(struct scan *s)
{
	if (s->n_blobs > 0)
		qsort(s->blobs, s->n_blobs, sizeof(*s->blobs), compare_blobs);
}

const struct scan_blob *scan_blobs(const struct scan *s, const char *id, size_t *n)
{
	size_t low = 0, high = s->n_blobs;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(s->blobs[mid].id, id) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (*n = 0; low + *n < s->n_blobs && strcmp(s->blobs[low + *n].id, id) == 0;)
		(*n)++;
	return s->blobs + low;
}

static int compare_heads(const void *a, const void *b)
{
	const struct scan_head *x = a, *y = b;
	int r = strcmp(x->key, y->key);

	return r != 0 ? r : strcmp(x->path, y->path);
}

const struct scan_head *scan_heads(const struct scan *s, const struct document *d, size_t *n)
{
	char *key = part_key(d, d->parts[0].name);
	size_t low = 0, high = s->n_heads;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(s->heads[mid].key, key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (*n = 0; low + *n < s->n_heads && strcmp(s->heads[low + *n].key, key) == 0;)
		(*n)++;
	mem_free(key);
	return s->heads + low;
}

/* HEAD's blobs by id; their paths go along. */
static void sort_head(struct scan_list *l)
{
	char *(*pairs)[3] = mem_array(l->n, sizeof(*pairs));

	for (size_t i = 0; i < l->n; i++) {
		pairs[i][0] = l->ids[i];
		pairs[i][1] = l->paths[i];
		pairs[i][2] = l->commits[i];
	}
	if (l->n > 0)
		qsort(pairs, l->n, sizeof(*pairs), compare_ids);
	for (size_t i = 0; i < l->n; i++) {
		l->ids[i] = pairs[i][0];
		l->paths[i] = pairs[i][1];
		l->commits[i] = pairs[i][2];
	}
	mem_free(pairs);
}

int scan_history(struct scan *s, const struct git *g, struct err *err)
{
	struct progress progress;
	char head[GIT_ID_TEXT];
	bool born;
	int r = git_resolve(g, "HEAD", "commit", head, &born, err);

	if (r == 0 && born)
		r = git_tree_each(g, head, NULL, take_entry, &s->head, err);
	sort_head(&s->head);
	if (r == 0)
		r = git_history_each(g, NULL, take_entry, &s->history, err);
	s->index = json_object();
	s->progress = &progress;
	progress_start(&progress, "looking at history", s->history.n);
	if (r == 0)
		r = scan_list_read(g, &s->history, DOCUMENT_FILE_MAX, take_blob, s, err);
	progress_end(&progress);
	s->progress = NULL;
	if (s->n_heads > 0)
		qsort(s->heads, s->n_heads, sizeof(*s->heads), compare_heads);
	return r;
}

void scan_clear(struct scan *s)
{
	for (size_t i = 0; i < s->n_heads; i++) {
		mem_free(s->heads[i].key);
		mem_free(s->heads[i].path);
		document_clear(&s->heads[i].document);
	}
	mem_free(s->heads);
	mem_free(s->blobs);
	scan_list_clear(&s->history);
	scan_list_clear(&s->head);
	json_decref(s->index);
}
