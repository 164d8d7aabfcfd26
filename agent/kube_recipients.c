/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_recipients.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#define EVERY_MS INT64_C(3600000) /* someone may have deleted it */
#define RETRY_MS 30000

static bool same(const char *a, const char *b)
{
	return b != NULL && strcmp(a, b) == 0;
}

/* The key that is sealed to now: that of the greatest file name. */
static const char *active(const struct kv *keys)
{
	const struct kv_item *best = NULL;

	for (size_t i = 0; i < keys->n; i++)
		if (best == NULL ||
		    strcmp((const char *)keys->items[i].data, (const char *)best->data) > 0)
			best = &keys->items[i];
	return best == NULL ? NULL : best->name;
}

static json_t *recipients_data(const struct store_kube *st)
{
	const struct kv *recipients = opener_recipients(st->opener);
	const char *now = active(opener_keys(st->opener));
	json_t *data = json_object();

	for (size_t i = 0; i < recipients->n; i++) {
		const struct kv_item *r = &recipients->items[i];

		if (!kv_has(&st->recipients_out, r->name) || same(r->name, now))
			json_object_set_new(data, r->name, json_string((const char *)r->data));
	}
	if (now != NULL)
		json_object_set_new(data, "active", json_string(now));
	return data;
}

static void published(struct store_kube *st, bool again)
{
	st->recipients_at = again || st->recipients_make ? 0 : clock_monotonic_ms() + EVERY_MS;
	if (!st->recipients_make)
		kv_add_names(&st->recipients_out, &st->recipients_sent);
	st->recipients_make = false;
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct store_kube *st = ctx;
	bool again = st->recipients_again;
	char status[24];

	st->recipients_asked = false;
	st->recipients_again = false;
	if (a->status == 404 && !st->recipients_make) {
		st->recipients_make = true; /* with its content at the next try */
		st->recipients_at = 0;
		kv_clear(&st->recipients_out);
		return;
	}
	if (a->status == 200 || a->status == 201) {
		published(st, again);
		return;
	}
	st->recipients_at = clock_monotonic_ms() + RETRY_MS;
	snprintf(status, sizeof(status), "%ld", a->status);
	log_line(LOG_WARN, "the recipients cannot be published", "status", status, "error",
		 a->message, (char *)NULL);
}

/* Server-side apply makes it where create is allowed by name; a merge patch adds to it. */
static void publish(struct store_kube *st)
{
	bool make = st->recipients_make;
	struct buf path = BUF_INIT, body = BUF_INIT;
	struct kube_request r = { .method = "PATCH",
				  .type = make ? KUBE_APPLY : KUBE_MERGE_PATCH,
				  .body = &body,
				  .metadata_only = true,
				  .idempotent = true };
	json_t *patch = make ? json_pack("{s:s,s:s,s:{s:s}}", "apiVersion", "v1", "kind",
					 "ConfigMap", "metadata", "name", KUBE_RECIPIENTS)
			     : json_pack("{s:o}", "data", recipients_data(st));

	json_format(&body, patch);
	kube_path_object(&path, KUBE_CORE, st->o->agent_namespace, "configmaps", KUBE_RECIPIENTS);
	buf_puts(&path, "?fieldManager=bulla-agent");
	r.path = buf_str(&path);
	st->recipients_asked = true;
	kv_clear(&st->recipients_sent);
	kv_add_names(&st->recipients_sent, opener_recipients(st->opener));
	kube_send(st->client, &r, answered, st);
	json_decref(patch);
	buf_clear(&path);
	buf_clear(&body);
}

/* A key that comes back is published anew. */
static void forget_others(const struct store_kube *st, struct kv *keys)
{
	for (size_t i = keys->n; i-- > 0;)
		if (!kv_has(opener_recipients(st->opener), keys->items[i].name))
			kv_del(keys, keys->items[i].name);
}

void kube_recipients_changed(struct store_kube *st)
{
	forget_others(st, &st->recipients_sent);
	forget_others(st, &st->recipients_out);
	st->recipients_at = 0;
	st->recipients_again = st->recipients_asked;
}

int64_t kube_recipients_work(struct store_kube *st, int64_t now_ms)
{
	if (st->recipients_asked || opener_recipients(st->opener)->n == 0)
		return INT64_MAX;
	if (now_ms < st->recipients_at)
		return st->recipients_at;
	publish(st);
	return INT64_MAX;
}
