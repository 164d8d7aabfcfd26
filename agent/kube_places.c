/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_places.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"

static bool is_place(const struct table_node *node, const void *key, size_t len)
{
	const char *name = ((const struct kube_place *)node)->name;

	return strlen(name) == len && memcmp(name, key, len) == 0;
}

struct kube_place *kube_places_find(const struct kube_places *p, const char *name)
{
	return (struct kube_place *)table_find(&p->table, name, strlen(name));
}

static void drop_place(struct kube_places *all, struct kube_place *p)
{
	table_remove(&all->table, &p->node);
	mem_free(p->name);
	mem_free(p);
}

static const char *name_of(const json_t *object)
{
	return json_string_value(json_object_get(json_object_get(object, "metadata"), "name"));
}

static void place_begin(void *ctx)
{
	struct kube_places *all = ctx;
	struct table_node **nodes = table_nodes(&all->table);

	for (size_t i = 0; i < all->table.n; i++)
		((struct kube_place *)nodes[i])->shown = false;
	mem_free(nodes);
}

static void place_object(void *ctx, const json_t *object)
{
	struct kube_places *all = ctx;
	const json_t *metadata = json_object_get(object, "metadata");
	const char *name = name_of(object);
	bool going = json_object_get(metadata, "deletionTimestamp") != NULL;
	struct kube_place *p;

	if (name == NULL)
		return;
	p = kube_places_find(all, name);
	if (p == NULL) {
		p = mem_alloc(sizeof(*p));
		*p = (struct kube_place){ .name = mem_str(name), .going = !going };
		table_add(&all->table, &p->node, name, strlen(name));
	}
	p->shown = true;
	if (p->going != going) {
		p->going = going;
		all->changed(all->ctx);
	}
}

static void place_deleted(void *ctx, const json_t *object)
{
	struct kube_places *all = ctx;
	const char *name = name_of(object);
	struct kube_place *p = name == NULL ? NULL : kube_places_find(all, name);

	if (p == NULL)
		return;
	drop_place(all, p);
	all->changed(all->ctx);
}

static void place_synced(void *ctx)
{
	struct kube_places *all = ctx;
	size_t n = all->table.n;
	struct table_node **nodes = table_nodes(&all->table);

	for (size_t i = 0; i < n; i++)
		if (!((struct kube_place *)nodes[i])->shown)
			drop_place(all, (struct kube_place *)nodes[i]);
	mem_free(nodes);
	all->synced = true;
	all->failing = false;
	all->changed(all->ctx);
}

static void place_failed(void *ctx, const struct kube_answer *a)
{
	struct kube_places *all = ctx;
	char status[24];

	if (kube_watch_passed(a))
		log_line(LOG_WARN, "a namespace cannot be read", "error", a->message, (char *)NULL);
	if (kube_watch_passed(a) || all->failing)
		return;
	all->failing = true;
	snprintf(status, sizeof(status), "%ld", a->status);
	log_line(LOG_WARN, "cannot list or watch namespaces; no copies are made in new ones",
		 "status", status, "error", a->message, (char *)NULL);
}

static void place_resumed(void *ctx)
{
	struct kube_places *all = ctx;

	all->failing = false;
	all->changed(all->ctx);
}

void kube_places_open(struct kube_places *p, struct kube_client *client, void (*changed)(void *ctx),
		      void *ctx)
{
	static const struct kube_watch_handler handler = { place_begin,	  place_object,
							   place_deleted, place_synced,
							   place_failed,  place_resumed };
	const struct kube_watch_options o = { .path = "/api/v1/namespaces", .metadata_only = true };

	*p = (struct kube_places){ .table = TABLE_INIT(is_place), .changed = changed, .ctx = ctx };
	p->watch = kube_watch_new(client, &o, &handler, p);
}

void kube_places_close(struct kube_places *p)
{
	size_t n = p->table.n;
	struct table_node **nodes = table_nodes(&p->table);

	kube_watch_free(p->watch);
	for (size_t i = 0; i < n; i++)
		drop_place(p, (struct kube_place *)nodes[i]);
	mem_free(nodes);
	table_clear(&p->table);
}
