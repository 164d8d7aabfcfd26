/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reconcile.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define RETRY_FIRST_MS 1000
#define RETRY_CAP_MS 60000
#define REPAIR_CALM_MS 200    /* so long nobody must have touched it: let `rm -r` end first */
#define REPAIR_LATEST_MS 1000 /* but whoever never stops does not put it off for ever */
#define REPAIR_FREE 3	      /* repairs at once, before someone counts as contesting */
#define REPAIR_QUIET_MS 60000 /* so long without one, and the count starts anew */

/* One decision; what it needs to look at and what it may set. */
struct pass {
	const struct reconcile_env *env;
	struct reconcile_result *out;
};

static int64_t backoff_ms(unsigned tries)
{
	return clock_backoff(RETRY_FIRST_MS, RETRY_CAP_MS, tries == 0 ? 0 : tries - 1);
}

static bool same(const unsigned char *a, const unsigned char *b)
{
	return memcmp(a, b, SUBJECT_DIGEST) == 0;
}

/* Ends a try for good, until the document or the keys change. */
static bool final(enum reason r)
{
	return r == REASON_INVALID || r == REASON_REFUSED || r == REASON_NO_KEY ||
	       r == REASON_QUARANTINED;
}

void subject_failed(struct subject *s, enum reason reason, int64_t now_ms)
{
	struct attempt *a = &s->attempt;

	if (!same(a->digest, s->digest) || a->reason == REASON_PENDING)
		a->tries = 0;
	memcpy(a->digest, s->digest, SUBJECT_DIGEST);
	a->reason = reason;
	a->tries++;
	a->not_before = now_ms + backoff_ms(a->tries);
}

void subject_applied(struct subject *s, bool repair, int64_t now_ms)
{
	s->attempt = (struct attempt){ 0 };
	if (!repair)
		return;
	if (s->repaired == 0 || now_ms - s->repaired > REPAIR_QUIET_MS)
		s->repairs = 0;
	s->repairs++;
	s->repaired = now_ms;
}

void subject_unblock(struct subject *s)
{
	if (s->attempt.reason != REASON_QUARANTINED)
		s->attempt = (struct attempt){ 0 };
}

static void decide(struct subject *s, enum reason reason, enum action action)
{
	s->reason = reason;
	s->action = action;
}

static void wake_at(struct pass *p, int64_t ms)
{
	if (ms < p->out->wake_ms)
		p->out->wake_ms = ms;
}

/*
 * Not into someone's hands; and who undoes what we do again and again is answered more and more
 * slowly, but for ever.
 */
static int64_t repair_not_before(const struct subject *s)
{
	int64_t latest = s->wrong_since + REPAIR_LATEST_MS;
	int64_t calm = s->stirred == 0 ? 0 : s->stirred + REPAIR_CALM_MS;
	int64_t next =
	    s->repairs < REPAIR_FREE ? 0 : s->repaired + backoff_ms(s->repairs - REPAIR_FREE + 1);

	if (calm > latest)
		calm = latest;
	return next > calm ? next : calm;
}

/* The document is good and for us, and the Secret is not what it says. */
static void decide_apply(struct pass *p, struct subject *s)
{
	const struct attempt *a = &s->attempt;
	bool repair = s->recorded && same(s->digest, s->made);

	if (a->reason != REASON_PENDING && same(a->digest, s->digest)) {
		if (final(a->reason)) {
			decide(s, a->reason, ACTION_NONE);
			return;
		}
		if (p->env->now_ms < a->not_before) {
			decide(s, a->reason, ACTION_NONE);
			wake_at(p, a->not_before);
			return;
		}
	}
	if (repair && s->wrong_since == 0)
		s->wrong_since = p->env->now_ms;
	if (repair && p->env->now_ms < repair_not_before(s)) {
		decide(s, s->repairs < REPAIR_FREE ? a->reason : REASON_CONTESTED, ACTION_NONE);
		wake_at(p, repair_not_before(s));
		return;
	}
	/* the reason of the last try stands until this one is over */
	decide(s, a->reason, ACTION_APPLY);
}

