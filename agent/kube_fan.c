/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_fan.h"

#include <string.h>

#include "agent/inventory.h"
#include "agent/kube_inventory.h"
#include "agent/object_key.h"
#include "agent/source.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/notes.h"

#define OPEN_MAX 4    /* documents open at a time */
#define RETRY_MS 5000 /* after one could not be had or opened */
#define SOON_MS 1000  /* while it changes */

static bool is_copy(const struct table_node *node, const void *key, size_t len)
{
	const char *name = ((const struct kube_copy *)node)->namespace;

	return strlen(name) == len && memcmp(name, key, len) == 0;
}

static bool is_fan(const struct table_node *node, const void *key, size_t len)
{
	const struct kube_fan *f = (const struct kube_fan *)node;

	return object_key_is(key, len, f->owner.namespace, f->owner.name);
}

struct kube_copy *kube_fan_find_copy(const struct kube_fan *f, const char *namespace)
{
	return (struct kube_copy *)table_find(&f->copies, namespace, strlen(namespace));
}

void kube_fan_init(struct kube_fanout *all)
{
	all->fans = (struct table)TABLE_INIT(is_fan);
}

struct kube_fan *kube_fan_find(const struct kube_fanout *all, const char *namespace,
			       const char *name)
{
	char key[OBJECT_KEY_MAX];
	size_t n = object_key(namespace, name, key);

	return n == 0 ? NULL : (struct kube_fan *)table_find(&all->fans, key, n);
}

struct kube_fan *kube_fan_need(struct kube_fanout *all, const char *namespace, const char *name)
{
	struct kube_fan *f = kube_fan_find(all, namespace, name);
	char key[OBJECT_KEY_MAX];
	size_t n = object_key(namespace, name, key);

	if (f != NULL || n == 0)
		return f;
	f = mem_alloc(sizeof(*f));
	*f = (struct kube_fan){ .all = all, .copies = TABLE_INIT(is_copy), .due = true };
	f->owner = (struct kube_copy_owner){ .st = all->st,
					     .namespace = mem_str(namespace),
					     .name = mem_str(name),
					     .ended = all->ended,
					     .let_go = all->let_go,
					     .ctx = f };
	f->secret = (struct kind_secret)KIND_SECRET_INIT;
	table_add(&all->fans, &f->node, key, n);
	return f;
}

struct kube_copy *kube_fan_copy(struct kube_fan *f, const char *namespace)
{
	struct kube_copy *c = kube_fan_find_copy(f, namespace);

	if (c != NULL)
		return c;
	c = kube_copy_new(&f->owner, namespace);
	table_add(&f->copies, &c->node, namespace, strlen(namespace));
	return c;
}

const struct kube_copy *kube_fan_any_copy(const struct kube_fanout *all, const char *namespace,
					  const char *name)
{
	struct table_node **nodes = table_nodes(&all->fans);
	const struct kube_copy *found = NULL;

	for (size_t i = 0; i < all->fans.n && found == NULL; i++) {
		const struct kube_fan *f = (const struct kube_fan *)nodes[i];
		const struct kube_copy *c =
		    strcmp(f->owner.name, name) == 0 ? kube_fan_find_copy(f, namespace) : NULL;

		if (c != NULL && c->there)
			found = c;
	}
	mem_free(nodes);
	return found;
}

void kube_fan_check_all(struct kube_fan *f)
{
	struct table_node **nodes = table_nodes(&f->copies);

	for (size_t i = 0; i < f->copies.n; i++) {
		struct kube_copy *c = (struct kube_copy *)nodes[i];

		c->checked = clock_monotonic_ms() - f->all->st->o->probe_ms;
		c->not_before = 0;
	}
	mem_free(nodes);
	f->not_before = 0;
	f->due = true;
}

void kube_fan_drop_copy(struct kube_fan *f, struct kube_copy *c)
{
	table_remove(&f->copies, &c->node);
	kube_copy_free(c);
}

/* The plaintext is kept no longer than it is written. */
void kube_fan_shut(struct kube_fan *f)
{
	if (f->open)
		f->all->open--;
	f->all->freed = f->all->freed || f->open;
	f->open = false;
	document_clear(&f->doc);
	kind_secret_clear(&f->secret);
}

void kube_fan_drop(struct kube_fan *f)
{
	table_remove(&f->all->fans, &f->node);
	kube_fan_shut(f);
	table_clear(&f->copies);
	mem_free(f->owner.namespace);
	mem_free(f->owner.name);
	mem_free(f->facts);
	mem_free(f->accounts);
	mem_free(f->why);
	mem_free(f->message);
	mem_free(f);
}

void kube_fan_all_due(struct kube_fanout *all)
{
	struct table_node **nodes = table_nodes(&all->fans);

	for (size_t i = 0; i < all->fans.n; i++)
		((struct kube_fan *)nodes[i])->due = true;
	mem_free(nodes);
}

