/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_fanout.h"

#include <string.h>

#include "agent/inventory.h"
#include "agent/kube_copy.h"
#include "agent/kube_fan.h"
#include "agent/kube_fan_accounts.h"
#include "agent/kube_fan_tell.h"
#include "agent/kube_flux.h"
#include "agent/kube_inventory.h"
#include "agent/namespaces.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define TICK_MS 30000 /* each is looked at so often, whatever comes */
#define SPREAD_MS 500 /* news of accounts, while more come */

/* --- what is to be done ----------------------------------------------------------------------- */

static bool names(const struct kube_fan *f, const char *namespace)
{
	static char star[] = "*";
	struct kv_item any = { .name = star };
	const struct namespaces_rule rule = { .from = f->owner.namespace,
					      .targets = { .items = &any, .n = 1 } };

	return namespaces_target(f->all->st->o->fan_out, &rule, f->facts, namespace);
}

/* Is there a place among the requests?  Else it is waited for. */
static bool place_left(struct kube_fan *f)
{
	f->waiting = f->waiting || f->all->busy >= KUBE_FANOUT_IN_FLIGHT;
	return f->all->busy < KUBE_FANOUT_IN_FLIGHT;
}

/* Take one; it is given back by ended. */
static bool place_free(struct kube_fan *f)
{
	if (!place_left(f))
		return false;
	f->all->busy++;
	return true;
}

static void ended(void *ctx, struct kube_copy *c, enum kube_copy_end how)
{
	struct kube_fan *f = ctx;
	struct kube_doc *d = kube_fan_local(f, c->namespace);

	f->all->busy--;
	f->all->freed = true;
	f->due = true;
	if (how == COPY_WRITTEN)
		kube_flux_changed(f->all->st, c->namespace, f->owner.name);
	else if (how == COPY_KEPT)
		kube_flux_look(f->all->st, c->namespace);
	if (how != COPY_REMOVED || d == NULL || d->s.documents == 0)
		return;
	/* the copy no longer stands in its way */
	subject_unblock(&d->s);
	d->s.target = TARGET_ABSENT;
	kube_state_look(f->all->st, d);
}

static bool current(const struct kube_fan *f, const struct kube_copy *c)
{
	return c->there && !c->stale && memcmp(c->made, f->digest, sizeof(c->made)) == 0;
}

static void check_later(struct kube_fan *f, struct kube_copy *c, int64_t now_ms)
{
	int64_t every = f->all->st->o->probe_ms;
	int64_t at = c->checked + every;

	if (every <= 0)
		return;
	if (c->not_before > at)
		at = c->not_before;
	if (now_ms < at)
		kube_fan_wake(f, at);
	else if (place_free(f))
		kube_copy_check(c);
}

/* A copy that is to be.  true: the document must be opened for it. */
static bool want_copy(struct kube_fan *f, struct kube_copy *c, struct kube_fan_tally *t,
		      int64_t now_ms)
{
	t->wanted++;
	if (c->busy)
		return false;
	kube_copy_wanted(c);
	if (current(f, c)) {
		check_later(f, c, now_ms);
		return false;
	}
	if (now_ms < c->not_before) {
		kube_fan_wake(f, c->not_before);
		if (c->fault != COPY_FINE)
			kube_fan_tell_missing(t, c);
		return false;
	}
	if (!f->open)
		return true;
	if (place_free(f))
		kube_copy_write(c, &f->doc, &f->secret, f->digest);
	return false;
}

static void remove_copy(struct kube_fan *f, struct kube_copy *c, enum kube_copy_why why,
			int64_t now_ms)
{
	if (now_ms < c->not_before)
		kube_fan_wake(f, c->not_before);
	else if (place_left(f) && (!c->letting_go || kube_fan_accounts_let_copy_go(f, c)) &&
		 place_free(f))
		kube_copy_remove(c, why);
}

