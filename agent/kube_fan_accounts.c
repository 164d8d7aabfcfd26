/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_fan_accounts.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

#define ABSENT_MS 2000 /* a new namespace's account comes a moment after it */

/* Where the policies let the agent change none. */
static bool barred(const void *ctx, const char *namespace)
{
	return kube_state_barred(ctx, namespace);
}

void kube_fan_accounts_open(struct kube_fanout *all)
{
	all->let_go = kube_fan_accounts_let_copy_go;
	kube_accounts_open(&all->accounts, all->st->client, barred, all->st);
}

/* --- which Secret is whose -------------------------------------------------------------------- */

static bool is_own(const struct kube_fan *f, const char *namespace)
{
	return strcmp(namespace, f->owner.namespace) == 0;
}

/* The Secret of that name in namespace is f's document's. */
static bool holds(const struct kube_fan *f, const char *namespace)
{
	const struct kube_doc *d = kube_fan_doc(f);
	const struct kube_copy *c;

	if (is_own(f, namespace))
		return d != NULL && d->s.documents != 0;
	c = kube_fan_find_copy(f, namespace);
	return c != NULL && c->there;
}

static bool other_holds(const struct kube_fan *f, const char *namespace)
{
	size_t n = f->all->fans.n;
	struct table_node **nodes = table_nodes(&f->all->fans);
	bool found = false;

	for (size_t i = 0; i < n && !found; i++) {
		const struct kube_fan *g = (const struct kube_fan *)nodes[i];

		found = g != f && strcmp(g->owner.name, f->owner.name) == 0 && holds(g, namespace);
	}
	mem_free(nodes);
	return found;
}

/* The Secret of that name is somebody else's. */
static bool is_lost(const struct kube_copy *c)
{
	return c != NULL && !c->there && c->fault == COPY_FOREIGN;
}

static bool targets(const struct kube_fan *f, const struct namespaces_rule *rule,
		    const char *namespace)
{
	if (is_own(f, namespace))
		return rule != NULL && !kube_state_barred(f->all->st, namespace);
	return !is_lost(kube_fan_find_copy(f, namespace)) &&
	       namespaces_target(f->all->st->o->fan_out, rule, f->facts, namespace);
}

/* --- what accounts are not to name ------------------------------------------------------------ */

/* By our doing, as far as is known. */
static bool names(const struct kube_account *a, const char *secret)
{
	return kv_has(&a->now.noted, secret) || a->busy || a->unsure;
}

static bool touches(const struct kube_account *a, const char *secret)
{
	return kv_has(&a->want, secret) || names(a, secret);
}

/* Does anything show that what a names, or may name, is for f's Secret? */
static bool concerns(const struct kube_fan *f, const struct kube_account *a, bool is_target)
{
	const struct kube_copy *c = kube_fan_find_copy(f, a->namespace);

	if (is_lost(c))
		return kv_has(&a->want, f->owner.name);
	return is_own(f, a->namespace) || is_target || c != NULL;
}

/*
 * Whose Secret is there, or who is about to make one, decides.  A document there, or what is left
 * of one that goes, decides about its own name; and an entry that nothing shows to be f's may be of
 * a Secret that was kept for good.
 */
static bool decides(const struct kube_fan *f, const struct kube_account *a, bool is_target)
{
	if (holds(f, a->namespace))
		return true;
	if (!is_own(f, a->namespace) && kube_fan_local(f, a->namespace) != NULL)
		return false;
	return concerns(f, a, is_target) && !other_holds(f, a->namespace);
}

/* Gone with its namespace.  A document's own may be here before its namespace is seen. */
static bool is_away(const struct kube_fan *f, const struct kube_account *a)
{
	return !a->there && !is_own(f, a->namespace) &&
	       kube_places_find(&f->all->places, a->namespace) == NULL;
}

static void unwant(struct kube_fan *f, const struct namespaces_rule *rule, struct kube_account *a)
{
	const char *secret = f->owner.name;
	bool is_target = targets(f, rule, a->namespace), away = is_away(f, a);

	if (is_target && !away && namespaces_account(rule, f->accounts, a->name))
		return;
	if (away ? !other_holds(f, a->namespace) : decides(f, a, is_target))
		kube_accounts_unwant(&f->all->accounts, a, secret);
}

static void unwant_all(struct kube_fan *f, const struct namespaces_rule *rule)
{
	size_t n = f->all->accounts.table.n;
	struct table_node **nodes = table_nodes(&f->all->accounts.table);

	for (size_t i = 0; i < n; i++) {
		struct kube_account *a = (struct kube_account *)nodes[i];

		if (touches(a, f->owner.name))
			unwant(f, rule, a);
	}
	mem_free(nodes);
}

void kube_fan_accounts_forget(struct kube_fan *f)
{
	size_t n = f->all->accounts.table.n;
	struct table_node **nodes = table_nodes(&f->all->accounts.table);

	for (size_t i = 0; i < n; i++) {
		struct kube_account *a = (struct kube_account *)nodes[i];

		if (kv_has(&a->want, f->owner.name) && !other_holds(f, a->namespace))
			kube_accounts_forget(&f->all->accounts, a, f->owner.name);
	}
	mem_free(nodes);
}

/* --- what accounts are to name ---------------------------------------------------------------- */

/* false: it is not known yet. */
static bool is_told(const struct kube_accounts *all, const struct kube_account *a,
		    const char *secret, enum kube_account_fault *fault)
{
	*fault = ACCOUNT_FINE;
	if (!all->synced) {
		*fault = ACCOUNT_FORBIDDEN;
		return all->denied;
	}
	if (a->there && kv_has(&a->now.listed, secret))
		return true;
	*fault = a->fault;
	if (a->fault == ACCOUNT_ABSENT)
		return clock_monotonic_ms() >= a->absent_since + ABSENT_MS;
	return a->fault != ACCOUNT_FINE;
}