static void decide_present(struct pass *p, struct subject *s)
{
	s->gone_since = 0;
	s->released = false;
	s->ended = false;
	if (s->attempt.reason == REASON_STILL_REFERENCED) /* that was of its removal */
		subject_unblock(s);
	if (s->paused) {
		decide(s, REASON_PAUSED, ACTION_NONE);
	} else if (s->documents > 1) {
		decide(s, REASON_DUPLICATE, ACTION_NONE);
	} else if (s->invalid) {
		decide(s, REASON_INVALID, ACTION_NONE);
	} else if (p->env->keys == 0 || s->cover == COVER_SOME) {
		decide(s, REASON_NO_KEY, ACTION_NONE);
	} else if (s->cover == COVER_NONE) {
		decide(s, s->recorded && !s->retained ? REASON_NO_KEY : REASON_NOT_FOR_US,
		       ACTION_NONE);
	} else if (s->target == TARGET_FOREIGN) {
		decide(s, REASON_FOREIGN, ACTION_NONE);
	} else if (s->recorded && same(s->digest, s->made) && s->target == TARGET_INTACT) {
		bool news;

		s->wrong_since = 0;
		news = s->retained || s->moved || s->retain != s->made_retain;

		decide(s, REASON_APPLIED, news ? ACTION_RECORD : ACTION_NONE);
	} else if (s->going) {
		decide(s, REASON_TERMINATING, ACTION_NONE);
	} else {
		decide_apply(p, s);
	}
}

static void decide_gone(struct pass *p, struct subject *s)
{
	const struct reconcile_env *env = p->env;

	s->released = s->released && s->recorded && !s->retained;
	if (s->retained) {
		decide(s, REASON_RETAINED, ACTION_NONE);
		return;
	}
	if (!s->recorded) {
		decide(s, REASON_REMOVED, ACTION_NONE);
		return;
	}
	if (s->unknown || s->unseen || env->blind != NULL) {
		s->gone_since = 0; /* only what is seen to be gone all the time is gone */
		decide(s, REASON_UNKNOWN, ACTION_NONE);
		return;
	}
	if (s->gone_since == 0)
		s->gone_since = env->now_ms;
	if (env->now_ms - s->gone_since < env->settle_ms) {
		decide(s, REASON_PENDING_REMOVAL, ACTION_NONE);
		wake_at(p, s->gone_since + env->settle_ms);
	} else if (s->made_retain) {
		decide(s, REASON_RETAINED, ACTION_RETAIN);
	} else if (s->target == TARGET_FOREIGN || s->target == TARGET_ADOPT) {
		decide(s, REASON_REMOVED, ACTION_FORGET);
	} else if (s->target == TARGET_ERROR || s->attempt.reason == REASON_WRITE_FAILED ||
		   s->attempt.reason == REASON_STILL_REFERENCED) {
		decide(s,
		       s->attempt.reason == REASON_STILL_REFERENCED ? REASON_STILL_REFERENCED
								    : REASON_WRITE_FAILED,
		       env->now_ms < s->attempt.not_before ? ACTION_NONE : ACTION_REMOVE);
		if (s->action == ACTION_NONE)
			wake_at(p, s->attempt.not_before);
	} else {
		decide(s, REASON_PENDING_REMOVAL, ACTION_REMOVE);
	}
}

static int by_name(const void *a, const void *b)
{
	const struct guard_wanted *x = a;
	const struct guard_wanted *y = b;
	int order = strcmp(x->namespace, y->namespace);

	return order != 0 ? order : strcmp(x->name, y->name);
}

static int by_namespace(const void *a, const void *b)
{
	const struct guard_present *x = a;
	const struct guard_present *y = b;

	return strcmp(x->namespace, y->namespace);
}

/* It goes whatever the guard says. */
static bool is_free(const struct subject *s)
{
	return s->released || s->ended;
}

/* To be removed, now or once it has been gone for long enough. */
static bool is_going(const struct subject *s)
{
	return !is_free(s) && (s->action == ACTION_REMOVE ||
			       (s->reason == REASON_PENDING_REMOVAL && !s->made_retain &&
				s->target != TARGET_FOREIGN && s->target != TARGET_ADOPT));
}

