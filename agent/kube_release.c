/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_release.h"

#include <stdio.h>
#include <string.h>

#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define EVERY_MS 5000
#define DEPLOYMENT "bulla-agent"

static void put_path(const struct store_kube *st, struct buf *path)
{
	kube_path_object(path, "/apis/apps/v1", st->o->agent_namespace, "deployments", DEPLOYMENT);
}

static bool is_held(const struct store_kube *st)
{
	return st->token[0] != '\0';
}

static bool is_spent(const struct store_kube *st)
{
	return st->spent_token[0] != '\0';
}

/* --- what is held ----------------------------------------------------------------------------- */

void kube_release_decided(struct store_kube *st, const struct reconcile_result *r)
{
	if (r->released)
		log_line(LOG_WARN, "removals were released", "token", st->release, (char *)NULL);
	mem_replace(&st->release, NULL);
	memcpy(st->token, r->token, sizeof(st->token));
	/* else it may be held still, when it can be seen again */
	if (!is_held(st) && !r->released && r->counts[REASON_UNKNOWN] != 0)
		return;
	if (!is_held(st) && st->held_token[0] != '\0') {
		memcpy(st->spent_token, st->held_token, sizeof(st->spent_token));
		st->holds++;
	}
	memcpy(st->held_token, r->token, sizeof(st->held_token));
}

void kube_release_told(struct store_kube *st)
{
	st->release_at = 0;
}

void kube_release_command(const struct store_kube *st, struct buf *out)
{
	buf_printf(
	    out, "kubectl annotate --overwrite -n %s deployment/" DEPLOYMENT " " KUBE_RELEASE "=%s",
	    st->o->agent_namespace, st->token);
}

static void put_event(struct store_kube *st, const json_t *deployment)
{
	struct buf note = BUF_INIT;
	struct kube_event e = {
		.api_version = "apps/v1",
		.kind = "Deployment",
		.namespace = st->o->agent_namespace,
		.name = DEPLOYMENT,
		.uid = secret_json_field(deployment, "uid"),
		.resource_version = secret_json_field(deployment, "resourceVersion"),
		.reason = "RemovalsHeld",
		.action = "Remove",
		.warning = true,
	};

	if (e.uid == NULL || !is_held(st) || strcmp(st->told_token, st->token) != 0 ||
	    strcmp(st->event_token, st->token) == 0)
		return;
	memcpy(st->event_token, st->token, sizeof(st->event_token));
	buf_puts(&note, "too many documents are gone at once; their Secrets stay until released: ");
	kube_release_command(st, &note);
	e.note = buf_str(&note);
	kube_recorder_put(st->recorder, &e);
	buf_clear(&note);
}

/* --- the annotation --------------------------------------------------------------------------- */

static void taken_off(void *ctx, const struct kube_answer *a)
{
	struct store_kube *st = ctx;
	char status[24];

	st->release_asked = false;
	st->release_at = clock_monotonic_ms() + EVERY_MS;
	if (a->status == 409) /* the Deployment has changed: what stands there is to be seen anew */
		return;
	if (a->status != 200) {
		snprintf(status, sizeof(status), "%ld", a->status);
		log_line(LOG_WARN,
			 "a release that was used stays on the agent's Deployment; it releases "
			 "nothing any more",
			 "status", status, "error", a->message, (char *)NULL);
	}
	st->spent_token[0] = '\0';
}

/* By the resourceVersion it was seen at: a newer token stays. */
static void take_off(struct store_kube *st, const char *version)
{
	json_t *patch = json_pack("{s:{s:s, s:{s:n}}}", "metadata", "resourceVersion", version,
				  "annotations", KUBE_RELEASE);
	struct buf path = BUF_INIT, body = BUF_INIT;
	struct kube_request r = { .method = "PATCH",
				  .type = KUBE_MERGE_PATCH,
				  .body = &body,
				  .metadata_only = true,
				  .idempotent = true,
				  .urgent = true };

	if (json_format(&body, patch) == 0) {
		put_path(st, &path);
		r.path = buf_str(&path);
		st->release_asked = true;
		kube_send(st->client, &r, taken_off, st);
	}
	json_decref(patch);
	buf_clear(&path);
	buf_clear(&body);
}

static void look_at(struct store_kube *st, const json_t *deployment)
{
	const char *token = secret_json_annotation(deployment, KUBE_RELEASE);
	const char *version = secret_json_field(deployment, "resourceVersion");

	put_event(st, deployment);
	if (is_held(st) && token != NULL && strcmp(token, st->token) == 0) {
		mem_replace(&st->release, token);
		st->gone_due = true;
	}
	if (!is_spent(st))
		return;
	if (token != NULL && version != NULL && strcmp(token, st->spent_token) == 0)
		take_off(st, version);
	else
		st->spent_token[0] = '\0';
}

/* Why nothing that a person says can be heard. */
static void tell_barred(struct store_kube *st, const struct kube_answer *a)
{
	char status[24];

	if (st->release_barred || (a->status != 403 && a->status != 404))
		return;
	st->release_barred = true;
	snprintf(status, sizeof(status), "%ld", a->status);
	log_line(LOG_WARN,
		 "the agent's Deployment cannot be read, on which removals that are held are "
		 "released",
		 "namespace", st->o->agent_namespace, "name", DEPLOYMENT, "status", status, "error",
		 a->message, (char *)NULL);
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct store_kube *st = ctx;

	st->release_asked = false;
	st->release_at = clock_monotonic_ms() + EVERY_MS;
	if (a->status == 200) {
		st->release_barred = false;
		look_at(st, json_object_get(a->object, "metadata"));
		return;
	}
	tell_barred(st, a);
	if (st->release_barred)
		st->spent_token[0] = '\0';
}

int64_t kube_release_work(struct store_kube *st, int64_t now_ms)
{
	struct kube_request r = {
		.method = "GET", .metadata_only = true, .idempotent = true, .urgent = true
	};
	struct buf path = BUF_INIT;

	if ((!is_held(st) && !is_spent(st)) || st->release_asked)
		return INT64_MAX;
	if (now_ms < st->release_at)
		return st->release_at;
	put_path(st, &path);
	r.path = buf_str(&path);
	st->release_asked = true;
	kube_send(st->client, &r, answered, st);
	buf_clear(&path);
	return INT64_MAX;
}
