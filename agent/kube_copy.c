/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_copy.h"

#include <string.h>

#include "agent/inventory.h"
#include "agent/kube_crd.h"
#include "agent/kube_inventory.h"
#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#define RETRY_FIRST_MS 1000
#define RETRY_LAST_MS 300000
#define RETRY_PERSON_MS 60000 /* where a person must do something first */
#define RETRY_USED_MS 60000   /* at most */

/* What is done beside the steps by which it is written. */
enum {
	STEP_WRITE, /* agent/secret_steps.h has the rest */
	STEP_CHECK,
	STEP_DOCUMENT, /* is the document gone? */
	STEP_KIND,     /* is the kind the one it was? */
	STEP_FIND,     /* which one is it, that is to be deleted? */
	STEP_SOURCES,  /* does Flux use it? */
	STEP_DELETE,
};

struct kube_copy *kube_copy_new(struct kube_copy_owner *owner, const char *namespace)
{
	struct kube_copy *c = mem_alloc(sizeof(*c));

	*c = (struct kube_copy){ .owner = owner, .namespace = mem_str(namespace) };
	return c;
}

void kube_copy_free(struct kube_copy *c)
{
	mem_free(c->namespace);
	secret_steps_end(&c->write);
	flux_search_end(&c->search);
	mem_free(c->user);
	mem_free(c->uid);
	mem_free(c->version);
	mem_free(c->document_uid);
	mem_free(c->crd_uid);
	mem_free(c);
}

void kube_copy_recorded(struct kube_copy *c, const struct inventory_item *item)
{
	if (c->there)
		return;
	c->there = true;
	c->retain = item->policy == POLICY_RETAIN;
	mem_replace(&c->uid, item->secret_uid);
	mem_replace(&c->version, NULL);
	mem_replace(&c->document_uid, item->document_uid);
	mem_replace(&c->crd_uid, item->crd_uid);
}

/* --- its end ---------------------------------------------------------------------------------- */

static void end(struct kube_copy *c, enum kube_copy_end how)
{
	secret_steps_end(&c->write);
	flux_search_end(&c->search);
	c->busy = false;
	c->doc = NULL;
	c->secret = NULL;
	c->digest = NULL;
	c->owner->busy--;
	c->owner->ended(c->owner->ctx, c, how);
}

static void later(struct kube_copy *c, enum kube_copy_fault fault, int64_t wait)
{
	c->fault = fault;
	c->tries++;
	c->not_before = clock_monotonic_ms() + wait;
	end(c, COPY_LEFT);
}

static void leave(struct kube_copy *c, enum kube_copy_fault fault, const struct kube_answer *a)
{
	const char *what = c->step == STEP_SOURCES
			       ? "copy of a Secret stays: it cannot be seen whether a source of "
				 "Flux uses it"
			       : "copy of a Secret is not as it should be";
	int64_t wait = clock_backoff(RETRY_FIRST_MS, RETRY_LAST_MS, c->tries);
	char status[24];

	if (fault != COPY_FAILED && wait < RETRY_PERSON_MS)
		wait = RETRY_PERSON_MS;
	if (a->retry_ms > wait)
		wait = a->retry_ms;
	/* the server's words may quote the secret: its status alone is told */
	snprintf(status, sizeof(status), "%ld", a->status);
	log_line(c->tries == 0 ? LOG_WARN : LOG_DEBUG, what, "namespace", c->namespace, "name",
		 c->owner->name, "from", c->owner->namespace, "status", status, "error",
		 a->status == 0 ? a->message : a->reason, (char *)NULL);
	later(c, fault, wait);
}

static void leave_used(struct kube_copy *c)
{
	if (c->fault != COPY_USED)
		log_line(LOG_WARN,
			 "copy of a Secret that is to go stays while a source of Flux uses it",
			 "namespace", c->namespace, "name", c->owner->name, "from",
			 c->owner->namespace, "source", c->search.user, (char *)NULL);
	mem_replace(&c->user, c->search.user);
	later(c, COPY_USED, clock_backoff(RETRY_FIRST_MS, RETRY_USED_MS, c->tries));
}