/* The guard has a say in its removal, now. */
static bool is_due(const struct subject *s)
{
	return s->action == ACTION_REMOVE && !is_free(s) && !s->leaving;
}

/* The same, now or when it is tried again: what a release is for does not change with the time. */
static bool is_asked_for(const struct subject *s)
{
	bool failed = s->reason == REASON_WRITE_FAILED || s->reason == REASON_STILL_REFERENCED;

	return is_due(s) || (s->documents == 0 && failed && !is_free(s) && !s->leaving);
}

static size_t wanted_of(struct subject *const *subjects, size_t n,
			bool (*counts)(const struct subject *s), struct guard_wanted *out)
{
	size_t i;
	size_t k = 0;

	for (i = 0; i < n; i++)
		if (counts(subjects[i]))
			out[k++] = (struct guard_wanted){ subjects[i]->namespace, subjects[i]->name,
							  subjects[i]->incarnation };
	qsort(out, k, sizeof(*out), by_name);
	return k;
}

/* Documents of each namespace, sorted. */
static size_t present_of(struct subject *const *subjects, size_t n, struct guard_present *out)
{
	size_t i;
	size_t k = 0;
	size_t kept = 0;

	for (i = 0; i < n; i++)
		if (subjects[i]->documents != 0)
			out[k++] = (struct guard_present){ subjects[i]->namespace, 1 };
	qsort(out, k, sizeof(*out), by_namespace);
	for (i = 0; i < k; i++) {
		if (kept != 0 && strcmp(out[kept - 1].namespace, out[i].namespace) == 0)
			out[kept - 1].n++;
		else
			out[kept++] = out[i];
	}
	return kept;
}

static void hold_removals(struct pass *p, struct subject *const *subjects, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (!is_due(subjects[i]))
			continue;
		decide(subjects[i], REASON_GUARDED, ACTION_NONE);
		p->out->guarded++;
	}
	/* what was removed lately stops counting some time */
	wake_at(p, p->env->now_ms + INT64_C(1000) * (GUARD_WINDOW / 10));
}

static void release(struct pass *p, struct subject *const *subjects, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		subjects[i]->released = subjects[i]->released || is_asked_for(subjects[i]);
	p->out->released = true;
	p->out->token[0] = '\0';
}

static void guard_removals(struct pass *p, struct subject *const *subjects, size_t n)
{
	const struct reconcile_env *env = p->env;
	struct guard_wanted *wanted = mem_array(n, sizeof(*wanted));
	struct guard_present *present = mem_array(n, sizeof(*present));
	struct guard_input in = { .wanted = wanted,
				  .done = env->done,
				  .n_done = env->n_done,
				  .present = present,
				  .now = env->now };

	/* else those that come first would be gone before the rest were counted */
	in.n_wanted = wanted_of(subjects, n, is_going, wanted);
	in.n_present = present_of(subjects, n, present);
	if (!guard_allows(&in)) {
		guard_token(wanted, wanted_of(subjects, n, is_asked_for, wanted), env->holds,
			    p->out->token);
		if (env->release != NULL && strcmp(env->release, p->out->token) == 0)
			release(p, subjects, n);
		else
			hold_removals(p, subjects, n);
	}
	mem_free(wanted);
	mem_free(present);
}

void reconcile(struct subject *const *subjects, size_t n, const struct reconcile_env *env,
	       struct reconcile_result *out)
{
	struct pass p = { .env = env, .out = out };
	bool removals = false;
	size_t i;

	*out = (struct reconcile_result){ .wake_ms = INT64_MAX };
	for (i = 0; i < n; i++) {
		if (subjects[i]->documents != 0)
			decide_present(&p, subjects[i]);
		else
			decide_gone(&p, subjects[i]);
		removals = removals || is_due(subjects[i]);
	}
	if (removals)
		guard_removals(&p, subjects, n);
	for (i = 0; i < n; i++) {
		out->counts[subjects[i]->reason]++;
		out->actions += subjects[i]->action != ACTION_NONE;
	}
}
