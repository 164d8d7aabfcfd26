/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_show.h"

#include <string.h>

#include "agent/kube_crd.h"
#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

static struct kube_doc *doc_of(struct store_kube *st, const json_t *object, bool make)
{
	const json_t *metadata = json_object_get(object, "metadata");
	const char *namespace = json_string_value(json_object_get(metadata, "namespace"));
	const char *name = json_string_value(json_object_get(metadata, "name"));

	if (namespace == NULL || name == NULL)
		return NULL;
	return make ? kube_state_need(st, namespace, name)
		    : kube_docs_find(&st->docs, namespace, name);
}

/* Call f with each document of the scope. */
static void each(struct kube_scope *scope, void (*f)(struct kube_scope *scope, struct kube_doc *d))
{
	size_t n = scope->st->docs.table.n;
	struct table_node **nodes = table_nodes(&scope->st->docs.table);

	for (size_t i = 0; i < n; i++)
		if (kube_state_in(scope, (struct kube_doc *)nodes[i]))
			f(scope, (struct kube_doc *)nodes[i]);
	mem_free(nodes);
}

/* The kind is not there.  Where its uid cannot be seen nobody knows later that it was away. */
static void lose_kind(struct kube_scope *scope, struct kube_doc *d)
{
	d->s.unknown = scope->st->crd_uid == NULL;
}

static void tell_failed(const struct kube_scope *scope, bool *failing, const struct kube_answer *a)
{
	char status[24];

	if (*failing)
		return;
	*failing = true;
	snprintf(status, sizeof(status), "%ld", a->status);
	log_line(LOG_WARN, "cannot list or watch", "namespace", scope->namespace, "status", status,
		 "error", a->message, (char *)NULL);
}

/* What it was before still counts: that one object cannot be read keeps none of the others back. */
static bool is_passed(const struct kube_scope *scope, const char *what, const struct kube_answer *a)
{
	if (!kube_watch_passed(a))
		return false;
	log_line(LOG_WARN, what, "namespace", scope->namespace, "error", a->message, (char *)NULL);
	return true;
}

static void show_failed(void *ctx, const struct kube_answer *a)
{
	struct kube_scope *scope = ctx;

	if (is_passed(scope, "a document cannot be read", a))
		return;
	scope->status = a->status;
	mem_replace(&scope->why, a->message);
	if (a->status == 404)
		each(scope, lose_kind);
	tell_failed(scope, &scope->failing, a);
}

static struct kube_watch *watch(struct kube_scope *scope, const char *path_head, const char *plural,
				const struct kube_watch_handler *h)
{
	struct kube_watch_options o = { .metadata_only = strcmp(plural, "secrets") == 0 };
	struct buf path = BUF_INIT;
	struct kube_watch *w;

	kube_path_object(&path, path_head, scope->namespace, plural, NULL);
	o.path = buf_str(&path);
	w = kube_watch_new(scope->st->client, &o, h, scope);
	buf_clear(&path);
	return w;
}

/* --- Secrets ---------------------------------------------------------------------------------- */

static void stirred(struct store_kube *st, struct kube_doc *d)
{
	d->s.stirred = clock_monotonic_ms();
	d->seen_anew = true;
	subject_unblock(&d->s);
	if (d->s.documents != 0)
		kube_state_look(st, d);
	else
		st->gone_due = true;
}

/* What the Secret is now; metadata NULL: it is not there. */
static void see(struct store_kube *st, struct kube_doc *d, const json_t *metadata)
{
	const char *uid = secret_json_field(metadata, "uid");
	const char *version = secret_json_field(metadata, "resourceVersion");
	char *seen = metadata == NULL || uid == NULL || version == NULL
			 ? NULL
			 : mem_printf("%s/%s", uid, version);
	bool same = seen == NULL ? d->seen == NULL : d->seen != NULL && strcmp(seen, d->seen) == 0;

	mem_free(d->seen);
	d->seen = seen;
	d->seen_mark =
	    seen == NULL ? 0 : (int)secret_json_mark(metadata, d->s.namespace, d->s.name);
	if (!same)
		stirred(st, d);
}

/* A Secret of ours without a document: that went while no agent was there, or looked at Secrets. */
static void take_orphan(struct kube_doc *d, const json_t *metadata)
{
	const char *policy = secret_json_annotation(metadata, SECRET_JSON_POLICY);

	kube_doc_applied(d, metadata);
	mem_replace(&d->crd_uid, secret_json_annotation(metadata, SECRET_JSON_CRD_UID));
	d->s.made_retain = policy == NULL || strcmp(policy, "Retain") == 0;
}

/* Is it ours by its own mark, and not a copy that belongs to a document elsewhere? */
static bool ours_by_mark(const json_t *metadata)
{
	const char *namespace = secret_json_field(metadata, "namespace");
	const char *name = secret_json_field(metadata, "name");

	return namespace != NULL && name != NULL &&
	       secret_json_mark(metadata, namespace, name) == SECRET_JSON_OURS;
}

