/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/reconcile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

/* A subject in short: a document and a Secret made of it, all well, unless said. */
struct look {
	size_t documents;
	bool paused, going, invalid, retain, moved, unknown, unseen;
	enum cover cover;
	unsigned char digest; /* first byte; the rest is zero */
	bool recorded, retained, made_retain;
	unsigned char made;
	enum target target;
	size_t keys;
	const char *blind;
	int64_t gone_for; /* ms since it was first seen gone; 0: seen gone now */
};

#define SETTLE 5000
#define NOW 1000000

struct row {
	const char *what;
	struct look in;
	enum reason reason;
	enum action action;
};

#define DOC .documents = 1, .cover = COVER_ALL, .digest = 1, .keys = 1
#define MADE .recorded = true, .made = 1, .target = TARGET_INTACT
#define GONE .keys = 1, MADE, .gone_for = SETTLE

static const struct row rows[] = {
	{ "new", { DOC }, REASON_PENDING, ACTION_APPLY },
	{ "new and paused", { DOC, .paused = true }, REASON_PAUSED, ACTION_NONE },
	{ "paused, document changed",
	  { .documents = 1, .cover = COVER_ALL, .digest = 2, .keys = 1, MADE, .paused = true },
	  REASON_PAUSED,
	  ACTION_NONE },
	{ "paused, Secret gone",
	  { DOC, .recorded = true, .made = 1, .target = TARGET_ABSENT, .paused = true },
	  REASON_PAUSED,
	  ACTION_NONE },
	{ "paused, to be taken over",
	  { DOC, .target = TARGET_ADOPT, .paused = true },
	  REASON_PAUSED,
	  ACTION_NONE },
	{ "paused and invalid",
	  { DOC, .invalid = true, .paused = true },
	  REASON_PAUSED,
	  ACTION_NONE },
	{ "paused, another policy",
	  { DOC, MADE, .retain = true, .paused = true },
	  REASON_PAUSED,
	  ACTION_NONE },
	{ "unchanged", { DOC, MADE }, REASON_APPLIED, ACTION_NONE },
	{ "new, and being deleted", { DOC, .going = true }, REASON_TERMINATING, ACTION_NONE },
	{ "being deleted, unchanged", { DOC, MADE, .going = true }, REASON_APPLIED, ACTION_NONE },
	{ "being deleted, Secret edited",
	  { DOC, .going = true, .recorded = true, .made = 1, .target = TARGET_CHANGED },
	  REASON_TERMINATING,
	  ACTION_NONE },
	{ "being deleted, Secret gone",
	  { DOC, .going = true, .recorded = true, .made = 1, .target = TARGET_ABSENT },
	  REASON_TERMINATING,
	  ACTION_NONE },
	{ "being deleted, Secret of another",
	  { DOC, .going = true, .target = TARGET_FOREIGN },
	  REASON_FOREIGN,
	  ACTION_NONE },
	{ "being deleted, not for us",
	  { .documents = 1, .going = true, .keys = 1 },
	  REASON_NOT_FOR_US,
	  ACTION_NONE },
	{ "document changed",
	  { .documents = 1, .cover = COVER_ALL, .digest = 2, .keys = 1, MADE },
	  REASON_PENDING,
	  ACTION_APPLY },
	{ "Secret edited",
	  { DOC, .recorded = true, .made = 1, .target = TARGET_CHANGED },
	  REASON_PENDING,
	  ACTION_APPLY },
	{ "Secret gone",
	  { DOC, .recorded = true, .made = 1, .target = TARGET_ABSENT },
	  REASON_PENDING,
	  ACTION_APPLY },
	{ "policy changed", { DOC, MADE, .retain = true }, REASON_APPLIED, ACTION_RECORD },
	{ "file moved", { DOC, MADE, .moved = true }, REASON_APPLIED, ACTION_RECORD },
	{ "retained one is back", { DOC, MADE, .retained = true }, REASON_APPLIED, ACTION_RECORD },
	{ "retained one is back, changed",
	  { DOC, .recorded = true, .retained = true, .made = 9, .target = TARGET_INTACT },
	  REASON_PENDING,
	  ACTION_APPLY },
	{ "duplicate",
	  { .documents = 2, .cover = COVER_ALL, .keys = 1 },
	  REASON_DUPLICATE,
	  ACTION_NONE },
	{ "duplicate of a made one",
	  { .documents = 2, .cover = COVER_ALL, .keys = 1, MADE },
	  REASON_DUPLICATE,
	  ACTION_NONE },
	{ "invalid", { DOC, .invalid = true }, REASON_INVALID, ACTION_NONE },
	{ "invalid over a made one", { DOC, .invalid = true, MADE }, REASON_INVALID, ACTION_NONE },
	{ "no keys at all", { .documents = 1, .digest = 1 }, REASON_NO_KEY, ACTION_NONE },
	{ "no keys any more", { .documents = 1, .digest = 1, MADE }, REASON_NO_KEY, ACTION_NONE },
	{ "not for us",
	  { .documents = 1, .digest = 1, .keys = 1 },
	  REASON_NOT_FOR_US,
	  ACTION_NONE },
	{ "not for us any more",
	  { .documents = 1, .digest = 1, .keys = 1, MADE },
	  REASON_NO_KEY,
	  ACTION_NONE },
	{ "half for us",
	  { .documents = 1, .digest = 1, .keys = 1, .cover = COVER_SOME },
	  REASON_NO_KEY,
	  ACTION_NONE },
	{ "foreign folder", { DOC, .target = TARGET_FOREIGN }, REASON_FOREIGN, ACTION_NONE },
	{ "ours became foreign",
	  { DOC, .recorded = true, .made = 1, .target = TARGET_FOREIGN },
	  REASON_FOREIGN,
	  ACTION_NONE },
	{ "foreign, handed over", { DOC, .target = TARGET_ADOPT }, REASON_PENDING, ACTION_APPLY },
	{ "cannot be told",
	  { DOC, .recorded = true, .made = 1, .target = TARGET_ERROR },
	  REASON_PENDING,
	  ACTION_APPLY },
	{ "just gone", { .keys = 1, MADE }, REASON_PENDING_REMOVAL, ACTION_NONE },
	{ "gone a little",
	  { .keys = 1, MADE, .gone_for = SETTLE - 1 },
	  REASON_PENDING_REMOVAL,
	  ACTION_NONE },
	{ "gone", { GONE }, REASON_PENDING_REMOVAL, ACTION_REMOVE },
	{ "gone, Secret too",
	  { .keys = 1, .recorded = true, .gone_for = SETTLE },
	  REASON_PENDING_REMOVAL,
	  ACTION_REMOVE },
	{ "gone, no keys", { MADE, .gone_for = SETTLE }, REASON_PENDING_REMOVAL, ACTION_REMOVE },
	{ "gone, edited Secret",
	  { .recorded = true, .made = 1, .target = TARGET_CHANGED, .gone_for = SETTLE },
	  REASON_PENDING_REMOVAL,
	  ACTION_REMOVE },
	{ "gone, Retain", { GONE, .made_retain = true }, REASON_RETAINED, ACTION_RETAIN },
	{ "retained", { .keys = 1, MADE, .retained = true }, REASON_RETAINED, ACTION_NONE },
	{ "gone, replaced by hand",
	  { .recorded = true, .target = TARGET_FOREIGN, .gone_for = SETTLE },
	  REASON_REMOVED,
	  ACTION_FORGET },
	{ "gone, but unknown", { GONE, .unknown = true }, REASON_UNKNOWN, ACTION_NONE },
	{ "gone, but unseen", { GONE, .unseen = true }, REASON_UNKNOWN, ACTION_NONE },
	{ "gone, but blind", { GONE, .blind = "no root" }, REASON_UNKNOWN, ACTION_NONE },
	{ "unknown and Retain",
	  { GONE, .unknown = true, .made_retain = true },
	  REASON_UNKNOWN,
	  ACTION_NONE },
	{ "never was", { .keys = 1 }, REASON_REMOVED, ACTION_NONE },
};

