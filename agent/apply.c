/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/apply.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

static void fail(struct apply *a, struct entry *x, enum reason reason, const struct err *err,
		 int64_t now_ms)
{
	subject_failed(&x->s, reason, now_ms);
	mem_replace(&x->why, err->text);
	if (reason == REASON_WRITE_FAILED || reason == REASON_UNAVAILABLE)
		a->counts.failed++;
}

/* --- the document ----------------------------------------------------------------------------- */

static int use_source(struct apply *a, const char *path, struct err *err)
{
	if (a->source.path != NULL && strcmp(a->source.path, path) == 0)
		return 0;
	source_clear(&a->source);
	return source_read(a->documents, path, true, &a->source, NULL, err);
}

/* The document as it was when the decision was made, or an error. */
static int find_document(struct apply *a, const struct entry *x, struct document *out,
			 struct err *err)
{
	unsigned char id[SOURCE_ID];
	const char *namespace, *name;
	size_t i;

	if (use_source(a, x->file->path, err) < 0)
		return -1;
	for (i = 0; i < a->source.n; i++) {
		if (!source_claim(&a->source, i, &namespace, &name) ||
		    strcmp(namespace, x->s.namespace) != 0 || strcmp(name, x->s.name) != 0)
			continue;
		if (source_document(&a->source, i, out, err) < 0)
			return -1;
		source_id(out, id);
		if (memcmp(id, x->s.digest, sizeof(id)) == 0)
			return 0;
		document_clear(out);
	}
	return err_set(err, ERR_IO, "%s: changed while it was read", x->file->path);
}

static void log_notes(const struct entry *x, const struct notes *notes)
{
	size_t i;

	for (i = 0; i < notes->n; i++)
		log_line(LOG_WARN, "document opened with a warning", "namespace", x->s.namespace,
			 "name", x->s.name, "text", notes->text[i], (char *)NULL);
}

/* Open x's document into data.  Whatever goes wrong is noted on x. */
static int open_document_of(struct apply *a, struct entry *x, struct kind_secret *out,
			    int64_t now_ms)
{
	struct document doc = DOCUMENT_INIT;
	struct kv key_ids = KV_INIT;
	struct notes notes = NOTES_INIT;
	struct err err = ERR_INIT;
	int r = -1;

	if (find_document(a, x, &doc, &err) < 0) {
		a->look_again = true;
		fail(a, x, REASON_UNAVAILABLE, &err, now_ms);
		goto out;
	}
	if (opener_open(a->opener, &doc, out, &key_ids, &notes, &err) < 0) {
		fail(a, x, status_of_opening(&err), &err, now_ms);
		goto out;
	}
	log_notes(x, &notes);
	r = 0;
out:
	document_clear(&doc);
	kv_clear(&key_ids);
	notes_clear(&notes);
	return r;
}

/* --- the Secret ------------------------------------------------------------------------------- */

static struct ledger_secret made_now(const struct entry *x, const struct folder_mark *mark,
				     bool adopted)
{
	struct ledger_secret made = { .namespace = x->s.namespace,
				      .name = x->s.name,
				      .source = x->file->path,
				      .retain = x->s.retain,
				      .adopted = adopted,
				      .mark = *mark };

	if (adopted && !x->doc->chosen)
		made.retain = true; /* it was there before the document: keep it when that goes */
	memcpy(made.made, x->s.digest, sizeof(made.made));
	return made;
}

static void note_namespace(struct apply *a, const char *namespace)
{
	if (kv_has(&a->namespaces, namespace))
		return;
	kv_set_str(&a->namespaces, namespace, "");
	ledger_put_namespace(&a->ledger, namespace, true);
}

/* The first half of making a Secret; apply_commit does the other. */
static int stage_secret(struct apply *a, struct entry *x, const struct kv *data, bool adopt,
			struct err *err)
{
	struct apply_staged *s;

	if (a->staged == NULL)
		a->staged = mem_array(APPLY_STAGED, sizeof(*a->staged));
	s = &a->staged[a->n_staged];
	if (place_stage(&a->place, data, &s->new, err) < 0)
		return -1;
	s->x = x;
	s->adopt = adopt;
	s->repair = x->s.recorded && memcmp(x->s.made, x->s.digest, SOURCE_ID) == 0;
	s->made = made_now(x, &s->new.mark, adopt || x->adopted);
	a->n_staged++;
	return 0;
}

/* *wrote: the content was replaced; else it was right already and only touched. */
static int change_secret(struct apply *a, struct entry *x, const struct kv *data, bool *wrote,
			 struct err *err)
{
	const char *namespace = x->s.namespace;
	const char *name = x->s.name;
	struct folder_mark mark = x->mark;
	struct ledger_secret made;
	size_t moved = 0;

