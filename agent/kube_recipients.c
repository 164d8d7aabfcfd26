/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_recipients.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#define EVERY_MS INT64_C(3600000) /* someone may have deleted it */
#define RETRY_MS 30000

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

	for (size_t i = 0; i < recipients->n; i++)
		json_object_set_new(data, recipients->items[i].name,
				    json_string((const char *)recipients->items[i].data));
	if (now != NULL)
		json_object_set_new(data, "active", json_string(now));
	return data;
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct store_kube *st = ctx;
	char status[24];

	st->recipients_asked = false;
	if (a->status == 404 && !st->recipients_make) {
		st->recipients_make = true; /* with its content at the next try */
		st->recipients_at = 0;
		return;
	}
	st->recipients_at = clock_monotonic_ms() + EVERY_MS;
	if (a->status == 200 || a->status == 201) {
		if (st->recipients_make)
			st->recipients_at = 0;
		st->recipients_make = false;
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
	kube_send(st->client, &r, answered, st);
	json_decref(patch);
	buf_clear(&path);
	buf_clear(&body);
}

void kube_recipients_changed(struct store_kube *st)
{
	st->recipients_at = 0;
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