static struct subject from(const struct look *l, char *namespace, char *name)
{
	struct subject s = { .namespace = namespace,
			     .name = name,
			     .documents = l->documents,
			     .paused = l->paused,
			     .going = l->going,
			     .invalid = l->invalid,
			     .cover = l->cover,
			     .digest = { l->digest },
			     .retain = l->retain,
			     .moved = l->moved,
			     .unknown = l->unknown,
			     .unseen = l->unseen,
			     .recorded = l->recorded,
			     .retained = l->retained,
			     .made_retain = l->made_retain,
			     .made = { l->made },
			     .target = l->target };

	if (l->gone_for != 0)
		s.gone_since = NOW - l->gone_for;
	return s;
}

static struct reconcile_env env_of(const struct look *l)
{
	return (struct reconcile_env){
		.now_ms = NOW, .now = 5000, .settle_ms = SETTLE, .keys = l->keys, .blind = l->blind
	};
}

static void test_each_case(void **state)
{
	char namespace[] = "foobar", name[] = "one";
	struct reconcile_result out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct subject s = from(&rows[i].in, namespace, name);
		struct subject *list[] = { &s };
		struct reconcile_env env = env_of(&rows[i].in);

		reconcile(list, 1, &env, &out);
		if (s.reason != rows[i].reason || s.action != rows[i].action)
			fail_msg("%s: %s, action %d", rows[i].what, status_name(s.reason),
				 (int)s.action);
		assert_int_equal(out.counts[s.reason], 1);
		assert_int_equal(out.actions, s.action != ACTION_NONE);
	}
}