static void right_now(struct kube_copy *c)
{
	c->fault = COPY_FINE;
	c->tries = 0;
	c->not_before = 0;
	c->letting_go = false;
	c->checked = clock_monotonic_ms();
}

/* --- the inventory ---------------------------------------------------------------------------- */

static void remember(const struct kube_copy *c)
{
	struct inventory *v = kube_inventory_all(c->owner->st);
	const struct inventory_item what = {
		.namespace = c->namespace,
		.name = c->owner->name,
		.from = c->owner->namespace,
		.secret_uid = c->uid,
		.document_uid = c->document_uid,
		.crd_uid = c->crd_uid,
		.policy = c->retain ? POLICY_RETAIN : POLICY_DELETE,
	};

	if (v != NULL)
		inventory_made(v, &what);
}

/* Copies are not counted by the guard, which counts documents: they are forgotten. */
void kube_copy_forget(struct kube_copy *c)
{
	struct inventory *v = kube_inventory_all(c->owner->st);
	const struct inventory_item *x =
	    v == NULL ? NULL : inventory_find(v, c->namespace, c->owner->name);

	if (x != NULL && x->gone == 0 && strcmp(x->from, c->owner->namespace) == 0)
		inventory_forget(v, c->namespace, c->owner->name);
	c->there = false;
	c->adopted = false;
	mem_replace(&c->uid, NULL);
	mem_replace(&c->version, NULL);
	memset(c->made, 0, sizeof(c->made));
}

/* What was there is what is there now.  After a restart the probe alone tells what was. */
static bool is_same(const struct kube_copy *c, const char *version)
{
	const char *before =
	    c->version != NULL ? c->version : secret_json_field(c->write.seen, "resourceVersion");

	return before != NULL && strcmp(before, version) == 0;
}

static void written(struct kube_copy *c, const struct kube_answer *a)
{
	const json_t *metadata = json_object_get(a->object, "metadata");
	const struct kube_doc *d =
	    kube_docs_find(&c->owner->st->docs, c->owner->namespace, c->owner->name);
	const char *version = secret_json_field(metadata, "resourceVersion");
	bool same;

	if (secret_json_field(metadata, "uid") == NULL || version == NULL) {
		leave(c, COPY_FAILED, a);
		return;
	}
	same = is_same(c, version);
	c->adopted = secret_json_adopted(metadata);
	c->retain = document_policy(c->doc) == POLICY_RETAIN ||
		    (c->adopted && c->doc->policy == POLICY_UNSET);
	mem_replace(&c->uid, secret_json_field(metadata, "uid"));
	mem_replace(&c->version, version);
	mem_replace(&c->document_uid, d == NULL ? NULL : d->uid);
	mem_replace(&c->crd_uid, c->owner->st->crd_uid);
	memcpy(c->made, c->digest, sizeof(c->made));
	c->there = true;
	c->stale = false;
	right_now(c);
	remember(c);
	c->owner->st->counts.written++;
	end(c, same ? COPY_KEPT : COPY_WRITTEN);
}

static void removed(struct kube_copy *c, const char *what)
{
	log_line(LOG_INFO, what, "namespace", c->namespace, "name", c->owner->name, "from",
		 c->owner->namespace, (char *)NULL);
	kube_copy_forget(c);
	right_now(c);
	end(c, COPY_REMOVED);
}

/* --- what is asked ---------------------------------------------------------------------------- */

static void put_path(const struct kube_copy *c, struct buf *path)
{
	const struct kube_copy_owner *o = c->owner;

	if (c->step == STEP_KIND)
		buf_puts(path, KUBE_CRD_PATH);
	else if (c->step == STEP_SOURCES)
		flux_search_path(&c->search, c->namespace, path);
	else if (c->step == STEP_DOCUMENT)
		kube_path_object(path, KUBE_GROUP, o->namespace, KUBE_DOCUMENTS, o->name);
	else
		kube_path_object(path, KUBE_CORE, c->namespace, "secrets", o->name);
}

static int format_write(const struct kube_copy *c, struct kube_request *r, struct buf *path,
			struct buf *body)
{
	const struct kube_doc *d =
	    kube_docs_find(&c->owner->st->docs, c->owner->namespace, c->owner->name);
	const struct secret_json what = { .document = c->doc,
					  .secret = c->secret,
					  .namespace = c->namespace,
					  .document_uid = d == NULL ? NULL : d->uid,
					  .crd_uid = c->owner->st->crd_uid,
					  .adopted = c->adopted };
	struct err err = ERR_INIT;