static void want_account(struct kube_fan *f, const char *namespace, const char *account,
			 struct kube_fan_tally *t)
{
	struct kube_accounts *all = &f->all->accounts;
	struct kube_account *a = kube_accounts_want(all, namespace, account, f->owner.name);
	enum kube_account_fault fault;

	if (a == NULL) /* no name is as long as that */
		return;
	t->accounts++;
	if (!is_told(all, a, f->owner.name, &fault)) {
		t->undecided = true;
		if (fault == ACCOUNT_ABSENT)
			kube_fan_wake(f, a->absent_since + ABSENT_MS);
	} else if (fault != ACCOUNT_FINE) {
		kube_fan_tell_account(t, a, fault);
	}
}

static void want_all(struct kube_fan *f, const struct namespaces_rule *rule, const char *namespace,
		     struct kube_fan_tally *t)
{
	const char *fact = f->accounts;
	char *account;

	while ((account = namespaces_next(&fact)) != NULL) {
		if (namespaces_account(rule, f->accounts, account))
			want_account(f, namespace, account, t);
		mem_free(account);
	}
}

static void want_beside_copies(struct kube_fan *f, const struct namespaces_rule *rule,
			       struct kube_fan_tally *t)
{
	size_t n = f->copies.n;
	struct table_node **nodes = table_nodes(&f->copies);

	for (size_t i = 0; i < n; i++) {
		const struct kube_copy *c = (const struct kube_copy *)nodes[i];
		const struct kube_place *p = kube_places_find(&f->all->places, c->namespace);

		if (c->there && p != NULL && !p->going && targets(f, rule, c->namespace) &&
		    !kube_fan_local(f, c->namespace))
			want_all(f, rule, c->namespace, t);
	}
	mem_free(nodes);
}

void kube_fan_accounts_plan(struct kube_fan *f, const struct namespaces_rule *rule,
			    struct kube_fan_tally *t)
{
	unwant_all(f, rule);
	if (rule == NULL || f->accounts == NULL)
		return;
	if (targets(f, rule, f->owner.namespace))
		want_all(f, rule, f->owner.namespace, t);
	want_beside_copies(f, rule, t);
}

/* --- before a Secret goes --------------------------------------------------------------------- */

static bool let_go(struct kube_accounts *all, struct kube_account *a, const char *secret)
{
	bool may_name = names(a, secret);

	if (touches(a, secret))
		kube_accounts_unwant(all, a, secret); /* a may be gone */
	return !may_name;
}

bool kube_fan_accounts_free(struct kube_fanout *all, const char *namespace, const char *secret)
{
	size_t n = all->accounts.table.n;
	struct table_node **nodes;
	bool is_free = true;

	if (!all->accounts.synced)
		return all->accounts.denied;
	nodes = table_nodes(&all->accounts.table);
	for (size_t i = 0; i < n; i++) {
		struct kube_account *a = (struct kube_account *)nodes[i];
		bool stuck =
		    !a->busy && (a->fault == ACCOUNT_FORBIDDEN || a->fault == ACCOUNT_MANAGED ||
				 a->fault == ACCOUNT_ABSENT);

		if (strcmp(a->namespace, namespace) == 0 && !let_go(&all->accounts, a, secret))
			is_free = is_free && stuck;
	}
	mem_free(nodes);
	return is_free;
}

bool kube_fan_accounts_let_copy_go(void *ctx, struct kube_copy *c)
{
	const struct kube_fan *f = ctx;
	const struct kube_doc *d = kube_fan_doc(f);

	if (c->why == COPY_ORPHANED && d != NULL && d->s.documents != 0)
		return false;
	c->letting_go = !kube_fan_accounts_free(f->all, c->namespace, c->owner->name);
	return !c->letting_go;
}

bool kube_fan_accounts_let_go(const struct store_kube *st, const char *namespace,
			      const char *secret)
{
	return st->fanout == NULL || kube_fan_accounts_free(st->fanout, namespace, secret);
}

const struct kube_account *kube_fan_accounts_holder(const struct store_kube *st,
						    const char *namespace, const char *secret)
{
	size_t n = st->fanout == NULL ? 0 : st->fanout->accounts.table.n;
	struct table_node **nodes = n == 0 ? NULL : table_nodes(&st->fanout->accounts.table);
	const struct kube_account *found = NULL;

	for (size_t i = 0; i < n && found == NULL; i++) {
		const struct kube_account *a = (const struct kube_account *)nodes[i];

		if (strcmp(a->namespace, namespace) == 0 && a->fault == ACCOUNT_FAILED &&
		    touches(a, secret))
			found = a;
	}
	mem_free(nodes);
	return found;
}

/* --- at the start ----------------------------------------------------------------------------- */

void kube_fan_accounts_claim(struct kube_fanout *all)
{
	size_t n = all->accounts.table.n;
	struct table_node **nodes = table_nodes(&all->accounts.table);

	for (size_t i = 0; i < n; i++) {
		const struct kube_account *a = (const struct kube_account *)nodes[i];

		for (size_t k = 0; k < a->now.noted.n; k++) {
			const char *secret = a->now.noted.items[k].name;
			const struct kube_doc *d =
			    kube_docs_find(&all->st->docs, a->namespace, secret);

			if (d != NULL && d->s.documents == 1)
				kube_fan_need(all, a->namespace, secret);
		}
	}
	mem_free(nodes);
}
