/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/kube_account.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define RETRY_FIRST_MS 1000
#define RETRY_LAST_MS 300000
#define RETRY_PERSON_MS 60000 /* where a person must do something first; a watch may be sooner */
#define READS_MAX 5

static void answered_read(void *ctx, const struct kube_answer *a);

struct kube_account *kube_account_new(const struct kube_account_owner *owner, const char *namespace,
				      const char *name)
{
	struct kube_account *a = mem_alloc(sizeof(*a));

	*a = (struct kube_account){ .owner = owner,
				    .namespace = mem_str(namespace),
				    .name = mem_str(name) };
	return a;
}

void kube_account_free(struct kube_account *a)
{
	mem_free(a->namespace);
	mem_free(a->name);
	mem_free(a->version);
	mem_free(a->shown_version);
	kv_clear(&a->want);
	kv_clear(&a->drop);
	kv_clear(&a->ours);
	pull_secrets_clear(&a->now);
	mem_free(a);
}

/* --- what is known ---------------------------------------------------------------------------- */

static void take(struct kube_account *a, const json_t *object)
{
	const json_t *metadata = json_object_get(object, "metadata");

	mem_replace(&a->version, json_string_value(json_object_get(metadata, "resourceVersion")));
	pull_secrets_read(object, &a->now);
	a->there = true;
	a->unsure = false;
	a->absent_since = 0;
}

static void is_gone(struct kube_account *a)
{
	a->there = false;
	mem_replace(&a->version, NULL);
	pull_secrets_clear(&a->now);
	kv_clear(&a->drop);
	kv_clear(&a->ours); /* one that is made anew never had them */
	a->fight = (struct pull_secrets_fight){ .begun = false };
	a->fault = ACCOUNT_ABSENT;
	a->unsure = false;
	a->lost = false;
	if (a->absent_since == 0)
		a->absent_since = clock_monotonic_ms();
}

bool kube_account_seen(struct kube_account *a, const json_t *object)
{
	const json_t *metadata = json_object_get(object, "metadata");
	const char *version = json_string_value(json_object_get(metadata, "resourceVersion"));

	if (a->busy) {
		mem_replace(&a->shown_version, version == NULL ? "" : version);
		return false;
	}
	if (object != NULL && (version == NULL || (a->there && a->version != NULL &&
						   strcmp(version, a->version) == 0)))
		return false;
	if (object == NULL)
		is_gone(a);
	else
		take(a, object);
	if (object == NULL || a->fault == ACCOUNT_ABSENT)
		a->not_before = 0;
	if (object != NULL && a->fault == ACCOUNT_ABSENT)
		a->fault = ACCOUNT_FINE;
	return true;
}

static bool names_all(const struct kube_account *a)
{
	for (size_t i = 0; i < a->want.n; i++)
		if (!kv_has(&a->now.listed, a->want.items[i].name))
			return false;
	return true;
}

bool kube_account_due(const struct kube_account *a)
{
	if (a->busy || a->unsure)
		return !a->busy;
	if (!a->there)
		return a->want.n != 0;
	for (size_t i = 0; i < a->drop.n; i++)
		if (kv_has(&a->now.noted, a->drop.items[i].name))
			return true;
	/* one that another manages is left alone until it says what it should */
	return a->fault == ACCOUNT_MANAGED ? names_all(a) : !names_all(a);
}

/* --- the end of it ---------------------------------------------------------------------------- */

/* What the watch showed meanwhile may be what we did, older, or newer. */
static void end(struct kube_account *a)
{
	const char *shown = a->shown_version;

	if (shown != NULL && strcmp(shown, a->version == NULL ? "" : a->version) != 0) {
		a->unsure = true;
		if (a->fault == ACCOUNT_ABSENT) /* it came while the server said so */
			a->not_before = 0;
	}
	mem_replace(&a->shown_version, NULL);
	a->busy = false;
	a->reads = 0;
	a->owner->ended(a->owner->ctx, a);
}

static void leave(struct kube_account *a, enum kube_account_fault fault,
		  const struct kube_answer *answer)
{
	int64_t first = fault == ACCOUNT_FAILED ? RETRY_FIRST_MS : RETRY_PERSON_MS;
	int64_t wait = clock_backoff(first, RETRY_LAST_MS, a->tries);
	char status[24];

	if (answer->retry_ms > wait)
		wait = answer->retry_ms;
	snprintf(status, sizeof(status), "%ld", answer->status);
	log_line(a->tries == 0 && fault != ACCOUNT_ABSENT ? LOG_WARN : LOG_DEBUG,
		 "service account does not name the Secrets it should", "namespace", a->namespace,
		 "name", a->name, "status", status, "error", answer->message, (char *)NULL);
	a->tries++;
	a->not_before = clock_monotonic_ms() + wait;
	if (fault == ACCOUNT_ABSENT)
		is_gone(a);
	a->fault = fault;
	end(a);
}

