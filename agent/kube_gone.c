/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_gone.h"

#include <string.h>

#include "agent/kube_ended.h"
#include "agent/kube_fan_accounts.h"
#include "agent/kube_inventory.h"
#include "agent/kube_release.h"
#include "agent/kube_remove.h"
#include "base/log.h"
#include "base/mem.h"

#define EVERY_MS 500 /* all documents are looked at for that */

static void forget_removals(struct store_kube *st, int64_t now)
{
	size_t kept = 0;

	for (size_t i = 0; i < st->n_done; i++) {
		if (guard_recent(st->done[i].at, now))
			st->done[kept++] = st->done[i];
		else
			mem_free(st->done[i].namespace);
	}
	st->n_done = kept;
}

static void tell_holder(const struct store_kube *st, struct kube_doc *d)
{
	const struct kube_account *a =
	    d->held ? NULL : kube_fan_accounts_holder(st, d->s.namespace, d->s.name);

	if (a == NULL)
		return;
	d->held = true;
	log_line(LOG_WARN,
		 "Secret of a document that is gone stays while a service account names it that "
		 "cannot be changed just now",
		 "namespace", d->s.namespace, "name", d->s.name, "account", a->name, (char *)NULL);
}

/* What the server was asked before is asked again when the accounts have let the Secret go. */
static bool is_named(struct store_kube *st, struct kube_doc *d)
{
	if (!d->letting_go)
		return false;
	d->letting_go = !kube_fan_accounts_let_go(st, d->s.namespace, d->s.name);
	if (!d->letting_go)
		return false;
	tell_holder(st, d);
	if (st->gone_next < st->gone_at)
		st->gone_at = st->gone_next;
	return true;
}

static void act_on_gone(struct store_kube *st, struct kube_doc *d)
{
	enum action action = d->s.action;

	d->s.action = ACTION_NONE;
	kube_state_report(st, d);
	if (action == ACTION_REMOVE && !is_named(st, d))
		kube_remove_begin(st, d);
	else if (action == ACTION_RETAIN)
		d->s.retained = true;
	else if (action == ACTION_FORGET)
		kube_doc_unapplied(d);
	if (action == ACTION_FORGET || action == ACTION_RETAIN)
		kube_inventory_forget(st, d);
	if ((!d->s.recorded || d->s.retained) && d->busy == KUBE_IDLE)
		kube_state_drop(st, d);
}

/* While more are about to follow each token would be replaced in a moment; but not for ever. */
static bool too_early(struct store_kube *st, const struct reconcile_result *r, int64_t now_ms)
{
	if (r->guarded == 0)
		st->guard_told_by = 0;
	else if (st->guard_told_by == 0)
		st->guard_told_by = now_ms + st->o->settle_ms;
	return r->counts[REASON_PENDING_REMOVAL] != 0 && now_ms < st->guard_told_by;
}

static void tell_guard(struct store_kube *st, const struct reconcile_result *r, int64_t now_ms)
{
	struct buf command = BUF_INIT;

	kube_release_decided(st, r);
	if (r->guarded == 0)
		kube_ended_forget(st);
	if (too_early(st, r, now_ms) || r->guarded == 0 || strcmp(st->told_token, r->token) == 0)
		return;
	memcpy(st->told_token, r->token, sizeof(st->told_token));
	kube_release_command(st, &command);
	log_line(LOG_ERROR,
		 "too many documents are gone at once; their Secrets stay until released", "token",
		 r->token, "command", buf_str(&command), (char *)NULL);
	kube_release_told(st);
	buf_clear(&command);
}

/*
 * What is held, or would be with it, may have gone with its namespace.  true: that is to be seen
 * yet, and nothing is said of what is held.
 */
static bool ask_namespaces(struct store_kube *st, struct table_node **nodes,
			   struct subject *const *subjects, size_t n, int64_t now_ms)
{
	bool asking = false;

	for (size_t i = 0; i < n; i++) {
		const struct subject *s = subjects[i];

		if (s->documents == 0 && !s->released && !s->ended &&
		    (s->reason == REASON_GUARDED || s->reason == REASON_PENDING_REMOVAL) &&
		    kube_ended_ask(st, (const struct kube_doc *)nodes[i], now_ms))
			asking = true;
	}
	return asking;
}

/* What reconcile is to know of one that is gone beside what was shown. */
static void see(const struct store_kube *st, struct kube_doc *d)
{
	if (d->s.documents != 0)
		return;
	d->s.unseen = kube_state_unseen(st, d);
	d->s.incarnation = kube_doc_incarnation(d);
	kube_ended_mark(st, d);
}

/*
 * The guard counts documents, so all are given; those that are there as copies, because each is
 * decided in its own turn.
 */
static void decide_gone(struct store_kube *st)
{
	size_t n = st->docs.table.n;
	struct table_node **nodes = table_nodes(&st->docs.table);
	struct subject **subjects = mem_array(n, sizeof(struct subject *));
	struct subject *copies = mem_array(n, sizeof(*copies));
	struct reconcile_env env;
	struct reconcile_result result;
	bool asking;

	st->inventory_loaded = kube_inventory_loaded(st);
	env = kube_state_env(st);
	forget_removals(st, env.now);
	env.n_done = st->n_done;
	for (size_t i = 0; i < n; i++) {
		struct kube_doc *d = (struct kube_doc *)nodes[i];

		see(st, d);
		copies[i] = d->s;
		copies[i].leaving = d->busy == KUBE_REMOVING;
		subjects[i] = d->s.documents == 0 && d->busy == KUBE_IDLE ? &d->s : &copies[i];
	}
	reconcile(subjects, n, &env, &result);
	st->gone_due = false;
	st->gone_at = result.wake_ms;
	asking = result.guarded != 0 && ask_namespaces(st, nodes, subjects, n, env.now_ms);
	if (!asking)
		tell_guard(st, &result, env.now_ms);
	for (size_t i = 0; i < n; i++) {
		struct kube_doc *d = (struct kube_doc *)nodes[i];

		d->s.released = subjects[i]->released;
		if (subjects[i] == &d->s && !(asking && d->s.reason == REASON_GUARDED))
			act_on_gone(st, d);
	}
	mem_free(copies);
	mem_free(subjects);
	mem_free(nodes);
}

/* Nothing can be missed before all was listed once: the inventory is here long before. */
static bool lists_first(const struct store_kube *st)
{
	for (size_t i = 0; i < st->n_scopes; i++)
		if (!st->scopes[i].synced && !st->scopes[i].failing)
			return true;
	return false;
}

void kube_gone_work(struct store_kube *st, int64_t now_ms)
{
	if (!st->gone_due && now_ms < st->gone_at)
		return;
	if (lists_first(st)) {
		st->gone_next = now_ms + EVERY_MS;
		return;
	}
	if (now_ms < st->gone_next) {
		st->gone_at = st->gone_next;
		st->gone_due = false;
		return;
	}
	st->gone_next = now_ms + EVERY_MS;
	decide_gone(st);
}