static void secret_object(void *ctx, const json_t *object)
{
	struct kube_scope *scope = ctx;
	const json_t *metadata = json_object_get(object, "metadata");
	struct kube_doc *d = doc_of(scope->st, object, false);

	if (d == NULL && ours_by_mark(metadata))
		d = doc_of(scope->st, object, true);
	if (d == NULL)
		return;
	if (d->s.documents == 0 && !d->s.recorded && ours_by_mark(metadata))
		take_orphan(d, metadata);
	d->secret_shown = true;
	if (secret_json_adopted(metadata) && ours_by_mark(metadata))
		d->adopted = true;
	see(scope->st, d, metadata);
}

static void secret_deleted(void *ctx, const json_t *object)
{
	struct kube_scope *scope = ctx;
	struct kube_doc *d = doc_of(scope->st, object, false);

	if (d != NULL)
		see(scope->st, d, NULL);
}

static void hide_secret(struct kube_scope *scope, struct kube_doc *d)
{
	(void)scope;
	d->secret_shown = false;
}

static void secret_begin(void *ctx)
{
	each(ctx, hide_secret);
}

static void end_of_secrets(struct kube_scope *scope, struct kube_doc *d)
{
	if (!d->secret_shown)
		see(scope->st, d, NULL);
	if (!scope->secrets_synced && d->s.documents != 0)
		kube_state_look(scope->st, d);
}

static void secret_synced(void *ctx)
{
	struct kube_scope *scope = ctx;

	each(scope, end_of_secrets);
	scope->secrets_synced = true;
	scope->secrets_denied = false;
	scope->secrets_failing = false;
	scope->st->gone_due = true;
}

static void look_at(struct kube_scope *scope, struct kube_doc *d)
{
	if (d->s.documents != 0)
		kube_state_look(scope->st, d);
}

static void secret_failed(void *ctx, const struct kube_answer *a)
{
	struct kube_scope *scope = ctx;

	if (is_passed(scope, "a Secret cannot be read", a))
		return;
	scope->secrets_status = a->status;
	mem_replace(&scope->secrets_why, a->message);
	/* until they are listed: a server that then fails otherwise gives no right */
	if (a->status == 403 && !scope->secrets_synced && !scope->secrets_denied) {
		scope->secrets_denied = true;
		each(scope, look_at);
	}
	tell_failed(scope, &scope->secrets_failing, a);
}

static void secret_resumed(void *ctx)
{
	struct kube_scope *scope = ctx;

	scope->secrets_failing = false;
}

static const struct kube_watch_handler secrets_handler = { secret_begin,   secret_object,
							   secret_deleted, secret_synced,
							   secret_failed,  secret_resumed };

static enum target target_of(const struct kube_doc *d)
{
	char applied[256];

	if (d->seen == NULL)
		return TARGET_ABSENT;
	if (d->seen_mark == SECRET_JSON_FOREIGN)
		return TARGET_FOREIGN;
	if (d->seen_mark == SECRET_JSON_ADOPTABLE)
		return TARGET_ADOPT;
	if (d->applied_uid == NULL)
		return TARGET_CHANGED;
	snprintf(applied, sizeof(applied), "%s/%s", d->applied_uid, d->applied_version);
	return strcmp(applied, d->seen) == 0 ? TARGET_INTACT : TARGET_CHANGED;
}

enum kube_show_target kube_show_target(const struct store_kube *st, struct kube_doc *d)
{
	for (size_t i = 0; i < st->n_scopes; i++) {
		const struct kube_scope *scope = &st->scopes[i];

		if (scope->namespace == NULL || !kube_state_in(scope, d))
			continue;
		if (scope->secrets_denied)
			return SHOW_DENIED;
		if (!scope->secrets_synced)
			return SHOW_LATER;
		d->s.target = target_of(d);
		return SHOW_KNOWN;
	}
	return SHOW_KNOWN;
}

/* --- documents -------------------------------------------------------------------------------- */

static void hide(struct kube_scope *scope, struct kube_doc *d)
{
	(void)scope;
	d->shown = false;
}

static void show_begin(void *ctx)
{
	struct kube_scope *scope = ctx;

	each(scope, hide);
	kube_crd_ask(scope->st);
}

static void show_object(void *ctx, const json_t *object)
{
	struct kube_scope *scope = ctx;
	struct kube_doc *d = doc_of(scope->st, object, true);

	if (d == NULL)
		return;
	d->shown = true;
	if (kube_doc_take(d, object))
		kube_state_look(scope->st, d);
}

static void set_gone(struct store_kube *st, struct kube_doc *d)
{
	turns_drop(&st->looks, &d->turn);
	turns_drop(&st->tells, &d->tell);
	/* made by an agent that ended before it could say so, for a document that was damaged since
	 */
	if (d->seen != NULL && d->seen_mark == SECRET_JSON_OURS)
		kube_doc_unsure(d);
	kube_doc_gone(d);
	st->gone_due = true;
	kube_crd_hint(st);
}

