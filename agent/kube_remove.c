/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_remove.h"

#include <string.h>

#include "agent/flux_search.h"
#include "agent/kube_crd.h"
#include "agent/kube_ended.h"
#include "agent/kube_fan_accounts.h"
#include "agent/kube_inventory.h"
#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

struct kube_remove {
	struct store_kube *st;
	struct kube_doc *d;
	size_t step; /* of steps */
	struct flux_search search;
	char *user; /* the source that uses the Secret, for a person */
	unsigned looks;
};

#define LOOKS_MAX 3 /* at a Secret that changes all the time, in one try */

/* What an answer means: go on, go on past the next step, once more, probe the Secret anew, it is
 * gone, it is to be retained, or stop (why says it). */
enum verdict {
	VERDICT_ON,
	VERDICT_SKIP,
	VERDICT_MORE,
	VERDICT_LOOK,
	VERDICT_DONE,
	VERDICT_KEEP,
	VERDICT_STOP
};

struct step {
	const char *method;
	void (*path)(const struct kube_remove *m, struct buf *out);
	enum verdict (*judge)(struct kube_remove *m, const struct kube_answer *a, const char **why);
	bool flux;  /* only where Flux is looked after */
	bool probe; /* a patch that changes nothing: it tells which Secret is there */
	bool whole; /* the answer is needed whole, not its metadata alone */
};

static void document_path(const struct kube_remove *m, struct buf *out)
{
	kube_path_object(out, KUBE_GROUP, m->d->s.namespace, KUBE_DOCUMENTS, m->d->s.name);
}

static void crd_path(const struct kube_remove *m, struct buf *out)
{
	(void)m;
	buf_puts(out, KUBE_CRD_PATH);
}

static void group_path(const struct kube_remove *m, struct buf *out)
{
	(void)m;
	buf_puts(out, KUBE_GROUP);
}

static void namespace_path(const struct kube_remove *m, struct buf *out)
{
	kube_path_object(out, KUBE_CORE, NULL, "namespaces", m->d->s.namespace);
}

static void secret_path(const struct kube_remove *m, struct buf *out)
{
	kube_path_object(out, KUBE_CORE, m->d->s.namespace, "secrets", m->d->s.name);
}

/* A proxy, or a server without the kind, says 404 as well: this one must name the document. */
static enum verdict judge_document(struct kube_remove *m, const struct kube_answer *a,
				   const char **why)
{
	if (a->status == 404 && strcmp(a->reason, "NotFound") == 0 &&
	    strcmp(a->name, m->d->s.name) == 0)
		return VERDICT_ON;
	*why = a->status == 200 ? "the document is there after all"
				: "the server does not say that the document is gone";
	return VERDICT_STOP;
}

static const char *metadata_text(const struct kube_answer *a, const char *name)
{
	return json_string_value(json_object_get(json_object_get(a->object, "metadata"), name));
}

/* The kind must be the one under which the document was last there. */
static enum verdict judge_crd(struct kube_remove *m, const struct kube_answer *a, const char **why)
{
	const char *uid = metadata_text(a, "uid");
	const char *of = m->d->crd_uid != NULL ? m->d->crd_uid : m->st->crd_uid;

	/* with Roles alone it cannot be read: discovery tells at least that it is not going */
	if (a->status == 403 && m->st->o->namespaces != NULL && of == NULL)
		return VERDICT_ON;

	*why =
	    "the kind SealedCredential is not there, is going, or is not the one that the Secret "
	    "was made under";
	if (a->status != 200 || uid == NULL || metadata_text(a, "deletionTimestamp") != NULL)
		return VERDICT_STOP;
	return of != NULL && strcmp(uid, of) == 0 ? VERDICT_SKIP : VERDICT_STOP;
}

static bool may_be_created(const json_t *resource)
{
	const json_t *verbs = json_object_get(resource, "verbs");
	const char *name = json_string_value(json_object_get(resource, "name"));

	for (size_t i = 0;
	     name != NULL && strcmp(name, KUBE_DOCUMENTS) == 0 && i < json_array_size(verbs); i++) {
		const char *verb = json_string_value(json_array_get(verbs, i));

		if (verb != NULL && strcmp(verb, "create") == 0)
			return true;
	}
	return false;
}

/* A kind that is being deleted loses the verb create (cluster-findings M8). */
static enum verdict judge_group(struct kube_remove *m, const struct kube_answer *a,
				const char **why)
{
	const json_t *resources = json_object_get(a->object, "resources");

	for (size_t i = 0; a->status == 200 && i < json_array_size(resources); i++)
		if (may_be_created(json_array_get(resources, i)))
			return VERDICT_ON;
	/* and when it is there again that says nothing of the documents it had */
	m->d->s.unknown = a->status == 200 || a->status == 404;
	*why = "the kind SealedCredential is not there, or is going";
	return VERDICT_STOP;
}