	/* the print first: an edit in between then shows as one, whichever way it goes */
	if (place_print(&a->place, namespace, name, &mark, err) < 0)
		return -1;
	*wrote = !place_holds(&a->place, namespace, name, data);
	if (*wrote) {
		if (place_update(&a->place, namespace, name, data, &mark, &moved, err) < 0)
			return -1;
		memset(mark.print, 0, sizeof(mark.print));
		if (place_print(&a->place, namespace, name, &mark, err) < 0 ||
		    !place_holds(&a->place, namespace, name, data))
			memset(mark.print, 0, sizeof(mark.print)); /* edited already: look again */
	}
	if (moved != 0)
		log_line(LOG_WARN, "moved what the agent did not make out of a Secret's folder",
			 "namespace", namespace, "name", name, "to", PLACE_OWN "/found",
			 (char *)NULL);
	made = made_now(x, &mark, x->adopted);
	entry_record(x, &made);
	ledger_put_secret(&a->ledger, &made);
	return 0;
}

static enum target look(const struct apply *a, const struct entry *x, struct err *why)
{
	return place_look(&a->place, x->s.namespace, x->s.name, x->s.recorded ? &x->mark : NULL,
			  why);
}

/* 1: staged */
static int write_secret(struct apply *a, struct entry *x, const struct kv *data, bool *wrote,
			struct err *err)
{
	enum target target = look(a, x, err);

	switch (target) {
	case TARGET_ABSENT:
	case TARGET_ADOPT:
		return stage_secret(a, x, data, target == TARGET_ADOPT, err) < 0 ? -1 : 1;
	case TARGET_INTACT:
	case TARGET_CHANGED:
		return change_secret(a, x, data, wrote, err);
	default:
		return -1; /* err says why */
	}
}

static void done(struct apply *a, struct entry *x, bool wrote, bool repair, int64_t now_ms)
{
	mem_replace(&x->why, NULL);
	subject_applied(&x->s, repair, now_ms);
	a->counts.written += wrote;
	a->counts.repaired += repair;
	if (repair)
		log_line(LOG_WARN, "Secret had been changed by hand; repaired", "namespace",
			 x->s.namespace, "name", x->s.name, (char *)NULL);
}

static void apply_document(struct apply *a, struct entry *x, int64_t now_ms)
{
	struct kind_secret secret = KIND_SECRET_INIT;
	struct err err = ERR_INIT;
	bool same = x->s.recorded && memcmp(x->s.made, x->s.digest, SOURCE_ID) == 0;
	bool wrote = false;
	int r;

	x->fresh = false;
	if (open_document_of(a, x, &secret, now_ms) < 0)
		return;
	r = write_secret(a, x, &secret.data, &wrote, &err);
	kind_secret_clear(&secret);
	if (r < 0)
		fail(a, x, REASON_WRITE_FAILED, &err, now_ms);
	else if (r == 0)
		done(a, x, wrote, same && wrote, now_ms);
}

/* --- what is staged --------------------------------------------------------------------------- */

bool apply_full(const struct apply *a)
{
	return a->n_staged == APPLY_STAGED;
}

/*
 * The ledger knows a Secret before it is in place, but not yet as one that is intact: if we are
 * killed in between, the next start looks closely.
 */
static int announce(struct apply *a, struct err *err)
{
	const struct place_new *news[APPLY_STAGED];
	size_t i;

	for (i = 0; i < a->n_staged; i++) {
		struct apply_staged *s = &a->staged[i];
		struct ledger_secret made = s->made;

		memset(made.mark.print, 0, sizeof(made.mark.print));
		ledger_put_secret(&a->ledger, &made);
		if (place_lacks_namespace(&a->place, s->x->s.namespace))
			note_namespace(a, s->x->s.namespace);
		news[i] = &s->new;
	}
	if (place_sync(&a->place, news, a->n_staged, err) < 0)
		return -1;
	return ledger_flush(&a->ledger, true, err);
}

static void publish(struct apply *a, struct apply_staged *s, int64_t now_ms)
{
	struct entry *x = s->x;
	struct err err = ERR_INIT;

	entry_record(x, &s->made);
	if (place_publish(&a->place, x->s.namespace, x->s.name, &s->new, s->adopt, &err) < 0) {
		fail(a, x, REASON_WRITE_FAILED, &err, now_ms);
		return;
	}
	ledger_put_secret(&a->ledger, &s->made);
	done(a, x, true, s->repair, now_ms);
}