static void decide_one(struct subject *s, int64_t now_ms, struct reconcile_result *out)
{
	struct subject *list[] = { s };
	struct reconcile_env env = { .now_ms = now_ms, .settle_ms = SETTLE, .keys = 1 };

	reconcile(list, 1, &env, out);
}

/* Whoever looks away for a moment starts to count from the beginning. */
static void test_settle_is_unbroken(void **state)
{
	const struct look gone = { .keys = 1, MADE };
	char namespace[] = "foobar", name[] = "one";
	struct subject s = from(&gone, namespace, name);
	struct reconcile_result out;

	(void)state;
	decide_one(&s, NOW, &out);
	assert_int_equal(s.reason, REASON_PENDING_REMOVAL);
	assert_int_equal(out.wake_ms, NOW + SETTLE);
	s.unknown = true;
	decide_one(&s, NOW + SETTLE - 1, &out);
	s.unknown = false;
	decide_one(&s, NOW + SETTLE, &out);
	assert_int_equal(s.action, ACTION_NONE);
	s.documents = 1;
	s.cover = COVER_ALL;
	s.digest[0] = 1;
	decide_one(&s, NOW + 2 * SETTLE - 1, &out);
	assert_int_equal(s.reason, REASON_APPLIED);
	s.documents = 0;
	decide_one(&s, NOW + 2 * SETTLE, &out);
	assert_int_equal(s.action, ACTION_NONE);
	decide_one(&s, NOW + 3 * SETTLE, &out);
	assert_int_equal(s.action, ACTION_REMOVE);
}

static void test_failures_back_off(void **state)
{
	static const int64_t waits[] = { 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000 };
	const struct look fresh = { DOC };
	char namespace[] = "foobar", name[] = "one";
	struct subject s = from(&fresh, namespace, name);
	struct reconcile_result out;
	int64_t now = NOW;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		decide_one(&s, now, &out);
		assert_int_equal(s.action, ACTION_APPLY);
		subject_failed(&s, REASON_WRITE_FAILED, now);
		decide_one(&s, now + waits[i] - 1, &out);
		assert_int_equal(s.action, ACTION_NONE);
		assert_int_equal(s.reason, REASON_WRITE_FAILED);
		assert_int_equal(out.wake_ms, now + waits[i]);
		now += waits[i];
	}
	s.digest[0] = 2; /* a new document is tried at once */
	decide_one(&s, now, &out);
	assert_int_equal(s.action, ACTION_APPLY);
}

