/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of copies in the condition FannedOut, and when that is news. */
#include "tests/unit/agent/scene.h"

#include "agent/kube_fan_tell.h"
#include "agent/kube_fanout.h"
#include "base/mem.h"

struct world {
	struct store_kube st;
	struct kube_fanout all;
	struct kube_doc *d;
	struct kube_fan *f;
};

static void open_world(struct world *w, const char *facts)
{
	*w = (struct world){ .all = { .st = &w->st } };
	kube_docs_init(&w->st.docs);
	turns_init(&w->st.looks);
	kube_fan_init(&w->all);
	w->st.fanout = &w->all;
	w->d = kube_docs_need(&w->st.docs, "flux-system", "ghcr");
	w->d->s.documents = 1;
	w->f = kube_fan_need(&w->all, "flux-system", "ghcr");
	w->f->facts = mem_str(facts);
}

static void close_world(struct world *w)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };

	for (size_t i = 0; i < 5; i++)
		kube_fan_drop_copy(w->f, kube_fan_copy(w->f, names[i]));
	kube_fan_drop(w->f);
	table_clear(&w->all.fans);
	turns_clear(&w->st.looks);
	kube_docs_clear(&w->st.docs);
}

static struct status_json_fan_out said(const struct world *w)
{
	struct status_json_fan_out out;

	kube_fanout_say(&w->st, w->d, NULL, &out);
	return out;
}

static const struct {
	size_t wanted, local;
	enum kube_copy_fault faults[5]; /* up to the first COPY_FINE */
	const char *facts;
	bool done;
	const char *reason, *message;
} rows[] = {
	{ 0, 0, { COPY_FINE }, "a", true, "Applied", "copies in place: 0 of 0" },
	{ 2, 0, { COPY_FINE }, "a,b", true, "Applied", "copies in place: 2 of 2" },
	{ 1,
	  1,
	  { COPY_FINE },
	  "a,b",
	  true,
	  "Applied",
	  "copies in place: 1 of 1; namespaces with a document of this name: 1" },
	{ 2,
	  0,
	  { COPY_FOREIGN, COPY_FINE },
	  "a,b",
	  false,
	  "Foreign",
	  "copies in place: 1 of 2; missing: a (a Secret of this name is there that is not this "
	  "document's)" },
	{ 5,
	  0,
	  { COPY_FORBIDDEN, COPY_FORBIDDEN, COPY_FAILED, COPY_FOREIGN, COPY_FOREIGN },
	  "*",
	  false,
	  "Forbidden",
	  "copies in place: 0 of 5; missing: a (the agent may not write Secrets there), b (the "
	  "agent "
	  "may not write Secrets there), c (the API server did not do it; it is tried again), "
	  "..." },
	{ 1,
	  0,
	  { COPY_FINE },
	  "a,x-*",
	  false,
	  "NotAllowed",
	  "copies in place: 1 of 1; the agent's map does not allow: x-*" },
	{ 1,
	  0,
	  { COPY_FOREIGN, COPY_FINE },
	  "a,x-*",
	  false,
	  "Foreign",
	  "copies in place: 0 of 1; missing: a (a Secret of this name is there that is not this "
	  "document's); the agent's map does not allow: x-*" },
};

static void tell(struct world *w, size_t row)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };
	static char pattern[][2] = { "?", "*" };
	struct kv_item target = { .name = pattern[0] };
	const struct namespaces_rule rule = { .from = w->f->owner.namespace,
					      .targets = { .items = &target, .n = 1 } };
	struct kube_fan_tally t = { .wanted = rows[row].wanted, .local = rows[row].local };

	for (size_t i = 0; i < 5 && rows[row].faults[i] != COPY_FINE; i++) {
		struct kube_copy *c = kube_fan_copy(w->f, names[i]);

		c->fault = rows[row].faults[i];
		kube_fan_tell_missing(&t, c);
	}
	kube_fan_tell_tally(w->f, &rule, &t);
	buf_clear(&t.names);
}

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct status_json_fan_out out;
		struct world w;

		open_world(&w, rows[i].facts);
		tell(&w, i);
		out = said(&w);
		assert_true(out.wanted);
		assert_int_equal(out.done, rows[i].done);
		assert_string_equal(out.reason, rows[i].reason);
		assert_string_equal(out.message, rows[i].message);
		close_world(&w);
	}
}

/* Copies that are to go, and that sources of Flux use. */
static void test_kept(void **state)
{
	static const struct {
		const char *facts;
		size_t wanted, missing, kept;
		const char *reason, *message;
	} cases[] = {
		{ "a", 1, 0, 1, "StillReferenced",
		  "copies in place: 1 of 1; copies that are no longer named, and stay while a "
		  "source "
		  "of Flux uses them: b (OCIRepository app)" },
		{ "a", 1, 1, 1, "Foreign",
		  "copies in place: 0 of 1; missing: a (a Secret of this name is there that is not "
		  "this document's); copies that are no longer named, and stay while a source of "
		  "Flux uses them: b (OCIRepository app)" },
		{ NULL, 0, 0, 4, "StillReferenced",
		  "copies that are no longer named, and stay while a source of Flux uses them: b "
		  "(OCIRepository app), c (OCIRepository app), d (OCIRepository app), ..." },
	};
	static const char *const names[] = { "a", "b", "c", "d", "e" };
	static char any[] = "?";
	struct kv_item target = { .name = any };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct kube_fan_tally t = { .wanted = cases[i].wanted };
		struct namespaces_rule rule = { .targets = { .items = &target, .n = 1 } };
		struct world w;

		open_world(&w, cases[i].facts);
		if (cases[i].missing > 0) {
			kube_fan_copy(w.f, "a")->fault = COPY_FOREIGN;
			kube_fan_tell_missing(&t, kube_fan_copy(w.f, "a"));
		}
		for (size_t k = 1; k <= cases[i].kept; k++) {
			struct kube_copy *c = kube_fan_copy(w.f, names[k]);

			mem_replace(&c->user, "OCIRepository app");
			kube_fan_tell_kept(&t, c);
		}
		rule.from = w.f->owner.namespace;
		kube_fan_tell_tally(w.f, &rule, &t);
		assert_true(said(&w).wanted);
		assert_false(said(&w).done);
		assert_string_equal(said(&w).reason, cases[i].reason);
		assert_string_equal(said(&w).message, cases[i].message);
		kube_fan_tell_end(&t);
		close_world(&w);
	}
}

