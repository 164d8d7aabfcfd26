/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader election: stories of one candidate, and random schedules of three of them with clocks of
 * their own and a server that loses requests and answers: never two leaders.
 */
#include "kube/election.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "kube/microtime.h"
#include "tests/unit/test.h"

#define WALL "2026-11-23T08:00:00.000001Z"

static uint32_t zero(uint32_t upper)
{
	(void)upper;
	return 0;
}

static void candidate(struct kube_election *e, const char *identity, int64_t now)
{
	*e = (struct kube_election){
		.namespace = "ns", .name = "agent", .identity = identity, .uniform = zero
	};
	kube_election_init(e, now);
}

/* A lease as text: version, holder, renewTime, leaseTransitions. */
#define LEASE(rv, holder, renew, transitions)                                                      \
	"{\"metadata\":{\"name\":\"agent\",\"resourceVersion\":\"" rv                              \
	"\",\"labels\":{\"a\":\"b\"}},"                                                            \
	"\"spec\":{\"holderIdentity\":\"" holder "\",\"leaseDurationSeconds\":15,\"acquireTime\":" \
	"\"then\",\"renewTime\":\"" renew "\",\"leaseTransitions\":" transitions "}}"

enum op { END_OF_STORY, TICK, ANSWER, LEAVE, DUE };

struct step {
	enum op op;
	int64_t after_ms;
	long status;
	const char *text; /* the object of an answer */
	const char *want; /* of TICK: the request; of all: " role" at the end */
};

static const char *const steps[] = {
	[KUBE_STEP_GET] = "get", [KUBE_STEP_CREATE] = "create", [KUBE_STEP_PUT] = "put"
};
static const char *const roles[] = { [KUBE_STANDBY] = "standby",
				     [KUBE_LEADER] = "leader",
				     [KUBE_LEAVING] = "leaving",
				     [KUBE_OVER] = "over" };

/* "put RV HOLDER SECONDS acquired=... transitions=N": what the request would do. */
static void describe(enum kube_step step, const struct buf *body, struct buf *out)
{
	json_t *lease = NULL, *spec, *meta;

	buf_printf(out, "%s ", steps[step]);
	if (step == KUBE_STEP_GET)
		return;
	lease = json_loadb((const char *)body->data, body->len, 0, NULL);
	assert_non_null(lease);
	spec = json_object_get(lease, "spec");
	meta = json_object_get(lease, "metadata");
	if (step == KUBE_STEP_CREATE) {
		assert_null(json_object_get(meta, "resourceVersion"));
		assert_string_equal(json_string_value(json_object_get(meta, "namespace")), "ns");
		assert_string_equal(json_string_value(json_object_get(lease, "kind")), "Lease");
	} else {
		/* what others put there stays */
		assert_non_null(json_object_get(meta, "labels"));
		buf_printf(out, "%s ", json_string_value(json_object_get(meta, "resourceVersion")));
	}
	assert_string_equal(json_string_value(json_object_get(spec, "renewTime")), WALL);
	buf_printf(out, "\"%s\" %lld%s transitions=%lld ",
		   json_string_value(json_object_get(spec, "holderIdentity")),
		   json_integer_value(json_object_get(spec, "leaseDurationSeconds")),
		   strcmp(json_string_value(json_object_get(spec, "acquireTime")), WALL) == 0
		       ? " acquired"
		       : "",
		   json_integer_value(json_object_get(spec, "leaseTransitions")));
	json_decref(lease);
}

static void take_step(struct kube_election *e, int64_t now, const struct step *s, struct buf *out)
{
	struct buf body = BUF_INIT;
	enum kube_step step;
	json_t *object;

	switch (s->op) {
	case TICK:
		if (kube_election_tick(e, now, WALL, &step, &body))
			describe(step, &body, out);
		buf_clear(&body);
		break;
	case ANSWER:
		object = s->text == NULL ? NULL : json_loads(s->text, 0, NULL);
		assert_true(s->text == NULL || object != NULL);
		kube_election_answer(e, now, s->status, object);
		json_decref(object);
		break;
	case LEAVE:
		kube_election_leave(e, now);
		break;
	default:
		buf_printf(out, "+%lld ", (long long)(kube_election_due(e) - now));
	}
	buf_puts(out, roles[e->role]);
}

