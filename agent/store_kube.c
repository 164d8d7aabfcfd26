/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/store_kube.h"

#include <stdlib.h>
#include <string.h>

#include "agent/kube_crd.h"
#include "agent/kube_canary.h"
#include "agent/kube_ended.h"
#include "agent/kube_fanout.h"
#include "agent/kube_flux.h"
#include "agent/kube_gone.h"
#include "agent/kube_inventory.h"
#include "agent/kube_probe.h"
#include "agent/kube_remove.h"
#include "agent/kube_recipients.h"
#include "agent/kube_release.h"
#include "agent/kube_show.h"
#include "agent/kube_tell.h"
#include "agent/kube_write.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define FETCH_MAX 8
/* While Secrets wait: a status costs the server twice a Secret, and nobody starts by it. */
#define TELL_EVERY_MS 100

/* --- what follows from a look ---------------------------------------------------------------- */

/* The end of a look or of what followed from it. */
static void conclude(struct store_kube *st, struct kube_doc *d)
{
	kube_crd_note(st, d);
	kube_state_report(st, d);
	kube_inventory_check(st, d);
	kube_tell_check(st, d);
	if (d->telling_due)
		kube_state_tell(st, d);
	else if (d->turn.line == NULL)
		kube_doc_settle(d);
	if (d->probe.slot == 0)
		kube_probe_later(st, d);
	kube_fanout_look(st, d);
}

static void finished(struct store_kube *st, struct kube_doc *d)
{
	enum kube_busy was = d->busy;

	d->busy = KUBE_IDLE;
	if (d->s.documents == 0) {
		st->gone_due = true;
		kube_fanout_look(st, d);
		return;
	}
	/* what was decided before may be over; the status waits for the next decision */
	if (d->again || was == KUBE_REMOVING) {
		d->again = false;
		kube_state_look(st, d);
		return;
	}
	if (was == KUBE_WRITING && d->s.attempt.reason != REASON_PENDING)
		kube_state_look(st, d); /* it failed: decide when to try again, and say so */
	else if (was == KUBE_WRITING) {
		d->s.reason = REASON_APPLIED;
		conclude(st, d);
	} else if (was == KUBE_TELLING) {
		if (d->telling_due)
			kube_state_tell(st, d);
		else if (d->turn.line == NULL)
			kube_doc_settle(d);
	}
}

/* --- its text, when it is needed again -------------------------------------------------------- */

static void fetched(void *ctx, const struct kube_answer *a)
{
	struct kube_doc *d = ctx;
	struct store_kube *st = d->store;

	st->fetching--;
	d->busy = KUBE_IDLE;
	d->again = false;
	if (d->s.documents == 0) {
		st->gone_due = true;
	} else if (d->text != NULL || (a->status == 200 && kube_doc_fetched(d, a->object))) {
		/* with a text already: what the watch showed meanwhile; the answer may be older */
		kube_state_look(st, d);
	} else {
		/* when it is gone the watch says so */
		turns_wait(&st->looks, &d->turn, clock_monotonic_ms() + 1000);
	}
}

static void fetch(struct store_kube *st, struct kube_doc *d)
{
	struct buf path = BUF_INIT;
	struct kube_request r = { .method = "GET", .idempotent = true };

	if (st->fetching >= FETCH_MAX) {
		turns_wait(&st->looks, &d->turn, clock_monotonic_ms() + 10);
		return;
	}
	kube_path_object(&path, KUBE_GROUP, d->s.namespace, KUBE_DOCUMENTS, d->s.name);
	r.path = buf_str(&path);
	d->store = st;
	d->busy = KUBE_FETCHING;
	st->fetching++;
	kube_send(st->client, &r, fetched, d);
	buf_clear(&path);
}

/* --- decide ----------------------------------------------------------------------------------- */

/* What is said of a document needs no Secret to be seen. */
static bool is_of_document(enum reason r)
{
	return r == REASON_PAUSED || r == REASON_NOT_FOR_US || r == REASON_NO_KEY ||
	       r == REASON_INVALID;
}

