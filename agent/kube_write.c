/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_write.h"

#include <string.h>

#include "agent/kube_inventory.h"
#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notes.h"

#define STEPS_MAX 6 /* someone else is faster than we are: try later */

/* How the next request goes about it. */
enum how {
	HOW_CREATE,
	HOW_PATCH_SEEN, /* ours, and the very one that we made */
	HOW_PATCH,	/* ours */
	HOW_ADOPT,	/* not ours, but marked for us */
	HOW_PROBE,	/* ours after all, and of another type or immutable? */
	HOW_DELETE,	/* it is: the very one that the probe saw, to be made again */
};

struct kube_write {
	struct store_kube *st;
	struct kube_doc *d;
	struct document doc;
	struct kind_secret secret;
	struct kv keys;
	enum how how;
	unsigned steps;
	char *uid, *version; /* as the probe saw it */
	bool repair;
};

static void send(struct kube_write *w);

void kube_write_abandon(struct kube_doc *d)
{
	struct kube_write *w = d->write;

	if (w == NULL)
		return;
	d->write = NULL;
	document_clear(&w->doc);
	kind_secret_clear(&w->secret);
	kv_clear(&w->keys);
	mem_free(w->uid);
	mem_free(w->version);
	mem_free(w);
}

static void end(struct kube_write *w)
{
	struct store_kube *st = w->st;
	struct kube_doc *d = w->d;

	kube_write_abandon(d);
	st->finished(st, d);
}

static void fail(struct kube_write *w, enum reason reason, const char *why)
{
	subject_failed(&w->d->s, reason, clock_monotonic_ms());
	kube_doc_say(w->d, why);
	if (reason == REASON_WRITE_FAILED || reason == REASON_UNAVAILABLE)
		w->st->counts.failed++;
	end(w);
}

/* --- what the server said --------------------------------------------------------------------- */

static void succeed(struct kube_write *w, const struct kube_answer *a)
{
	struct kube_doc *d = w->d;
	const json_t *metadata = json_object_get(a->object, "metadata");
	char hex[DOCUMENT_DIGEST_TEXT];

	if (secret_json_field(metadata, "uid") == NULL) {
		fail(w, REASON_WRITE_FAILED, "the API server's answer names no Secret");
		return;
	}
	d->adopted = d->adopted || w->how == HOW_ADOPT;
	kube_doc_applied(d, metadata);
	document_digest(&w->doc, hex);
	mem_free(d->digest);
	d->digest = mem_str(hex);
	mem_free(d->crd_uid);
	d->crd_uid = mem_str(w->st->crd_uid);
	kv_copy(&d->keys, &w->keys);
	kube_doc_say(d, NULL);
	subject_applied(&d->s, w->repair, clock_monotonic_ms());
	w->st->counts.written++;
	if (w->repair) {
		w->st->counts.repaired++;
		log_line(LOG_WARN, "Secret had been changed; repaired", "namespace", d->s.namespace,
			 "name", d->s.name, (char *)NULL);
	}
	kube_inventory_made(w->st, d);
	d->telling_due = true;
	end(w);
}

static void fail_foreign(struct kube_write *w)
{
	struct buf text = BUF_INIT;

	buf_puts(&text, "a Secret of this name is there that is not this document's, or of another "
			"type; to let it be taken over: ");
	secret_json_adopt_command(&w->doc, w->d->s.namespace, &text);
	fail(w, REASON_FOREIGN, buf_str(&text));
	buf_clear(&text);
}

static void fail_forbidden(struct kube_write *w, const struct kube_answer *a)
{
	char *why;

	if (strcmp(a->cause, "NamespaceTerminating") == 0) {
		fail(w, REASON_WRITE_FAILED, "its namespace is being deleted");
		return;
	}
	why =
	    mem_printf("the agent may not write Secrets in namespace %s; give its service account "
		       "the role bulla-agent there (a RoleBinding), or look at the policy "
		       "bulla-agent-bounds",
		       w->d->s.namespace);
	fail(w, REASON_FORBIDDEN, why);
	mem_free(why);
}

/* The server's own words may quote the secret: only its status is told. */
static void fail_otherwise(struct kube_write *w, const struct kube_answer *a)
{
	char *why = a->status == 0
			? mem_printf("the API server did not answer: %s", a->message)
			: mem_printf("the API server refused the Secret with status %ld%s%s",
				     a->status, a->reason[0] == '\0' ? "" : ", ", a->reason);

	fail(w, REASON_WRITE_FAILED, why);
	mem_free(why);
}

/* A test of the patch failed; a 422 of validation names the object. */
static bool test_failed(const struct kube_answer *a)
{
	return a->status == 422 && a->name[0] == '\0' && a->cause[0] == '\0';
}

/* The patch was fine and the outcome is not: the type differs, or the Secret is immutable. */
static bool invalid(const struct kube_answer *a)
{
	return a->status == 422 && !test_failed(a);
}

/* What to try next; -1: nothing. */
static int next_how(const struct kube_write *w, const struct kube_answer *a)
{
	if (a->status == 404 && w->how != HOW_CREATE)
		return HOW_CREATE;
	switch (w->how) {
	case HOW_CREATE:
		return a->status == 409 ? HOW_PATCH : -1;
	case HOW_PATCH_SEEN:
		if (test_failed(a) || a->status == 409)
			return HOW_PATCH;
		return invalid(a) ? HOW_PROBE : -1;
	case HOW_PATCH:
		if (test_failed(a))
			return HOW_ADOPT;
		return invalid(a) ? HOW_PROBE : -1;
	case HOW_ADOPT:
		return test_failed(a) ? HOW_PROBE : -1;
	case HOW_PROBE:
	case HOW_DELETE:
		return -1;
	}
	return -1;
}