/* Where there is no namespace any more there is no Secret either, but copies in others. */
static enum verdict judge_namespace(struct kube_remove *m, const struct kube_answer *a,
				    const char **why)
{
	bool thought_ended = m->d->s.ended, ended = kube_ended_says(m->st, a, m->d->s.namespace);

	if (ended || a->status == 200)
		kube_ended_seen(m->st, m->d, ended);
	if (ended && a->status == 404)
		return VERDICT_ON;
	if (a->status == 200 && !ended && !thought_ended)
		return VERDICT_ON;
	*why = a->status != 200 ? "its namespace cannot be seen"
	       : ended		? "its namespace is going"
				: "its namespace is there again"; /* so the guard has a say */
	return VERDICT_STOP;
}

static void sources_path(const struct kube_remove *m, struct buf *out)
{
	flux_search_path(&m->search, m->d->s.namespace, out);
}

static enum verdict judge_sources(struct kube_remove *m, const struct kube_answer *a,
				  const char **why)
{
	switch (flux_search_answer(&m->search, a->status, a->object, m->d->s.name)) {
	case FLUX_SEARCH_ON:
		return VERDICT_MORE;
	case FLUX_SEARCH_UNUSED:
		return VERDICT_ON;
	case FLUX_SEARCH_USED:
		m->user = mem_printf("%s of Flux still uses the Secret; delete it, or let it use "
				     "another one, and the Secret goes",
				     m->search.user);
		*why = m->user;
		break;
	case FLUX_SEARCH_BLIND:
		*why = "it cannot be seen whether a source of Flux still uses the Secret";
		break;
	}
	return VERDICT_STOP;
}

/* Marked so by the document that made it, or taken over: it stays, whatever was remembered. */
static bool is_to_be_retained(const json_t *metadata)
{
	const char *policy = secret_json_annotation(metadata, SECRET_JSON_POLICY);

	return (policy != NULL && strcmp(policy, "Retain") == 0) || secret_json_adopted(metadata);
}

/*
 * What is remembered of the Secret may be old: the answer to our last write was lost, somebody
 * changed it since, or all that an agent before this one left behind is a status, which does not
 * tell whether it is to be retained.  It still bears the document's mark, and the very one that was
 * seen here is deleted; or it is another's by now.
 */
static enum verdict judge_probe(struct kube_remove *m, const struct kube_answer *a,
				const char **why)
{
	const char *uid = metadata_text(a, "uid"), *version = metadata_text(a, "resourceVersion");

	if (a->status == 404 && strcmp(a->name, m->d->s.name) == 0)
		return VERDICT_DONE;
	if (kube_test_failed(a)) {
		m->d->s.target = TARGET_FOREIGN;
		*why = "the Secret does not bear the document's mark any more";
		return VERDICT_STOP;
	}
	*why = "the Secret cannot be seen";
	if (a->status != 200 || uid == NULL || version == NULL)
		return VERDICT_STOP;
	if (is_to_be_retained(json_object_get(a->object, "metadata")))
		return VERDICT_KEEP;
	mem_replace(&m->d->applied_uid, uid);
	mem_replace(&m->d->applied_version, version);
	return VERDICT_ON;
}

static enum verdict judge_secret(struct kube_remove *m, const struct kube_answer *a,
				 const char **why)
{
	if (a->status == 200 || a->status == 202 || a->status == 404)
		return VERDICT_DONE;
	*why = a->status == 409 ? "the Secret changes all the time"
				: "the server does not delete the Secret";
	return a->status == 409 && m->looks < LOOKS_MAX ? VERDICT_LOOK : VERDICT_STOP;
}

static const struct step steps[] = {
	{ .method = "GET", .path = document_path, .judge = judge_document },
	{ .method = "GET", .path = crd_path, .judge = judge_crd },
	{ .method = "GET", .path = group_path, .judge = judge_group, .whole = true },
	{ .method = "GET", .path = namespace_path, .judge = judge_namespace },
	{ "GET", sources_path, judge_sources, .flux = true, .whole = true },
	{ .method = "PATCH", .path = secret_path, .judge = judge_probe, .probe = true },
	{ .method = "DELETE", .path = secret_path, .judge = judge_secret },
};

void kube_remove_abandon(struct kube_doc *d)
{
	if (d->remove == NULL)
		return;
	flux_search_end(&d->remove->search);
	mem_free(d->remove->user);
	mem_free(d->remove);
	d->remove = NULL;
}

static void end(struct kube_remove *m)
{
	struct store_kube *st = m->st;
	struct kube_doc *d = m->d;

	st->removing--;
	kube_remove_abandon(d);
	st->finished(st, d);
}