/* A copy that is not to be. */
static void unwant_copy(struct kube_fan *f, struct kube_copy *c, struct kube_fan_tally *t,
			int64_t now_ms)
{
	const struct kube_place *p = kube_places_find(&f->all->places, c->namespace);
	const struct kube_doc *d = kube_fan_local(f, c->namespace);

	if (c->busy)
		return;
	if (p == NULL && c->there)
		kube_copy_forget(c);
	if (p == NULL || !c->there) {
		kube_fan_drop_copy(f, c);
		return;
	}
	if (p->going || (d == NULL ? names(f, c->namespace) : d->s.reason != REASON_FOREIGN))
		return;
	if (c->retain && d == NULL) {
		log_line(LOG_INFO, "copy of a Secret is kept for good", "namespace", c->namespace,
			 "name", f->owner.name, (char *)NULL);
		kube_copy_forget(c);
		kube_fan_drop_copy(f, c);
		return;
	}
	if (c->fault == COPY_USED)
		kube_fan_tell_kept(t, c);
	remove_copy(f, c, d == NULL ? COPY_UNNAMED : COPY_IN_THE_WAY, now_ms);
}

static bool wanted(const struct kube_fan *f, const struct namespaces_rule *rule,
		   const char *namespace)
{
	const struct kube_place *p = kube_places_find(&f->all->places, namespace);

	return p != NULL && !p->going && kube_fan_local(f, namespace) == NULL &&
	       namespaces_target(f->all->st->o->fan_out, rule, f->facts, namespace);
}

static void visit_unwanted(struct kube_fan *f, const struct namespaces_rule *rule,
			   struct kube_fan_tally *t, int64_t now_ms)
{
	size_t n = f->copies.n;
	struct table_node **nodes = table_nodes(&f->copies);

	for (size_t i = 0; i < n; i++) {
		struct kube_copy *c = (struct kube_copy *)nodes[i];

		if (!wanted(f, rule, c->namespace))
			unwant_copy(f, c, t, now_ms);
	}
	mem_free(nodes);
}

static bool visit_wanted(struct kube_fan *f, const struct namespaces_rule *rule,
			 struct kube_fan_tally *t, int64_t now_ms)
{
	size_t n = f->all->places.table.n;
	struct table_node **nodes = table_nodes(&f->all->places.table);
	bool to_open = false;

	for (size_t i = 0; i < n; i++) {
		const struct kube_place *p = (const struct kube_place *)nodes[i];

		if (wanted(f, rule, p->name))
			to_open = want_copy(f, kube_fan_copy(f, p->name), t, now_ms) || to_open;
		else if (!p->going && kube_fan_local(f, p->name) != NULL &&
			 namespaces_target(f->all->st->o->fan_out, rule, f->facts, p->name))
			t->local++;
	}
	mem_free(nodes);
	return to_open;
}

static void plan(struct kube_fan *f, const struct namespaces_rule *rule, int64_t now_ms)
{
	struct kube_fan_tally t = { .names = BUF_INIT };
	bool to_open;

	visit_unwanted(f, rule, &t, now_ms);
	to_open = visit_wanted(f, rule, &t, now_ms);
	kube_fan_accounts_plan(f, rule, &t);
	if (to_open && f->why != NULL && now_ms < f->not_before)
		kube_fan_tell_fault(f, status_name(f->reason), f->why);
	if (to_open)
		kube_fan_open(f, now_ms);
	if (!to_open && f->owner.busy == 0 && !f->waiting) {
		kube_fan_shut(f);
		if (!t.undecided)
			kube_fan_tell_tally(f, rule, &t);
	}
	kube_fan_tell_end(&t);
}

/* No facts are needed to see that none of them counts. */
static void plan_nothing(struct kube_fan *f, const struct kube_doc *d)
{
	struct kube_fan_tally t = { .names = BUF_INIT };

	kube_fan_accounts_plan(f, NULL, &t);
	f->counts = (struct kube_fan_counts){ .copies = 0 };
	if (d->reaches)
		kube_fan_tell_fault(
		    f, "NotAllowed",
		    "the agent's map allows no copies and no service accounts for documents of "
		    "this namespace and kind");
	else
		kube_fan_tell_nothing(f);
	kube_fan_tell_end(&t);
}