/* A probe that fits is followed by a deletion, and that by a creation. */
static bool go_on(struct kube_write *w, const struct kube_answer *a)
{
	const json_t *metadata = json_object_get(a->object, "metadata");

	if (w->how == HOW_DELETE) {
		w->how = HOW_CREATE;
		return true;
	}
	if (w->how != HOW_PROBE || secret_json_field(metadata, "uid") == NULL)
		return false;
	mem_free(w->uid);
	mem_free(w->version);
	w->uid = mem_str(secret_json_field(metadata, "uid"));
	w->version = mem_str(secret_json_field(metadata, "resourceVersion"));
	w->how = HOW_DELETE;
	log_line(LOG_WARN, "Secret is immutable or of another type; it is deleted and made again",
		 "namespace", w->d->s.namespace, "name", w->d->s.name, (char *)NULL);
	return true;
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct kube_write *w = ctx;
	int next;

	w->st->writing--;
	if (a->status >= 200 && a->status < 300) {
		if (go_on(w, a))
			send(w);
		else
			succeed(w, a);
		return;
	}
	next = next_how(w, a);
	if (next >= 0 && ++w->steps < STEPS_MAX) {
		w->how = (enum how)next;
		send(w);
	} else if (w->how == HOW_PROBE && test_failed(a)) {
		fail_foreign(w);
	} else if (a->status == 403) {
		fail_forbidden(w, a);
	} else {
		fail_otherwise(w, a);
	}
}

/* --- what is asked ---------------------------------------------------------------------------- */

static void format_replacement(const struct kube_write *w, struct buf *body)
{
	const struct document owner = { .namespace = w->doc.namespace, .name = w->doc.name };
	const struct secret_json_seen any = { NULL, NULL, NULL };

	if (w->how == HOW_PROBE)
		secret_json_probe(&owner, &any, false, body);
	else
		secret_json_delete(w->uid, w->version, body);
}

static int format(const struct kube_write *w, struct buf *body, struct err *err)
{
	const struct kube_doc *d = w->d;
	const struct secret_json s = { .document = &w->doc,
				       .secret = &w->secret,
				       .document_uid = d->uid,
				       .crd_uid = w->st->crd_uid,
				       .adopted = d->adopted || w->how == HOW_ADOPT };
	const struct secret_json_seen seen = { .uid = w->how == HOW_PATCH_SEEN ? d->applied_uid
									       : NULL };

	if (w->how == HOW_CREATE)
		return secret_json_create(&s, body, err);
	if (w->how == HOW_PROBE || w->how == HOW_DELETE) {
		format_replacement(w, body);
		return 0;
	}
	return secret_json_patch(&s, &seen, w->how == HOW_ADOPT, body, err);
}

static void put_path(const struct kube_write *w, struct buf *path)
{
	buf_puts(path, "/api/v1/namespaces/");
	kube_path_put(path, w->d->s.namespace);
	buf_puts(path, "/secrets");
	if (w->how != HOW_CREATE) {
		buf_puts(path, "/");
		kube_path_put(path, w->d->s.name);
	}
}

static void send(struct kube_write *w)
{
	struct buf body = BUF_INIT, path = BUF_INIT;
	struct err err = ERR_INIT;
	struct kube_request r = {
		.method = "PATCH", .type = KUBE_JSON_PATCH, .body = &body, .metadata_only = true
	};

	if (w->how == HOW_CREATE || w->how == HOW_DELETE) {
		r.method = w->how == HOW_CREATE ? "POST" : "DELETE";
		r.type = KUBE_JSON;
	}
	if (format(w, &body, &err) != 0) {
		fail(w, REASON_INVALID, err.text);
	} else {
		put_path(w, &path);
		r.path = buf_str(&path);
		w->st->writing++;
		kube_send(w->st->client, &r, answered, w);
	}
	buf_clear(&body);
	buf_clear(&path);
}

/* --- begin ------------------------------------------------------------------------------------ */

static enum reason reason_of(const struct err *err)
{
	static const struct {
		enum err_class class;
		enum reason reason;
	} table[] = { { ERR_NOKEY, REASON_NO_KEY },
		      { ERR_REFUSED, REASON_REFUSED },
		      { ERR_INVALID, REASON_INVALID },
		      { ERR_CONFLICT, REASON_QUARANTINED } };

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (table[i].class == err->class)
			return table[i].reason;
	return REASON_UNAVAILABLE;
}

static enum how first_how(const struct kube_doc *d)
{
	if (d->s.target == TARGET_ADOPT)
		return HOW_ADOPT;
	if (d->s.target == TARGET_ABSENT)
		return HOW_CREATE;
	return d->applied_uid != NULL ? HOW_PATCH_SEEN : HOW_PATCH;
}

void kube_write_begin(struct store_kube *st, struct kube_doc *d, struct document *doc)
{
	struct kube_write *w = mem_alloc(sizeof(*w));
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;

	*w = (struct kube_write){ .st = st, .d = d, .doc = *doc, .how = first_how(d) };
	*doc = (struct document)DOCUMENT_INIT;
	w->secret = (struct kind_secret)KIND_SECRET_INIT;
	w->repair = d->s.recorded && memcmp(d->s.made, d->s.digest, SUBJECT_DIGEST) == 0;
	d->busy = KUBE_WRITING;
	d->seen_anew = false;
	d->write = w;
	if (opener_open(st->opener, &w->doc, &w->secret, &w->keys, &notes, &err) < 0)
		fail(w, reason_of(&err), err.text);
	else
		send(w);
	for (size_t i = 0; i < notes.n; i++)
		log_line(LOG_WARN, "document opened with a warning", "namespace", d->s.namespace,
			 "name", d->s.name, "text", notes.text[i], (char *)NULL);
	notes_clear(&notes);
}
