/* SPDX-License-Identifier: Apache-2.0 */
/* One account and the answers of a server, against a client that is a part of the test. */
#include "tests/unit/test.h"

#include <string.h>

#include "agent/kube_account.h"
#include "base/clock.h"
#include "base/mem.h"

static struct {
	char method[8];
	kube_done_fn *done;
	void *ctx;
	size_t n_sent, n_ended;
} world;

void kube_send(struct kube_client *k, const struct kube_request *r, kube_done_fn *done, void *ctx)
{
	(void)k;
	snprintf(world.method, sizeof(world.method), "%s", r->method);
	world.done = done;
	world.ctx = ctx;
	world.n_sent++;
}

static void ended(void *ctx, struct kube_account *a)
{
	(void)ctx;
	assert_false(a->busy);
	world.n_ended++;
}

static const struct kube_account_owner owner = { .ended = ended };

static void answer(long status, json_t *object)
{
	const struct kube_answer a = {
		.status = status, .object = object, .reason = "", .message = "", .cause = ""
	};

	world.done(world.ctx, &a);
	json_decref(object);
}

static json_t *object(const char *version)
{
	return json_pack("{s:{s:s}}", "metadata", "resourceVersion", version);
}

static struct kube_account *begin(void)
{
	struct kube_account *a = kube_account_new(&owner, "t1", "builder");

	memset(&world, 0, sizeof(world));
	kv_set_str(&a->want, "login", "");
	assert_true(kube_account_due(a));
	kube_account_work(a);
	assert_string_equal(world.method, "GET");
	return a;
}

static void show(struct kube_account *a, const char *version)
{
	json_t *o = version == NULL ? NULL : object(version);

	assert_false(kube_account_seen(a, o)); /* while it is busy */
	json_decref(o);
}

/* What a watch shows while the server says that there is none. */
static void test_not_there(void **state)
{
	static const struct {
		const char *shown[2];
		size_t n;
		bool at_once;
	} rows[] = {
		{ { NULL }, 0, false },
		{ { "8" }, 1, true }, /* it came after the answer was made */
		{ { "8", NULL }, 2, false },
		{ { NULL, "9" }, 2, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct kube_account *a = begin();

		for (size_t k = 0; k < rows[i].n; k++)
			show(a, rows[i].shown[k]);
		answer(404, NULL);
		assert_int_equal(world.n_ended, 1);
		assert_int_equal(a->fault, ACCOUNT_ABSENT);
		assert_int_equal(a->unsure, rows[i].at_once);
		if ((a->not_before <= clock_monotonic_ms()) != rows[i].at_once)
			fail_msg("row %zu", i);
		assert_true(kube_account_due(a));
		kube_account_free(a);
	}
}

/* A failure of another kind is waited for whatever a watch shows. */
static void test_failed(void **state)
{
	static const struct {
		long status;
		enum kube_account_fault fault;
	} rows[] = { { 403, ACCOUNT_FORBIDDEN }, { 500, ACCOUNT_FAILED }, { 0, ACCOUNT_FAILED } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct kube_account *a = begin();

		show(a, "8");
		answer(rows[i].status, NULL);
		assert_int_equal(a->fault, rows[i].fault);
		assert_true(a->unsure);
		assert_true(a->not_before > clock_monotonic_ms());
		kube_account_free(a);
	}
}

/* Read, changed, and known to be so; what a watch shows of that very change is no news. */
static void test_changed(void **state)
{
	static const char *const shown[] = { NULL, "8", "9" };

	(void)state;
	for (size_t i = 0; i < COUNT(shown); i++) {
		struct kube_account *a = begin();

		answer(200, object("7"));
		assert_string_equal(world.method, "PATCH");
		assert_int_equal(world.n_ended, 0);
		if (shown[i] != NULL)
			show(a, shown[i]);
		answer(200, json_pack("{s:{s:s,s:{s:s}},s:[{s:s}]}", "metadata", "resourceVersion",
				      "8", "annotations", PULL_SECRETS_NOTE, "login",
				      "imagePullSecrets", "name", "login"));
		assert_int_equal(world.n_ended, 1);
		assert_int_equal(a->fault, ACCOUNT_FINE);
		assert_true(kv_has(&a->ours, "login"));
		assert_int_equal(kube_account_due(a), i == 2);
		kube_account_free(a);
	}
}

/* It had changed meanwhile: read again; an answer that was lost leaves it unsure. */
static void test_refused_change(void **state)
{
	struct kube_account *a = begin();

	(void)state;
	answer(200, object("7"));
	answer(409, NULL);
	assert_string_equal(world.method, "GET");
	answer(200, object("8"));
	assert_int_equal(world.n_sent, 4);
	answer(0, NULL);
	assert_int_equal(world.n_ended, 1);
	assert_int_equal(a->fault, ACCOUNT_FAILED);
	assert_true(a->unsure);
	kube_account_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_failed),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_refused_change),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
