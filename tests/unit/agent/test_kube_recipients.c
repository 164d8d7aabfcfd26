/* SPDX-License-Identifier: Apache-2.0 */
/* What is published of the sealing keys, and when, against a client and an opener of the test. */
#include "tests/unit/test.h"

#include <string.h>

#include "agent/kube_recipients.h"
#include "base/clock.h"
#include "base/mem.h"

static struct {
	struct store_kube_options o;
	struct store_kube st;
	struct kv keys;	      /* KEYID -> file */
	struct kv recipients; /* KEYID -> age1... */
	char body[256];
	enum kube_body type;
	kube_done_fn *done;
	void *ctx;
	size_t n_sent;
} world;

const struct kv *opener_keys(const struct opener *o)
{
	(void)o;
	return &world.keys;
}

const struct kv *opener_recipients(const struct opener *o)
{
	(void)o;
	return &world.recipients;
}

void kube_send(struct kube_client *k, const struct kube_request *r, kube_done_fn *done, void *ctx)
{
	(void)k;
	assert_string_equal(r->method, "PATCH");
	assert_non_null(strstr(r->path, "/bulla-system/configmaps/bulla-recipients?"));
	snprintf(world.body, sizeof(world.body), "%s", buf_str(r->body));
	world.type = r->type;
	world.done = done;
	world.ctx = ctx;
	world.n_sent++;
}

static void open_world(void)
{
	memset(&world, 0, sizeof(world));
	world.o.agent_namespace = "bulla-system";
	world.st.o = &world.o;
}

static void close_world(void)
{
	kv_clear(&world.st.recipients_sent);
	kv_clear(&world.st.recipients_out);
	kv_clear(&world.keys);
	kv_clear(&world.recipients);
}

/* File NAME.key holds the key NAME, which seals to ageNAME. */
static void add_key(const char *name)
{
	kv_set_fmt(&world.keys, name, "%s.key", name);
	kv_set_fmt(&world.recipients, name, "age%s", name);
	kube_recipients_changed(&world.st);
}

static void remove_key(const char *name)
{
	kv_del(&world.keys, name);
	kv_del(&world.recipients, name);
	kube_recipients_changed(&world.st);
}

/* The store's loop: what is sent now, or NULL. */
static const char *work(void)
{
	size_t before = world.n_sent;

	kube_recipients_work(&world.st, clock_monotonic_ms());
	assert_in_range(world.n_sent, before, before + 1);
	return world.n_sent == before ? NULL : world.body;
}

static void answer(long status)
{
	const struct kube_answer a = { .status = status, .reason = "", .message = "", .cause = "" };

	world.done(world.ctx, &a);
}

static void an_hour_passes(void)
{
	assert_true(world.st.recipients_at > clock_monotonic_ms());
	assert_true(world.st.recipients_at <= clock_monotonic_ms() + 3600000);
	world.st.recipients_at = 0;
}

#define ONE "{\"data\":{\"active\":\"1\",\"1\":\"age1\"}}"
#define BOTH "{\"data\":{\"1\":\"age1\",\"active\":\"2\",\"2\":\"age2\"}}"
#define ACTIVE "{\"data\":{\"active\":\"2\",\"2\":\"age2\"}}"

static json_t *parsed(const char *text)
{
	json_t *o = json_loads(text, 0, NULL);

	assert_non_null(o);
	return o;
}

static void assert_sent(const char *want)
{
	const char *body = work();
	json_t *is, *to_be;

	if (body == NULL)
		fail_msg("nothing was sent in place of %s", want);
	assert_int_equal(world.type, KUBE_MERGE_PATCH);
	is = parsed(body);
	to_be = parsed(want);
	if (!json_equal(is, to_be))
		fail_msg("%s in place of %s", body, want);
	json_decref(is);
	json_decref(to_be);
}

static void test_made_when_there_is_none(void **state)
{
	(void)state;
	open_world();
	assert_null(work()); /* no key */
	add_key("1");
	assert_sent(ONE);
	assert_null(work());
	answer(404);
	assert_non_null(work());
	assert_int_equal(world.type, KUBE_APPLY);
	assert_null(strstr(world.body, "age1"));
	answer(201);
	assert_sent(ONE);
	answer(200);
	assert_null(work());
	an_hour_passes();
	assert_sent(ONE); /* the active one is always there */
	answer(200);
	close_world();
}

static void test_failed(void **state)
{
	(void)state;
	open_world();
	add_key("1");
	assert_sent(ONE);
	answer(403);
	assert_null(work());
	assert_true(world.st.recipients_at <= clock_monotonic_ms() + 30000);
	an_hour_passes();
	assert_sent(ONE);
	answer(0);
	add_key("2"); /* at once */
	assert_sent(BOTH);
	answer(500);
	an_hour_passes();
	assert_sent(BOTH); /* of what was not published nothing is left out */
	answer(200);
	close_world();
}

/* Keys that come while an answer is waited for are published after it, and not in an hour. */
static void test_other_keys_meanwhile(void **state)
{
	static const long made[] = { 404, 201, 200 };

	(void)state;
	for (size_t i = 0; i < COUNT(made); i++) {
		open_world();
		add_key("1");
		for (size_t k = 0; k <= i; k++) {
			assert_non_null(work());
			if (k == i)
				add_key("2");
			answer(made[k]);
		}
		if (i == 0) {
			assert_non_null(work());
			assert_int_equal(world.type, KUBE_APPLY);
			answer(201);
		}
		assert_sent(i == 2 ? ACTIVE : BOTH);
		answer(200);
		assert_null(work());
		an_hour_passes();
		assert_sent(ACTIVE);
		close_world();
	}
}

/* Retired, while this process has the key still. */
static void test_what_was_taken_away_is_not_put_back(void **state)
{
	(void)state;
	open_world();
	add_key("1");
	add_key("2");
	assert_sent(BOTH);
	answer(200);
	an_hour_passes();
	assert_sent(ACTIVE);
	answer(200);
	kube_recipients_changed(&world.st); /* SIGHUP */
	assert_sent(ACTIVE);
	answer(200);
	/* the whole ConfigMap gone is another thing */
	an_hour_passes();
	assert_sent(ACTIVE);
	answer(404);
	assert_non_null(work());
	answer(201);
	assert_sent(BOTH);
	answer(200);
	/* and so is a key that comes back */
	remove_key("1");
	assert_sent(ACTIVE);
	add_key("1");
	answer(200);
	assert_sent(BOTH);
	answer(200);
	an_hour_passes();
	assert_sent(ACTIVE);
	close_world();
}

/* A key that went while its publication was under way, and comes back. */
static void test_gone_meanwhile(void **state)
{
	(void)state;
	open_world();
	add_key("1");
	add_key("2");
	assert_sent(BOTH);
	remove_key("1");
	answer(200);
	assert_sent(ACTIVE);
	answer(200);
	add_key("1");
	assert_sent(BOTH);
	close_world();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_when_there_is_none),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_other_keys_meanwhile),
		cmocka_unit_test(test_what_was_taken_away_is_not_put_back),
		cmocka_unit_test(test_gone_meanwhile),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
