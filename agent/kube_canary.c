/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_canary.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define EVERY_MS INT64_C(3600000)
#define STOPPED_MS 30000 /* while the agent is stopped by it, at most */
#define NEW_MS 1000	 /* at first: a policy that was made together with us is in force soon */
#define RETRY_MS 2000	 /* no answer that says anything */

static bool wanted(const struct store_kube *st)
{
	return st->o->namespaces == NULL && !st->o->unbounded;
}

static void stop(struct store_kube *st, const struct kube_answer *a)
{
	char status[24];

	st->canary_wait = st->canary == CANARY_SILENT ? 2 * st->canary_wait : NEW_MS;
	if (st->canary_wait > STOPPED_MS)
		st->canary_wait = STOPPED_MS;
	st->canary_at = clock_monotonic_ms() + st->canary_wait;
	st->canary = CANARY_SILENT;
	snprintf(status, sizeof(status), "%ld", a->status);
	log_line(LOG_ERROR,
		 a->status == 404
		     ? "the Secret " KUBE_CANARY
		       " is not there, so that nobody can tell whether a policy "
		       "bounds the agent; nothing is written until it is (manifests/base)"
		     : "no policy bounds the agent: it may patch a Secret that is not its own; "
		       "nothing is "
		       "written until the ValidatingAdmissionPolicy of manifests/base is in force",
		 "status", status, (char *)NULL);
}

static void answered(void *ctx, const struct kube_answer *a)
{
	struct store_kube *st = ctx;
	int64_t now_ms = clock_monotonic_ms();

	st->canary_asked = false;
	if (a->status == 403) {
		st->canary = CANARY_SINGS;
		st->canary_at = now_ms + EVERY_MS;
	} else if (a->status == 0 || a->status == 401 || a->status == 429 || a->status >= 500) {
		st->canary_at = now_ms + RETRY_MS;
	} else {
		stop(st, a);
	}
}

static void ask(struct store_kube *st)
{
	struct buf path = BUF_INIT, body = BUF_INIT;
	const struct kube_request r = { .method = "PATCH",
					.type = KUBE_MERGE_PATCH,
					.body = &body,
					.metadata_only = true,
					.idempotent = true,
					.urgent = true };
	struct kube_request with_path = r;

	buf_puts(&body, "{}");
	kube_path_object(&path, KUBE_CORE, st->o->agent_namespace, "secrets", KUBE_CANARY);
	buf_puts(&path, "?dryRun=All");
	with_path.path = buf_str(&path);
	st->canary_asked = true;
	kube_send(st->client, &with_path, answered, st);
	buf_clear(&path);
	buf_clear(&body);
}

int64_t kube_canary_work(struct store_kube *st, int64_t now_ms)
{
	if (!wanted(st) || st->canary_asked)
		return INT64_MAX;
	if (now_ms >= st->canary_at) {
		ask(st);
		return INT64_MAX;
	}
	return st->canary_at;
}

bool kube_canary_sings(const struct store_kube *st)
{
	return !wanted(st) || st->canary == CANARY_SINGS;
}

void kube_canary_say(const struct store_kube *st, struct buf *out)
{
	if (st->canary == CANARY_SILENT)
		buf_puts(out, "nothing is written while no policy bounds the agent, or the Secret "
			      "that tells, " KUBE_CANARY ", is not there: apply manifests/base");
	else
		buf_puts(out, "the API server does not say whether a policy bounds the agent, and "
			      "nothing is written before: look at the server (the agent asks to "
			      "patch the Secret " KUBE_CANARY ")");
}
