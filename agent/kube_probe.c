/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_probe.h"

#include <sodium.h>
#include <string.h>

#include "agent/secret_json.h"
#include "base/clock.h"

#define AT_ONCE 4 /* of the requests in flight */
#define RETRY_MS 30000

static bool wanted(const struct store_kube *st, const struct kube_doc *d)
{
	return st->o->namespaces == NULL && st->o->probe_ms > 0 && d->s.documents == 1 &&
	       d->s.recorded && d->type != NULL;
}

/* Spread, so that ten thousand Secrets made at once are not probed at once. */
void kube_probe_later(struct store_kube *st, struct kube_doc *d)
{
	int64_t span = st->o->probe_ms;

	if (!wanted(st, d))
		return;
	turns_drop(&st->probes, &d->probe);
	turns_wait(&st->probes, &d->probe,
		   clock_monotonic_ms() + span / 2 +
		       (int64_t)randombytes_uniform((uint32_t)(span / 2 + 1)));
}

void kube_probe_now(struct store_kube *st, struct kube_doc *d)
{
	if (!wanted(st, d))
		return;
	turns_drop(&st->probes, &d->probe);
	turns_wait(&st->probes, &d->probe, clock_monotonic_ms());
}

static void found(struct store_kube *st, struct kube_doc *d, enum target target)
{
	d->s.target = target;
	subject_unblock(&d->s);
	kube_state_look(st, d);
}

/*
 * Ours is there.  Of what the inventory alone remembers no version is known: it is looked at, and
 * written again.
 */
static void found_ours(struct store_kube *st, struct kube_doc *d, const struct kube_answer *a)
{
	const json_t *metadata = json_object_get(a->object, "metadata");
	const char *uid = secret_json_field(metadata, "uid");
	const char *version = secret_json_field(metadata, "resourceVersion");

	if (uid != NULL && version != NULL) {
		if (d->applied_uid != NULL && d->applied_version != NULL &&
		    strcmp(uid, d->applied_uid) == 0 && strcmp(version, d->applied_version) == 0)
			return;
		kube_doc_saw(d, metadata);
	}
	found(st, d, TARGET_CHANGED);
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct kube_doc *d = ctx;
	struct store_kube *st = d->store;

	st->probing--;
	d->busy = KUBE_IDLE;
	if (d->s.documents == 0) {
		st->gone_due = true;
		return;
	}
	/* 422: another's by now, or of another type */
	if (a->status == 422)
		found(st, d, TARGET_CHANGED);
	else if (a->status == 200)
		found_ours(st, d, a);
	else if (a->status == 404 && strcmp(a->name, d->s.name) == 0)
		found(st, d, TARGET_ABSENT);
	if (d->again) {
		d->again = false;
		kube_state_look(st, d);
	} else if (d->telling_due) {
		kube_state_tell(st, d); /* its turn may have come, and gone, while we asked */
	}
	if (a->status == 200 || a->status == 404 || a->status == 422)
		kube_probe_later(st, d);
	else
		turns_wait(&st->probes, &d->probe, clock_monotonic_ms() + RETRY_MS);
}

static void probe(struct store_kube *st, struct kube_doc *d)
{
	const struct document doc = { .namespace = d->s.namespace,
				      .name = d->s.name,
				      .type = d->type };
	const struct secret_json_seen seen = { .uid = d->applied_uid };
	struct buf path = BUF_INIT, body = BUF_INIT;
	struct kube_request r = { .method = "PATCH",
				  .type = KUBE_JSON_PATCH,
				  .body = &body,
				  .metadata_only = true,
				  .idempotent = true };

	secret_json_probe(&doc, &seen, false, &body);
	kube_path_object(&path, KUBE_CORE, d->s.namespace, "secrets", d->s.name);
	r.path = buf_str(&path);
	d->store = st;
	d->busy = KUBE_PROBING;
	st->probing++;
	kube_send(st->client, &r, answered, d);
	buf_clear(&path);
	buf_clear(&body);
}

void kube_probe_work(struct store_kube *st, int64_t now_ms)
{
	struct turn *t;

	while (st->probing < AT_ONCE && (t = turns_due(&st->probes, now_ms)) != NULL) {
		struct kube_doc *d =
		    (struct kube_doc *)(void *)((char *)t - offsetof(struct kube_doc, probe));

		if (!wanted(st, d))
			continue;
		if (d->busy == KUBE_IDLE)
			probe(st, d);
		else
			turns_wait(&st->probes, t, now_ms + 1000);
	}
}
