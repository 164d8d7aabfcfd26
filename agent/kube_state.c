/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_state.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

void kube_state_look(struct store_kube *st, struct kube_doc *d)
{
	if (d->busy != KUBE_IDLE)
		d->again = true;
	else
		turns_ask(&st->looks, &d->turn, d->s.namespace);
}

void kube_state_tell(struct store_kube *st, struct kube_doc *d)
{
	if (d->telling_due && d->busy == KUBE_IDLE && d->tell.slot == 0)
		turns_ask(&st->tells, &d->tell, d->s.namespace);
}

void kube_state_ended(struct kube_limit *l, size_t under_way, const struct kube_answer *a)
{
	const struct kube_limit_answer ended = { .under_way = under_way,
						 .took_us = a->took_us,
						 .status = a->status,
						 .now_ms = clock_monotonic_ms() };

	kube_limit_answered(l, &ended);
}

/* A first success is none: four thousand of them would cost a third of the time. */
static bool is_event(enum reason before, enum reason now)
{
	if (now == before)
		return false;
	if (now == REASON_APPLIED)
		return before != REASON_PENDING && !status_table[before].fine;
	return status_table[now].level <= LOG_WARN;
}

static void put_event(struct store_kube *st, const struct kube_doc *d, enum reason before)
{
	const struct status_row *row = &status_table[d->s.reason];
	const struct kube_event e = {
		.api_version = DOCUMENT_API_VERSION,
		.kind = DOCUMENT_KIND,
		.namespace = d->s.namespace,
		.name = d->s.name,
		.uid = d->uid,
		.resource_version = d->version,
		.reason = row->name,
		.action = "Apply",
		.note = d->why != NULL ? d->why : row->meaning,
		.warning = d->s.reason != REASON_APPLIED,
	};

	if (d->uid != NULL && is_event(before, d->s.reason))
		kube_recorder_put(st->recorder, &e);
}

void kube_state_report(struct store_kube *st, struct kube_doc *d)
{
	const struct status_row *row = &status_table[d->s.reason];

	if (d->reported == d->s.reason)
		return;
	st->counts.reasons[d->reported]--;
	st->counts.reasons[d->s.reason]++;
	/* an agent before this one has told what it said last */
	put_event(st, d, d->reported == REASON_PENDING ? d->before : d->reported);
	d->before = REASON_PENDING;
	d->reported = d->s.reason;
	log_line(row->level, "document", "namespace", d->s.namespace, "name", d->s.name, "reason",
		 row->name, "text", d->why != NULL ? d->why : row->meaning, (char *)NULL);
}

void kube_state_drop(struct store_kube *st, struct kube_doc *d)
{
	turns_drop(&st->probes, &d->probe);
	turns_drop(&st->looks, &d->turn);
	turns_drop(&st->tells, &d->tell);
	st->counts.reasons[d->reported]--;
	kube_docs_drop(&st->docs, d);
}

struct kube_doc *kube_state_need(struct store_kube *st, const char *namespace, const char *name)
{
	size_t before = st->docs.table.n;
	struct kube_doc *d = kube_docs_need(&st->docs, namespace, name);

	st->counts.reasons[REASON_PENDING] += st->docs.table.n - before;
	return d;
}

bool kube_state_unseen(const struct store_kube *st, const struct kube_doc *d)
{
	for (size_t i = 0; i < st->n_scopes; i++)
		if (kube_state_in(&st->scopes[i], d))
			return !st->scopes[i].synced || st->scopes[i].failing;
	return true;
}

struct reconcile_env kube_state_env(const struct store_kube *st)
{
	return (struct reconcile_env){ .now_ms = clock_monotonic_ms(),
				       .now = clock_now(),
				       .settle_ms = st->o->settle_ms,
				       .keys = opener_keys(st->opener)->n,
				       .blind = st->inventory_loaded
						    ? NULL
						    : "the inventory cannot be read just now",
				       .release = st->release,
				       .holds = st->holds,
				       .done = st->done,
				       .n_done = st->n_done };
}

bool kube_state_barred(const struct store_kube *st, const char *namespace)
{
	return strncmp(namespace, "kube-", 5) == 0 ||
	       strcmp(namespace, st->o->agent_namespace) == 0;
}

bool kube_state_in(const struct kube_scope *scope, const struct kube_doc *d)
{
	return scope->namespace == NULL || strcmp(scope->namespace, d->s.namespace) == 0;
}
