/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_flux.h"

#include <string.h>
#include <time.h>

#include "agent/flux_queue.h"
#include "agent/flux_source.h"
#include "agent/kube_fan.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define GATHER_MS 100	/* Secrets of one commit come together */
#define RETRY_MS 30000	/* a list failed */
#define ABSENT_MS 10000 /* a kind that is not installed; on a new cluster it comes after us */
#define DENIED_MS 60000

/* A namespace whose sources are to be looked at. */
struct flux_namespace {
	struct table_node node;
	struct turn turn;
	char *name;
	struct kv changed; /* names of Secrets, since the list that is under way, if one is */
	struct kv asked;   /* that the list under way is for */
	bool tried;	   /* what is left waits for a list that failed, or was not made */
	int64_t skipped;   /* a kind was not asked for; when it may be, 0: none was */
	int64_t since;	   /* monotonic ms of the latest change */
};

struct kube_flux {
	struct store_kube *st;
	bool started; /* what an agent before this one left undone was looked for */
	struct table namespaces;
	struct turns due;
	struct flux_namespace *listing;	 /* NULL: no list is under way */
	enum flux_kind kind;		 /* of it */
	int64_t kind_again[FLUX_KINDS];	 /* cannot be listed: not before */
	int64_t kind_absent[FLUX_KINDS]; /* when it was last seen not to be there; 0: it is */
	bool told_kind[FLUX_KINDS];
	bool told_patch;
	struct flux_queue queue;
	bool sending;
	struct flux_nudge sent; /* what is being sent */
};

static bool is_namespace(const struct table_node *node, const void *key, size_t len)
{
	const char *name = ((const struct flux_namespace *)node)->name;

	return strlen(name) == len && memcmp(name, key, len) == 0;
}

static struct flux_namespace *need(struct kube_flux *f, const char *name)
{
	struct flux_namespace *ns =
	    (struct flux_namespace *)table_find(&f->namespaces, name, strlen(name));

	if (ns != NULL)
		return ns;
	ns = mem_alloc(sizeof(*ns));
	ns->name = mem_str(name);
	table_add(&f->namespaces, &ns->node, name, strlen(name));
	return ns;
}

static void free_namespace(struct flux_namespace *ns)
{
	kv_clear(&ns->changed);
	kv_clear(&ns->asked);
	mem_free(ns->name);
	mem_free(ns);
}

void kube_flux_open(struct store_kube *st)
{
	if (!st->o->flux)
		return;
	st->flux = mem_alloc(sizeof(*st->flux));
	st->flux->st = st;
	st->flux->namespaces = (struct table)TABLE_INIT(is_namespace);
	turns_init(&st->flux->due);
}

void kube_flux_close(struct store_kube *st)
{
	struct kube_flux *f = st->flux;
	struct table_node **nodes;

	if (f == NULL)
		return;
	kube_cancel(st->client, f);
	nodes = table_nodes(&f->namespaces);
	turns_clear(&f->due);
	for (size_t i = 0; i < f->namespaces.n; i++)
		free_namespace((struct flux_namespace *)nodes[i]);
	mem_free(nodes);
	table_clear(&f->namespaces);
	flux_queue_clear(&f->queue);
	flux_nudge_clear(&f->sent);
	mem_free(f);
	st->flux = NULL;
}

void kube_flux_look(struct store_kube *st, const char *namespace)
{
	struct flux_namespace *ns;

	if (st->flux == NULL)
		return;
	ns = need(st->flux, namespace);
	ns->tried = false;
	turns_wait(&st->flux->due, &ns->turn, clock_monotonic_ms() + GATHER_MS);
}

void kube_flux_changed(struct store_kube *st, const char *namespace, const char *name)
{
	struct flux_namespace *ns;

	if (st->flux == NULL)
		return;
	kube_flux_look(st, namespace);
	ns = need(st->flux, namespace);
	ns->since = clock_monotonic_ms();
	kv_set_str(&ns->changed, name, "");
}

/* --- which sources ---------------------------------------------------------------------------- */

/* What is known of the Secrets that a source names. */
struct versions {
	struct buf text; /* of those that we keep, by commas; "-": ours, but not seen yet */
	bool known;	 /* none was not seen yet */
	bool changed;	 /* one of them is why we ask */
};

/* Of a Secret that we keep; NULL: it is none.  *seen: false, it is not known which one is there. */
static const char *version_of(const struct kube_flux *f, const char *name, bool *seen)
{
	const struct kube_doc *d = kube_docs_find(&f->st->docs, f->listing->name, name);
	const struct kube_copy *c;

	*seen = true;
	if (d != NULL && d->s.recorded && d->applied_version != NULL)
		return d->applied_version;
	c = f->st->fanout == NULL ? NULL : kube_fan_any_copy(f->st->fanout, f->listing->name, name);
	if (c == NULL)
		return NULL;
	*seen = c->version != NULL;
	return *seen ? c->version : "-";
}