	return secret_steps_request(&c->write, &what, NULL, r, path, body, &err);
}

static void format_other(const struct kube_copy *c, struct kube_request *r, struct buf *path,
			 struct buf *body)
{
	const struct document owner = { .namespace = c->owner->namespace, .name = c->owner->name };
	const struct secret_json_seen any = { .uid = NULL };

	r->method = c->step == STEP_DELETE ? "DELETE" : "GET";
	r->metadata_only = c->step != STEP_SOURCES;
	if (c->step == STEP_DELETE) {
		r->type = KUBE_JSON;
		secret_json_delete(c->uid, c->version, body);
	} else if (c->step == STEP_CHECK || c->step == STEP_FIND) {
		r->method = "PATCH";
		r->type = KUBE_JSON_PATCH;
		secret_json_probe(&owner, &any, false, body);
	}
	put_path(c, path);
	r->path = buf_str(path);
	r->body = r->type == KUBE_NO_BODY ? NULL : body;
}

static void answered(void *ctx, const struct kube_answer *a);

static void send(struct kube_copy *c)
{
	const struct kube_answer unmade = { .reason = "TooLarge", .message = "" };
	struct kube_request r = { .method = NULL };
	struct buf body = BUF_INIT, path = BUF_INIT;
	int made = 0;

	if (c->step == STEP_WRITE)
		made = format_write(c, &r, &path, &body);
	else
		format_other(c, &r, &path, &body);
	if (made != 0)
		leave(c, COPY_FAILED, &unmade);
	else
		kube_send(c->owner->st->client, &r, answered, c);
	buf_clear(&body);
	buf_clear(&path);
}

static void go(struct kube_copy *c, int step)
{
	c->step = step;
	send(c);
}

/* --- what the server said --------------------------------------------------------------------- */

static bool done_well(const struct kube_answer *a)
{
	return a->status >= 200 && a->status < 300;
}

static void refused(struct kube_copy *c, const struct kube_answer *a)
{
	if (a->status == 403)
		leave(c,
		      strcmp(a->cause, "NamespaceTerminating") == 0 ? COPY_GOING : COPY_FORBIDDEN,
		      a);
	else if (a->status == 404 && c->step == STEP_WRITE && c->write.step == SECRET_CREATE)
		leave(c, COPY_GOING, a);
	else
		leave(c, COPY_FAILED, a);
}

static void on_write(struct kube_copy *c, const struct kube_answer *a)
{
	switch (secret_steps_answer(&c->write, a)) {
	case SECRET_STEPS_ON:
		send(c);
		break;
	case SECRET_STEPS_DONE:
		written(c, a);
		break;
	case SECRET_STEPS_FOREIGN:
		if (c->there)
			kube_copy_forget(c);
		leave(c, COPY_FOREIGN, a);
		break;
	case SECRET_STEPS_REFUSED:
		refused(c, a);
		break;
	}
}

static void on_check(struct kube_copy *c, const struct kube_answer *a)
{
	const json_t *metadata = json_object_get(a->object, "metadata");
	const char *uid = secret_json_field(metadata, "uid");
	const char *version = secret_json_field(metadata, "resourceVersion");

	if (done_well(a) && uid != NULL && version != NULL) {
		bool same = c->uid != NULL && c->version != NULL && strcmp(uid, c->uid) == 0 &&
			    strcmp(version, c->version) == 0;

		c->checked = clock_monotonic_ms();
		c->stale = c->stale || !same;
		end(c, same ? COPY_INTACT : COPY_CHANGED);
	} else if (a->status == 404 || a->status == 422) {
		c->checked = clock_monotonic_ms();
		c->stale = true;
		end(c, COPY_CHANGED);
	} else {
		refused(c, a);
	}
}

/* A proxy, or a server without the kind, says 404 as well: this one must name the document. */
static void on_document(struct kube_copy *c, const struct kube_answer *a)
{
	if (a->status == 404 && strcmp(a->reason, "NotFound") == 0 &&
	    strcmp(a->name, c->owner->name) == 0)
		go(c, STEP_KIND);
	else
		leave(c, COPY_FAILED, a);
}