static void test_news_once(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, "a,b");
	assert_false(kube_fanout_due(&w.st, w.d));
	tell(&w, 1);
	assert_true(kube_fanout_due(&w.st, w.d));
	assert_ptr_equal(turns_take(&w.st.looks), &w.d->turn);
	kube_fanout_told(&w.st, w.d, kube_fanout_news(&w.st, w.d));
	assert_false(kube_fanout_due(&w.st, w.d));
	tell(&w, 1); /* the same again */
	assert_false(kube_fanout_due(&w.st, w.d));
	assert_null(turns_take(&w.st.looks));
	tell(&w, 3);
	assert_true(kube_fanout_due(&w.st, w.d));
	kube_fanout_told(&w.st, w.d, kube_fanout_news(&w.st, w.d) - 1); /* of the one before */
	assert_true(kube_fanout_due(&w.st, w.d));
	close_world(&w);
}

static void test_a_fault_says_why(void **state)
{
	struct world w;

	(void)state;
	open_world(&w, NULL);
	kube_fan_tell_fault(w.f, "Refused", "the facts differ");
	assert_true(said(&w).wanted);
	assert_false(said(&w).done);
	assert_string_equal(said(&w).reason, "Refused");
	assert_string_equal(said(&w).message, "the facts differ");
	close_world(&w);
}

/* After a start, what the status says stands until more is known. */
static void test_old_words_stand(void **state)
{
	json_t *old =
	    json_pack("{s:[{s:s},{s:s,s:s,s:s,s:s}]}", "conditions", "type", "Ready", "type",
		      "FannedOut", "status", "True", "reason", "Applied", "message", "m");
	struct status_json_fan_out out;
	struct world w;

	(void)state;
	open_world(&w, "a");
	kube_fanout_say(&w.st, w.d, old, &out);
	assert_true(out.wanted && out.done);
	assert_string_equal(out.reason, "Applied");
	assert_string_equal(out.message, "m");
	kube_fanout_say(&w.st, w.d, NULL, &out);
	assert_false(out.wanted);
	w.st.fanout = NULL; /* without a map there is no such condition */
	kube_fanout_say(&w.st, w.d, old, &out);
	assert_false(out.wanted);
	close_world(&w);
	json_decref(old);
}

/* One that waits for a place is looked at when one came free, and not at each wake-up. */
static void test_waiting(void **state)
{
	static const struct {
		bool due, waiting, freed;
		bool looked;
	} cases[] = {
		{ false, false, false, false }, { false, true, false, false },
		{ false, false, true, false },	{ false, true, true, true },
		{ true, true, false, true },
	};
	const int64_t now = 1000, later = 9000;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct world w;

		open_world(&w, "a");
		kube_accounts_init(&w.all.accounts);
		w.all.remembered = true;
		w.all.places.synced = true;
		w.f->due = cases[i].due;
		w.f->waiting = cases[i].waiting;
		w.f->next = later;
		w.all.freed = cases[i].freed;
		assert_true(kube_fanout_work(&w.st, now) >= later);
		if ((w.f->next != later) != cases[i].looked)
			fail_msg("case %zu", i);
		assert_false(w.all.freed);
		assert_int_equal(w.f->waiting, cases[i].waiting && !cases[i].looked);
		kube_accounts_close(&w.all.accounts);
		close_world(&w);
	}
}

/* What an open document gives back while others are looked at is for the next look, at once. */
static void test_given_back_meanwhile(void **state)
{
	struct kube_fan *other;
	struct world w;

	(void)state;
	open_world(&w, "a");
	kube_accounts_init(&w.all.accounts);
	w.all.accounts.denied = true;
	w.all.remembered = true;
	w.all.places.synced = true;
	w.f->due = false;
	w.f->waiting = true;
	w.f->next = 9000;
	other = kube_fan_need(&w.all, "team-b", "ghcr");
	kube_docs_need(&w.st.docs, "team-b", "ghcr")->s.documents = 1;
	other->open = true;
	w.all.open = 1;
	assert_int_equal(kube_fanout_work(&w.st, 1000), 1000);
	assert_true(w.all.freed);
	assert_true(w.f->waiting);
	assert_false(kube_fanout_idle(&w.st));
	kube_fanout_work(&w.st, 1000);
	assert_false(w.f->waiting);
	assert_true(kube_fanout_idle(&w.st));
	kube_fan_drop(other);
	kube_accounts_close(&w.all.accounts);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_news_once),
		cmocka_unit_test(test_a_fault_says_why),
		cmocka_unit_test(test_old_words_stand),
		cmocka_unit_test(test_waiting),
		cmocka_unit_test(test_given_back_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