static void look_present(struct kube_fan *f, const struct kube_doc *d, int64_t now_ms)
{
	const struct namespaces_rule *rule =
	    namespaces_rule(f->all->st->o->fan_out, f->owner.namespace, d->kind->name);

	f->orphan = false;
	if (f->opened && memcmp(f->digest, d->s.made, sizeof(f->digest)) == 0) {
		plan(f, rule, now_ms);
		return;
	}
	if (f->owner.busy != 0)
		return;
	kube_fan_shut(f);
	if (rule == NULL && kube_fan_copies(f) == 0)
		plan_nothing(f, d);
	else if (f->why != NULL && now_ms < f->not_before)
		kube_fan_tell_fault(f, status_name(f->reason), f->why);
	if (rule != NULL || kube_fan_copies(f) != 0)
		kube_fan_open(f, now_ms);
}

/* --- copies of a document that is gone -------------------------------------------------------- */

static bool blind(const struct store_kube *st)
{
	for (size_t i = 0; i < st->n_scopes; i++)
		if (!st->scopes[i].synced || st->scopes[i].failing)
			return true;
	return false;
}

/* Its own Secret went a moment ago, and so it passed the guards. */
static bool cleared(const struct kube_fan *f)
{
	const struct inventory_item *x =
	    inventory_find(kube_inventory_all(f->all->st), f->owner.namespace, f->owner.name);

	return x != NULL && x->gone != 0;
}

static void leave_orphan(struct kube_fan *f, const struct kube_copy *c)
{
	if (!f->orphan)
		log_line(LOG_WARN,
			 "copies of a document that is gone stay: it is not known that it was "
			 "meant to go; delete them by hand",
			 "namespace", c->namespace, "name", f->owner.name, "from",
			 f->owner.namespace, (char *)NULL);
	f->orphan = true;
}

static void orphan_copy(struct kube_fan *f, struct kube_copy *c, int64_t now_ms)
{
	const struct kube_place *p = kube_places_find(&f->all->places, c->namespace);

	if (c->busy)
		return;
	if (c->there && (p == NULL || c->retain))
		kube_copy_forget(c);
	if (p == NULL || !c->there) {
		kube_fan_drop_copy(f, c);
		return;
	}
	if (p->going)
		return;
	if (!cleared(f))
		leave_orphan(f, c);
	else
		remove_copy(f, c, COPY_ORPHANED, now_ms);
}

static void look_gone(struct kube_fan *f, int64_t now_ms)
{
	size_t n = f->copies.n;
	struct table_node **nodes;

	if (f->owner.busy == 0)
		kube_fan_shut(f);
	if (blind(f->all->st))
		return;
	f->opened = false;
	nodes = table_nodes(&f->copies);
	for (size_t i = 0; i < n; i++)
		orphan_copy(f, (struct kube_copy *)nodes[i], now_ms);
	mem_free(nodes);
	if (f->copies.n != 0)
		return;
	kube_fan_accounts_forget(f);
	kube_fan_drop(f);
}

static void look(struct kube_fan *f, int64_t now_ms)
{
	const struct kube_doc *d = kube_fan_doc(f);

	f->due = false;
	f->waiting = false;
	f->next = now_ms + TICK_MS;
	if (f->fetching)
		return;
	if (d == NULL || (d->s.documents == 0 && !d->s.recorded))
		look_gone(f, now_ms);
	else if (kube_fan_applied(d) && d->kind != NULL)
		look_present(f, d, now_ms);
	else if (f->owner.busy == 0)
		kube_fan_shut(f);
}

/* --- open, work, close ------------------------------------------------------------------------ */

static void places_changed(void *ctx)
{
	kube_fan_all_due(ctx);
}