static void on_kind(struct kube_copy *c, const struct kube_answer *a)
{
	const json_t *metadata = json_object_get(a->object, "metadata");
	const char *uid = secret_json_field(metadata, "uid");

	if (a->status == 200 && uid != NULL && c->crd_uid != NULL && strcmp(uid, c->crd_uid) == 0 &&
	    json_object_get(metadata, "deletionTimestamp") == NULL)
		go(c, STEP_FIND);
	else
		leave(c, COPY_FAILED, a);
}

static void may_delete(struct kube_copy *c)
{
	if (c->owner->let_go(c->owner->ctx, c))
		go(c, STEP_DELETE);
	else
		end(c, COPY_LEFT);
}

static void on_sources(struct kube_copy *c, const struct kube_answer *a)
{
	switch (flux_search_answer(&c->search, a->status, a->object, c->owner->name)) {
	case FLUX_SEARCH_ON:
		send(c);
		break;
	case FLUX_SEARCH_UNUSED:
		may_delete(c);
		break;
	case FLUX_SEARCH_USED:
		leave_used(c);
		break;
	case FLUX_SEARCH_BLIND:
		leave(c, COPY_FAILED, a);
		break;
	}
}

static void on_find(struct kube_copy *c, const struct kube_answer *a)
{
	const json_t *metadata = json_object_get(a->object, "metadata");
	const char *uid = secret_json_field(metadata, "uid");
	const char *version = secret_json_field(metadata, "resourceVersion");

	if (done_well(a) && uid != NULL && version != NULL) {
		/* it may be to stay after all, and then it is not what we made */
		c->stale = c->stale || c->version == NULL || strcmp(c->version, version) != 0;
		mem_replace(&c->uid, uid);
		mem_replace(&c->version, version);
		if (c->owner->st->o->flux && c->why != COPY_IN_THE_WAY)
			go(c, STEP_SOURCES);
		else
			may_delete(c);
	} else if (a->status == 404 || kube_test_failed(a)) {
		removed(c, a->status == 404 ? "copy of a Secret is gone"
					    : "copy of a Secret is another's by now; it stays");
	} else {
		refused(c, a);
	}
}

static void on_delete(struct kube_copy *c, const struct kube_answer *a)
{
	if (!done_well(a) && a->status != 404)
		refused(c, a);
	else
		removed(c, "copy of a Secret removed");
}

static void answered(void *ctx, const struct kube_answer *a)
{
	static void (*const table[])(struct kube_copy *, const struct kube_answer *) = {
		[STEP_WRITE] = on_write,   [STEP_CHECK] = on_check, [STEP_DOCUMENT] = on_document,
		[STEP_KIND] = on_kind,	   [STEP_FIND] = on_find,   [STEP_SOURCES] = on_sources,
		[STEP_DELETE] = on_delete,
	};
	struct kube_copy *c = ctx;

	table[c->step](c, a);
}

/* --- begin ------------------------------------------------------------------------------------ */

static void begin(struct kube_copy *c, int step)
{
	c->busy = true;
	c->step = step;
	c->owner->busy++;
}

void kube_copy_write(struct kube_copy *c, const struct document *doc,
		     const struct kind_secret *secret, const unsigned char *digest)
{
	begin(c, STEP_WRITE);
	secret_steps_begin(&c->write, c->there ? SECRET_PROBE : SECRET_CREATE);
	c->doc = doc;
	c->secret = secret;
	c->digest = digest;
	send(c);
}

void kube_copy_check(struct kube_copy *c)
{
	begin(c, STEP_CHECK);
	send(c);
}

void kube_copy_remove(struct kube_copy *c, enum kube_copy_why why)
{
	c->why = why;
	flux_search_begin(&c->search);
	begin(c, why == COPY_ORPHANED ? STEP_DOCUMENT : STEP_FIND);
	send(c);
}

void kube_copy_wanted(struct kube_copy *c)
{
	c->letting_go = false;
	if (c->fault != COPY_USED)
		return;
	c->fault = COPY_FINE;
	c->tries = 0;
	c->not_before = 0;
}
