/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_inventory.h"

#include <string.h>

#include "agent/inventory.h"
#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#define WRITE_EVERY_MS 1000
#define WRITE_BUSY_MS 5000 /* while many Secrets are made: a shard is written whole each time */
#define RETRY_MS 5000
#define EXPIRE_MS 60000
#define MANAGER "bulla-agent"

/* One ConfigMap. */
struct shard {
	struct store_kube *st;
	unsigned number;
	char *version; /* resourceVersion; NULL: there is no such ConfigMap */
	bool loaded;
	bool busy;
	bool full;   /* it could not be written when last tried: it is too large */
	int64_t due; /* monotonic ms of the next request, when one is wanted */
};

struct kube_inventory {
	struct inventory items;
	struct shard shards[INVENTORY_SHARDS];
	int64_t expire_at; /* monotonic ms */
};

static void put_path(const struct shard *s, struct buf *path)
{
	char name[INVENTORY_NAME_SIZE];

	inventory_shard_name(s->number, name);
	kube_path_object(path, KUBE_CORE, s->st->o->agent_namespace, "configmaps", name);
}

static void fault(struct shard *s, const struct kube_answer *a, const char *what)
{
	char status[24], number[12];

	snprintf(status, sizeof(status), "%ld", a->status);
	snprintf(number, sizeof(number), "%u", s->number);
	log_line(LOG_WARN, what, "shard", number, "status", status, "error", a->message,
		 (char *)NULL);
	s->due = clock_monotonic_ms() + (a->retry_ms > RETRY_MS ? a->retry_ms : RETRY_MS);
}

static void set_version(struct shard *s, const json_t *object)
{
	const char *version =
	    secret_json_field(json_object_get(object, "metadata"), "resourceVersion");

	mem_replace(&s->version, version);
}

/* --- read ------------------------------------------------------------------------------------- */

static void remember_removed(struct store_kube *st, const struct inventory_item *x)
{
	st->done = mem_grow(st->done, st->n_done + 1, sizeof(*st->done));
	st->done[st->n_done++] = (struct guard_done){ mem_str(x->namespace), x->gone };
}

/* What the inventory knows beside the status, which a restored document has not. */
static void remember_made(struct store_kube *st, const struct inventory_item *x)
{
	struct kube_doc *d;

	if (strcmp(x->from, x->namespace) != 0)
		return;
	d = kube_state_need(st, x->namespace, x->name);
	if (d == NULL)
		return;
	if (d->crd_uid == NULL)
		d->crd_uid = mem_str(x->crd_uid);
	d->kept = x->policy == POLICY_RETAIN;
	d->s.made_retain = d->kept;
	if (!d->s.recorded) {
		kube_doc_recorded(d, x->secret_uid);
		if (d->s.documents != 0)
			kube_state_look(st, d);
	}
	if (d->s.documents == 0)
		st->gone_due = true;
}

static void take_items(struct store_kube *st, unsigned shard)
{
	const struct inventory *v = &st->inventory->items;
	const struct inventory_item **items = inventory_items(v);

	for (size_t i = 0; i < v->table.n; i++) {
		if (inventory_shard(items[i]->namespace, items[i]->name) != shard)
			continue;
		if (items[i]->gone != 0)
			remember_removed(st, items[i]);
		else
			remember_made(st, items[i]);
	}
	mem_free(items);
}

static void read_answered(void *ctx, const struct kube_answer *a)
{
	struct shard *s = ctx;
	struct err err = ERR_INIT;
	char name[INVENTORY_NAME_SIZE];

	s->busy = false;
	if (a->status == 404) {
		s->loaded = true;
	} else if (a->status != 200) {
		fault(s, a, "the inventory cannot be read; nothing is removed");
		return;
	} else if (inventory_read(&s->st->inventory->items, s->number, a->object, &err) != 0) {
		inventory_shard_name(s->number, name);
		log_line(LOG_ERROR,
			 "the inventory is damaged; nothing is removed until it is mended "
			 "or deleted",
			 "configmap", name, "error", err.text, (char *)NULL);
		s->due = clock_monotonic_ms() + RETRY_MS;
		return;
	} else {
		set_version(s, a->object);
		s->loaded = true;
		take_items(s->st, s->number);
	}
	s->due = 0;
	s->st->gone_due = true;
}

