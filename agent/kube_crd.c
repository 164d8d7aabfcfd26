/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_crd.h"

#include <string.h>

#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define RETRY_MS 10000
#define FORBIDDEN_MS 600000

static void take(struct store_kube *st, const char *uid)
{
	if (st->crd_uid != NULL && strcmp(st->crd_uid, uid) == 0)
		return;
	if (st->crd_uid != NULL)
		log_line(LOG_WARN,
			 "the kind SealedCredential was made anew; no Secret made before "
			 "is removed until its document is there again",
			 (char *)NULL);
	mem_free(st->crd_uid);
	st->crd_uid = mem_str(uid);
	st->gone_due = true;
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct store_kube *st = ctx;
	const char *uid = secret_json_field(json_object_get(a->object, "metadata"), "uid");
	char status[24];

	st->asking_crd = false;
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

void kube_crd_work(struct store_kube *st, int64_t now_ms)
{
	if (st->crd_again != 0 && now_ms >= st->crd_again)
		kube_crd_ask(st);
}
