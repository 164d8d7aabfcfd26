/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_write.h"

#include <string.h>

#include "agent/kube_flux.h"
#include "agent/kube_inventory.h"
#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notes.h"

#define FORBIDDEN_MS 30000 /* nobody tells when a right is given */
#define STEPS_MAX 8	   /* someone else is faster than we are: try later */

/* How the next request goes about it. */
enum how {
	HOW_CREATE,
	HOW_PATCH_SEEN, /* ours, and the very one that we made */
	HOW_PROBE,	/* ours after all?  the answer shows its metadata */
	HOW_PATCH,	/* ours, as the probe saw it */
	HOW_TRY,	/* of another type, or immutable: could it be made anew? */
	HOW_DELETE,	/* it could: the very one that the probe saw, to be made again */
	HOW_ADOPT,	/* not ours, but marked for us */
	HOW_ADOPT_BARE, /* the same, without any label */
};

struct kube_write {
	struct store_kube *st;
	struct kube_doc *d;
	struct document doc;
	struct kind_secret secret;
	struct kv keys;
	enum how how;
	unsigned steps;
	json_t *seen; /* metadata, as the probe saw it */
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
	json_decref(w->seen);
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

/* What was taken over stays when its document goes, unless that says otherwise. */
static void note_adopted(struct kube_doc *d, const json_t *metadata)
{
	const char *mark = secret_json_annotation(metadata, SECRET_JSON_ADOPTED);

	d->adopted = mark != NULL && strcmp(mark, "true") == 0;
	if (d->adopted && !d->chosen)
		d->s.retain = true;
}

static void succeed(struct kube_write *w, const struct kube_answer *a)
{
	struct kube_doc *d = w->d;
	const json_t *metadata = json_object_get(a->object, "metadata");
	const char *version = secret_json_field(metadata, "resourceVersion");
	char hex[DOCUMENT_DIGEST_TEXT];
	bool same;

	if (secret_json_field(metadata, "uid") == NULL || version == NULL) {
		fail(w, REASON_WRITE_FAILED, "the API server's answer names no Secret");
		return;
	}
	note_adopted(d, metadata);
	same = d->applied_version != NULL && strcmp(d->applied_version, version) == 0;
	kube_doc_applied(d, metadata);
	document_digest(&w->doc, hex);
	mem_replace(&d->digest, hex);
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
	if (!same)
		kube_flux_changed(w->st, d);
	d->telling_due = true;
	end(w);
}

static void fail_foreign(struct kube_write *w)
{
	struct buf text = BUF_INIT;

	buf_printf(&text,
		   "a Secret of this name is there that is not this document's; to let it be taken "
		   "over, if its type is %s: ",
		   w->secret.type);
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
		       "bulla-agent-secrets",
		       w->d->s.namespace);
	subject_failed(&w->d->s, REASON_FORBIDDEN, clock_monotonic_ms());
	w->d->s.attempt.not_before = clock_monotonic_ms() + FORBIDDEN_MS;
	kube_doc_say(w->d, why);
	mem_free(why);
	end(w);
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

/* The patch was fine and the outcome is not: the type differs, or the Secret is immutable. */
static bool invalid(const struct kube_answer *a)
{
	return a->status == 422 && !kube_test_failed(a);
}

/* What to try next; -1: nothing. */
static int next_how(const struct kube_write *w, const struct kube_answer *a)
{
	if (a->status == 404 && w->how != HOW_CREATE && w->how != HOW_TRY)
		return HOW_CREATE;
	switch (w->how) {
	case HOW_CREATE:
		return a->status == 409 ? HOW_PROBE : -1;
	case HOW_PATCH_SEEN:
		return kube_test_failed(a) || invalid(a) || a->status == 409 ? HOW_PROBE : -1;
	case HOW_PROBE:
		return kube_test_failed(a) ? HOW_ADOPT : -1;
	case HOW_PATCH:
		if (kube_test_failed(a) || invalid(a))
			return HOW_TRY;
		return a->status == 409 ? HOW_PROBE : -1;
	case HOW_TRY: /* the server looks at all of it before it says that one is there */
		return a->status == 409 ? HOW_DELETE : -1;
	case HOW_DELETE:
		return a->status == 409 ? HOW_PROBE : -1;
	case HOW_ADOPT:
		return kube_test_failed(a) ? HOW_ADOPT_BARE : -1;
	case HOW_ADOPT_BARE:
		return -1;
	}
	return -1;
}

/* Takes what the probe saw. */
static bool take_seen(struct kube_write *w, const struct kube_answer *a)
{
	json_t *metadata = json_object_get(a->object, "metadata");

	if (secret_json_field(metadata, "uid") == NULL ||
	    secret_json_field(metadata, "resourceVersion") == NULL)
		return false;
	json_decref(w->seen);
	w->seen = json_incref(metadata);
	return true;
}

/* What follows from a step that was done; -1: nothing, the Secret is written. */
static int follow(struct kube_write *w, const struct kube_answer *a)
{
	if (w->how == HOW_PROBE && take_seen(w, a))
		return HOW_PATCH;
	return w->how == HOW_DELETE || w->how == HOW_TRY ? HOW_CREATE : -1;
}

static void go_on(struct kube_write *w, int how)
{
	w->how = (enum how)how;
	if (w->how == HOW_DELETE)
		log_line(LOG_WARN,
			 "Secret is immutable or of another type; it is deleted and made again",
			 "namespace", w->d->s.namespace, "name", w->d->s.name, (char *)NULL);
	send(w);
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct kube_write *w = ctx;
	bool done = a->status >= 200 && a->status < 300;
	int next = done ? follow(w, a) : next_how(w, a);

	w->st->writing--;
	if (next >= 0 && ++w->steps < STEPS_MAX)
		go_on(w, next);
	else if (done && next < 0)
		succeed(w, a);
	else if (w->how == HOW_ADOPT_BARE && kube_test_failed(a))
		fail_foreign(w);
	else if (a->status == 403)
		fail_forbidden(w, a);
	else
		fail_otherwise(w, a);
}

/* --- what is asked ---------------------------------------------------------------------------- */

static const char *method(const struct kube_write *w)
{
	if (w->how == HOW_DELETE)
		return "DELETE";
	return w->how == HOW_CREATE || w->how == HOW_TRY ? "POST" : "PATCH";
}

static void format_probe(const struct kube_write *w, struct buf *body)
{
	const struct document owner = { .namespace = w->doc.namespace, .name = w->doc.name };
	const struct secret_json_seen any = { .uid = NULL };

	secret_json_probe(&owner, &any, false, body);
}

static int format_patch(const struct kube_write *w, const struct secret_json *s, struct buf *body,
			struct err *err)
{
	struct secret_json_seen seen = { .bare = w->how == HOW_ADOPT_BARE };

