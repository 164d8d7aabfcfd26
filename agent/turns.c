/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/turns.h"

#include <string.h>

#include "base/mem.h"

struct turns_line {
	struct table_node node;
	char *namespace;
	struct turn *oldest, *newest;
	struct turns_line *prev, *next; /* in the ring */
	struct turns_line *fresher, *staler;
	bool fresh;
};

static bool is_line(const struct table_node *node, const void *key, size_t len)
{
	const struct turns_line *l = (const struct turns_line *)node;

	return strlen(l->namespace) == len && memcmp(l->namespace, key, len) == 0;
}

void turns_init(struct turns *q)
{
	*q = (struct turns){ .lines = TABLE_INIT(is_line) };
}

static void free_line(struct turns_line *l)
{
	mem_free(l->namespace);
	mem_free(l);
}

void turns_clear(struct turns *q)
{
	struct table_node **nodes = table_nodes(&q->lines);

	for (size_t i = 0; i < q->lines.n; i++)
		free_line((struct turns_line *)nodes[i]);
	mem_free(nodes);
	table_clear(&q->lines);
	mem_free(q->heap);
	turns_init(q);
}

/* --- those that wait: a binary heap ----------------------------------------------------------- */

static void set_slot(struct turns *q, size_t slot, struct turn *t)
{
	q->heap[slot] = t;
	t->slot = slot;
}

static void sift_up(struct turns *q, size_t slot, struct turn *t)
{
	while (slot > 1 && q->heap[slot / 2]->due > t->due) {
		set_slot(q, slot, q->heap[slot / 2]);
		slot /= 2;
	}
	set_slot(q, slot, t);
}

static void sift_down(struct turns *q, size_t slot, struct turn *t)
{
	for (size_t child; (child = 2 * slot) <= q->waiting; slot = child) {
		if (child < q->waiting && q->heap[child + 1]->due < q->heap[child]->due)
			child++;
		if (q->heap[child]->due >= t->due)
			break;
		set_slot(q, slot, q->heap[child]);
	}
	set_slot(q, slot, t);
}

static void stop_waiting(struct turns *q, struct turn *t)
{
	size_t slot = t->slot;
	struct turn *last;

	if (slot == 0)
		return;
	t->slot = 0;
	last = q->heap[q->waiting--];
	if (last == t)
		return;
	if (slot > 1 && q->heap[slot / 2]->due > last->due)
		sift_up(q, slot, last);
	else
		sift_down(q, slot, last);
}

void turns_wait(struct turns *q, struct turn *t, int64_t due)
{
	if (t->line != NULL || (t->slot != 0 && t->due <= due))
		return;
	stop_waiting(q, t);
	if (q->waiting + 2 > q->cap) {
		q->cap = q->cap == 0 ? 64 : q->cap * 2;
		q->heap = mem_grow(q->heap, q->cap, sizeof(struct turn *));
	}
	t->due = due;
	sift_up(q, ++q->waiting, t);
}

struct turn *turns_due(struct turns *q, int64_t now_ms)
{
	struct turn *t = q->waiting == 0 ? NULL : q->heap[1];

	if (t == NULL || t->due > now_ms)
		return NULL;
	stop_waiting(q, t);
	return t;
}

int64_t turns_next_due(const struct turns *q)
{
	return q->waiting == 0 ? INT64_MAX : q->heap[1]->due;
}

/* --- those that ask --------------------------------------------------------------------------- */

static struct turns_line *need_line(struct turns *q, const char *namespace)
{
	size_t len = strlen(namespace);
	struct turns_line *l = (struct turns_line *)table_find(&q->lines, namespace, len);

	if (l != NULL)
		return l;
	l = mem_alloc(sizeof(*l));
	l->namespace = mem_str(namespace);
	table_add(&q->lines, &l->node, namespace, len);
	return l;
}

/* Last in the ring: before the one whose turn is next. */
static void enter_ring(struct turns *q, struct turns_line *l)
{
	struct turns_line *next = q->next == NULL ? l : q->next;
	struct turns_line *prev = q->next == NULL ? l : q->next->prev;

	l->next = next;
	l->prev = prev;
	prev->next = l;
	next->prev = l;
	if (q->next == NULL)
		q->next = l;
}

static void leave_fresh(struct turns *q, struct turns_line *l)
{
	if (!l->fresh)
		return;
	l->fresh = false;
	q->n_fresh--;
	if (l->fresher != NULL)
		l->fresher->staler = l->staler;
	else
		q->freshest = l->staler;
	if (l->staler != NULL)
		l->staler->fresher = l->fresher;
	else
		q->stalest = l->fresher;
}

/* The freshest, also when it was fresh before. */
static void enter_fresh(struct turns *q, struct turns_line *l)
{
	leave_fresh(q, l);
	l->fresh = true;
	l->fresher = NULL;
	l->staler = q->freshest;
	if (q->freshest != NULL)
		q->freshest->fresher = l;
	else
		q->stalest = l;
	q->freshest = l;
	if (++q->n_fresh > TURNS_FRESH)
		leave_fresh(q, q->stalest);
}

/* An empty line is not kept: names of namespaces would pile up for ever. */
static void leave_ring(struct turns *q, struct turns_line *l)
{
	leave_fresh(q, l);
	if (q->next == l)
		q->next = l->next == l ? NULL : l->next;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	table_remove(&q->lines, &l->node);
	free_line(l);
}

void turns_ask(struct turns *q, struct turn *t, const char *namespace)
{
	struct turns_line *l;

	if (t->line != NULL)
		return;
	stop_waiting(q, t);
	l = need_line(q, namespace);
	if (l->newest == NULL)
		enter_ring(q, l);
	t->line = l;
	t->newer = NULL;
	t->older = l->newest;
	if (l->newest != NULL)
		l->newest->newer = t;
	else
		l->oldest = t;
	l->newest = t;
	q->n++;
	enter_fresh(q, l);
}

static void leave_line(struct turns *q, struct turn *t)
{
	struct turns_line *l = t->line;

	if (t->older != NULL)
		t->older->newer = t->newer;
	else
		l->oldest = t->newer;
	if (t->newer != NULL)
		t->newer->older = t->older;
	else
		l->newest = t->older;
	t->line = NULL;
	t->older = t->newer = NULL;
	q->n--;
	if (l->newest == NULL)
		leave_ring(q, l);
}

static struct turn *take_fresh(struct turns *q, struct turns_line *l)
{
	leave_fresh(q, l);
	return l->newest;
}

static struct turn *take_next(struct turns *q)
{
	struct turns_line *l = q->next;

	q->next = l->next;
	return l->oldest;
}

struct turn *turns_take(struct turns *q)
{
	struct turn *t;
	unsigned nth;

	if (q->n == 0)
		return NULL;
	nth = q->taken++ % 4;
	if (q->freshest != NULL && nth % 2 == 0)
		t = take_fresh(q, nth == 0 ? q->freshest : q->stalest);
	else
		t = take_next(q);
	leave_line(q, t);
	return t;
}

void turns_drop(struct turns *q, struct turn *t)
{
	if (t->line != NULL)
		leave_line(q, t);
	stop_waiting(q, t);
}