void kube_fanout_open(struct store_kube *st)
{
	struct kube_fanout *all;

	if (st->o->fan_out == NULL || st->inventory == NULL)
		return;
	all = mem_alloc(sizeof(*all));
	*all = (struct kube_fanout){ .st = st, .ended = ended };
	kube_fan_init(all);
	kube_places_open(&all->places, st->client, places_changed, all);
	kube_fan_accounts_open(all);
	st->fanout = all;
}

static void close_fan(struct kube_fan *f)
{
	size_t n = f->copies.n;
	struct table_node **nodes = table_nodes(&f->copies);

	kube_cancel(f->all->st->client, f);
	for (size_t i = 0; i < n; i++) {
		kube_cancel(f->all->st->client, nodes[i]);
		kube_fan_drop_copy(f, (struct kube_copy *)nodes[i]);
	}
	mem_free(nodes);
	kube_fan_drop(f);
}

void kube_fanout_close(struct store_kube *st)
{
	struct kube_fanout *all = st->fanout;
	struct table_node **nodes;
	size_t n;

	if (all == NULL)
		return;
	kube_places_close(&all->places);
	kube_accounts_close(&all->accounts);
	n = all->fans.n;
	nodes = table_nodes(&all->fans);
	for (size_t i = 0; i < n; i++)
		close_fan((struct kube_fan *)nodes[i]);
	mem_free(nodes);
	table_clear(&all->fans);
	mem_free(all);
	st->fanout = NULL;
}

/* Each look sees all accounts, so while many change one look is for many of them. */
static int64_t spread_news(struct kube_fanout *all, int64_t now_ms)
{
	struct kube_accounts *accounts = &all->accounts;

	all->claimed = all->claimed && !accounts->found;
	accounts->found = false;
	if (!all->claimed && accounts->synced && !blind(all->st)) {
		kube_fan_accounts_claim(all);
		all->claimed = true;
	}
	if (!accounts->news)
		return INT64_MAX;
	if (!kube_accounts_idle(accounts) && now_ms < all->spread + SPREAD_MS)
		return all->spread + SPREAD_MS;
	accounts->news = false;
	all->spread = now_ms;
	kube_fan_all_due(all);
	return INT64_MAX;
}

static int64_t look_at_all(struct kube_fanout *all, int64_t now_ms)
{
	struct table_node **nodes;
	int64_t wake = INT64_MAX;
	bool freed = all->freed;
	size_t n = all->fans.n;

	all->freed = false;
	nodes = table_nodes(&all->fans);
	for (size_t i = 0; i < n; i++) {
		struct kube_fan *f = (struct kube_fan *)nodes[i];
		int64_t next = f->next;

		if (f->due || now_ms >= f->next || (f->waiting && freed)) {
			next = now_ms + TICK_MS;
			look(f, now_ms); /* f may be gone */
		}
		wake = clock_sooner(wake, next);
	}
	mem_free(nodes);
	nodes = table_nodes(&all->fans);
	for (size_t i = 0; i < all->fans.n; i++) {
		const struct kube_fan *f = (const struct kube_fan *)nodes[i];
		int64_t next = f->due || (f->waiting && all->freed) ? now_ms : f->next;

		wake = clock_sooner(wake, next);
	}
	mem_free(nodes);
	return wake;
}

int64_t kube_fanout_work(struct store_kube *st, int64_t now_ms)
{
	struct kube_fanout *all = st->fanout;
	int64_t wake;

	if (all == NULL)
		return INT64_MAX;
	wake = INT64_MAX;
	if (kube_fan_remember(all) && all->places.synced) {
		wake = spread_news(all, now_ms);
		wake = clock_sooner(wake, look_at_all(all, now_ms));
	}
	/* also while namespaces cannot be seen: a Secret that is to go waits for its accounts */
	return clock_sooner(wake, kube_accounts_work(&all->accounts, now_ms));
}

bool kube_fanout_listed(const struct store_kube *st)
{
	const struct kube_fanout *all = st->fanout;

	return all == NULL ||
	       (all->places.synced && (all->accounts.synced || all->accounts.denied));
}