static void refused(struct kube_account *a, const struct kube_answer *answer)
{
	leave(a,
	      answer->status == 403   ? ACCOUNT_FORBIDDEN
	      : answer->status == 404 ? ACCOUNT_ABSENT
				      : ACCOUNT_FAILED,
	      answer);
}

static void learn(struct kube_account *a)
{
	kv_clear(&a->ours);
	for (size_t i = 0; i < a->now.noted.n; i++)
		if (kv_has(&a->now.listed, a->now.noted.items[i].name))
			kv_set_str(&a->ours, a->now.noted.items[i].name, "");
}

static void settle(struct kube_account *a)
{
	learn(a);
	a->lost = false;
	a->tries = 0;
	a->not_before = 0;
	if (a->fault != ACCOUNT_MANAGED)
		a->fault = ACCOUNT_FINE;
	end(a);
}

/* --- requests --------------------------------------------------------------------------------- */

static void read_it(struct kube_account *a)
{
	struct kube_request r = { .method = "GET", .idempotent = true };
	struct buf path = BUF_INIT;

	kube_path_object(&path, KUBE_CORE, a->namespace, "serviceaccounts", a->name);
	r.path = buf_str(&path);
	kube_send(a->owner->client, &r, answered_read, a);
	buf_clear(&path);
}

static void answered_patch(void *ctx, const struct kube_answer *answer)
{
	struct kube_account *a = ctx;

	if (answer->status == 200 && answer->object != NULL) {
		take(a, answer->object);
		settle(a);
	} else if ((answer->status == 409 || kube_test_failed(answer)) && a->reads++ < READS_MAX) {
		read_it(a);
	} else {
		a->unsure = true; /* it may have been done for all that */
		refused(a, answer);
	}
}

static void patch_it(struct kube_account *a, const struct buf *body)
{
	struct kube_request r = { .method = "PATCH", .type = KUBE_JSON_PATCH, .body = body };
	struct buf path = BUF_INIT;

	kube_path_object(&path, KUBE_CORE, a->namespace, "serviceaccounts", a->name);
	r.path = buf_str(&path);
	kube_send(a->owner->client, &r, answered_patch, a);
	buf_clear(&path);
}

static void judge_manager(struct kube_account *a)
{
	if (a->fault == ACCOUNT_MANAGED && names_all(a))
		a->fault = ACCOUNT_FINE;
	if (a->fault == ACCOUNT_MANAGED || a->lost ||
	    !pull_secrets_lost(&a->now, &a->want, &a->ours))
		return;
	a->lost = true;
	if (pull_secrets_fought(&a->fight, clock_monotonic_ms())) {
		log_line(LOG_WARN,
			 "service account is managed by another that takes our entries away; it is "
			 "left alone",
			 "namespace", a->namespace, "name", a->name, (char *)NULL);
		a->fault = ACCOUNT_MANAGED;
	}
}

/* What it takes away is not ours any more: when it lists it later, that is its own. */
static void put_drop(const struct kube_account *a, struct kv *drop)
{
	kv_copy(drop, &a->drop);
	for (size_t i = 0; a->fault == ACCOUNT_MANAGED && i < a->want.n; i++)
		if (!kv_has(&a->now.listed, a->want.items[i].name))
			kv_set_str(drop, a->want.items[i].name, "");
}

static void answered_read(void *ctx, const struct kube_answer *answer)
{
	static const struct kv nothing = KV_INIT;
	struct kube_account *a = ctx;
	struct buf body = BUF_INIT;
	struct kv drop = KV_INIT;

	if (answer->status != 200 || answer->object == NULL) {
		refused(a, answer);
		return;
	}
	take(a, answer->object);
	judge_manager(a);
	put_drop(a, &drop);
	if (pull_secrets_patch(answer->object, a->fault == ACCOUNT_MANAGED ? &nothing : &a->want,
			       &drop, &body))
		patch_it(a, &body);
	else
		settle(a);
	kv_clear(&drop);
	buf_clear(&body);
}

void kube_account_work(struct kube_account *a)
{
	a->busy = true;
	read_it(a);
}
