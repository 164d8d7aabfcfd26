/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/election.h"

#include <sodium.h>
#include <string.h>

#include "base/json.h"

#define SEIZED_MS 500 /* after somebody else wrote to the lease that is ours */
#define LEAVE_TRIES 3
#define SECONDS_MAX 3600 /* of a leaseDurationSeconds that others wrote */

void kube_election_init(struct kube_election *e, int64_t now)
{
	if (e->duration_ms == 0)
		e->duration_ms = KUBE_LEASE_DURATION_MS;
	if (e->renew_ms == 0)
		e->renew_ms = KUBE_LEASE_RENEW_MS;
	if (e->retry_ms == 0)
		e->retry_ms = KUBE_LEASE_RETRY_MS;
	if (e->uniform == NULL)
		e->uniform = randombytes_uniform;
	e->role = KUBE_STANDBY;
	e->at_ms = now;
}

void kube_election_clear(struct kube_election *e)
{
	json_decref(e->lease);
	e->lease = NULL;
}

/* --- the lease as it was seen
 * --------------------------------------------------------------------- */

static const json_t *spec_of(const json_t *lease)
{
	return json_object_get(lease, "spec");
}

const char *kube_election_holder(const struct kube_election *e)
{
	const char *s = json_string_value(json_object_get(spec_of(e->lease), "holderIdentity"));

	return s == NULL ? "" : s;
}

static bool ours(const struct kube_election *e)
{
	return strcmp(kube_election_holder(e), e->identity) == 0;
}

static int64_t their_duration(const struct kube_election *e)
{
	json_int_t s =
	    json_integer_value(json_object_get(spec_of(e->lease), "leaseDurationSeconds"));

	return s > 0 && s <= SECONDS_MAX ? s * 1000 : e->duration_ms;
}

static bool takeable(const struct kube_election *e, int64_t now)
{
	return kube_election_holder(e)[0] == '\0' || ours(e) ||
	       now - e->seen_ms >= their_duration(e);
}

/* False when it is no Lease that can be written back. */
static bool see(struct kube_election *e, int64_t now, const json_t *lease)
{
	const json_t *meta = json_object_get(lease, "metadata");

	if (json_string_value(json_object_get(meta, "resourceVersion")) == NULL)
		return false;
	if (e->lease == NULL || spec_of(e->lease) == NULL ||
	    !json_equal((json_t *)(uintptr_t)spec_of(e->lease),
			(json_t *)(uintptr_t)spec_of(lease)))
		e->seen_ms = now;
	json_decref(e->lease);
	e->lease = json_deep_copy(lease);
	e->absent = false;
	e->fresh = true;
	return true;
}

/* --- what is written
 * ------------------------------------------------------------------------------- */

static json_t *new_spec(const struct kube_election *e, const char *microtime)
{
	const json_t *old = spec_of(e->lease);
	json_t *spec = json_is_object(old) ? json_deep_copy(old) : json_object();
	json_int_t transitions = json_integer_value(json_object_get(old, "leaseTransitions"));
	bool leaving = e->role == KUBE_LEAVING;

	json_object_set_new(spec, "holderIdentity", json_string(leaving ? "" : e->identity));
	json_object_set_new(spec, "leaseDurationSeconds",
			    json_integer(leaving ? 1 : e->duration_ms / 1000));
	json_object_set_new(spec, "renewTime", json_string(microtime));
	if (!ours(e) || json_object_get(old, "acquireTime") == NULL)
		json_object_set_new(spec, "acquireTime", json_string(microtime));
	/* a lease that is made has not changed hands */
	if (!ours(e) && !e->absent)
		transitions++;
	json_object_set_new(spec, "leaseTransitions", json_integer(transitions));
	return spec;
}

static void put_lease(const struct kube_election *e, const char *microtime, struct buf *body)
{
	json_t *lease = NULL;

	if (e->absent)
		lease = json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion",
				  "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name",
				  e->name, "namespace", e->namespace);
	else
		lease = json_deep_copy(e->lease);
	json_object_set_new(lease, "spec", new_spec(e, microtime));
	json_format(body, lease);
	json_decref(lease);
}

