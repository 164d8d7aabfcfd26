/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/flux_queue.h"

#include <string.h>

#include "base/mem.h"

static struct flux_nudge *find(const struct flux_queue *q, const struct flux_source_id *like)
{
	for (size_t i = 0; i < q->n; i++) {
		struct flux_nudge *it = &q->items[i];

		if (it->kind == like->kind && strcmp(it->name, like->name) == 0 &&
		    strcmp(it->namespace, like->namespace) == 0)
			return it;
	}
	return NULL;
}

void flux_nudge_clear(struct flux_nudge *nudge)
{
	mem_free(nudge->namespace);
	mem_free(nudge->name);
	mem_free(nudge->version);
	*nudge = (struct flux_nudge){ 0 };
}

/* Those that wait for nothing and may be told again need no memory. */
static void forget(struct flux_queue *q, int64_t now_ms)
{
	size_t kept = 0;

	for (size_t i = 0; i < q->n; i++) {
		if (q->items[i].version == NULL && q->items[i].not_before <= now_ms)
			flux_nudge_clear(&q->items[i]);
		else
			q->items[kept++] = q->items[i];
	}
	q->n = kept;
}

static struct flux_nudge *need(struct flux_queue *q, const struct flux_source_id *like,
			       int64_t now_ms)
{
	struct flux_nudge *it = find(q, like);

	if (it != NULL)
		return it;
	q->items = mem_grow(q->items, q->n + 1, sizeof(*q->items));
	it = &q->items[q->n++];
	*it = (struct flux_nudge){ .kind = like->kind,
				   .namespace = mem_str(like->namespace),
				   .name = mem_str(like->name),
				   .not_before = now_ms };
	return it;
}

static void put(struct flux_nudge *it, const char *version, bool tried)
{
	char *copy = mem_str(version);

	mem_free(it->version);
	it->version = copy;
	it->tried = tried;
}

void flux_queue_put(struct flux_queue *q, const struct flux_source_id *id, const char *version,
		    int64_t now_ms)
{
	forget(q, now_ms);
	put(need(q, id, now_ms), version, false);
}

void flux_queue_again(struct flux_queue *q, const struct flux_nudge *nudge, int64_t now_ms)
{
	const struct flux_source_id id = { nudge->kind, nudge->namespace, nudge->name };
	struct flux_nudge *it = need(q, &id, now_ms);

	if (it->version == NULL)
		put(it, nudge->version, true);
	it->not_before = now_ms + FLUX_QUEUE_EACH_MS;
}

bool flux_queue_take(struct flux_queue *q, int64_t now_ms, struct flux_nudge *out)
{
	if (now_ms < q->not_before)
		return false;
	for (size_t i = 0; i < q->n; i++) {
		struct flux_nudge *it = &q->items[i];

		if (it->version == NULL || now_ms < it->not_before)
			continue;
		q->not_before = now_ms + FLUX_QUEUE_ALL_MS;
		it->not_before = now_ms + FLUX_QUEUE_EACH_MS;
		*out = *it;
		out->namespace = mem_str(it->namespace);
		out->name = mem_str(it->name);
		it->version = NULL;
		return true;
	}
	return false;
}

int64_t flux_queue_due(const struct flux_queue *q)
{
	int64_t due = INT64_MAX;

	for (size_t i = 0; i < q->n; i++)
		if (q->items[i].version != NULL && q->items[i].not_before < due)
			due = q->items[i].not_before;
	return due == INT64_MAX || due > q->not_before ? due : q->not_before;
}

bool flux_queue_fresh(const struct flux_queue *q)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->items[i].version != NULL && !q->items[i].tried)
			return true;
	return false;
}

void flux_queue_clear(struct flux_queue *q)
{
	for (size_t i = 0; i < q->n; i++)
		flux_nudge_clear(&q->items[i]);
	mem_free(q->items);
	*q = (struct flux_queue){ 0 };
}
