/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_crd.h"

#include <string.h>

#include "agent/kube_inventory.h"
#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define RETRY_MS 10000
#define GOING_MS 1000
#define HINT_MS 500
#define FORBIDDEN_MS 600000

void kube_crd_note(struct store_kube *st, struct kube_doc *d)
{
	if (st->crd_uid == NULL || st->kind_unsure || d->s.documents == 0 || !d->s.recorded ||
	    (d->crd_uid != NULL && strcmp(d->crd_uid, st->crd_uid) == 0))
		return;
	mem_replace(&d->crd_uid, st->crd_uid);
	kube_inventory_made(st, d);
}

static void note_all(struct store_kube *st)
{
	struct table_node **nodes = table_nodes(&st->docs.table);

	for (size_t i = 0; i < st->docs.table.n; i++)
		kube_crd_note(st, (struct kube_doc *)nodes[i]);
	mem_free(nodes);
}

void kube_crd_listed(struct store_kube *st)
{
	if (!st->kind_unsure)
		return;
	st->kind_unsure = false;
	note_all(st);
}

/* What is shown now may still be of the kind before: list anew. */
static void become_unsure(struct store_kube *st)
{
	st->kind_unsure = true;
	for (size_t i = 0; i < st->n_scopes; i++)
		kube_watch_relist(st->scopes[i].documents);
}

static void take(struct store_kube *st, const char *uid)
{
	bool first = st->crd_uid == NULL;

	if (!first && strcmp(st->crd_uid, uid) == 0)
		return;
	if (!first) {
		log_line(LOG_WARN,
			 "the kind SealedCredential was made anew; no Secret made before "
			 "is removed until its document is there again",
			 (char *)NULL);
		become_unsure(st);
	}
	mem_replace(&st->crd_uid, uid);
	if (first)
		note_all(st);
	st->gone_due = true;
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct store_kube *st = ctx;
	const json_t *metadata = json_object_get(a->object, "metadata");
	const char *uid = secret_json_field(metadata, "uid");
	char status[24];

	st->asking_crd = false;
	if (secret_json_field(metadata, "deletionTimestamp") != NULL) {
		st->crd_again = clock_monotonic_ms() + GOING_MS;
		return;
	}
	if (a->status == 200 && uid != NULL) {
		take(st, uid);
		return;
	}
	if (a->status == 403 && st->o->namespaces != NULL) {
		/* as it is with Roles alone: agent/kube_remove.c asks otherwise */
		st->crd_again = clock_monotonic_ms() + FORBIDDEN_MS;
		return;
	}
	snprintf(status, sizeof(status), "%ld", a->status);
	log_line(LOG_WARN, "the kind SealedCredential cannot be read; nothing is removed", "status",
		 status, "error", a->message, (char *)NULL);
	st->crd_again = clock_monotonic_ms() + RETRY_MS;
}

void kube_crd_ask(struct store_kube *st)
{
	const struct kube_request r = { .method = "GET",
					.path = KUBE_CRD_PATH,
					.metadata_only = true,
					.idempotent = true,
					.urgent = true };

	st->crd_again = 0;
	if (st->asking_crd)
		return;
	st->asking_crd = true;
	kube_send(st->client, &r, answered, st);
}

void kube_crd_hint(struct store_kube *st)
{
	if (st->crd_uid != NULL && st->crd_again == 0 && !st->asking_crd)
		st->crd_again = clock_monotonic_ms() + HINT_MS;
}

void kube_crd_work(struct store_kube *st, int64_t now_ms)
{
	if (st->crd_again != 0 && now_ms >= st->crd_again)
		kube_crd_ask(st);
}
