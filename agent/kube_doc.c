/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_doc.h"

#include <sodium.h>
#include <string.h>

#include "agent/cover.h"
#include "agent/object_key.h"
#include "agent/secret_json.h"
#include "agent/source.h"
#include "agent/status_json.h"
#include "base/err.h"
#include "base/mem.h"

#define WHERE "document" /* what the readers put before their errors */

static bool is_doc(const struct table_node *node, const void *key, size_t len)
{
	const struct kube_doc *d = (const struct kube_doc *)node;

	return object_key_is(key, len, d->s.namespace, d->s.name);
}

void kube_docs_init(struct kube_docs *t)
{
	*t = (struct kube_docs){ TABLE_INIT(is_doc) };
}

static void free_doc(struct kube_doc *d)
{
	mem_free(d->s.namespace);
	mem_free(d->uid);
	mem_free(d->version);
	mem_free(d->text);
	json_decref(d->status);
	mem_free(d->recipients);
	mem_free(d->applied_uid);
	mem_free(d->applied_version);
	mem_free(d->seen);
	mem_free(d->crd_uid);
	mem_free(d->digest);
	mem_free(d->why);
	kv_clear(&d->keys);
	mem_free(d);
}

void kube_docs_clear(struct kube_docs *t)
{
	struct table_node **nodes = table_nodes(&t->table);

	for (size_t i = 0; i < t->table.n; i++)
		free_doc((struct kube_doc *)nodes[i]);
	mem_free(nodes);
	table_clear(&t->table);
}

struct kube_doc *kube_docs_find(const struct kube_docs *t, const char *namespace, const char *name)
{
	char key[OBJECT_KEY_MAX];
	size_t n = object_key(namespace, name, key);

	return n == 0 ? NULL : (struct kube_doc *)table_find(&t->table, key, n);
}

struct kube_doc *kube_docs_need(struct kube_docs *t, const char *namespace, const char *name)
{
	struct kube_doc *d = kube_docs_find(t, namespace, name);
	size_t n = strlen(namespace) + 1, m = strlen(name) + 1;
	char key[OBJECT_KEY_MAX];
	size_t len = object_key(namespace, name, key);

	if (d != NULL || len == 0)
		return d;
	d = mem_alloc(sizeof(*d));
	d->s.namespace = mem_alloc(n + m);
	memcpy(d->s.namespace, namespace, n);
	d->s.name = d->s.namespace + n;
	memcpy(d->s.name, name, m);
	table_add(&t->table, &d->node, key, len);
	return d;
}

void kube_docs_drop(struct kube_docs *t, struct kube_doc *d)
{
	table_remove(&t->table, &d->node);
	free_doc(d);
}

/* --- what a watch shows ----------------------------------------------------------------------- */