static void forbid(struct kube_doc *d)
{
	char *why = mem_printf("the agent may not list Secrets in namespace %s; apply the Role and "
			       "RoleBinding of manifests/served-namespace there: kubectl apply -n "
			       "%s -k manifests/served-namespace",
			       d->s.namespace, d->s.namespace);

	d->s.reason = REASON_FORBIDDEN;
	d->s.action = ACTION_NONE;
	kube_doc_say(d, why);
	mem_free(why);
}

static void decide(struct store_kube *st, struct kube_doc *d, struct reconcile_result *out)
{
	const struct reconcile_env env = kube_state_env(st);
	struct subject *s = &d->s;

	s->cover = kube_doc_cover(d, opener_keys(st->opener));
	reconcile(&s, 1, &env, out);
	if (kube_state_barred(st, s->namespace)) {
		s->reason = REASON_INVALID;
		s->action = ACTION_NONE;
		kube_doc_say(d, "no document is served in this namespace: the agent's keys, or the "
				"cluster's own parts, live in it; move it");
	} else if (kube_show_target(st, d) == SHOW_DENIED && !is_of_document(s->reason)) {
		forbid(d);
	}
}

static void forget_why(struct kube_doc *d)
{
	if (d->s.reason == REASON_APPLIED || d->s.reason == REASON_NOT_FOR_US ||
	    d->s.reason == REASON_PAUSED || d->s.reason == REASON_TERMINATING)
		kube_doc_say(d, NULL);
}

/* To open it; or to write a status, which keeps what the old one says of keys and times. */
static bool needs_text(const struct kube_doc *d)
{
	return d->s.action == ACTION_APPLY || d->s.reason != d->told;
}

/* What was changed by hand meanwhile, and cannot be watched, is found at once. */
static void resume(struct store_kube *st, struct kube_doc *d)
{
	d->resumed = false;
	kube_probe_now(st, d);
	kube_fanout_resume(st, d);
}

static void look(struct store_kube *st, struct kube_doc *d)
{
	struct document doc = DOCUMENT_INIT;
	struct reconcile_result result;
	bool read = false;

	if (d->busy != KUBE_IDLE) {
		d->again = true;
		return;
	}
	if (d->s.documents == 0) {
		st->gone_due = true;
		return;
	}
	if (kube_show_target(st, d) == SHOW_LATER)
		return;
	if (kube_fanout_due(st, d)) /* its copies are to be told of, so the whole status is */
		d->telling_due = true;
	if ((!d->parsed || kube_fanout_due(st, d)) && d->text == NULL) {
		fetch(st, d);
		return;
	}
	st->counts.looked++;
	if (!d->parsed)
		read = kube_doc_parse(d, &doc) == 0;
	decide(st, d, &result);
	if (d->resumed)
		resume(st, d);
	if (result.wake_ms != INT64_MAX)
		turns_wait(&st->looks, &d->turn, result.wake_ms);
	if (needs_text(d) && !read && d->text == NULL) {
		fetch(st, d);
		return;
	}
	if (d->s.action == ACTION_APPLY && !read)
		read = kube_doc_parse(d, &doc) == 0;
	if (d->s.action == ACTION_APPLY && read) {
		kube_write_begin(st, d, &doc);
	} else {
		if (d->s.action == ACTION_RECORD) {
			d->s.made_retain = d->s.retain;
			d->s.retained = false;
		}
		forget_why(d);
		conclude(st, d);
	}
	d->s.action = ACTION_NONE;
	document_clear(&doc);
}

/* --- open and close --------------------------------------------------------------------------- */

struct store_kube *store_kube_open(const struct store_kube_options *o, struct kube_client *client,
				   struct opener *opener)
{
	const struct kube_reporter by = { "bulla.dev/agent", o->instance };
	struct store_kube *st = mem_alloc(sizeof(*st));