static void test_final_until_document_or_keys_change(void **state)
{
	static const enum reason final[] = { REASON_INVALID, REASON_REFUSED, REASON_NO_KEY,
					     REASON_QUARANTINED };
	const struct look fresh = { DOC };
	char namespace[] = "foobar", name[] = "one";
	struct reconcile_result out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(final) / sizeof(final[0]); i++) {
		struct subject s = from(&fresh, namespace, name);

		subject_failed(&s, final[i], NOW);
		decide_one(&s, NOW + 100000000, &out);
		assert_int_equal(s.reason, final[i]);
		assert_int_equal(s.action, ACTION_NONE);
		assert_int_equal(out.wake_ms, INT64_MAX);
		subject_unblock(&s);
		decide_one(&s, NOW + 100000001, &out);
		assert_int_equal(s.action,
				 final[i] == REASON_QUARANTINED ? ACTION_NONE : ACTION_APPLY);
		s.digest[0] = 7;
		decide_one(&s, NOW + 100000002, &out);
		assert_int_equal(s.action, ACTION_APPLY);
	}
}

static void test_contested(void **state)
{
	const struct look edited = { DOC, .recorded = true, .made = 1, .target = TARGET_CHANGED };
	char namespace[] = "foobar", name[] = "one";
	struct subject s = from(&edited, namespace, name);
	struct reconcile_result out;
	unsigned i;

	(void)state;
	for (i = 0; i < 3; i++) {
		decide_one(&s, NOW + i, &out);
		assert_int_equal(s.action, ACTION_APPLY);
		subject_applied(&s, true, NOW + i);
	}
	decide_one(&s, NOW + 3, &out);
	assert_int_equal(s.reason, REASON_CONTESTED);
	assert_int_equal(s.action, ACTION_NONE);
	assert_int_equal(out.wake_ms, NOW + 2 + 1000);
	decide_one(&s, out.wake_ms, &out);
	assert_int_equal(s.action, ACTION_APPLY);
	/* a new document is no repair, whoever contests the old one */
	s.digest[0] = 2;
	decide_one(&s, NOW + 4, &out);
	assert_int_equal(s.action, ACTION_APPLY);
	s.digest[0] = 1;
	subject_applied(&s, true, NOW + 200000); /* quiet for long: counted anew */
	decide_one(&s, NOW + 200001, &out);
	assert_int_equal(s.action, ACTION_APPLY);
}

static void test_remove_failed_waits(void **state)
{
	const struct look gone = { GONE };
	char namespace[] = "foobar", name[] = "one";
	struct subject s = from(&gone, namespace, name);
	struct reconcile_result out;

	(void)state;
	subject_failed(&s, REASON_WRITE_FAILED, NOW);
	decide_one(&s, NOW, &out);
	assert_int_equal(s.action, ACTION_NONE);
	assert_int_equal(s.reason, REASON_WRITE_FAILED);
	assert_int_equal(out.wake_ms, NOW + 1000);
	decide_one(&s, NOW + 1000, &out);
	assert_int_equal(s.action, ACTION_REMOVE);
}

/* A Secret that Flux uses is asked for again and again; its document counts at once, when it is
 * back. */
static void test_still_referenced(void **state)
{
	const struct look gone = { GONE };
	char namespace[] = "foobar", name[] = "one";
	struct subject s = from(&gone, namespace, name);
	struct reconcile_result out;
	int64_t now = NOW, wait = 1000;

	(void)state;
	for (int i = 0; i < 8; i++) {
		subject_failed(&s, REASON_STILL_REFERENCED, now);
		decide_one(&s, now, &out);
		assert_int_equal(s.action, ACTION_NONE);
		assert_int_equal(s.reason, REASON_STILL_REFERENCED);
		assert_int_equal(out.wake_ms, now + wait);
		now += wait;
		decide_one(&s, now, &out);
		assert_int_equal(s.action, ACTION_REMOVE);
		assert_int_equal(s.reason, REASON_STILL_REFERENCED);
		wait = wait * 2 < 60000 ? wait * 2 : 60000;
	}
	subject_failed(&s, REASON_STILL_REFERENCED, now);
	s.documents = 1;
	s.cover = COVER_ALL;
	s.target = TARGET_CHANGED;
	s.digest[0] ^= 1;
	memcpy(s.attempt.digest, s.digest, sizeof(s.digest));
	decide_one(&s, now, &out);
	assert_int_equal(s.action, ACTION_APPLY);
	assert_int_equal(s.attempt.reason, REASON_PENDING);
}