static const char *string_at(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

/* true: it is another than before.  Its generation does not change with it. */
static bool take_pause(struct kube_doc *d, const json_t *metadata)
{
	const char *mark = string_at(json_object_get(metadata, "annotations"), KUBE_DOC_PAUSED);
	bool paused = mark != NULL && strcmp(mark, "true") == 0;
	bool odd = mark != NULL && !paused && strcmp(mark, "false") != 0;
	bool same = d->s.paused == paused && d->pause_odd == odd;

	if (d->s.paused && !paused) {
		d->resumed = true;
		subject_unblock(&d->s);
	}
	d->s.paused = paused;
	d->pause_odd = odd;
	return !same;
}

/* What document_parse knows; all else in metadata is the server's and other tools'. */
static char *document_text(const json_t *object)
{
	const json_t *metadata = json_object_get(object, "metadata");
	const json_t *annotations = json_object_get(metadata, "annotations");
	json_t *kept = json_object(), *marks = json_object(), *o = json_object();
	json_t *mark = json_object_get(annotations, DOCUMENT_SUBSTITUTE);
	char *text;

	if (mark != NULL)
		json_object_set(marks, DOCUMENT_SUBSTITUTE, mark);
	json_object_set_new(kept, "name", json_incref(json_object_get(metadata, "name")));
	json_object_set_new(kept, "namespace", json_incref(json_object_get(metadata, "namespace")));
	if (mark != NULL)
		json_object_set(kept, "annotations", marks);
	json_object_set_new(o, "apiVersion", json_string(DOCUMENT_API_VERSION));
	json_object_set_new(o, "kind", json_string(DOCUMENT_KIND));
	json_object_set(o, "metadata", kept);
	json_object_set(o, "spec", json_object_get(object, "spec"));
	text = json_dumps(o, JSON_COMPACT);
	json_decref(marks);
	json_decref(kept);
	json_decref(o);
	return text;
}

/* Applied by an agent before this one, in full and for this very generation. */
static void take_applied(struct kube_doc *d, const struct status_json_read *r)
{
	size_t n = r->digest == NULL ? 0 : strlen(r->digest);

	if (r->uid[0] == '\0' || n + 1 != DOCUMENT_DIGEST_TEXT)
		return;
	if (d->applied_uid != NULL && strcmp(d->applied_uid, r->uid) != 0)
		return; /* the inventory, which only the agent writes, says otherwise */
	d->s.recorded = true;
	d->s.target = TARGET_INTACT;
	d->inherited = r->observed_generation == d->generation;
	mem_replace(&d->applied_uid, r->uid);
	mem_replace(&d->applied_version, r->version);
	mem_replace(&d->digest, r->digest);
}

/* Moves text into d. */
static void take_text(struct kube_doc *d, char *text, const json_t *object)
{
	json_t *status = json_object_get(object, "status");

	mem_free(d->text);
	json_decref(d->status);
	d->text = text;
	d->status = json_is_object(status) ? json_incref(status) : NULL;
	d->status_old = false;
}

/*
 * Is it another text than the last one?  The generation does not say: a server that was restored
 * from a backup counts some generations twice.
 */
static bool is_new_text(struct kube_doc *d, const char *text)
{
	unsigned char hash[KUBE_DOC_HASH];
	bool same;

	crypto_generichash(hash, sizeof(hash), (const unsigned char *)text, strlen(text), NULL, 0);
	same = memcmp(hash, d->text_hash, sizeof(hash)) == 0;
	memcpy(d->text_hash, hash, sizeof(hash));
	return !same;
}

/* Is what the status says what we last made it say? */
static bool status_stands(const struct kube_doc *d, const struct status_json_read *r)
{
	if (d->told == REASON_PAUSED || r->paused)
		return d->told == REASON_PAUSED && r->paused;
	return r->observed_generation == d->generation && r->reason != NULL &&
	       strcmp(r->reason, status_name(d->told)) == 0;
}

/* true: it was not so before. */
static bool take_going(struct kube_doc *d, const json_t *metadata)
{
	bool was = d->s.going;

	d->s.going = json_object_get(metadata, "deletionTimestamp") != NULL;
	return d->s.going != was;
}

bool kube_doc_take(struct kube_doc *d, const json_t *object)
{
	const json_t *metadata = json_object_get(object, "metadata");
	const char *uid = string_at(metadata, "uid"),
		   *version = string_at(metadata, "resourceVersion");
	int64_t generation = json_integer_value(json_object_get(metadata, "generation"));
	bool first = d->uid == NULL, same, new_text;
	struct status_json_read r;
	char *text;

	if (uid == NULL || version == NULL)
		return false;
	same = !first && strcmp(uid, d->uid) == 0;
	if (same && strcmp(version, d->version) == 0 && d->text != NULL && !d->status_old)
		return false;
	status_json_read(json_object_get(object, "status"), &r);
	text = document_text(object);
	new_text = is_new_text(d, text) || !same || generation != d->generation;
	new_text = take_pause(d, metadata) || new_text;
	new_text = take_going(d, metadata) || new_text;
	mem_replace(&d->uid, uid);
	mem_replace(&d->version, version);
	d->generation = generation;
	d->s.documents = 1;
	d->s.gone_since = 0;
	d->s.unknown = false;
	d->s.released = false;
	d->s.ended = false;
	if (first)
		d->before = r.paused ? REASON_PAUSED : status_of_name(r.reason);
	if (first && d->applied_version == NULL)
		take_applied(d, &r);
	if (!new_text && status_stands(d, &r) && d->busy == KUBE_IDLE && !d->telling_due &&
	    d->turn.line == NULL) {
		mem_free(text);
		return false;
	}
	if (new_text)
		d->parsed = false;
	take_text(d, text, object);
	return true;
}

bool kube_doc_fetched(struct kube_doc *d, const json_t *object)
{
	const json_t *metadata = json_object_get(object, "metadata");

	if (string_at(metadata, "uid") == NULL || string_at(metadata, "resourceVersion") == NULL)
		return false;
	if (!kube_doc_take(d, object) && d->text == NULL)
		take_text(d, document_text(object), object);
	return true;
}

void kube_doc_gone(struct kube_doc *d)
{
	d->s.documents = 0;
	d->s.going = false;
	d->s.paused = false;
	d->s.invalid = false;
	d->resumed = false;
	mem_replace(&d->uid, NULL);
	mem_replace(&d->version, NULL);
	d->generation = 0;
	d->parsed = false;
	d->telling_due = false;
	d->letting_go = false;
	d->held = false;
	d->told = REASON_PENDING;
	kube_doc_settle(d);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void fill(struct kube_doc *d, const struct document *doc)
{
	char hex[DOCUMENT_DIGEST_TEXT];

	document_digest(doc, hex);
	source_id(doc, d->s.digest);
	/* the digest leaves out facts and recipients: it counts for what was looked at as a whole
	 */
	if (d->inherited && d->s.recorded && d->digest != NULL && strcmp(d->digest, hex) == 0)
		memcpy(d->s.made, d->s.digest, sizeof(d->s.made));
	d->inherited = false;
	mem_free(d->recipients);
	d->recipients = source_recipients(doc);
	d->not_after = source_not_after(doc);
	d->type = doc->type;
	d->kind = doc->kind;
	d->reaches = false;
	for (size_t i = 0; i < doc->n; i++)
		d->reaches = d->reaches || kv_has(&doc->parts[i].facts, "namespaces") ||
			     kv_has(&doc->parts[i].facts, "service-accounts");
	d->chosen = doc->policy != POLICY_UNSET;
	/* kept though nothing in the document says so: it was taken over */
	d->adopted = d->adopted || (d->kept && !d->chosen && document_policy(doc) == POLICY_DELETE);
	d->s.retain = d->chosen ? document_policy(doc) == POLICY_RETAIN
				: document_policy(doc) == POLICY_RETAIN || d->adopted;
}

/* All of it is on one line, and a line of JSON tells nobody anything. */
static const char *without_place(const char *text)
{
	size_t n = strlen(WHERE ":1: ");

	return strncmp(text, WHERE ":1: ", n) == 0 ? text + n : text;
}

static int read_text(const char *text, struct document *out, struct err *err)
{
	struct yaml_stream yaml = YAML_STREAM_INIT;
	int r = -1;

	/* JSON is YAML, and the strict reader of documents reads YAML */
	if (yaml_parse(WHERE, text, strlen(text), &yaml, err) == 0)
		r = document_parse(WHERE, &yaml.docs[0], out, err);
	yaml_clear(&yaml);
	return r;
}

int kube_doc_read(const json_t *object, struct document *out, struct err *err)
{
	char *text = document_text(object);
	int r = text == NULL ? err_set(err, ERR_INVALID, "no document") : read_text(text, out, err);

	mem_free(text);
	return r;
}

int kube_doc_parse(struct kube_doc *d, struct document *out)
{
	struct err err = ERR_INIT;
	int r = read_text(d->text, out, &err);

	if (r == 0)
		fill(d, out);
	else
		kube_doc_say(d, without_place(err.text));
	if (r == 0 && d->pause_odd) {
		kube_doc_say(d, "metadata.annotations: " KUBE_DOC_PAUSED
				" is neither \"true\" nor \"false\"; correct it, or remove it");
		r = -1;
	}
	d->s.invalid = r != 0;
	d->parsed = true;
	return r;
}

enum cover kube_doc_cover(const struct kube_doc *d, const struct kv *keys)
{
	return d->recipients == NULL ? COVER_NONE : cover_of(d->recipients, keys);
}

/* --- what was done ---------------------------------------------------------------------------- */

void kube_doc_applied(struct kube_doc *d, const json_t *secret_metadata)
{
	mem_replace(&d->applied_uid, string_at(secret_metadata, "uid"));
	mem_replace(&d->applied_version, string_at(secret_metadata, "resourceVersion"));
	d->s.recorded = true;
	d->s.retained = false;
	d->s.made_retain = d->s.retain;
	d->s.target = TARGET_INTACT;
	memcpy(d->s.made, d->s.digest, sizeof(d->s.made));
	if (!d->seen_anew) /* else it may be another one by now: the next look compares */
		kube_doc_saw(d, secret_metadata);
}

void kube_doc_saw(struct kube_doc *d, const json_t *secret_metadata)
{
	mem_free(d->seen);
	d->seen = mem_printf("%s/%s", string_at(secret_metadata, "uid"),
			     string_at(secret_metadata, "resourceVersion"));
	d->seen_mark = SECRET_JSON_OURS;
}

void kube_doc_recorded(struct kube_doc *d, const char *secret_uid)
{
	mem_replace(&d->applied_uid, secret_uid);
	mem_replace(&d->applied_version, NULL);
	d->s.recorded = true;
	d->s.target = TARGET_CHANGED;
}

void kube_doc_unsure(struct kube_doc *d)
{
	if (d->s.recorded)
		return;
	d->s.recorded = true;
	d->s.made_retain = d->s.retain;
}

uint64_t kube_doc_incarnation(const struct kube_doc *d)
{
	unsigned char hash[KUBE_DOC_HASH];
	uint64_t n;

	if (d->applied_uid == NULL)
		return 0;
	crypto_generichash(hash, sizeof(hash), (const unsigned char *)d->applied_uid,
			   strlen(d->applied_uid), NULL, 0);
	memcpy(&n, hash, sizeof(n));
	return n;
}

void kube_doc_unapplied(struct kube_doc *d)
{
	mem_replace(&d->applied_uid, NULL);
	mem_replace(&d->applied_version, NULL);
	mem_replace(&d->digest, NULL);
	mem_replace(&d->crd_uid, NULL);
	d->s.recorded = false;
	d->s.retained = false;
	d->s.released = false;
	d->s.ended = false;
	d->s.target = TARGET_ABSENT;
	d->adopted = false;
	d->kept = false;
	d->letting_go = false;
	d->held = false;
}

void kube_doc_settle(struct kube_doc *d)
{
	mem_replace(&d->text, NULL);
	json_decref(d->status);
	d->status = NULL;
	d->status_old = false;
	kv_clear(&d->keys);
}

void kube_doc_say(struct kube_doc *d, const char *why)
{
	mem_replace(&d->why, why);
}