	*st =
	    (struct store_kube){ .o = o, .client = client, .opener = opener, .gone_at = INT64_MAX };
	st->finished = finished;
	st->recorder = kube_recorder_new(client, &by);
	kube_docs_init(&st->docs);
	kube_ended_init(st);
	turns_init(&st->looks);
	turns_init(&st->tells);
	turns_init(&st->probes);
	kube_limit_init(&st->writes);
	kube_limit_init(&st->statuses);
	kube_inventory_open(st);
	kube_flux_open(st);
	kube_show_open(st);
	kube_fanout_open(st);
	return st;
}

static void abandon(struct store_kube *st, struct kube_doc *d)
{
	if (d->write != NULL)
		kube_cancel(st->client, d->write);
	if (d->remove != NULL)
		kube_cancel(st->client, d->remove);
	if (d->telling != NULL)
		kube_cancel(st->client, d->telling);
	kube_cancel(st->client, d); /* a fetch or a probe */
	kube_write_abandon(d);
	kube_remove_abandon(d);
	mem_free(d->telling);
}

void store_kube_close(struct store_kube *st)
{
	struct table_node **nodes;

	if (st == NULL)
		return;
	kube_show_close(st);
	kube_fanout_close(st);
	kube_recorder_free(st->recorder);
	kube_flux_close(st);
	kube_inventory_close(st);
	kube_ended_clear(st);
	kube_cancel(st->client, st); /* what belongs to no document */
	nodes = table_nodes(&st->docs.table);
	for (size_t i = 0; i < st->docs.table.n; i++)
		abandon(st, (struct kube_doc *)nodes[i]);
	mem_free(nodes);
	turns_clear(&st->looks);
	turns_clear(&st->tells);
	turns_clear(&st->probes);
	kube_docs_clear(&st->docs);
	for (size_t i = 0; i < st->n_done; i++)
		mem_free(st->done[i].namespace);
	mem_free(st->done);
	kv_clear(&st->recipients_sent);
	kv_clear(&st->recipients_out);
	mem_free(st->release);
	mem_free(st->crd_uid);
	mem_free(st);
}

/* --- work ------------------------------------------------------------------------------------- */

#define OF(turn_, member)                                                                          \
	((struct kube_doc *)(void *)((char *)(turn_)-offsetof(struct kube_doc, member)))

static size_t in_flight(const struct store_kube *st)
{
	return st->writing + st->telling + st->removing;
}

static void work_on_due(struct store_kube *st, int64_t now_ms)
{
	struct turn *t;

	while ((t = turns_due(&st->looks, now_ms)) != NULL)
		kube_state_look(st, OF(t, turn));
	while ((t = turns_due(&st->tells, now_ms)) != NULL)
		kube_state_tell(st, OF(t, tell));
}

static void tell(struct store_kube *st, struct kube_doc *d)
{
	if (d->busy == KUBE_IDLE && d->telling_due && d->s.documents == 1 && !d->again)
		kube_tell_begin(st, d);
}

void store_kube_drain(struct store_kube *st)
{
	st->draining = true;
}

static bool tell_next(struct store_kube *st, int64_t now_ms)
{
	struct turn *t = turns_take(&st->tells);

	if (t == NULL)
		return false;
	st->told_ms = now_ms;
	tell(st, OF(t, tell));
	return true;
}

/* Secrets first; a few statuses meanwhile, so that no flood keeps them back for ever. */
static void take_turns(struct store_kube *st, int64_t now_ms)
{
	struct turn *t;

	if (st->looks.n > 0 && st->telling == 0 && now_ms - st->told_ms >= TELL_EVERY_MS)
		tell_next(st, now_ms);
	while (st->writing + st->removing < kube_limit_room(&st->writes) &&
	       (t = turns_take(&st->looks)) != NULL)
		look(st, OF(t, turn));
	while (st->looks.n == 0 && st->telling < kube_limit_room(&st->statuses) &&
	       tell_next(st, now_ms))
		;
}

