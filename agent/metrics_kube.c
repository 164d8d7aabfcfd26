/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/metrics_kube.h"

#include <inttypes.h>
#include <string.h>

#include "agent/kube_fanout.h"
#include "agent/kube_state.h"
#include "agent/metrics.h"
#include "base/mem.h"
#include "kube/session.h"

static void put(struct buf *out, const char *name, const char *type, const char *help, double value)
{
	metrics_head(out, name, type, help);
	buf_printf(out, "%s %.15g\n", name, value);
}

static void put_opener(const struct metrics_kube *m, struct buf *out)
{
	put(out, "bulla_sealing_keys", "gauge", "Sealing keys held.",
	    (double)opener_keys(m->opener)->n);
	put(out, "bulla_sealing_keys_bad", "gauge", "Key files that cannot be used.",
	    (double)opener_bad_keys(m->opener));
	put(out, "bulla_opener_restarts_total", "counter", "Openers started beyond the first.",
	    (double)opener_restarts(m->opener));
	metrics_openings(m->opener, out);
}

static size_t list_key(const void *store, const char *key_id)
{
	const struct store_kube *st = store;
	struct table_node **nodes = table_nodes(&st->docs.table);
	size_t n = 0;

	for (size_t i = 0; i < st->docs.table.n; i++) {
		const struct kube_doc *d = (const struct kube_doc *)nodes[i];

		n += d->s.documents > 0 && d->recipients != NULL &&
		     strstr(d->recipients, key_id) != NULL;
	}
	mem_free(nodes);
	return n;
}

/* Under controller-runtime's names too, which dashboards of the ecosystem know. */
static void put_reconciles(const struct store_kube_counts *c, struct buf *out)
{
	static const char name[] = "controller_runtime_reconcile_total";

	metrics_head(out, name, "counter", "Looks at a document, by their end.");
	buf_printf(out, "%s{controller=\"sealedcredential\",result=\"success\"} %" PRIu64 "\n",
		   name, c->looked - c->failed);
	buf_printf(out, "%s{controller=\"sealedcredential\",result=\"error\"} %" PRIu64 "\n", name,
		   c->failed);
}

static void put_fan_out(const struct store_kube *st, struct buf *out)
{
	struct kube_fan_counts c;

	kube_fanout_counts(st, &c);
	put(out, "bulla_copies", "gauge",
	    "Copies of Secrets in other namespaces, as they should be.", (double)c.copies);
	put(out, "bulla_copies_missing", "gauge", "Copies that should be there and are not.",
	    (double)c.copies_missing);
	put(out, "bulla_service_account_entries", "gauge",
	    "Secrets that a service account names as its document asks.", (double)c.accounts);
	put(out, "bulla_service_account_entries_missing", "gauge",
	    "Secrets that a service account should name and does not.", (double)c.accounts_missing);
}

static void put_expiry(const struct store_kube *st, struct buf *out)
{
	struct table_node **nodes = table_nodes(&st->docs.table);

	metrics_expiry_head(out);
	for (size_t i = 0; i < st->docs.table.n; i++) {
		const struct kube_doc *d = (const struct kube_doc *)nodes[i];

		if (d->s.documents > 0 && d->not_after != 0)
			metrics_expiry(out, d->s.namespace, d->s.name, d->not_after);
	}
	mem_free(nodes);
}

static void put_store(const struct store_kube *st, struct buf *out)
{
	const struct store_kube_counts *c = store_kube_counts(st);

	metrics_head(out, "bulla_documents", "gauge",
		     "Documents, and Secrets whose document is gone, by state.");
	for (size_t i = REASON_PENDING; i < REASON_COUNT; i++)
		buf_printf(out, "bulla_documents{reason=\"%s\"} %zu\n", status_table[i].name,
			   c->reasons[i]);
	put(out, "bulla_ready", "gauge", "1 when everything has been looked at once.",
	    store_kube_ready(st));
	put(out, "bulla_secrets_written_total", "counter", "Secrets made or given a new content.",
	    (double)c->written);
	put(out, "bulla_secrets_repaired_total", "counter",
	    "Secrets written because they had been changed.", (double)c->repaired);
	put(out, "bulla_secrets_removed_total", "counter", "Secrets removed.", (double)c->removed);
	put(out, "bulla_statuses_written_total", "counter", "Statuses written.", (double)c->told);
	put(out, "bulla_failures_total", "counter", "Tries that a fault ended.", (double)c->failed);
	put(out, "bulla_removals_guarded", "gauge", "Removals that wait for a person's release.",
	    (double)c->reasons[REASON_GUARDED]);
	put_reconciles(c, out);
	put_fan_out(st, out);
}

static void put_requests(const struct kube_client *k, struct buf *out)
{
	const struct kube_count *counts;
	size_t n = kube_counts(k, &counts);

	metrics_head(out, "rest_client_requests_total", "counter",
		     "Requests to the API server, by status code and method.");
	for (size_t i = 0; i < n; i++)
		buf_printf(out,
			   "rest_client_requests_total{code=\"%ld\",method=\"%s\"} %" PRIu64 "\n",
			   counts[i].code, counts[i].method, counts[i].n);
}

void metrics_kube_format(const struct metrics_kube *m, struct buf *out)
{
	metrics_process(m->statm, m->started, out);
	put_opener(m, out);
	/* a standby knows of no documents */
	metrics_keys(m->opener, m->store != NULL ? list_key : NULL, m->store, out);
	if (m->store != NULL)
		put_store(m->store, out);
	if (m->store != NULL && !m->anonymous)
		put_expiry(m->store, out);
	put_requests(m->client, out);
	put(out, "leader_election_master_status", "gauge", "1 on the replica that works.",
	    m->store != NULL);
}
