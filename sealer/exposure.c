/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/exposure.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "document/edit.h"
#include "document/seal.h"
#include "git/blobs.h"
#include "git/history.h"
#include "git/refs.h"
#include "git/tree.h"
#include "keys/config.h"
#include "sealer/danger.h"
#include "sealer/exposure_scan.h"
#include "sealer/keyuse.h"
#include "sealer/progress.h"

/* --- names of keys ---------------------------------------------------------------------------- */

static void take_names(const struct buf *text, const char *name, struct kv *out)
{
	struct config c = CONFIG_INIT;

	if (config_parse(CONFIG_PATH, text->data, text->len, &c, NULL) != 0)
		return;
	for (size_t i = 0; i < c.recipients.n; i++)
		if (name == NULL || strcmp(c.recipients.items[i].name, name) == 0)
			kv_set_str(out, c.recipients.items[i].id, c.recipients.items[i].name);
	config_clear(&c);
}

struct names {
	struct scan_list configs;
	const char *name;
	struct kv *out;
};

static int is_config(void *ctx, const struct git_entry *e, struct err *err)
{
	struct names *n = ctx;

	(void)err;
	if ((e->mode & GIT_MODE_TYPE) == GIT_MODE_FILE && strcmp(e->path, CONFIG_PATH) == 0)
		scan_list_add(&n->configs, e);
	return 0;
}

static int take_config(void *ctx, const struct git_blob *b, struct err *err)
{
	struct names *n = ctx;

	(void)err;
	if (b->state == GIT_BLOB_OK)
		take_names(b->text, n->name, n->out);
	return 0;
}

int exposure_names(const struct git *g, const char *name, struct kv *out, struct err *err)
{
	struct names n = { .name = name, .out = out };
	int r = git_history_each(g, NULL, is_config, &n, err);

	if (r == 0)
		r = scan_list_read(g, &n.configs, CONFIG_MAX, take_config, &n, err);
	scan_list_clear(&n.configs);
	return r;
}

/* --- where it is now -------------------------------------------------------------------------- */

struct places {
	struct scan *scan;
	const struct git *git;
	const char *ref; /* being looked at */
	struct kv seen;	 /* commits that were: ID -> their number in done */
};

static int take_place(void *ctx, const struct git_entry *e, struct err *err)
{
	const struct places *p = ctx;
	size_t n;
	const struct scan_blob *hits = scan_blobs(p->scan, e->id, &n);

	(void)err;
	for (size_t i = 0; i < n; i++) {
		struct exposure_one *one = &p->scan->items[hits[i].item];

		one->now = mem_grow(one->now, one->n_now + 1, sizeof(*one->now));
		one->now[one->n_now++] = mem_printf("%s:%s", p->ref, e->path);
	}
	return 0;
}

/* "refs/heads/main" is main to everybody. */
static const char *short_name(const char *ref)
{
	static const char *const before[] = { "refs/heads/", "refs/remotes/", "refs/" };

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		if (strncmp(ref, before[i], strlen(before[i])) == 0)
			return ref + strlen(before[i]);
	return ref;
}

static int take_ref(void *ctx, const struct git_ref *ref, struct err *err)
{
	struct places *p = ctx;

	/* branches of a remote that stand where ours do say nothing new */
	if (strcmp(ref->type, "blob") == 0 || kv_has(&p->seen, ref->id))
		return 0;
	kv_set_str(&p->seen, ref->id, "");
	p->ref = short_name(ref->name);
	return git_tree_each(p->git, ref->id, NULL, take_place, p, err);
}

static int find_places(struct scan *s, const struct git *g, struct err *err)
{
	struct places p = { .scan = s, .git = g };
	int r;

	scan_sort_blobs(s);
	r = git_refs_each(g, take_ref, &p, err);
	kv_clear(&p.seen);
	return r;
}

/* --- what came of it -------------------------------------------------------------------------- */

static bool same_facts(const struct document *a, const struct document *b)
{
	return kv_equal(&a->parts[0].facts, &b->parts[0].facts);
}

static bool same_bytes(const struct document *a, const struct document *b)
{
	const struct buf *x = &a->parts[0].age, *y = &b->parts[0].age;

	return x->len == y->len && memcmp(x->data, y->data, x->len) == 0;
}