static int64_t next_due(const struct store_kube *st)
{
	int64_t wake = clock_sooner(turns_next_due(&st->looks), turns_next_due(&st->tells));

	if (st->probing == 0)
		wake = clock_sooner(wake, turns_next_due(&st->probes));
	if (st->gone_due)
		wake = clock_sooner(wake, st->gone_next);
	if (st->crd_again != 0)
		wake = clock_sooner(wake, st->crd_again);
	return clock_sooner(wake, st->gone_at);
}

static bool all_looked_at(const struct store_kube *st)
{
	size_t listed = 0;

	for (size_t i = 0; i < st->n_scopes; i++)
		if (st->scopes[i].synced)
			listed++;
		else if (st->scopes[i].status != 403)
			return false;
	return listed > 0 && st->counts.reasons[REASON_PENDING] == 0;
}

int64_t store_kube_work(struct store_kube *st)
{
	int64_t now_ms = clock_monotonic_ms();
	int64_t wake = kube_inventory_work(st, now_ms);

	if (!st->draining) {
		wake = clock_sooner(wake, kube_canary_work(st, now_ms));
		wake = clock_sooner(wake, kube_recipients_work(st, now_ms));
	}
	if (!st->draining && kube_canary_sings(st)) {
		work_on_due(st, now_ms);
		kube_gone_work(st, now_ms);
		kube_crd_work(st, now_ms);
		kube_probe_work(st, now_ms);
		take_turns(st, now_ms);
		wake = clock_sooner(wake, kube_release_work(st, now_ms));
		wake = clock_sooner(wake, kube_fanout_work(st, now_ms));
		wake = clock_sooner(wake, kube_flux_work(st, now_ms)); /* which knows the copies */
		wake = clock_sooner(wake, next_due(st));
	}
	st->ready = st->ready || all_looked_at(st);
	if (wake == INT64_MAX)
		return -1;
	return wake <= now_ms ? 0 : wake - now_ms;
}

static void each(struct store_kube *st, void (*f)(struct store_kube *st, struct kube_doc *d))
{
	struct table_node **nodes = table_nodes(&st->docs.table);

	for (size_t i = 0; i < st->docs.table.n; i++)
		f(st, (struct kube_doc *)nodes[i]);
	mem_free(nodes);
}

static void unblock(struct store_kube *st, struct kube_doc *d)
{
	subject_unblock(&d->s);
	if (d->s.documents != 0)
		kube_state_look(st, d);
}

void store_kube_keys_changed(struct store_kube *st)
{
	kube_recipients_changed(st);
	each(st, unblock);
}

static void unblock_unavailable(struct store_kube *st, struct kube_doc *d)
{
	if (d->s.attempt.reason == REASON_UNAVAILABLE)
		unblock(st, d);
}

void store_kube_map_changed(struct store_kube *st)
{
	kube_fanout_changed(st);
}

void store_kube_opener_news(struct store_kube *st)
{
	each(st, unblock_unavailable);
}

bool store_kube_idle(const struct store_kube *st)
{
	return in_flight(st) == 0 && st->fetching == 0 && kube_fanout_idle(st) &&
	       kube_inventory_idle(st) &&
	       (st->draining || (st->looks.n == 0 && st->tells.n == 0 && kube_flux_idle(st)));
}

bool store_kube_ready(const struct store_kube *st)
{
	return st->ready;
}

bool store_kube_listed(const struct store_kube *st, struct buf *out)
{
	bool listed = kube_show_listed(st, out) && kube_fanout_listed(st);

	if (out != NULL && listed && !kube_canary_sings(st))
		kube_canary_say(st, out);
	else if (out != NULL && out->len == 0 && !listed)
		buf_puts(out, "namespaces, or the service accounts in them, cannot be listed for "
			      "copies: give the agent's service account the role of "
			      "manifests/components/fan-out");
	return listed && kube_canary_sings(st);
}

bool store_kube_told(const struct store_kube *st)
{
	return kube_recorder_pending(st->recorder) == 0;
}

const struct store_kube_counts *store_kube_counts(const struct store_kube *st)
{
	return &st->counts;
}

size_t store_kube_documents(const struct store_kube *st)
{
	return st->docs.table.n;
}