/* --- many at once ----------------------------------------------------------------------------- */

#define MANY 40

struct crowd {
	struct subject s[MANY];
	struct subject *list[MANY];
	char names[MANY][8];
	size_t n;
};

static char ns_a[] = "a", ns_b[] = "b";

static void add(struct crowd *c, char *namespace, size_t n, bool gone)
{
	const struct look there = { DOC, MADE };
	const struct look away = { GONE };

	for (; n > 0; n--) {
		size_t i = c->n++;

		snprintf(c->names[i], sizeof(c->names[i]), "x%02zu", MANY - i);
		c->s[i] = from(gone ? &away : &there, namespace, c->names[i]);
		c->s[i].incarnation = i;
		c->list[i] = &c->s[i];
	}
}

static size_t removals(const struct crowd *c)
{
	size_t i;
	size_t n = 0;

	for (i = 0; i < c->n; i++)
		n += c->s[i].action == ACTION_REMOVE;
	return n;
}

struct guard_row {
	const char *what;
	size_t there, gone;	/* of namespace a */
	size_t there_b, gone_b; /* of namespace b */
	size_t done_a;		/* removed lately */
	bool allowed;
};

static const struct guard_row guard_rows[] = {
	{ "the only one of a namespace", 0, 1, 0, 0, 0, true },
	{ "three of three", 0, 3, 0, 0, 0, true },
	{ "four of twelve is a third", 8, 4, 0, 0, 0, true },
	{ "four of eleven is more", 7, 4, 0, 0, 0, false },
	{ "ten of thirty", 20, 10, 0, 0, 0, true },
	{ "eleven of forty", 29, 11, 0, 0, 0, false },
	{ "six and five", 12, 6, 10, 5, 0, false },
	{ "five and five", 10, 5, 10, 5, 0, true },
	{ "one namespace holds the other too", 20, 1, 0, 4, 0, false },
	{ "done count: two after two", 4, 2, 0, 0, 2, false },
	{ "done count: one after ten", 25, 1, 0, 0, 10, false },
	{ "done alone", 5, 0, 0, 0, 30, true },
};

static void test_guard(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(guard_rows) / sizeof(guard_rows[0]); i++) {
		const struct guard_row *r = &guard_rows[i];
		struct crowd *c = mem_alloc(sizeof(*c));
		struct guard_done done[MANY];
		struct reconcile_env env = { .now_ms = NOW,
					     .now = 5000,
					     .settle_ms = SETTLE,
					     .keys = 1,
					     .done = done,
					     .n_done = r->done_a };
		struct reconcile_result out;
		size_t k;

		for (k = 0; k < r->done_a; k++)
			done[k] = (struct guard_done){ ns_a, 4401 };
		add(c, ns_a, r->there, false);
		add(c, ns_a, r->gone, true);
		add(c, ns_b, r->there_b, false);
		add(c, ns_b, r->gone_b, true);
		reconcile(c->list, c->n, &env, &out);
		if (removals(c) != (r->allowed ? r->gone + r->gone_b : 0))
			fail_msg("%s: %zu removed", r->what, removals(c));
		assert_int_equal(out.guarded, r->allowed ? 0 : r->gone + r->gone_b);
		assert_int_equal(strlen(out.token), r->allowed ? 0 : 32);
		for (k = 0; k < r->done_a; k++)
			done[k].at = 4400; /* ten minutes ago: forgotten */
		reconcile(c->list, c->n, &env, &out);
		if (r->done_a != 0)
			assert_int_equal(removals(c), r->gone);
		mem_free(c);
	}
}