/* Namespaces come in runs: entries are in the order of their files. */
static int settle_namespaces(const struct apply *a, struct err *err)
{
	size_t i;

	for (i = 0; i < a->n_staged; i++) {
		const char *namespace = a->staged[i].x->s.namespace;

		if (i + 1 < a->n_staged && strcmp(namespace, a->staged[i + 1].x->s.namespace) == 0)
			continue;
		if (place_settle(&a->place, namespace, err) < 0)
			return -1;
	}
	return 0;
}

void apply_commit(struct apply *a, int64_t now_ms)
{
	struct err err = ERR_INIT;
	bool announced;
	size_t i;

	if (a->n_staged == 0)
		return;
	announced = announce(a, &err) == 0;
	for (i = 0; i < a->n_staged; i++) {
		if (announced)
			publish(a, &a->staged[i], now_ms);
		else
			fail(a, a->staged[i].x, REASON_WRITE_FAILED, &err, now_ms);
		place_drop(&a->place, &a->staged[i].new);
	}
	if (announced && settle_namespaces(a, &err) < 0)
		log_line(LOG_WARN, "Secrets are in place, but perhaps not on disk", "error",
			 err.text, (char *)NULL);
	a->n_staged = 0;
}

static void record(struct apply *a, struct entry *x)
{
	struct ledger_secret made = entry_secret(x);

	made.source = x->file->path;
	made.retain = x->s.retain;
	made.retained = false;
	ledger_put_secret(&a->ledger, &made); /* before: made refers to strings of x */
	entry_record(x, &made);
}

/* --- the document is gone --------------------------------------------------------------------- */

void apply_note_removed(struct apply *a, const char *namespace, int64_t at)
{
	a->done = mem_grow(a->done, a->n_done + 1, sizeof(*a->done));
	a->done[a->n_done++] = (struct guard_done){ mem_str(namespace), at };
}

void apply_forget_removed(struct apply *a, int64_t now)
{
	size_t i;
	size_t kept = 0;

	for (i = 0; i < a->n_done; i++) {
		if (guard_recent(a->done[i].at, now))
			a->done[kept++] = a->done[i];
		else
			mem_free(a->done[i].namespace);
	}
	a->n_done = kept;
}

static void remove_secret(struct apply *a, struct entry *x, int64_t now_ms)
{
	const char *namespace = x->s.namespace;
	bool ours = kv_has(&a->namespaces, namespace);
	int64_t now = clock_now();
	struct err err = ERR_INIT;

	/* counted before it is done, so that no crash makes the guard forget it */
	ledger_put_removed(&a->ledger, namespace, now);
	if (ledger_flush(&a->ledger, true, &err) < 0 ||
	    place_remove(&a->place, namespace, x->s.name, &x->mark, ours, &err) < 0) {
		fail(a, x, REASON_WRITE_FAILED, &err, now_ms);
		return;
	}
	apply_note_removed(a, namespace, now);
	a->counts.removed++;
	ledger_put_secret_gone(&a->ledger, namespace, x->s.name);
	if (ours && place_lacks_namespace(&a->place, namespace)) {
		kv_del(&a->namespaces, namespace);
		ledger_put_namespace(&a->ledger, namespace, false);
	}
	entry_forget(x);
	mem_replace(&x->why, NULL);
}

static void retain_secret(struct apply *a, struct entry *x)
{
	struct ledger_secret made = entry_secret(x);

	made.retained = true;
	ledger_put_secret(&a->ledger, &made); /* before: made refers to strings of x */
	entry_record(x, &made);
}

static void forget_secret(struct apply *a, struct entry *x)
{
	ledger_put_secret_gone(&a->ledger, x->s.namespace, x->s.name);
	entry_forget(x);
}

void apply_entry(struct apply *a, struct entry *x, int64_t now_ms)
{
	switch (x->s.action) {
	case ACTION_APPLY:
		apply_document(a, x, now_ms);
		break;
	case ACTION_RECORD:
		record(a, x);
		break;
	case ACTION_REMOVE:
		remove_secret(a, x, now_ms);
		break;
	case ACTION_RETAIN:
		retain_secret(a, x);
		break;
	case ACTION_FORGET:
		forget_secret(a, x);
		break;
	case ACTION_NONE:
		break;
	}
	x->s.action = ACTION_NONE;
}

void apply_end(struct apply *a)
{
	struct err err = ERR_INIT;

	source_clear(&a->source);
	/* nothing depends on it: what is not remembered is looked at again after a restart */
	if (ledger_flush(&a->ledger, false, &err) < 0)
		log_line(LOG_WARN, "the ledger cannot be written", "error", err.text, (char *)NULL);
}
