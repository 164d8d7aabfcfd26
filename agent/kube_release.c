/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_release.h"

#include <string.h>

#include "agent/secret_json.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define EVERY_MS 5000
#define DEPLOYMENT "bulla-agent"

static void answered(void *ctx, const struct kube_answer *a)
{
	struct store_kube *st = ctx;
	const char *token =
	    a->status != 200
		? NULL
		: secret_json_annotation(json_object_get(a->object, "metadata"), KUBE_RELEASE);

	st->release_asked = false;
	st->release_at = clock_monotonic_ms() + EVERY_MS;
	if (token == NULL || st->token[0] == '\0' || strcmp(token, st->token) != 0)
		return;
	log_line(LOG_WARN, "removals were released", "token", token, (char *)NULL);
	mem_replace(&st->release, token);
	st->gone_due = true;
}

int64_t kube_release_work(struct store_kube *st, int64_t now_ms)
{
	struct kube_request r = {
		.method = "GET", .metadata_only = true, .idempotent = true, .urgent = true
	};
	struct buf path = BUF_INIT;

	if (st->token[0] == '\0' || st->release_asked)
		return INT64_MAX;
	if (now_ms < st->release_at)
		return st->release_at;
	kube_path_object(&path, "/apis/apps/v1", st->o->agent_namespace, "deployments", DEPLOYMENT);
	r.path = buf_str(&path);
	st->release_asked = true;
	kube_send(st->client, &r, answered, st);
	buf_clear(&path);
	return INT64_MAX;
}

void kube_release_command(const struct store_kube *st, struct buf *out)
{
	buf_printf(
	    out, "kubectl annotate --overwrite -n %s deployment/" DEPLOYMENT " " KUBE_RELEASE "=%s",
	    st->o->agent_namespace, st->token);
}