	if (w->how == HOW_PATCH_SEEN) {
		seen.uid = w->d->applied_uid;
		seen.lists = true;
	} else if (w->how == HOW_PATCH) {
		seen.uid = secret_json_field(w->seen, "uid");
		seen.resource_version = secret_json_field(w->seen, "resourceVersion");
		seen.metadata = w->seen;
	}
	return secret_json_patch(s, &seen, w->how == HOW_ADOPT || w->how == HOW_ADOPT_BARE, body,
				 err);
}

static int format(const struct kube_write *w, struct buf *body, struct err *err)
{
	const struct secret_json s = { .document = &w->doc,
				       .secret = &w->secret,
				       .document_uid = w->d->uid,
				       .crd_uid = w->st->crd_uid,
				       .adopted = w->d->adopted };

	switch (w->how) {
	case HOW_CREATE:
	case HOW_TRY:
		return secret_json_create(&s, body, err);
	case HOW_PROBE:
		format_probe(w, body);
		return 0;
	case HOW_DELETE:
		secret_json_delete(secret_json_field(w->seen, "uid"),
				   secret_json_field(w->seen, "resourceVersion"), body);
		return 0;
	default:
		return format_patch(w, &s, body, err);
	}
}

static void put_path(const struct kube_write *w, struct buf *path)
{
	bool made = w->how == HOW_CREATE || w->how == HOW_TRY;

	kube_path_object(path, KUBE_CORE, w->d->s.namespace, "secrets", made ? NULL : w->d->s.name);
	if (w->how == HOW_TRY)
		buf_puts(path, "?dryRun=All");
}

static void send(struct kube_write *w)
{
	struct buf body = BUF_INIT, path = BUF_INIT;
	struct err err = ERR_INIT;
	struct kube_request r = { .method = method(w), .body = &body, .metadata_only = true };

	r.type = strcmp(r.method, "PATCH") == 0 ? KUBE_JSON_PATCH : KUBE_JSON;
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

static enum how first_how(const struct kube_doc *d)
{
	if (d->s.target == TARGET_ADOPT)
		return HOW_ADOPT;
	if (d->s.target == TARGET_ABSENT)
		return HOW_CREATE;
	return d->applied_uid != NULL ? HOW_PATCH_SEEN : HOW_PROBE;
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
		fail(w, status_of_opening(&err), err.text);
	else
		send(w);
	for (size_t i = 0; i < notes.n; i++)
		log_line(LOG_WARN, "document opened with a warning", "namespace", d->s.namespace,
			 "name", d->s.name, "text", notes.text[i], (char *)NULL);
	notes_clear(&notes);
}