static void put_versions(const struct kube_flux *f, const json_t *source, struct versions *out)
{
	const char *refs[FLUX_SOURCE_REFS];
	size_t n = flux_source_refs(source, refs);

	for (size_t i = 0; i < n; i++) {
		bool seen;
		const char *version = version_of(f, refs[i], &seen);

		if (version == NULL)
			continue;
		buf_printf(&out->text, "%s%s", out->text.len == 0 ? "" : ",", version);
		out->known = out->known && seen;
		out->changed = out->changed || kv_has(&f->listing->asked, refs[i]);
	}
}

/* Never told, and nothing changed since: it has read the Secret as it is. */
static bool wants(const struct versions *v, const char *told)
{
	if (v->text.len == 0 || (told == NULL && !v->changed))
		return false;
	return told == NULL || ((v->known || v->changed) && strcmp(told, buf_str(&v->text)) != 0);
}

static void consider(struct kube_flux *f, const json_t *source)
{
	const char *name = flux_source_name(source);
	struct versions v = { .text = BUF_INIT, .known = true };

	put_versions(f, source, &v);
	if (name != NULL && wants(&v, flux_source_version(source))) {
		const struct flux_source_id id = { f->kind, f->listing->name, name };

		flux_queue_put(&f->queue, &id, buf_str(&v.text), clock_monotonic_ms());
	}
	buf_clear(&v.text);
}

/* --- lists ------------------------------------------------------------------------------------ */

static void listed(void *ctx, const struct kube_answer *a);

static void list(struct kube_flux *f, const char *next)
{
	struct buf path = BUF_INIT;
	struct kube_request r = { .method = "GET", .idempotent = true };

	flux_source_list_path(f->kind, f->listing->name, next, &path);
	r.path = buf_str(&path);
	kube_send(f->st->client, &r, listed, f);
	buf_clear(&path);
}

static void ask_again(struct kube_flux *f, struct flux_namespace *ns, int64_t when_ms)
{
	for (size_t i = 0; i < ns->asked.n; i++)
		kv_set_str(&ns->changed, ns->asked.items[i].name, "");
	turns_wait(&f->due, &ns->turn, when_ms);
}

/* What changed while it was listed waits already. */
static void end_list(struct kube_flux *f)
{
	struct flux_namespace *ns = f->listing;

	f->listing = NULL;
	if (ns->skipped != 0) {
		ns->tried = ns->tried || ns->turn.slot == 0;
		ask_again(f, ns, ns->skipped);
	}
	kv_clear(&ns->asked);
	if (ns->turn.slot != 0)
		return;
	table_remove(&f->namespaces, &ns->node);
	free_namespace(ns);
}

/* One that was not there after the latest change has no source that waits to be told of it. */
static void skip(struct kube_flux *f, int kind)
{
	struct flux_namespace *ns = f->listing;
	bool settled = f->kind_absent[kind] != 0 && f->kind_absent[kind] >= ns->since;

	if (!settled && ns->skipped < f->kind_again[kind])
		ns->skipped = f->kind_again[kind];
}

/* The first kind from this one on that may be there; none: it is done. */
static void list_from(struct kube_flux *f, int kind)
{
	int64_t now_ms = clock_monotonic_ms();

	for (; kind < FLUX_KINDS && now_ms < f->kind_again[kind]; kind++)
		skip(f, kind);
	if (kind == FLUX_KINDS) {
		end_list(f);
		return;
	}
	f->kind = (enum flux_kind)kind;
	list(f, NULL);
}

static void list_failed(struct kube_flux *f, const struct kube_answer *a)
{
	struct flux_namespace *ns = f->listing;
	char status[24];

	f->listing = NULL;
	ask_again(f, ns, clock_monotonic_ms() + RETRY_MS);
	kv_clear(&ns->asked);
	snprintf(status, sizeof(status), "%ld", a->status);
	if (!ns->tried)
		log_line(LOG_WARN, "sources of Flux cannot be listed; tried again", "namespace",
			 ns->name, "kind", flux_source_kind(f->kind), "status", status, "error",
			 a->message, (char *)NULL);
	ns->tried = true;
}

/* Not installed, or not for us: the other kinds are. */
static void skip_kind(struct kube_flux *f, const struct kube_answer *a)
{
	enum flux_kind kind = f->kind;
	bool denied = a->status == 403;

	if (denied && !f->told_kind[kind])
		log_line(LOG_WARN,
			 "sources of Flux may not be listed, so they are not told of new Secrets; "
			 "apply manifests/components/flux",
			 "namespace", f->listing->name, "kind", flux_source_kind(kind), "error",
			 a->message, (char *)NULL);
	f->told_kind[kind] = f->told_kind[kind] || denied;
	f->kind_absent[kind] = denied ? 0 : clock_monotonic_ms();
	f->kind_again[kind] = clock_monotonic_ms() + (denied ? DENIED_MS : ABSENT_MS);
	skip(f, (int)kind);
	list_from(f, (int)kind + 1);
}

