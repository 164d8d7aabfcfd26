/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/timer.h"

#include <stddef.h>

#include "base/mem.h"

struct kube_timer {
	struct kube_timers *all;
	struct kube_timer *next;
	int64_t at_ms;
	kube_timer_fn *fn;
	void *ctx;
};

/* A list: there is one for each watch, and each is looked at before every wait anyway. */
struct kube_timers {
	struct kube_timer *first;
};

struct kube_timers *kube_timers_new(void)
{
	return mem_alloc(sizeof(struct kube_timers));
}

void kube_timers_free(struct kube_timers *all)
{
	if (all == NULL)
		return;
	while (all->first != NULL)
		kube_timer_free(all->first);
	mem_free(all);
}

struct kube_timer *kube_timer_new(struct kube_timers *all, kube_timer_fn *fn, void *ctx)
{
	struct kube_timer *t = mem_alloc(sizeof(*t));

	t->all = all;
	t->at_ms = KUBE_TIMER_OFF;
	t->fn = fn;
	t->ctx = ctx;
	t->next = all->first;
	all->first = t;
	return t;
}

void kube_timer_free(struct kube_timer *t)
{
	struct kube_timer **p;

	if (t == NULL)
		return;
	for (p = &t->all->first; *p != t; p = &(*p)->next)
		;
	*p = t->next;
	mem_free(t);
}

void kube_timer_set(struct kube_timer *t, int64_t at_ms)
{
	t->at_ms = at_ms;
}

static struct kube_timer *soonest(const struct kube_timers *all)
{
	struct kube_timer *best = NULL;

	for (struct kube_timer *t = all->first; t != NULL; t = t->next) {
		if (t->at_ms != KUBE_TIMER_OFF && (best == NULL || t->at_ms < best->at_ms))
			best = t;
	}
	return best;
}

int64_t kube_timers_next(const struct kube_timers *all)
{
	const struct kube_timer *t = soonest(all);

	return t == NULL ? KUBE_TIMER_OFF : t->at_ms;
}

void kube_timers_run(struct kube_timers *all, int64_t now_ms)
{
	size_t most = 0;

	for (const struct kube_timer *t = all->first; t != NULL; t = t->next)
		most++;
	/* a function may set its timer to the past again: that is for the next time */
	while (most-- > 0) {
		struct kube_timer *t = soonest(all);

		if (t == NULL || t->at_ms > now_ms)
			return;
		t->at_ms = KUBE_TIMER_OFF;
		t->fn(t->ctx, now_ms);
	}
}