static void tell_story(const char *name, const struct step *s)
{
	struct kube_election e;
	struct buf out = BUF_INIT;
	int64_t now = 1000000;
	size_t i;

	candidate(&e, "me", now);
	for (i = 0; s[i].op != END_OF_STORY; i++) {
		now += s[i].after_ms;
		buf_reset(&out);
		take_step(&e, now, &s[i], &out);
		if (strcmp(s[i].want, buf_str(&out)) != 0)
			fail_msg("%s, step %zu: \"%s\" but wanted \"%s\"", name, i + 1,
				 buf_str(&out), s[i].want);
	}
	kube_election_clear(&e);
	buf_clear(&out);
}

#define ACQUIRED                                                                                   \
	{ TICK, 0, 0, NULL, "get standby" }, { ANSWER, 5, 404, NULL, "standby" },                  \
	    { TICK, 0, 0, NULL, "create \"me\" 15 acquired transitions=0 standby" },               \
	{                                                                                          \
		ANSWER, 5, 201, LEASE("7", "me", "x", "0"), "leader"                               \
	}

static const struct story {
	const char *name;
	struct step steps[20];
} stories[] = {
	{ "there is none: made, renewed every two seconds without a read",
	  { ACQUIRED,
	    { DUE, 0, 0, NULL, "+2000 leader" },
	    { TICK, 1999, 0, NULL, "leader" },
	    { TICK, 1, 0, NULL, "put 7 \"me\" 15 transitions=0 leader" },
	    { ANSWER, 5, 200, LEASE("8", "me", "y", "0"), "leader" },
	    { TICK, 2000, 0, NULL, "put 8 \"me\" 15 transitions=0 leader" } } },
	{ "another has it: taken when it did not change for its own duration, by our clock",
	  { { TICK, 0, 0, NULL, "get standby" },
	    { ANSWER, 5, 200, LEASE("7", "other", "1999", "4"), "standby" },
	    { DUE, 0, 0, NULL, "+2000 standby" },
	    { TICK, 2000, 0, NULL, "get standby" },
	    /* only metadata changed: that is no sign of life */
	    { ANSWER, 5, 200, LEASE("9", "other", "1999", "4"), "standby" },
	    { TICK, 8000, 0, NULL, "get standby" },
	    { ANSWER, 0, 200, LEASE("10", "other", "2000", "4"), "standby" },
	    { TICK, 14995, 0, NULL, "get standby" },
	    { ANSWER, 4, 200, LEASE("10", "other", "2000", "4"), "standby" },
	    { TICK, 2000, 0, NULL, "get standby" },
	    { ANSWER, 5, 200, LEASE("10", "other", "2000", "4"), "standby" },
	    { TICK, 0, 0, NULL, "put 10 \"me\" 15 acquired transitions=5 standby" },
	    { ANSWER, 5, 200, LEASE("11", "me", "x", "5"), "leader" } } },
	{ "a lease that was given back is taken at once",
	  { { TICK, 0, 0, NULL, "get standby" },
	    { ANSWER, 5, 200, LEASE("7", "", "1", "4"), "standby" },
	    { TICK, 0, 0, NULL, "put 7 \"me\" 15 acquired transitions=5 standby" } } },
	{ "two made it: one was faster",
	  { { TICK, 0, 0, NULL, "get standby" },
	    { ANSWER, 5, 404, NULL, "standby" },
	    { TICK, 0, 0, NULL, "create \"me\" 15 acquired transitions=0 standby" },
	    { ANSWER, 5, 409, NULL, "standby" },
	    { DUE, 0, 0, NULL, "+2000 standby" },
	    { TICK, 2000, 0, NULL, "get standby" },
	    { ANSWER, 5, 200, LEASE("7", "other", "1", "0"), "standby" } } },
	{ "no right, no server: again after a while",
	  { { TICK, 0, 0, NULL, "get standby" },
	    { ANSWER, 5, 403, NULL, "standby" },
	    { DUE, 0, 0, NULL, "+2000 standby" },
	    { TICK, 2000, 0, NULL, "get standby" },
	    { ANSWER, 5, 0, NULL, "standby" },
	    { TICK, 2000, 0, NULL, "get standby" },
	    { ANSWER, 5, 200, "{\"spec\":{}}", "standby" },
	    { DUE, 0, 0, NULL, "+2000 standby" } } },
	{ "our own from an earlier life keeps its time",
	  { { TICK, 0, 0, NULL, "get standby" },
	    { ANSWER, 5, 200, LEASE("7", "me", "1", "4"), "standby" },
	    { TICK, 0, 0, NULL, "put 7 \"me\" 15 transitions=4 standby" } } },
	{ "ten seconds without a renewal, counted from when the last was sent",
	  { ACQUIRED,
	    { TICK, 2000, 0, NULL, "put 7 \"me\" 15 transitions=0 leader" },
	    { ANSWER, 5000, 0, NULL, "leader" },
	    { DUE, 0, 0, NULL, "+2000 leader" },
	    { TICK, 2000, 0, NULL, "get leader" },
	    { DUE, 0, 0, NULL, "+995 leader" },
	    { TICK, 994, 0, NULL, "leader" },
	    { TICK, 1, 0, NULL, "over" },
	    { ANSWER, 5, 200, LEASE("8", "me", "y", "0"), "over" },
	    { TICK, 5000, 0, NULL, "over" } } },
	{ "the answer of a renewal was lost: look, and go on",
	  { ACQUIRED,
	    { TICK, 2000, 0, NULL, "put 7 \"me\" 15 transitions=0 leader" },
	    { ANSWER, 500, 0, NULL, "leader" },
	    { TICK, 2000, 0, NULL, "get leader" },
	    { ANSWER, 5, 200, LEASE("8", "me", "y", "0"), "leader" },
	    { TICK, 0, 0, NULL, "put 8 \"me\" 15 transitions=0 leader" },
	    { ANSWER, 5, 200, LEASE("9", "me", "z", "0"), "leader" },
	    { DUE, 0, 0, NULL, "+2000 leader" } } },
	{ "somebody labelled it: look soon, and go on",
	  { ACQUIRED,
	    { TICK, 2000, 0, NULL, "put 7 \"me\" 15 transitions=0 leader" },
	    { ANSWER, 5, 409, NULL, "leader" },
	    { DUE, 0, 0, NULL, "+500 leader" },
	    { TICK, 500, 0, NULL, "get leader" },
	    { ANSWER, 5, 200, LEASE("8", "me", "x", "0"), "leader" },
	    { TICK, 0, 0, NULL, "put 8 \"me\" 15 transitions=0 leader" } } },
	{ "another has it: over",
	  { ACQUIRED,
	    { TICK, 2000, 0, NULL, "put 7 \"me\" 15 transitions=0 leader" },
	    { ANSWER, 5, 409, NULL, "leader" },
	    { TICK, 500, 0, NULL, "get leader" },
	    { ANSWER, 5, 200, LEASE("8", "other", "y", "1"), "over" },
	    { TICK, 5000, 0, NULL, "over" } } },
	{ "somebody deleted it",
	  { ACQUIRED,
	    { TICK, 2000, 0, NULL, "put 7 \"me\" 15 transitions=0 leader" },
	    { ANSWER, 5, 404, NULL, "leader" },
	    { TICK, 2000, 0, NULL, "get leader" },
	    { ANSWER, 5, 404, NULL, "leader" },
	    { TICK, 0, 0, NULL, "create \"me\" 15 acquired transitions=0 leader" },
	    { ANSWER, 5, 201, LEASE("20", "me", "x", "0"), "leader" } } },
	{ "given back",
	  { ACQUIRED,
	    { LEAVE, 500, 0, NULL, "leaving" },
	    { TICK, 0, 0, NULL, "put 7 \"\" 1 transitions=0 leaving" },
	    { ANSWER, 5, 200, LEASE("8", "", "x", "0"), "over" } } },
	{ "given back while a renewal is under way",
	  { ACQUIRED,
	    { TICK, 2000, 0, NULL, "put 7 \"me\" 15 transitions=0 leader" },
	    { LEAVE, 1, 0, NULL, "leaving" },
	    { TICK, 0, 0, NULL, "leaving" },
	    { ANSWER, 5, 200, LEASE("8", "me", "x", "0"), "leaving" },
	    { TICK, 0, 0, NULL, "put 8 \"\" 1 transitions=0 leaving" },
	    { ANSWER, 5, 409, NULL, "leaving" },
	    { TICK, 0, 0, NULL, "get leaving" },
	    { ANSWER, 5, 200, LEASE("9", "me", "x", "0"), "leaving" },
	    { TICK, 0, 0, NULL, "put 9 \"\" 1 transitions=0 leaving" } } },
	{ "given back, but it is another's already",
	  { ACQUIRED,
	    { LEAVE, 500, 0, NULL, "leaving" },
	    { TICK, 0, 0, NULL, "put 7 \"\" 1 transitions=0 leaving" },
	    { ANSWER, 5, 409, NULL, "leaving" },
	    { TICK, 0, 0, NULL, "get leaving" },
	    { ANSWER, 5, 200, LEASE("9", "other", "x", "1"), "over" } } },
	{ "given back, but it is gone",
	  { ACQUIRED,
	    { LEAVE, 500, 0, NULL, "leaving" },
	    { TICK, 0, 0, NULL, "put 7 \"\" 1 transitions=0 leaving" },
	    { ANSWER, 5, 409, NULL, "leaving" },
	    { TICK, 0, 0, NULL, "get leaving" },
	    { ANSWER, 5, 404, NULL, "over" } } },
	{ "given back to a server that is not there: not for ever",
	  { ACQUIRED,
	    { LEAVE, 500, 0, NULL, "leaving" },
	    { TICK, 0, 0, NULL, "put 7 \"\" 1 transitions=0 leaving" },
	    { ANSWER, 5, 0, NULL, "leaving" },
	    { TICK, 0, 0, NULL, "get leaving" },
	    { ANSWER, 5, 0, NULL, "leaving" },
	    { TICK, 2000, 0, NULL, "get leaving" },
	    { ANSWER, 5, 0, NULL, "leaving" },
	    { TICK, 2000, 0, NULL, "get leaving" },
	    { ANSWER, 5, 0, NULL, "leaving" },
	    { TICK, 2000, 0, NULL, "get leaving" },
	    { ANSWER, 5, 0, NULL, "leaving" },
	    { TICK, 2000, 0, NULL, "get leaving" },
	    { ANSWER, 5, 0, NULL, "over" } } },
	{ "a standby has nothing to give back",
	  { { TICK, 0, 0, NULL, "get standby" },
	    { LEAVE, 5, 0, NULL, "over" },
	    { ANSWER, 5, 404, NULL, "over" } } },
};