static int open_one(const struct exposure_options *o, const struct document *d,
		    struct kind_secret *out)
{
	struct notes notes = NOTES_INIT;
	int r = o->keys->n > 0
		    ? open_part(d, &d->parts[0], o->keys, o->now, out, NULL, &notes, NULL)
		    : -1;

	notes_clear(&notes);
	return r;
}

/* Is the value that HEAD has the same one?  Proven when both open. */
static bool same_value(const struct exposure_options *o, const struct exposure_one *one,
		       const struct kind_secret *mine, const struct document *there, bool *proven)
{
	struct kind_secret other = KIND_SECRET_INIT;
	bool same;

	*proven = same_bytes(&one->document, there);
	if (*proven)
		return true;
	same = same_facts(&one->document, there);
	if (one->opened && open_one(o, there, &other) == 0) {
		*proven = true;
		same = kv_equal(&mine->data, &other.data);
	}
	kind_secret_clear(&other);
	return same;
}

/* Of several files that have such a document, one that has the value decides. */
static void judge(const struct exposure_options *o, const struct scan *s, struct exposure_one *one)
{
	struct kind_secret mine = KIND_SECRET_INIT;
	size_t n;
	const struct scan_head *heads = scan_heads(s, &one->document, &n);
	const char *end = kv_get_str(&one->document.parts[0].facts, "not-after");
	int64_t t;

	one->opened = open_one(o, &one->document, &mine) == 0;
	one->expired = end != NULL && clock_parse(end, &t) && t < o->now;
	one->state = n == 0 ? EXPOSURE_GONE : EXPOSURE_REPLACED;
	one->proven = n == 0;
	for (size_t i = 0; i < n; i++) {
		bool proven, same = same_value(o, one, &mine, &heads[i].document, &proven);

		if (i > 0 && !same)
			continue;
		mem_replace(&one->file, heads[i].path);
		one->many = heads[i].many;
		one->proven = proven;
		if (same) {
			one->state = EXPOSURE_USED;
			break;
		}
	}
	kind_secret_clear(&mine);
}

static int compare(const void *a, const void *b)
{
	const struct exposure_one *x = a, *y = b;
	size_t i = danger_rank(x->document.kind), k = danger_rank(y->document.kind);
	const struct danger_about p = { .document = &x->document, .part = &x->document.parts[0] };
	const struct danger_about q = { .document = &y->document, .part = &y->document.parts[0] };
	int r = (x->expired > y->expired) - (x->expired < y->expired);

	if (r == 0)
		r = (i > k) - (i < k);
	if (r == 0)
		r = (x->state > y->state) - (x->state < y->state);
	if (r == 0)
		r = danger_compare(&p, &q);
	/* the same part's later value first */
	return r != 0 ? r
		      : -strcmp(kv_get_str(&x->document.parts[0].facts, "sealed-at"),
				kv_get_str(&y->document.parts[0].facts, "sealed-at"));
}

int exposure_find(const struct exposure_options *o, struct exposure *out, struct err *err)
{
	struct scan s = { .ids = o->ids };
	int r;

	memset(out, 0, sizeof(*out));
	r = git_history_shallow(o->git, &out->shallow, err);
	if (r == 0)
		r = scan_history(&s, o->git, err);
	if (r == 0)
		r = find_places(&s, o->git, err);
	for (size_t i = 0; r == 0 && i < s.n; i++)
		judge(o, &s, &s.items[i]);
	if (r == 0 && s.n > 0)
		qsort(s.items, s.n, sizeof(*s.items), compare);
	out->items = s.items;
	out->n = s.n;
	out->unread = s.unread;
	out->n_unread = s.n_unread;
	out->blobs = s.history.n;
	scan_clear(&s);
	return r;
}

void exposure_clear(struct exposure *e)
{
	for (size_t i = 0; i < e->n; i++) {
		struct exposure_one *one = &e->items[i];

		document_clear(&one->document);
		mem_free(one->path);
		mem_free(one->commit);
		mem_free(one->file);
		kv_clear(&one->keys);
		for (size_t k = 0; k < one->n_now; k++)
			mem_free(one->now[k]);
		mem_free(one->now);
	}
	for (size_t i = 0; i < e->n_unread; i++) {
		mem_free(e->unread[i].path);
		mem_free(e->unread[i].commit);
		mem_free(e->unread[i].why);
	}
	mem_free(e->items);
	mem_free(e->unread);
	memset(e, 0, sizeof(*e));
}