static void show_deleted(void *ctx, const json_t *object)
{
	struct kube_scope *scope = ctx;
	struct kube_doc *d = doc_of(scope->st, object, false);

	if (d != NULL && d->s.documents != 0)
		set_gone(scope->st, d);
}

static void end_of_documents(struct kube_scope *scope, struct kube_doc *d)
{
	if (!d->shown && d->s.documents != 0)
		set_gone(scope->st, d);
}

static void show_synced(void *ctx)
{
	struct kube_scope *scope = ctx;

	each(scope, end_of_documents);
	kube_crd_listed(scope->st);
	if (scope->failing)
		log_line(LOG_INFO, "documents are listed again", "namespace", scope->namespace,
			 (char *)NULL);
	scope->synced = true;
	scope->failing = false;
	scope->st->gone_due = true;
	/* after the documents, so that each Secret finds its own */
	if (scope->namespace != NULL && scope->secrets == NULL)
		scope->secrets = watch(scope, "/api/v1", "secrets", &secrets_handler);
}

/* Else nothing would count as gone until the next list, hours later. */
static void show_resumed(void *ctx)
{
	struct kube_scope *scope = ctx;

	if (!scope->failing)
		return;
	scope->failing = false;
	scope->st->gone_due = true;
	log_line(LOG_INFO, "documents are watched again", "namespace", scope->namespace,
		 (char *)NULL);
}

static const struct kube_watch_handler documents_handler = {
	show_begin, show_object, show_deleted, show_synced, show_failed, show_resumed
};

/* --- what cannot be listed -------------------------------------------------------------------- */

static const char *advice(const struct kube_scope *scope, long status)
{
	if (status == 403)
		return scope->namespace == NULL
			   ? "give the agent's service account the role bulla-agent (a "
			     "ClusterRoleBinding, manifests/base)"
			   : "give the agent's service account the role bulla-agent there (a "
			     "RoleBinding, manifests/served-namespace), or leave that namespace "
			     "out of --namespaces";
	if (status == 401)
		return "look at the agent's credentials: its service account, or its kubeconfig";
	if (status == 404)
		return "install the kind SealedCredential (manifests/base)";
	return "look at the API server, and at the way to it";
}

static void put_unlisted(const struct kube_scope *scope, const char *what, bool secrets,
			 struct buf *out)
{
	long status = secrets ? scope->secrets_status : scope->status;
	const char *why = secrets ? scope->secrets_why : scope->why;

	if (out->len != 0)
		buf_puts(out, "; ");
	buf_puts(out, what);
	if (scope->namespace != NULL)
		buf_printf(out, " in namespace %s", scope->namespace);
	buf_puts(out, " cannot be listed (");
	if (why != NULL && status != 0)
		buf_printf(out, "status %ld: ", status);
	else
		buf_puts(out, why != NULL ? "no answer: " : "no answer yet");
	buf_printf(out, "%s): %s", why != NULL ? why : "", advice(scope, status));
}

bool kube_show_listed(const struct store_kube *st, struct buf *out)
{
	bool listed = true;

	for (size_t i = 0; i < st->n_scopes; i++) {
		const struct kube_scope *scope = &st->scopes[i];
		bool secrets = scope->namespace == NULL || scope->secrets_synced;

		if (out != NULL && !scope->synced)
			put_unlisted(scope, KUBE_DOCUMENTS, false, out);
		else if (out != NULL && !secrets)
			put_unlisted(scope, "secrets", true, out);
		listed = listed && scope->synced && secrets;
	}
	return listed;
}

/* --- open and close --------------------------------------------------------------------------- */

static void open_scope(struct store_kube *st, const char *namespace)
{
	struct kube_scope *scope = &st->scopes[st->n_scopes++];

	*scope = (struct kube_scope){ .st = st, .namespace = mem_str(namespace) };
	scope->documents = watch(scope, KUBE_GROUP, KUBE_DOCUMENTS, &documents_handler);
}

void kube_show_open(struct store_kube *st)
{
	const char *const *namespaces = st->o->namespaces;
	size_t n = 1;

	if (namespaces != NULL)
		for (n = 0; namespaces[n] != NULL; n++)
			continue;
	st->scopes = mem_array(n, sizeof(*st->scopes));
	for (size_t i = 0; i < n; i++)
		open_scope(st, namespaces == NULL ? NULL : namespaces[i]);
}

void kube_show_close(struct store_kube *st)
{
	for (size_t i = 0; i < st->n_scopes; i++) {
		kube_watch_free(st->scopes[i].documents);
		kube_watch_free(st->scopes[i].secrets);
		mem_free(st->scopes[i].namespace);
		mem_free(st->scopes[i].why);
		mem_free(st->scopes[i].secrets_why);
	}
	mem_free(st->scopes);
}