static void test_stories(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(stories); i++)
		tell_story(stories[i].name, stories[i].steps);
}

/* A duration that others wrote is taken as it is, within reason. */
static void test_their_duration(void **state)
{
	static const struct {
		json_int_t seconds;
		int64_t ms;
	} durations[] = { { 15, 15000 }, { 60, 60000 }, { 1, 1000 },
			  { 0, 15000 },	 { -5, 15000 }, { 100000000, 15000 } };

	(void)state;
	for (size_t i = 0; i < COUNT(durations); i++) {
		struct kube_election e;
		struct buf body = BUF_INIT;
		enum kube_step step;
		int64_t now = 0, ms = durations[i].ms;
		json_t *lease =
		    json_pack("{s:{s:s, s:o}, s:{s:s, s:I}}", "metadata", "resourceVersion", "1",
			      "labels", json_object(), "spec", "holderIdentity", "other",
			      "leaseDurationSeconds", durations[i].seconds);

		candidate(&e, "me", now);
		assert_true(kube_election_tick(&e, now, WALL, &step, &body));
		kube_election_answer(&e, now, 200, lease);
		now = kube_election_due(&e);
		for (; kube_election_tick(&e, now, WALL, &step, &body) && step == KUBE_STEP_GET;
		     now = kube_election_due(&e))
			kube_election_answer(&e, now, 200, lease);
		assert_int_equal(step, KUBE_STEP_PUT);
		assert_in_range(now, ms, ms + 2 * KUBE_LEASE_RETRY_MS);
		json_decref(lease);
		kube_election_clear(&e);
		buf_clear(&body);
	}
}