static void listed(void *ctx, const struct kube_answer *a)
{
	struct kube_flux *f = ctx;
	const json_t *items = json_object_get(a->object, "items");

	if (a->status == 403 || a->status == 404) {
		skip_kind(f, a);
		return;
	}
	if (a->status != 200 || !json_is_array(items)) {
		list_failed(f, a);
		return;
	}
	f->told_kind[f->kind] = false;
	f->kind_absent[f->kind] = 0;
	for (size_t i = 0; i < json_array_size(items); i++)
		consider(f, json_array_get(items, i));
	if (flux_source_next(a->object) != NULL)
		list(f, flux_source_next(a->object));
	else
		list_from(f, (int)f->kind + 1);
}

static void begin_list(struct kube_flux *f, int64_t now_ms)
{
	struct turn *t = turns_due(&f->due, now_ms);
	struct flux_namespace *ns;

	if (t == NULL)
		return;
	ns = (struct flux_namespace *)(void *)((char *)t - offsetof(struct flux_namespace, turn));
	ns->asked = ns->changed;
	ns->changed = (struct kv)KV_INIT;
	ns->skipped = 0;
	f->listing = ns;
	list_from(f, 0);
}

/* --- nudges ----------------------------------------------------------------------------------- */

static void log_nudge(const struct flux_nudge *n, const struct kube_answer *a)
{
	char status[24];

	snprintf(status, sizeof(status), "%ld", a->status);
	if (a->status == 200)
		log_line(LOG_INFO, "source asked to look again", "namespace", n->namespace, "name",
			 n->name, "kind", flux_source_kind(n->kind), (char *)NULL);
	else
		log_line(LOG_WARN, "source cannot be asked to look again", "namespace",
			 n->namespace, "name", n->name, "kind", flux_source_kind(n->kind), "status",
			 status, "error", a->message, (char *)NULL);
}

static void nudged(void *ctx, const struct kube_answer *a)
{
	struct kube_flux *f = ctx;
	bool denied = a->status == 403;

	f->sending = false;
	if (a->status != 404 && !(denied && f->told_patch) && !f->sent.tried)
		log_nudge(&f->sent, a);
	f->told_patch = denied;
	if (a->status != 200 && a->status != 404)
		flux_queue_again(&f->queue, &f->sent, clock_monotonic_ms());
	flux_nudge_clear(&f->sent);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void nudge(struct kube_flux *f, int64_t now_ms)
{
	struct buf path = BUF_INIT, body = BUF_INIT;
	struct kube_request r = { .method = "PATCH",
				  .type = KUBE_MERGE_PATCH,
				  .body = &body,
				  .metadata_only = true,
				  .idempotent = true };

	if (!flux_queue_take(&f->queue, now_ms, &f->sent))
		return;
	flux_source_path(f->sent.kind, f->sent.namespace, f->sent.name, &path);
	buf_puts(&path, "?fieldManager=bulla-agent-flux");
	flux_source_nudge(now_ns(), f->sent.version, &body);
	r.path = buf_str(&path);
	f->sending = true;
	kube_send(f->st->client, &r, nudged, f);
	buf_clear(&path);
	buf_clear(&body);
}

/* --- work ------------------------------------------------------------------------------------- */

static bool all_seen(const struct store_kube *st)
{
	for (size_t i = 0; i < st->n_scopes; i++)
		if (!st->scopes[i].synced)
			return false;
	return st->counts.reasons[REASON_PENDING] == 0;
}

/* Else a source of a copy would seem to use none. */
static bool copies_known(const struct store_kube *st)
{
	return st->fanout == NULL || st->fanout->remembered;
}

/* An agent before this one may have ended between a Secret and its sources. */
static void start(struct kube_flux *f, int64_t now_ms)
{
	const struct store_kube *st = f->st;
	struct table_node **nodes = table_nodes(&st->docs.table);

	for (size_t i = 0; i < st->docs.table.n; i++) {
		const struct kube_doc *d = (struct kube_doc *)nodes[i];

		if (d->s.documents != 0 && d->s.recorded && d->applied_version != NULL)
			turns_wait(&f->due, &need(f, d->s.namespace)->turn, now_ms);
	}
	mem_free(nodes);
	f->started = true;
}

int64_t kube_flux_work(struct store_kube *st, int64_t now_ms)
{
	struct kube_flux *f = st->flux;
	int64_t lists, nudges;

	if (f == NULL || !copies_known(st))
		return INT64_MAX;
	if (!f->started && all_seen(st))
		start(f, now_ms);
	if (f->listing == NULL)
		begin_list(f, now_ms);
	if (!f->sending)
		nudge(f, now_ms);
	lists = f->listing == NULL ? turns_next_due(&f->due) : INT64_MAX;
	nudges = f->sending ? INT64_MAX : flux_queue_due(&f->queue);
	return lists < nudges ? lists : nudges;
}

static bool fresh_namespace(const struct kube_flux *f)
{
	struct table_node **nodes = table_nodes(&f->namespaces);
	bool fresh = false;

	for (size_t i = 0; i < f->namespaces.n; i++)
		fresh = fresh || !((struct flux_namespace *)nodes[i])->tried;
	mem_free(nodes);
	return fresh;
}

bool kube_flux_idle(const struct store_kube *st)
{
	const struct kube_flux *f = st->flux;

	return f == NULL || (f->started && f->listing == NULL && !f->sending &&
			     !flux_queue_fresh(&f->queue) && !fresh_namespace(f));
}