static void stop(struct kube_remove *m, const struct kube_answer *a, const char *why)
{
	struct kube_doc *d = m->d;
	bool used = m->user != NULL;
	char *text = used ? mem_str(why) : mem_printf("%s (status %ld)", why, a->status);

	subject_failed(&d->s, used ? REASON_STILL_REFERENCED : REASON_WRITE_FAILED,
		       clock_monotonic_ms());
	kube_doc_say(d, text);
	/* which is a reason of its own, and told as one */
	log_line(used ? LOG_DEBUG : LOG_WARN, "Secret of a document that is gone stays for now",
		 "namespace", d->s.namespace, "name", d->s.name, "why", text, (char *)NULL);
	mem_free(text);
	end(m);
}

static void count_removal(struct store_kube *st, const struct kube_doc *d)
{
	if (d->s.ended) { /* so did its namespace, which nothing is held for */
		kube_inventory_forget(st, d);
		log_line(LOG_INFO, "Secret gone with its namespace", "namespace", d->s.namespace,
			 "name", d->s.name, (char *)NULL);
		return;
	}
	st->done = mem_grow(st->done, st->n_done + 1, sizeof(*st->done));
	st->done[st->n_done++] = (struct guard_done){ mem_str(d->s.namespace), clock_now() };
	st->counts.removed++;
	kube_inventory_removed(st, d);
	log_line(LOG_INFO, "Secret removed", "namespace", d->s.namespace, "name", d->s.name,
		 (char *)NULL);
}

static void removed(struct kube_remove *m)
{
	struct store_kube *st = m->st;
	struct kube_doc *d = m->d;

	/* without a uid there never was one: the write of which nothing was known was not done */
	if (d->applied_uid != NULL)
		count_removal(st, d);
	kube_doc_unapplied(d);
	kube_doc_say(d, NULL);
	end(m);
}

static void answered(void *ctx, const struct kube_answer *a);

/* One that another made of the same name and marked for the document is the document's. */
static void put_probe(const struct kube_doc *d, struct buf *body)
{
	const struct document doc = { .namespace = d->s.namespace, .name = d->s.name };
	const struct secret_json_seen any = { 0 };

	secret_json_probe(&doc, &any, false, body);
}

static void send(struct kube_remove *m)
{
	const struct step *step = &steps[m->step];
	struct buf path = BUF_INIT, body = BUF_INIT;
	struct kube_request r = { .method = step->method, .metadata_only = !step->whole };

	if (step->probe) {
		put_probe(m->d, &body);
		r.type = KUBE_JSON_PATCH;
	} else if (strcmp(step->method, "DELETE") == 0) {
		secret_json_delete(m->d->applied_uid, m->d->applied_version, &body);
		r.type = KUBE_JSON;
	}
	if (r.type != KUBE_NO_BODY)
		r.body = &body;
	step->path(m, &path);
	r.path = buf_str(&path);
	kube_send(m->st->client, &r, answered, m);
	buf_clear(&path);
	buf_clear(&body);
}

/* Not while a service account names the Secret: agent/kube_gone.c looks again in a moment. */
static bool named(const struct kube_remove *m)
{
	struct kube_doc *d = m->d;

	if (strcmp(steps[m->step].method, "DELETE") != 0)
		return false;
	d->letting_go = !kube_fan_accounts_let_go(m->st, d->s.namespace, d->s.name);
	return d->letting_go;
}

static void go_on(struct kube_remove *m, size_t steps_on)
{
	m->step += steps_on;
	while (steps[m->step].flux && !m->st->o->flux)
		m->step++;
	if (named(m))
		end(m);
	else
		send(m);
}

static void look_again(struct kube_remove *m)
{
	m->looks++;
	m->step--;
	if (m->d->s.documents != 0) /* it came back while we asked */
		end(m);
	else
		send(m);
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct kube_remove *m = ctx;
	const char *why = "";

	/* it came back while we asked; a Secret that is deleted by then is made again */
	if (m->d->s.documents != 0 && m->step + 1 < sizeof(steps) / sizeof(*steps)) {
		end(m);
		return;
	}
	switch (steps[m->step].judge(m, a, &why)) {
	case VERDICT_SKIP:
		go_on(m, 2);
		break;
	case VERDICT_ON:
		go_on(m, 1);
		break;
	case VERDICT_MORE:
		send(m);
		break;
	case VERDICT_LOOK:
		look_again(m);
		break;
	case VERDICT_DONE:
		removed(m);
		break;
	case VERDICT_KEEP:
		m->d->s.made_retain = true; /* the next look says so */
		end(m);
		break;
	case VERDICT_STOP:
		stop(m, a, why);
		break;
	}
}

void kube_remove_begin(struct store_kube *st, struct kube_doc *d)
{
	struct kube_remove *m = mem_alloc(sizeof(*m));

	*m = (struct kube_remove){ .st = st, .d = d };
	d->remove = m;
	d->busy = KUBE_REMOVING;
	st->removing++;
	send(m);
}