/* --- three candidates
 * ------------------------------------------------------------------------------ */

#define CANDIDATES 3

static uint32_t seed;

static uint32_t dice(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(seed >> 8) * n) >> 24);
}

struct server {
	json_t *lease;
	json_int_t rv;
};

struct pending {
	enum kube_step step;
	json_t *body;
	int64_t arrive, back; /* when it acts, and when the answer is there; 0: never */
	long status;
	json_t *answer;
};

struct node {
	struct kube_election e;
	char name[8];
	int64_t skew; /* of its monotonic clock */
	struct pending p;
	bool deaf;
};

static void act(struct server *s, struct pending *p)
{
	json_t *meta;

	if (p->step == KUBE_STEP_GET) {
		p->status = s->lease == NULL ? 404 : 200;
	} else if (p->step == KUBE_STEP_CREATE && s->lease != NULL) {
		p->status = 409;
	} else if (p->step == KUBE_STEP_PUT &&
		   (s->lease == NULL ||
		    !json_equal(
			json_object_get(json_object_get(s->lease, "metadata"), "resourceVersion"),
			json_object_get(json_object_get(p->body, "metadata"),
					"resourceVersion")))) {
		p->status = s->lease == NULL ? 404 : 409;
	} else {
		char rv[32];

		snprintf(rv, sizeof(rv), "%lld", ++s->rv);
		json_decref(s->lease);
		s->lease = json_deep_copy(p->body);
		meta = json_object_get(s->lease, "metadata");
		json_object_set_new(meta, "resourceVersion", json_string(rv));
		p->status = p->step == KUBE_STEP_CREATE ? 201 : 200;
	}
	if (p->status < 300)
		p->answer = json_deep_copy(s->lease);
}

