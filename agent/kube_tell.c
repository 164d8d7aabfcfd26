/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_tell.h"

#include <string.h>

#include "agent/kube_fanout.h"
#include "agent/status_json.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#define CONFLICT_MS 5000 /* the watch shows the newer one long before */
#define RETRY_MS 5000
#define DENIED_MS 30000

static struct status_json say(const struct kube_doc *d)
{
	return (struct status_json){ .namespace = d->s.namespace,
				     .name = d->s.name,
				     .resource_version = d->version,
				     .generation = d->generation,
				     .reason = d->s.reason,
				     .message = d->why,
				     .digest = d->digest,
				     .applied_uid = d->applied_uid,
				     .applied_version = d->applied_version,
				     .keys = d->keys.n > 0 ? &d->keys : NULL,
				     .not_after = d->not_after,
				     .now = clock_now() };
}

/* What opened it is not known any more when it was opened by an agent before this one. */
static void keep_keys(struct kube_doc *d)
{
	const json_t *ids = json_object_get(d->status, "keys");

	if (d->keys.n > 0 || d->digest == NULL)
		return;
	for (size_t i = 0; i < json_array_size(ids) && i < STATUS_JSON_KEYS_MAX; i++) {
		const char *id = json_string_value(json_array_get(ids, i));

		if (id != NULL)
			kv_set_str(&d->keys, id, "");
	}
}

void kube_tell_check(struct store_kube *st, struct kube_doc *d)
{
	struct status_json s;

	if (d->s.documents != 1 || d->version == NULL || !status_json_row(d->s.reason).told) {
		d->telling_due = false;
		return;
	}
	if (d->text == NULL) {
		d->telling_due = d->telling_due || d->told != d->s.reason;
		return;
	}
	keep_keys(d);
	s = say(d);
	kube_fanout_say(st, d, d->status, &s.fan_out);
	d->telling_due = d->status_old || !status_json_same(&s, d->status);
	if (!d->telling_due) {
		d->told = d->s.reason;
		kube_fanout_told(st, d, kube_fanout_news(st, d));
	}
}

/* --- write ------------------------------------------------------------------------------------ */

struct telling {
	struct store_kube *st;
	struct kube_doc *d;
	enum reason reason;
	unsigned news;	  /* of its copies */
	char version[64]; /* decided on */
};

static void told(struct telling *t, const struct kube_answer *a)
{
	struct kube_doc *d = t->d;
	const json_t *metadata = json_object_get(a->object, "metadata");
	const char *version = json_string_value(json_object_get(metadata, "resourceVersion"));

	t->st->counts.told++;
	d->told = t->reason;
	/* something newer may have been seen meanwhile */
	if (version != NULL && d->version != NULL && strcmp(d->version, t->version) == 0) {
		/* the watch shows this one late, and as a version that is known by then */
		if (d->text != NULL && strcmp(d->version, version) != 0)
			d->status_old = true;
		mem_replace(&d->version, version);
	}
	d->telling_due = false;
	kube_fanout_told(t->st, d, t->news);
}

static void retry(struct telling *t, const struct kube_answer *a)
{
	struct kube_doc *d = t->d;
	int64_t wait = a->status == 409 ? CONFLICT_MS : a->status == 403 ? DENIED_MS : RETRY_MS;
	char status[24];

	snprintf(status, sizeof(status), "%ld", a->status);
	if (a->retry_ms > wait)
		wait = a->retry_ms;
	log_line(a->status == 409 || a->status == 404 ? LOG_DEBUG : LOG_WARN, "status not written",
		 "namespace", d->s.namespace, "name", d->s.name, "status", status, "error",
		 a->message, (char *)NULL);
	/* also after a 404, which a proxy may say: the watch shows whether the document is gone */
	d->telling_due = d->s.documents == 1;
	if (d->telling_due)
		turns_wait(&t->st->tells, &d->tell, clock_monotonic_ms() + wait);
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct telling *t = ctx;
	struct store_kube *st = t->st;
	struct kube_doc *d = t->d;

	kube_state_ended(&st->statuses, st->telling--, a);
	if (a->status == 200)
		told(t, a);
	else
		retry(t, a);
	mem_free(t);
	d->telling = NULL;
	st->finished(st, d);
}

static void send(struct telling *t, const struct buf *body)
{
	struct kube_doc *d = t->d;
	struct buf path = BUF_INIT;
	struct kube_request r = {
		.method = "PATCH", .type = KUBE_APPLY, .body = body, .metadata_only = true
	};

	kube_path_object(&path, KUBE_GROUP, d->s.namespace, KUBE_DOCUMENTS, d->s.name);
	buf_puts(&path, "/status?force=true&fieldManager=" STATUS_JSON_MANAGER);
	r.path = buf_str(&path);
	t->st->telling++;
	kube_send(t->st->client, &r, answered, t);
	buf_clear(&path);
}

void kube_tell_begin(struct store_kube *st, struct kube_doc *d)
{
	struct telling *t = mem_alloc(sizeof(*t));
	struct status_json s = say(d);
	struct buf body = BUF_INIT;
	struct err err = ERR_INIT;

	*t = (struct telling){
		.st = st, .d = d, .reason = d->s.reason, .news = kube_fanout_news(st, d)
	};
	kube_fanout_say(st, d, d->status, &s.fan_out);
	snprintf(t->version, sizeof(t->version), "%s", d->version);
	d->busy = KUBE_TELLING;
	d->telling = t;
	if (status_json_format(&s, d->status, &body, &err) == 0) {
		send(t, &body);
	} else {
		log_line(LOG_ERROR, "no status can be made", "namespace", d->s.namespace, "name",
			 d->s.name, "error", err.text, (char *)NULL);
		d->telling_due = false;
		d->telling = NULL;
		mem_free(t);
		st->finished(st, d);
	}
	buf_clear(&body);
}
