/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_remove.h"

#include <string.h>

#include "agent/kube_crd.h"
#include "agent/kube_inventory.h"
#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

struct kube_remove {
	struct store_kube *st;
	struct kube_doc *d;
	size_t step; /* of steps */
};

/* What an answer means: go on, the Secret is gone, or stop (why says it). */
enum verdict { VERDICT_ON, VERDICT_DONE, VERDICT_STOP };

struct step {
	const char *method;
	void (*path)(const struct kube_doc *d, struct buf *out);
	enum verdict (*judge)(struct kube_remove *m, const struct kube_answer *a, const char **why);
};

static void document_path(const struct kube_doc *d, struct buf *out)
{
	buf_puts(out, KUBE_GROUP "/namespaces/");
	kube_path_put(out, d->s.namespace);
	buf_puts(out, "/" KUBE_DOCUMENTS "/");
	kube_path_put(out, d->s.name);
}

static void crd_path(const struct kube_doc *d, struct buf *out)
{
	(void)d;
	buf_puts(out, KUBE_CRD_PATH);
}

static void namespace_path(const struct kube_doc *d, struct buf *out)
{
	buf_puts(out, "/api/v1/namespaces/");
	kube_path_put(out, d->s.namespace);
}

static void secret_path(const struct kube_doc *d, struct buf *out)
{
	namespace_path(d, out);
	buf_puts(out, "/secrets/");
	kube_path_put(out, d->s.name);
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

static enum verdict judge_crd(struct kube_remove *m, const struct kube_answer *a, const char **why)
{
	const char *uid = metadata_text(a, "uid");

	*why =
	    "the kind SealedCredential is not there, is going, or is not the one that the Secret "
	    "was made under";
	if (a->status != 200 || uid == NULL || metadata_text(a, "deletionTimestamp") != NULL)
		return VERDICT_STOP;
	return m->st->crd_uid != NULL && strcmp(uid, m->st->crd_uid) == 0 ? VERDICT_ON
									  : VERDICT_STOP;
}

static enum verdict judge_namespace(struct kube_remove *m, const struct kube_answer *a,
				    const char **why)
{
	(void)m;
	*why = "its namespace is going, or cannot be seen";
	return a->status == 200 && metadata_text(a, "deletionTimestamp") == NULL ? VERDICT_ON
										 : VERDICT_STOP;
}

static enum verdict judge_secret(struct kube_remove *m, const struct kube_answer *a,
				 const char **why)
{
	(void)m;
	if (a->status == 200 || a->status == 202 || a->status == 404)
		return VERDICT_DONE;
	*why = a->status == 409 ? "the Secret is not as the agent left it"
				: "the server does not delete the Secret";
	return VERDICT_STOP;
}

static const struct step steps[] = {
	{ "GET", document_path, judge_document },
	{ "GET", crd_path, judge_crd },
	{ "GET", namespace_path, judge_namespace },
	{ "DELETE", secret_path, judge_secret },
};

void kube_remove_abandon(struct kube_doc *d)
{
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
	char *text = mem_printf("%s (status %ld)", why, a->status);

	subject_failed(&d->s, REASON_WRITE_FAILED, clock_monotonic_ms());
	kube_doc_say(d, text);
	log_line(LOG_WARN, "Secret of a document that is gone stays for now", "namespace",
		 d->s.namespace, "name", d->s.name, "why", text, (char *)NULL);
	mem_free(text);
	end(m);
}

static void removed(struct kube_remove *m)
{
	struct store_kube *st = m->st;
	struct kube_doc *d = m->d;

	st->done = mem_grow(st->done, st->n_done + 1, sizeof(*st->done));
	st->done[st->n_done++] = (struct guard_done){ mem_str(d->s.namespace), clock_now() };
	st->counts.removed++;
	kube_inventory_removed(st, d);
	kube_doc_unapplied(d);
	kube_doc_say(d, NULL);
	log_line(LOG_INFO, "Secret removed", "namespace", d->s.namespace, "name", d->s.name,
		 (char *)NULL);
	end(m);
}

static void answered(void *ctx, const struct kube_answer *a);

static void send(struct kube_remove *m)
{
	const struct step *step = &steps[m->step];
	struct buf path = BUF_INIT, body = BUF_INIT;
	struct kube_request r = { .method = step->method, .metadata_only = true };

	if (strcmp(step->method, "DELETE") == 0) {
		secret_json_delete(m->d->applied_uid, m->d->applied_version, &body);
		r.type = KUBE_JSON;
		r.body = &body;
	}
	step->path(m->d, &path);
	r.path = buf_str(&path);
	kube_send(m->st->client, &r, answered, m);
	buf_clear(&path);
	buf_clear(&body);
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
	case VERDICT_ON:
		m->step++;
		send(m);
		break;
	case VERDICT_DONE:
		removed(m);
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