static void send_pending(struct node *n, int64_t now, enum kube_step step, const struct buf *body)
{
	bool lost = n->deaf || dice(10) == 0;

	n->p =
	    (struct pending){ .step = step,
			      .arrive = lost && dice(2) == 0 ? 0 : now + 1 + dice(2000),
			      .body = step == KUBE_STEP_GET ? NULL
							    : json_loadb((const char *)body->data,
									 body->len, 0, NULL) };
	/* an answer that does not come is known after five seconds */
	n->p.back = lost ? now + 5000 : n->p.arrive + 1 + dice(500);
}

static void step_node(struct node *n, struct server *s, int64_t now)
{
	struct buf body = BUF_INIT;
	char wall[KUBE_MICROTIME_SIZE];
	enum kube_step step;

	if (n->e.out && n->p.arrive != 0 && now >= n->p.arrive) {
		act(s, &n->p);
		n->p.arrive = 0;
	}
	if (n->e.out && now >= n->p.back) {
		bool heard = n->p.status != 0 && !n->deaf && dice(20) != 0;

		kube_election_answer(&n->e, now + n->skew, heard ? n->p.status : 0,
				     heard ? n->p.answer : NULL);
		json_decref(n->p.answer);
		json_decref(n->p.body);
		n->p = (struct pending){ .status = 0 };
	}
	kube_microtime_format((now + n->skew) * 1000, wall);
	if (kube_election_tick(&n->e, now + n->skew, wall, &step, &body))
		send_pending(n, now, step, &body);
	buf_clear(&body);
}