struct kube_doc *kube_fan_doc(const struct kube_fan *f)
{
	return kube_docs_find(&f->all->st->docs, f->owner.namespace, f->owner.name);
}

struct kube_doc *kube_fan_local(const struct kube_fan *f, const char *namespace)
{
	struct kube_doc *d = kube_docs_find(&f->all->st->docs, namespace, f->owner.name);

	return d != NULL && (d->s.documents != 0 || (d->s.recorded && !d->s.retained)) ? d : NULL;
}

void kube_fan_wake(struct kube_fan *f, int64_t at)
{
	if (at < f->next)
		f->next = at;
}

size_t kube_fan_copies(const struct kube_fan *f)
{
	struct table_node **nodes = table_nodes(&f->copies);
	size_t n = 0;

	for (size_t i = 0; i < f->copies.n; i++)
		n += ((const struct kube_copy *)nodes[i])->there;
	mem_free(nodes);
	return n;
}

bool kube_fan_remember(struct kube_fanout *all)
{
	const struct inventory *v = kube_inventory_all(all->st);
	const struct inventory_item **items;

	if (all->remembered || !kube_inventory_loaded(all->st))
		return all->remembered;
	items = inventory_items(v);
	for (size_t i = 0; i < v->table.n; i++) {
		const struct inventory_item *x = items[i];
		struct kube_fan *f = x->gone != 0 || strcmp(x->from, x->namespace) == 0
					 ? NULL
					 : kube_fan_need(all, x->from, x->name);

		if (f != NULL)
			kube_copy_recorded(kube_fan_copy(f, x->namespace), x);
	}
	mem_free(items);
	all->remembered = true;
	return true;
}

/* --- opening ---------------------------------------------------------------------------------- */

bool kube_fan_applied(const struct kube_doc *d)
{
	return d->s.documents == 1 && !d->s.going && d->s.reason == REASON_APPLIED &&
	       d->s.recorded && d->parsed && memcmp(d->s.made, d->s.digest, SUBJECT_DIGEST) == 0;
}

static void fail(struct kube_fan *f, enum reason reason, const char *why)
{
	mem_replace(&f->why, why);
	f->reason = reason;
	f->not_before = clock_monotonic_ms() + RETRY_MS;
}

static enum reason reason_of(const struct err *err)
{
	return err->class == ERR_IO	 ? REASON_UNAVAILABLE
	       : err->class == ERR_NOKEY ? REASON_NO_KEY
					 : REASON_REFUSED;
}

static void take_opened(struct kube_fan *f, const struct kube_doc *d)
{
	mem_replace(&f->facts, kv_get_str(&f->secret.facts, "namespaces"));
	mem_replace(&f->accounts, kv_get_str(&f->secret.facts, "service-accounts"));
	memcpy(f->digest, d->s.made, sizeof(f->digest));
	f->opened = true;
	mem_free(f->why);
	f->why = NULL;
}

static void open_it(struct kube_fan *f, const struct kube_answer *a)
{
	const struct kube_doc *d = kube_fan_doc(f);
	unsigned char id[SOURCE_ID];
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	struct kv keys = KV_INIT;

	f->not_before = clock_monotonic_ms() + SOON_MS;
	if (d == NULL || !kube_fan_applied(d) || a->status != 200 ||
	    kube_doc_read(a->object, &f->doc, &err) != 0) {
		kube_fan_shut(
		    f); /* what changed is looked at first by whoever writes its own Secret */
		return;
	}
	source_id(&f->doc, id);
	if (memcmp(id, d->s.made, sizeof(id)) != 0) {
		kube_fan_shut(f);
	} else if (opener_open(f->all->st->opener, &f->doc, &f->secret, &keys, &notes, &err) < 0) {
		fail(f, reason_of(&err), err.text);
		kube_fan_shut(f);
	} else {
		f->not_before = 0;
		take_opened(f, d);
	}
	kv_clear(&keys);
	notes_clear(&notes);
}

static void fetched(void *ctx, const struct kube_answer *a)
{
	struct kube_fan *f = ctx;

	f->fetching = false;
	open_it(f, a);
	f->due = true;
}

void kube_fan_open(struct kube_fan *f, int64_t now_ms)
{
	struct buf path = BUF_INIT;
	struct kube_request r = { .method = "GET", .idempotent = true };

	if (now_ms < f->not_before) {
		kube_fan_wake(f, f->not_before);
		return;
	}
	if (f->all->open >= OPEN_MAX) {
		f->waiting = true;
		return;
	}
	kube_path_object(&path, KUBE_GROUP, f->owner.namespace, KUBE_DOCUMENTS, f->owner.name);
	r.path = buf_str(&path);
	f->fetching = true;
	f->open = true;
	f->all->open++;
	kube_send(f->all->st->client, &r, fetched, f);
	buf_clear(&path);
}