static void read_shard(struct shard *s)
{
	struct buf path = BUF_INIT;
	struct kube_request r = { .method = "GET", .idempotent = true, .urgent = true };

	put_path(s, &path);
	r.path = buf_str(&path);
	s->busy = true;
	kube_send(s->st->client, &r, read_answered, s);
	buf_clear(&path);
}

/* --- write ------------------------------------------------------------------------------------ */

static void write_answered(void *ctx, const struct kube_answer *a)
{
	struct shard *s = ctx;

	s->busy = false;
	s->due = clock_monotonic_ms() + (s->st->looks.n > 0 ? WRITE_BUSY_MS : WRITE_EVERY_MS);
	if (a->status == 200 || a->status == 201) {
		set_version(s, a->object);
		return;
	}
	inventory_mark(&s->st->inventory->items, s->number);
	if (a->status == 404) {
		mem_free(s->version);
		s->version = NULL;
	} else if (a->status == 409) { /* another agent, or a person: ours is right */
		mem_replace(&s->version, "");
	} else {
		fault(s, a, "the inventory cannot be written");
	}
}

/* There is none yet: made without content, which the next request brings. */
static void format_new(const struct shard *s, struct buf *body)
{
	char name[INVENTORY_NAME_SIZE];

	inventory_shard_name(s->number, name);
	buf_printf(body,
		   "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"%s\","
		   "\"labels\":{\"app.kubernetes.io/managed-by\":\"bulla-agent\"}}}",
		   name);
}

static void write_shard(struct shard *s)
{
	struct inventory *v = &s->st->inventory->items;
	bool make = s->version == NULL;
	struct buf path = BUF_INIT, body = BUF_INIT;
	struct err err = ERR_INIT;
	struct kube_request r = { .method = "PATCH",
				  .type = make ? KUBE_APPLY : KUBE_MERGE_PATCH,
				  .body = &body,
				  .metadata_only = true,
				  .idempotent = true };

	put_path(s, &path);
	if (make) {
		buf_puts(&path, "?force=true&fieldManager=" MANAGER);
		format_new(s, &body);
	} else if (inventory_patch(v, s->number, s->version[0] == '\0' ? NULL : s->version, &body,
				   &err) != 0) {
		log_line(LOG_ERROR, "the inventory cannot be written", "error", err.text,
			 (char *)NULL);
		s->full = true;
		s->due = clock_monotonic_ms() + INT64_C(60000);
		goto out;
	}
	s->full = false;
	r.path = buf_str(&path);
	s->busy = true;
	kube_send(s->st->client, &r, write_answered, s);
out:
	buf_clear(&path);
	buf_clear(&body);
}

/* --- what is in it ---------------------------------------------------------------------------- */

void kube_inventory_made(struct store_kube *st, const struct kube_doc *d)
{
	const struct inventory_item what = {
		.namespace = d->s.namespace,
		.name = d->s.name,
		.from = d->s.namespace,
		.secret_uid = d->applied_uid,
		.document_uid = d->uid,
		.crd_uid = d->crd_uid,
		.policy = d->s.made_retain ? POLICY_RETAIN : POLICY_DELETE,
	};

	if (st->inventory != NULL)
		inventory_made(&st->inventory->items, &what);
}

void kube_inventory_check(struct store_kube *st, const struct kube_doc *d)
{
	const struct inventory_item *x;

	if (st->inventory == NULL || !kube_inventory_loaded(st) || !d->s.recorded ||
	    d->s.reason != REASON_APPLIED)
		return;
	x = inventory_find(&st->inventory->items, d->s.namespace, d->s.name);
	if (x == NULL || x->gone != 0)
		kube_inventory_made(st, d);
}