/* Those that are not due yet count, so that none is gone before the rest is counted. */
static void test_guard_counts_what_settles(void **state)
{
	static const struct {
		const char *what;
		size_t there, due, settling;
		enum target target;
		bool retain, allowed;
	} cases[] = {
		{ "one due, ten more", 29, 1, 10, TARGET_INTACT, false, false },
		{ "one due, nine more", 20, 1, 9, TARGET_INTACT, false, true },
		{ "a namespace's, one by one", 4, 1, 4, TARGET_INTACT, false, false },
		{ "those that are kept", 4, 1, 30, TARGET_INTACT, true, true },
		{ "those that are another's", 4, 1, 30, TARGET_FOREIGN, false, true },
		{ "none is due", 4, 0, 30, TARGET_INTACT, false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct crowd *c = mem_alloc(sizeof(*c));
		struct reconcile_env env = { .now_ms = NOW, .settle_ms = SETTLE, .keys = 1 };
		struct reconcile_result out;

		add(c, ns_a, cases[i].there, false);
		add(c, ns_a, cases[i].due, true);
		add(c, ns_a, cases[i].settling, true);
		for (size_t k = cases[i].there + cases[i].due; k < c->n; k++) {
			c->s[k].gone_since = NOW - 1;
			c->s[k].made_retain = cases[i].retain;
			c->s[k].target = cases[i].target;
		}
		reconcile(c->list, c->n, &env, &out);
		if (removals(c) != (cases[i].allowed ? cases[i].due : 0))
			fail_msg("%s: %zu removed", cases[i].what, removals(c));
		assert_int_equal(out.guarded, cases[i].allowed ? 0 : cases[i].due);
		assert_int_equal(out.counts[REASON_PENDING_REMOVAL],
				 cases[i].settling + (cases[i].allowed ? cases[i].due : 0));
		mem_free(c);
	}
}

static void test_release(void **state)
{
	struct crowd *c = mem_alloc(sizeof(*c));
	struct reconcile_env env = { .now_ms = NOW, .settle_ms = SETTLE, .keys = 1 };
	struct reconcile_result out;
	char token[GUARD_TOKEN_TEXT];

	(void)state;
	add(c, ns_a, 12, true);
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(out.guarded, 12);
	assert_int_equal(out.counts[REASON_GUARDED], 12);
	memcpy(token, out.token, sizeof(token));

	env.release = "0123456789abcdef0123456789abcdef";
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(removals(c), 0);
	assert_false(out.released);

	/* one more, the same name made anew, or the same held once more, is another set */
	env.release = token;
	c->s[0].incarnation = 99;
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(removals(c), 0);
	c->s[0].incarnation = 0;
	env.holds = 1;
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(removals(c), 0);
	env.holds = 0;
	add(c, ns_b, 1, true);
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(removals(c), 0);
	c->n--;

	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(removals(c), 12);
	assert_true(out.released);
	assert_string_equal(out.token, "");
	mem_free(c);
}

/* Whatever becomes of the rest: it is let go whole, and nothing else is. */
static void test_release_is_of_the_whole_set(void **state)
{
	struct crowd *c = mem_alloc(sizeof(*c));
	struct guard_done done[MANY];
	struct reconcile_env env = {
		.now_ms = NOW, .now = 5000, .settle_ms = SETTLE, .keys = 1, .done = done
	};
	struct reconcile_result out;
	char token[GUARD_TOKEN_TEXT];

	(void)state;
	add(c, ns_a, 20, true);
	subject_failed(&c->s[18], REASON_STILL_REFERENCED, NOW); /* of before: tried again later */
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(out.guarded, 19);
	memcpy(token, out.token, sizeof(token));
	env.now_ms += 1000; /* by then: it is of the same set */
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(out.guarded, 20);
	assert_string_equal(out.token, token);
	env.now_ms -= 1000;
	env.release = token;
	reconcile(c->list, c->n, &env, &out);
	assert_true(out.released);
	assert_int_equal(removals(c), 19);

	/* 17 are gone; of the others one is back, one fails, one is used by Flux; without a token
	 */
	env.release = NULL;
	for (env.n_done = 0; env.n_done < 17; env.n_done++) {
		done[env.n_done] = (struct guard_done){ ns_a, 5000 };
		c->s[env.n_done].recorded = false;
		c->s[env.n_done].target = TARGET_ABSENT;
	}
	c->s[17].documents = 1;
	c->s[17].cover = COVER_ALL;
	c->s[17].digest[0] = 1;
	subject_failed(&c->s[19], REASON_WRITE_FAILED, env.now_ms);
	for (int i = 0; i < 3; i++, env.now_ms += 60000) {
		reconcile(c->list, c->n, &env, &out);
		assert_int_equal(out.guarded, 0);
		assert_string_equal(out.token, "");
	}
	assert_int_equal(c->s[17].reason, REASON_APPLIED);
	assert_int_equal(c->s[18].action, ACTION_REMOVE);
	assert_int_equal(c->s[19].action, ACTION_REMOVE);

	/* what was back is not released any more, nor is what else goes, nor what was made anew */
	c->s[17].documents = 0;
	c->s[16].recorded = true;
	c->s[16].target = TARGET_INTACT;
	add(c, ns_b, 1, true);
	reconcile(c->list, c->n, &env, &out);
	env.now_ms += SETTLE;
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(out.guarded, 3);
	assert_int_equal(c->s[16].reason, REASON_GUARDED);
	assert_int_equal(c->s[17].reason, REASON_GUARDED);
	assert_int_equal(c->s[20].reason, REASON_GUARDED);
	assert_int_equal(removals(c), 2);
	assert_string_not_equal(out.token, token);
	mem_free(c);
}

/* What is being removed counts, but nobody is asked about it any more. */
static void test_guard_and_what_is_leaving(void **state)
{
	struct crowd *c = mem_alloc(sizeof(*c));
	struct reconcile_env env = { .now_ms = NOW, .settle_ms = SETTLE, .keys = 1 };
	struct reconcile_result out;
	char token[GUARD_TOKEN_TEXT];

	(void)state;
	add(c, ns_a, 29, false);
	add(c, ns_b, 10, true);
	for (size_t i = 29; i < 39; i++)
		c->s[i].leaving = true;
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(out.guarded, 0);
	c->s[0].documents = 0;
	c->s[0].gone_since = NOW - SETTLE;
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(out.guarded, 1);
	assert_int_equal(c->s[0].reason, REASON_GUARDED);
	assert_int_equal(c->s[29].action, ACTION_REMOVE);
	memcpy(token, out.token, sizeof(token));
	/* so it is the same set when some of them are gone */
	c->s[29].recorded = false;
	c->s[30].leaving = c->s[30].recorded = false;
	env.done = (struct guard_done[]){ { ns_b, 1 }, { ns_b, 1 } };
	env.n_done = 2;
	reconcile(c->list, c->n, &env, &out);
	assert_string_equal(out.token, token);
	/* alone they ask nobody, however many there are */
	c->s[0].documents = 1;
	c->s[31].leaving = true;
	env.n_done = 0;
	add(c, ns_a, 1, true);
	c->s[39].leaving = true;
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(out.guarded, 0);
	mem_free(c);
}

/* With their namespace Secrets go by themselves: neither held, nor a reason to hold others. */
static void test_guard_and_what_ended(void **state)
{
	struct crowd *c = mem_alloc(sizeof(*c));
	struct reconcile_env env = { .now_ms = NOW, .settle_ms = SETTLE, .keys = 1 };
	struct reconcile_result out;

	(void)state;
	add(c, ns_a, 12, true);
	add(c, ns_b, 1, true);
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(out.guarded, 13);
	for (size_t i = 0; i < 12; i++)
		c->s[i].ended = true;
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(out.guarded, 0);
	assert_int_equal(removals(c), 13);
	/* nor are they released along */
	add(c, ns_b, 11, true);
	reconcile(c->list, c->n, &env, &out);
	assert_int_equal(out.guarded, 12);
	assert_int_equal(removals(c), 12);
	env.release = mem_str(out.token);
	reconcile(c->list, c->n, &env, &out);
	assert_true(out.released);
	assert_false(c->s[0].released);
	assert_true(c->s[12].released);
	mem_free((char *)(uintptr_t)env.release);
	mem_free(c);
}

/* Nothing but a document that is good, ours and alone, or one that is gone, leads to an action. */
static void test_every_combination(void **state)
{
	char namespace[] = "foobar", name[] = "one";
	struct reconcile_result out;
	unsigned bits;

	(void)state;
	for (bits = 0; bits < 3u * 2 * 2 * 3 * 2 * 2 * 2 * 2 * 6 * 2 * 2; bits++) {
		unsigned b = bits;
		struct look l = { .gone_for = SETTLE, .digest = 1, .made = 1 };
		struct subject s;
		struct subject *list[] = { &s };
		struct reconcile_env env;

#define TAKE(n)                                                                                    \
	(b % (n));                                                                                 \
	b /= (n)
		l.documents = TAKE(3);
		l.going = TAKE(2);
		l.invalid = TAKE(2);
		l.cover = (enum cover)TAKE(3);
		l.unknown = TAKE(2);
		l.unseen = TAKE(2);
		l.recorded = TAKE(2);
		l.made_retain = TAKE(2);
		l.target = (enum target)TAKE(6);
		l.keys = TAKE(2);
		l.retained = TAKE(2);
#undef TAKE
		l.retained = l.retained && l.recorded;
		s = from(&l, namespace, name);
		env = env_of(&l);
		reconcile(list, 1, &env, &out);
		if (s.action == ACTION_APPLY || s.action == ACTION_RECORD) {
			assert_int_equal(l.documents, 1);
			assert_false(l.invalid);
			assert_false(l.going && s.action == ACTION_APPLY);
			assert_int_equal(l.cover, COVER_ALL);
			assert_int_not_equal(l.keys, 0);
			assert_int_not_equal(l.target, TARGET_FOREIGN);
		}
		if (s.action == ACTION_REMOVE) {
			assert_int_equal(l.documents, 0);
			assert_true(l.recorded && !l.retained && !l.made_retain && !l.unknown &&
				    !l.unseen);
			assert_int_not_equal(l.target, TARGET_FOREIGN);
			assert_int_not_equal(l.target, TARGET_ADOPT);
		}
	}
}

static void test_status_table(void **state)
{
	size_t i, k;

	(void)state;
	for (i = 0; i < REASON_COUNT; i++) {
		assert_non_null(status_table[i].name);
		assert_non_null(status_table[i].meaning);
		/* what is fine is no error, and what only a person can end is one */
		if (status_table[i].fine)
			assert_int_equal(status_table[i].class, ERR_NONE);
		if (status_table[i].stalled)
			assert_int_not_equal(status_table[i].class, ERR_NONE);
		for (k = 0; k < i; k++)
			assert_string_not_equal(status_table[i].name, status_table[k].name);
		assert_int_equal(status_of_name(status_table[i].name), i);
	}
	/* what anybody may have written into a status */
	assert_int_equal(status_of_name(NULL), REASON_PENDING);
	assert_int_equal(status_of_name(""), REASON_PENDING);
	assert_int_equal(status_of_name("applied"), REASON_PENDING);
	assert_int_equal(status_of_name("AppliedX"), REASON_PENDING);
	assert_int_equal(status_graver(ERR_NONE, ERR_NOKEY), ERR_NOKEY);
	assert_int_equal(status_graver(ERR_IO, ERR_NOKEY), ERR_IO);
	assert_int_equal(status_graver(ERR_INVALID, ERR_REFUSED), ERR_REFUSED);
	assert_int_equal(status_graver(ERR_CONFLICT, ERR_CONFLICT), ERR_CONFLICT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_case),
		cmocka_unit_test(test_settle_is_unbroken),
		cmocka_unit_test(test_failures_back_off),
		cmocka_unit_test(test_final_until_document_or_keys_change),
		cmocka_unit_test(test_contested),
		cmocka_unit_test(test_remove_failed_waits),
		cmocka_unit_test(test_still_referenced),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_guard_counts_what_settles),
		cmocka_unit_test(test_release),
		cmocka_unit_test(test_release_is_of_the_whole_set),
		cmocka_unit_test(test_guard_and_what_is_leaving),
		cmocka_unit_test(test_guard_and_what_ended),
		cmocka_unit_test(test_every_combination),
		cmocka_unit_test(test_status_table),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