bool kube_fanout_idle(const struct store_kube *st)
{
	const struct kube_fanout *all = st->fanout;
	struct table_node **nodes;
	bool idle;

	if (all == NULL)
		return true;
	idle = all->busy == 0 && all->open == 0 && all->accounts.busy == 0;
	if (st->draining || all->places.failing)
		return idle;
	idle = idle && kube_accounts_idle(&all->accounts) && !all->accounts.news;
	nodes = table_nodes(&all->fans);
	for (size_t i = 0; i < all->fans.n; i++) {
		const struct kube_fan *f = (const struct kube_fan *)nodes[i];

		idle = idle && !f->due && !f->waiting;
	}
	mem_free(nodes);
	return idle && all->places.synced && all->remembered;
}

/* --- for the others --------------------------------------------------------------------------- */

static struct kube_fan *fan_of(const struct store_kube *st, const struct kube_doc *d)
{
	return st->fanout == NULL ? NULL : kube_fan_find(st->fanout, d->s.namespace, d->s.name);
}

void kube_fanout_look(struct store_kube *st, const struct kube_doc *d)
{
	struct kube_fanout *all = st->fanout;
	struct table_node **nodes;

	if (all == NULL)
		return;
	if (d->s.documents == 1 && d->reaches)
		kube_fan_need(all, d->s.namespace, d->s.name);
	nodes = table_nodes(&all->fans);
	for (size_t i = 0; i < all->fans.n; i++) {
		struct kube_fan *f = (struct kube_fan *)nodes[i];

		/* its own, or one whose copy may be in its way */
		if (strcmp(f->owner.name, d->s.name) == 0)
			f->due = true;
	}
	mem_free(nodes);
}

void kube_fanout_resume(struct store_kube *st, const struct kube_doc *d)
{
	struct kube_fan *f = fan_of(st, d);

	if (f != NULL)
		kube_fan_check_all(f);
}

void kube_fanout_changed(struct store_kube *st)
{
	if (st->fanout != NULL)
		kube_fan_all_due(st->fanout);
}

void kube_fanout_say(const struct store_kube *st, const struct kube_doc *d, const json_t *old,
		     struct status_json_fan_out *out)
{
	const struct kube_fan *f = fan_of(st, d);

	*out = (struct status_json_fan_out){ .wanted = false };
	if (f != NULL && f->settled)
		*out = f->condition;
	else if (st->fanout != NULL && (f != NULL || d->reaches))
		kube_fan_tell_old(old, out);
}

unsigned kube_fanout_news(const struct store_kube *st, const struct kube_doc *d)
{
	const struct kube_fan *f = fan_of(st, d);

	return f == NULL ? 0 : f->news;
}

void kube_fanout_told(struct store_kube *st, const struct kube_doc *d, unsigned news)
{
	struct kube_fan *f = fan_of(st, d);

	if (f != NULL)
		f->told = news;
}

bool kube_fanout_due(const struct store_kube *st, const struct kube_doc *d)
{
	const struct kube_fan *f = fan_of(st, d);

	return f != NULL && f->news != f->told;
}

bool kube_fanout_has_copies(const struct store_kube *st, const struct kube_doc *d)
{
	const struct kube_fan *f = fan_of(st, d);

	return st->fanout != NULL && (!st->fanout->remembered || (f != NULL && f->copies.n != 0));
}

void kube_fanout_counts(const struct store_kube *st, struct kube_fan_counts *out)
{
	const struct kube_fanout *all = st->fanout;
	struct table_node **nodes;

	*out = (struct kube_fan_counts){ .copies = 0 };
	if (all == NULL)
		return;
	nodes = table_nodes(&all->fans);
	for (size_t i = 0; i < all->fans.n; i++) {
		const struct kube_fan_counts *c = &((const struct kube_fan *)nodes[i])->counts;

		out->copies += c->copies;
		out->copies_missing += c->copies_missing;
		out->accounts += c->accounts;
		out->accounts_missing += c->accounts_missing;
	}
	mem_free(nodes);
}
