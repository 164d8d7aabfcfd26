/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_write.h"

#include <string.h>

#include "agent/kube_flux.h"
#include "agent/kube_inventory.h"
#include "agent/secret_json.h"
#include "agent/secret_steps.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/notes.h"

#define FORBIDDEN_MS 30000 /* nobody tells when a right is given */

struct kube_write {
	struct store_kube *st;
	struct kube_doc *d;
	struct document doc;
	struct kind_secret secret;
	struct kv keys;
	struct secret_steps steps;
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
	secret_steps_end(&w->steps);
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
	d->adopted = secret_json_adopted(metadata);
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
		kube_flux_changed(w->st, d->s.namespace, d->s.name);
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
		       "bulla-agent-bounds",
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

	/* it may have been made all the same */
	if (a->status == 0 || a->status == 409 || a->status >= 500)
		kube_doc_unsure(w->d);
	fail(w, REASON_WRITE_FAILED, why);
	mem_free(why);
}

static void go_on(struct kube_write *w)
{
	if (w->steps.step == SECRET_DELETE)
		log_line(LOG_WARN,
			 "Secret is immutable or of another type; it is deleted and made again",
			 "namespace", w->d->s.namespace, "name", w->d->s.name, (char *)NULL);
	send(w);
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct kube_write *w = ctx;

	kube_state_ended(&w->st->writes, w->st->writing--, a);
	switch (secret_steps_answer(&w->steps, a)) {
	case SECRET_STEPS_ON:
		go_on(w);
		break;
	case SECRET_STEPS_DONE:
		succeed(w, a);
		break;
	case SECRET_STEPS_FOREIGN:
		fail_foreign(w);
		break;
	case SECRET_STEPS_REFUSED:
		if (a->status == 403)
			fail_forbidden(w, a);
		else
			fail_otherwise(w, a);
		break;
	}
}

/* --- what is asked ---------------------------------------------------------------------------- */

/* As a watch or a probe saw it last, else as we left it; NULL: not known. */
static const char *known_version(const struct kube_doc *d)
{
	size_t n = d->applied_uid == NULL ? 0 : strlen(d->applied_uid);

	if (n != 0 && d->seen != NULL && strncmp(d->seen, d->applied_uid, n) == 0 &&
	    d->seen[n] == '/')
		return d->seen + n + 1;
	return d->applied_version;
}

static void send(struct kube_write *w)
{
	const struct secret_json_seen made = { .uid = w->d->applied_uid,
					       .resource_version = known_version(w->d) };
	const struct secret_json what = { .document = &w->doc,
					  .secret = &w->secret,
					  .document_uid = w->d->uid,
					  .crd_uid = w->st->crd_uid,
					  .adopted = w->d->adopted };
	struct buf body = BUF_INIT, path = BUF_INIT;
	struct kube_request r = { .method = NULL };
	struct err err = ERR_INIT;

	if (secret_steps_request(&w->steps, &what, &made, &r, &path, &body, &err) != 0) {
		fail(w, REASON_INVALID, err.text);
	} else {
		w->st->writing++;
		kube_send(w->st->client, &r, answered, w);
	}
	buf_clear(&body);
	buf_clear(&path);
}

/* --- begin ------------------------------------------------------------------------------------ */

static enum secret_step first_step(const struct kube_doc *d)
{
	if (d->s.target == TARGET_ADOPT)
		return SECRET_ADOPT;
	if (d->s.target == TARGET_ABSENT)
		return SECRET_CREATE;
	return d->applied_uid != NULL && known_version(d) != NULL ? SECRET_PATCH_MADE
								  : SECRET_PROBE;
}

void kube_write_begin(struct store_kube *st, struct kube_doc *d, struct document *doc)
{
	struct kube_write *w = mem_alloc(sizeof(*w));
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;

	*w = (struct kube_write){ .st = st, .d = d, .doc = *doc };
	secret_steps_begin(&w->steps, first_step(d));
	*doc = (struct document)DOCUMENT_INIT;
	w->secret = (struct kind_secret)KIND_SECRET_INIT;
	w->repair = d->s.recorded && memcmp(d->s.made, d->s.digest, SUBJECT_DIGEST) == 0;
	d->busy = KUBE_WRITING;
	/* the document may go, with its kind, before the answer comes */
	if (d->crd_uid == NULL && st->crd_uid != NULL && !st->kind_unsure)
		d->crd_uid = mem_str(st->crd_uid);
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