void kube_inventory_removed(struct store_kube *st, const struct kube_doc *d)
{
	if (st->inventory != NULL)
		inventory_removed(&st->inventory->items, d->s.namespace, d->s.name, clock_now());
}

void kube_inventory_forget(struct store_kube *st, const struct kube_doc *d)
{
	if (st->inventory != NULL)
		inventory_forget(&st->inventory->items, d->s.namespace, d->s.name);
}

struct inventory *kube_inventory_all(const struct store_kube *st)
{
	return st->inventory == NULL ? NULL : &st->inventory->items;
}

/* --- open, work, close ------------------------------------------------------------------------ */

void kube_inventory_open(struct store_kube *st)
{
	if (st->o->namespaces != NULL)
		return;
	st->inventory = mem_alloc(sizeof(*st->inventory));
	inventory_init(&st->inventory->items);
	for (unsigned i = 0; i < INVENTORY_SHARDS; i++)
		st->inventory->shards[i] = (struct shard){ .st = st, .number = i };
}

void kube_inventory_close(struct store_kube *st)
{
	if (st->inventory == NULL)
		return;
	for (unsigned i = 0; i < INVENTORY_SHARDS; i++) {
		kube_cancel(st->client, &st->inventory->shards[i]);
		mem_free(st->inventory->shards[i].version);
	}
	inventory_clear(&st->inventory->items);
	mem_free(st->inventory);
	st->inventory = NULL;
}

bool kube_inventory_loaded(const struct store_kube *st)
{
	for (unsigned i = 0; st->inventory != NULL && i < INVENTORY_SHARDS; i++)
		if (!st->inventory->shards[i].loaded)
			return false;
	return true;
}

static bool wants(const struct shard *s)
{
	return !s->busy && (!s->loaded || inventory_dirty(&s->st->inventory->items, s->number));
}

/*
 * All that is known is written, or cannot be until something is forgotten.  What went and its
 * copies are in different shards: were it forgotten before the copies' end is written, a crash
 * would leave copies of which nobody knows that they were meant to go.
 */
static bool settled(const struct kube_inventory *v)
{
	for (unsigned i = 0; i < INVENTORY_SHARDS; i++) {
		const struct shard *s = &v->shards[i];

		if (!s->loaded || s->busy || (inventory_dirty(&v->items, i) && !s->full))
			return false;
	}
	return true;
}

/* When it is next; not settled: an answer or a write comes before. */
static int64_t expire(struct store_kube *st, int64_t now_ms)
{
	struct kube_inventory *v = st->inventory;

	if (v == NULL || st->draining)
		return INT64_MAX;
	if (now_ms < v->expire_at)
		return v->expire_at;
	if (!settled(v))
		return INT64_MAX;
	inventory_expire(&v->items, clock_now());
	v->expire_at = now_ms + EXPIRE_MS;
	return v->expire_at;
}

int64_t kube_inventory_work(struct store_kube *st, int64_t now_ms)
{
	int64_t wake = expire(st, now_ms);

	for (unsigned i = 0; st->inventory != NULL && i < INVENTORY_SHARDS; i++) {
		struct shard *s = &st->inventory->shards[i];

		if (!wants(s))
			continue;
		if (s->due > now_ms)
			wake = s->due < wake ? s->due : wake;
		else if (s->loaded)
			write_shard(s);
		else
			read_shard(s);
	}
	return wake;
}

bool kube_inventory_idle(const struct store_kube *st)
{
	for (unsigned i = 0; st->inventory != NULL && i < INVENTORY_SHARDS; i++) {
		const struct shard *s = &st->inventory->shards[i];

		if (s->busy || (s->loaded && inventory_dirty(&st->inventory->items, i)))
			return false;
	}
	return true;
}
