/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/limit.h"

#define LOOK_ANSWERS 6

void kube_limit_init(struct kube_limit *l)
{
	*l = (struct kube_limit){ .room = KUBE_LIMIT_FIRST };
}

size_t kube_limit_room(const struct kube_limit *l)
{
	return l->looking ? KUBE_LIMIT_LOOK : l->room;
}

static void begin_round(struct kube_limit *l)
{
	l->answers = l->most = 0;
	l->sum_us = 0;
}

static void set_room(struct kube_limit *l, size_t room)
{
	if (room < KUBE_LIMIT_LEAST)
		room = KUBE_LIMIT_LEAST;
	if (room > KUBE_LIMIT_MOST)
		room = KUBE_LIMIT_MOST;
	l->room = room;
}

/* Rounded up, else the last step of a growth would never be made. */
static void steer(struct kube_limit *l)
{
	size_t mean_us = (size_t)l->sum_us / l->answers;
	size_t wanted = l->room * (size_t)l->least_us / mean_us + KUBE_LIMIT_WAITING;

	/* whoever had not enough to do has learned nothing of a larger room */
	if (l->most < l->room && wanted > l->room)
		return;
	set_room(l, (l->room + wanted + 1) / 2);
}

/* What was sent before there was so little room does not count. */
static void look(struct kube_limit *l, const struct kube_limit_answer *a)
{
	if (a->under_way > KUBE_LIMIT_LOOK)
		return;
	if (l->looked_us == 0 || a->took_us < l->looked_us)
		l->looked_us = a->took_us;
	if (++l->answers < LOOK_ANSWERS)
		return;
	l->least_us = l->looked_us;
	l->found_ms = a->now_ms;
	l->looking = false;
	begin_round(l);
}

static void begin_look(struct kube_limit *l)
{
	l->looking = true;
	l->looked_us = 0;
	begin_round(l);
}

static void count(struct kube_limit *l, const struct kube_limit_answer *a)
{
	if (l->least_us == 0)
		l->found_ms = a->now_ms;
	if (l->least_us == 0 || a->took_us < l->least_us)
		l->least_us = a->took_us;
	l->sum_us += a->took_us;
	if (a->under_way > l->most)
		l->most = a->under_way;
	if (++l->answers < KUBE_LIMIT_ROUND || l->answers < l->room)
		return;
	steer(l);
	if (a->now_ms - l->found_ms >= KUBE_LIMIT_AGE_MS)
		begin_look(l);
	else
		begin_round(l);
}

/* Those that were under way together say one thing, not many. */
static void refuse(struct kube_limit *l)
{
	if (l->refused == 0) {
		l->refused = l->room;
		set_room(l, l->room / 2);
	}
	l->refused--;
}

void kube_limit_answered(struct kube_limit *l, const struct kube_limit_answer *a)
{
	struct kube_limit_answer b = *a;

	if (b.took_us < 1)
		b.took_us = 1;
	if (a->status == 0 || a->status == 429 || a->status >= 500) {
		refuse(l);
	} else if (a->status >= 200 && a->status < 300) {
		if (l->looking)
			look(l, &b);
		else
			count(l, &b);
	}
}