static void end_node(struct node *n)
{
	kube_election_clear(&n->e);
	json_decref(n->p.answer);
	json_decref(n->p.body);
	n->p = (struct pending){ .status = 0 };
}

static void begin_node(struct node *n, unsigned number, int64_t now)
{
	snprintf(n->name, sizeof(n->name), "n%u", number);
	n->skew = (int64_t)dice(1000000);
	candidate(&n->e, n->name, now + n->skew);
	n->e.uniform = dice;
	n->deaf = false;
}

static size_t elect(uint32_t number)
{
	struct server s = { .lease = NULL };
	struct node nodes[CANDIDATES] = { { .deaf = false } };
	unsigned made = 0, i;
	size_t changes = 0;
	int64_t now, quiet = 0;
	const struct node *last = NULL;

	seed = number * 2654435761U + 1;
	for (i = 0; i < CANDIDATES; i++)
		begin_node(&nodes[i], made++, 0);
	for (now = 0; now < 300000; now += 100) {
		unsigned held = 0;

		for (i = 0; i < CANDIDATES; i++) {
			struct node *n = &nodes[i];

			step_node(n, &s, now);
			if (n->e.role == KUBE_OVER) { /* as a pod that is started again */
				end_node(n);
				begin_node(n, made++, now);
			}
			if (dice(600) == 0)
				n->deaf = !n->deaf;
			if (dice(1200) == 0)
				kube_election_leave(&n->e, now + n->skew);
			if (kube_election_held(&n->e, now + n->skew)) {
				held++;
				changes += last != n;
				last = n;
			}
		}
		if (held > 1)
			fail_msg("schedule %u: %u leaders at %lld", number, held, (long long)now);
		quiet = held > 0 ? now : quiet;
	}
	/* all hear again: there is a leader soon */
	for (i = 0; i < CANDIDATES; i++)
		nodes[i].deaf = false;
	for (quiet = now + 60000; now < quiet; now += 100) {
		bool held = false;

		for (i = 0; i < CANDIDATES; i++) {
			step_node(&nodes[i], &s, now);
			held = held || kube_election_held(&nodes[i].e, now + nodes[i].skew);
		}
		if (held)
			break;
	}
	assert_true(now < quiet);
	for (i = 0; i < CANDIDATES; i++)
		end_node(&nodes[i]);
	json_decref(s.lease);
	return changes;
}

static void test_never_two(void **state)
{
	size_t changes = 0;
	uint32_t i;

	(void)state;
	for (i = 0; i < test_repeats(200); i++)
		changes += elect(i);
	/* they did take turns, so that there was something to see */
	assert_in_range(changes, test_repeats(500), 1000000);
}

static void test_microtime(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
	} times[] = {
		{ 0, "1970-01-01T00:00:00.000000Z" },
		{ 1, "1970-01-01T00:00:00.000001Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ 1795449600123456, "2026-11-23T16:00:00.123456Z" },
	};
	char text[KUBE_MICROTIME_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		kube_microtime_format(times[i].us, text);
		assert_string_equal(text, times[i].text);
	}
	assert_true(kube_microtime_now() > 1700000000LL * 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stories),
		cmocka_unit_test(test_their_duration),
		cmocka_unit_test(test_never_two),
		cmocka_unit_test(test_microtime),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
