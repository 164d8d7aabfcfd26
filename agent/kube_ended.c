/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_ended.h"

#include <string.h>

#include "agent/kube_fanout.h"
#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/mem.h"

#define AGAIN_MS 60000

/* A namespace that was asked for. */
struct place {
	struct table_node node;
	struct store_kube *st;
	char *name;
	bool asking;
	bool ended;
	int64_t asked; /* monotonic ms of the last request */
	int64_t known; /* and of the last that was answered; 0: none */
};

static bool is_place(const struct table_node *node, const void *key, size_t len)
{
	const char *name = ((const struct place *)node)->name;

	return strlen(name) == len && memcmp(name, key, len) == 0;
}

void kube_ended_init(struct store_kube *st)
{
	st->ended = (struct table)TABLE_INIT(is_place);
}

static void drop(struct place *p)
{
	table_remove(&p->st->ended, &p->node);
	mem_free(p->name);
	mem_free(p);
}

void kube_ended_clear(struct store_kube *st)
{
	struct table_node **nodes = table_nodes(&st->ended);
	size_t n = st->ended.n;

	for (size_t i = 0; i < n; i++) {
		kube_cancel(st->client, nodes[i]);
		drop((struct place *)nodes[i]);
	}
	mem_free(nodes);
	table_clear(&st->ended);
}

void kube_ended_forget(struct store_kube *st)
{
	if (st->ended.n != 0)
		kube_ended_clear(st);
}

static struct place *find(const struct store_kube *st, const char *name)
{
	return (struct place *)table_find(&st->ended, name, strlen(name));
}

static struct place *need(struct store_kube *st, const char *name)
{
	struct place *p = find(st, name);

	if (p != NULL)
		return p;
	p = mem_alloc(sizeof(*p));
	*p = (struct place){ .st = st, .name = mem_str(name) };
	table_add(&st->ended, &p->node, name, strlen(name));
	return p;
}

bool kube_ended_says(const struct store_kube *st, const struct kube_answer *a,
		     const char *namespace)
{
	if (a->status == 403)
		return st->o->namespaces != NULL;
	if (a->status == 200)
		return secret_json_field(json_object_get(a->object, "metadata"),
					 "deletionTimestamp") != NULL;
	return a->status == 404 && strcmp(a->reason, "NotFound") == 0 &&
	       strcmp(a->name, namespace) == 0;
}

void kube_ended_seen(const struct store_kube *st, struct kube_doc *d, bool ended)
{
	struct place *p = find(st, d->s.namespace);

	if (p != NULL)
		p->ended = ended;
	d->s.ended = ended && !kube_fanout_has_copies(st, d);
}

void kube_ended_mark(const struct store_kube *st, struct kube_doc *d)
{
	const struct place *p = find(st, d->s.namespace);

	if (p != NULL && p->ended)
		d->s.ended = !kube_fanout_has_copies(st, d);
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct place *p = ctx;

	p->asking = false;
	p->known = p->asked;
	p->ended = kube_ended_says(p->st, a, p->name);
	p->st->gone_due = true;
}

static void ask(struct place *p, int64_t now_ms)
{
	struct kube_request r = { .method = "GET", .metadata_only = true, .idempotent = true };
	struct buf path = BUF_INIT;

	kube_path_object(&path, KUBE_CORE, NULL, "namespaces", p->name);
	r.path = buf_str(&path);
	p->asking = true;
	p->asked = now_ms;
	kube_send(p->st->client, &r, answered, p);
	buf_clear(&path);
}

bool kube_ended_ask(struct store_kube *st, const struct kube_doc *d, int64_t now_ms)
{
	struct place *p = need(st, d->s.namespace);
	/* who deletes a namespace does that before its documents go */
	bool stale = p->known == 0 || p->known < d->s.gone_since;

	if (!p->asking && !p->ended && (stale || now_ms - p->known >= AGAIN_MS))
		ask(p, now_ms);
	return p->asking && stale;
}