/* --- decisions
 * ------------------------------------------------------------------------------------- */

static void later(struct kube_election *e, int64_t now)
{
	/* standbys must not all come at once when the lease ends */
	uint32_t jitter =
	    e->role == KUBE_STANDBY ? e->uniform((uint32_t)(e->retry_ms * 6 / 5) + 1) : 0;

	e->at_ms = now + e->retry_ms + jitter;
}

int64_t kube_election_due(const struct kube_election *e)
{
	int64_t end = e->role == KUBE_LEADER ? e->renewed_ms + e->renew_ms : INT64_MAX;

	if (e->role == KUBE_OVER)
		return INT64_MAX;
	return e->out || end < e->at_ms ? end : e->at_ms;
}

bool kube_election_held(const struct kube_election *e, int64_t now)
{
	return e->role == KUBE_LEADER && now - e->renewed_ms < e->renew_ms;
}

bool kube_election_tick(struct kube_election *e, int64_t now, const char *microtime,
			enum kube_step *step, struct buf *body)
{
	if (e->role == KUBE_LEADER && !kube_election_held(e, now))
		e->role = KUBE_OVER;
	if (e->role == KUBE_OVER || e->out || now < e->at_ms)
		return false;
	if (e->absent)
		e->step = KUBE_STEP_CREATE;
	else if (e->fresh && (e->role == KUBE_LEADER || takeable(e, now)))
		e->step = KUBE_STEP_PUT;
	else
		e->step = KUBE_STEP_GET;
	if (e->step != KUBE_STEP_GET)
		put_lease(e, microtime, body);
	e->out = true;
	e->giving = e->role == KUBE_LEAVING && e->step != KUBE_STEP_GET;
	e->sent_ms = now;
	*step = e->step;
	return true;
}

static void on_read(struct kube_election *e, int64_t now, long status, const json_t *object)
{
	if (status == 404) {
		e->absent = true;
		json_decref(e->lease);
		e->lease = NULL;
		e->at_ms = now;
		if (e->role == KUBE_LEAVING)
			e->role = KUBE_OVER;
		return;
	}
	if (status != 200 || !see(e, now, object)) {
		later(e, now);
		return;
	}
	e->at_ms = now;
	/* a leader may take again what nobody has; one that leaves has nothing more to give */
	if ((e->role == KUBE_LEADER && !ours(e) && kube_election_holder(e)[0] != '\0') ||
	    (e->role == KUBE_LEAVING && !ours(e))) {
		e->role = KUBE_OVER;
	} else if (e->role == KUBE_STANDBY && !takeable(e, now)) {
		e->fresh = false;
		later(e, now);
	}
}

static void on_written(struct kube_election *e, int64_t now, long status, const json_t *object)
{
	if ((status == 200 || status == 201) && see(e, now, object)) {
		e->renewed_ms = e->sent_ms;
		if (e->giving)
			e->role = KUBE_OVER;
		else if (e->role == KUBE_STANDBY)
			e->role = KUBE_LEADER;
		if (e->role == KUBE_LEADER)
			later(e, now);
		else
			e->at_ms = now; /* the renewal came in between: now give it back */
		return;
	}
	/* whether it was done or not: look */
	e->fresh = e->absent = false;
	if (e->role == KUBE_LEADER && status == 409)
		e->at_ms = now + SEIZED_MS;
	else if (e->role == KUBE_LEAVING)
		e->at_ms = now;
	else
		later(e, now);
}

void kube_election_answer(struct kube_election *e, int64_t now, long status, const json_t *object)
{
	e->out = false;
	if (e->role == KUBE_OVER)
		return;
	if (e->step == KUBE_STEP_GET)
		on_read(e, now, status, object);
	else
		on_written(e, now, status, object);
	if (e->role == KUBE_LEAVING && ++e->tries >= 2 * LEAVE_TRIES)
		e->role = KUBE_OVER; /* it ends by itself */
}

void kube_election_leave(struct kube_election *e, int64_t now)
{
	if (e->role == KUBE_LEAVING || e->role == KUBE_OVER)
		return;
	e->role = e->role == KUBE_LEADER ? KUBE_LEAVING : KUBE_OVER;
	e->at_ms = now;
}
