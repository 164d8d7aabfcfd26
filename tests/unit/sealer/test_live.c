/* SPDX-License-Identifier: Apache-2.0 */
/* --live where nobody need be asked: command lines, who has no source, what is said of an answer.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/kinds.h"
#include "sealer/live.h"
#include "sealer/live_one.h"
#include "sealer/live_run.h"

struct line {
	bool live;
	const char *image, *connect, *api;
	const struct kind *kind;
	const char *error; /* NULL: fine */
};

static const struct line lines[] = {
	{ false, NULL, NULL, NULL, &kind_registry, NULL },
	{ false, "ghcr.io/a/b", NULL, NULL, &kind_registry, "--image goes with --live" },
	{ false, NULL, "a:1", NULL, NULL, "--connect goes with --live" },
	{ false, NULL, NULL, "https://x", NULL, "--api-url goes with --live" },
	{ true, "ghcr.io/a/b:1", NULL, NULL, &kind_registry, NULL },
	{ true, NULL, NULL, NULL, &kind_registry, "--image IMAGE" },
	{ true, "UPPER/case", NULL, NULL, &kind_registry, "--image" },
	{ true, "ghcr.io/a/b", "a:1", NULL, &kind_registry, "--connect: kind registry" },
	{ true, NULL, "a.example.org:443", NULL, &kind_tls, NULL },
	{ true, NULL, NULL, NULL, &kind_tls, "--connect HOST:PORT" },
	{ true, NULL, "a:0", NULL, &kind_tls, "--connect: " },
	{ true, "ghcr.io/a/b", "a:1", NULL, &kind_tls, "--image: kind tls" },
	{ true, NULL, NULL, NULL, &kind_deploy_key, NULL },
	{ true, NULL, NULL, "https://x", &kind_git_https, NULL },
	{ true, NULL, NULL, NULL, &kind_basic_auth, NULL },
	/* many documents: each takes what fits it */
	{ true, "ghcr.io/a/b", "a:1", NULL, NULL, NULL },
	{ true, NULL, NULL, NULL, NULL, NULL },
};

static void test_command_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		const struct line *l = &lines[i];
		const char *image = l->image, *connect = l->connect;
		const struct live_options o = {
			.live = l->live,
			.images = { &image, image != NULL },
			.connects = { &connect, connect != NULL },
			.api_url = l->api,
		};
		struct err err = ERR_INIT;
		int r = live_check(&o, l->kind, &err);

		if (l->error == NULL) {
			assert_int_equal(r, 0);
			continue;
		}
		assert_int_equal(r, -1);
		assert_int_equal(err.class, ERR_USAGE);
		if (strstr(err.text, l->error) == NULL)
			fail_msg("line %zu: %s", i, err.text);
	}
}

static void ask(const struct kind *k, const struct kv *data, bool sealed, struct live_answer *a)
{
	static const struct live_options o = { .live = true };
	struct kind_secret secret = { .type = TYPE_OPAQUE };
	const struct live_question q = {
		.kind = k, .secret = &secret, .options = &o, .sealed = sealed
	};

	kv_copy(&secret.data, data);
	live_ask(&q, a);
	kind_secret_clear(&secret);
}

static void test_nobody_to_ask(void **state)
{
	static const struct kind *const kinds[] = { &kind_basic_auth,	       &kind_proxy,
						    &kind_webhook_token,       &kind_age_key,
						    &kind_gcp_service_account, &kind_opaque };
	struct kv data = KV_INIT;

	(void)state;
	kv_set_str(&data, "K", "ghp_notatoken");
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct live_answer a = LIVE_ANSWER_INIT;
		json_t *v;

		ask(kinds[i], &data, false, &a);
		assert_int_equal(a.state, LIVE_NOTHING);
		assert_true(strlen(a.why.text) > 0);
		v = live_json(&a);
		assert_string_equal(json_string_value(json_object_get(v, "state")), "nothing");
		assert_non_null(json_object_get(v, "reason"));
		assert_null(json_object_get(v, "notAfter"));
		json_decref(v);
		live_answer_clear(&a);
	}
	kv_clear(&data);
}

/* Every kind has a row or says that there is nobody; what it takes beside --live is its own. */
static void test_takes(void **state)
{
	(void)state;
	assert_int_equal(live_takes(NULL), LIVE_IMAGE | LIVE_CONNECT | LIVE_API | LIVE_CA);
	assert_int_equal(live_takes(&kind_registry), LIVE_IMAGE | LIVE_API | LIVE_CA);
	assert_int_equal(live_takes(&kind_tls), LIVE_CONNECT | LIVE_CA);
	assert_int_equal(live_takes(&kind_deploy_key), 0);
	for (size_t i = 0; kind_table[i] != NULL; i++)
		assert_int_equal(live_takes(kind_table[i]) & ~live_takes(NULL), 0);
}

static void test_states(void **state)
{
	struct live_answer a = LIVE_ANSWER_INIT;
	struct err why = ERR_INIT;
	json_t *v;

	(void)state;
	err_set(&why, ERR_REFUSED, "no");
	live_fail(&a, &why);
	assert_int_equal(a.state, LIVE_REFUSED);
	err_set(&why, ERR_INVALID, "a page");
	live_fail(&a, &why);
	assert_int_equal(a.state, LIVE_UNTOLD);
	assert_int_equal(a.why.class, ERR_IO);
	live_says(&a, "%s", "one");
	live_says(&a, "%s", "two");
	assert_string_equal(buf_str(&a.says), "one; two");
	a.not_after = 1828342800;
	v = live_json(&a);
	assert_string_equal(json_string_value(json_object_get(v, "notAfter")),
			    "2027-12-09T09:00:00Z");
	assert_string_equal(json_string_value(json_object_get(v, "reason")), "a page");
	json_decref(v);
	live_answer_clear(&a);
}

static void test_before(void **state)
{
	struct live_options o = { .live = false };
	struct kind_secret secret = { .type = TYPE_OPAQUE };
	struct live_question q = { .kind = &kind_deploy_key, .secret = &secret, .options = &o };
	struct kv fields = KV_INIT;
	struct err err = ERR_INIT;
	json_t *v = NULL;

	(void)state;
	assert_int_equal(live_before(&q, &secret, &v, &err), 0);
	assert_null(v);
	kv_set_str(&secret.data, "identity.pub", "x");
	assert_true(live_is_fresh(&secret, &fields));
	kv_set_str(&fields, "private-key", "x");
	assert_false(live_is_fresh(&secret, &fields));
	o.live = q.fresh = true;
	assert_int_equal(live_before(&q, &secret, &v, &err), -1);
	assert_int_equal(err.class, ERR_USAGE);
	assert_null(v);
	kv_clear(&fields);
	kind_secret_clear(&secret);
}

/* What was not asked is not a finding, and is told. */
static void test_run(void **state)
{
	const struct live_options o = { .live = true };
	struct live_run *r = live_run_new(&o, 0);
	struct findings findings = { 0 };
	char file[] = "a.yaml", name[] = "n", namespace[] = "web";
	const struct finding at = { .file = file, .line = 3 };
	const struct document d = { .name = name, .namespace = namespace, .kind = &kind_proxy };
	struct kind_secret opened = { .type = TYPE_OPAQUE };
	json_t *list, *row;

	(void)state;
	kv_set_str(&opened.data, "address", "https://x");
	for (size_t i = 0; i < 40; i++)
		live_run_add(r, &at, &d, i == 0 ? &opened : NULL);
	assert_int_equal(opened.data.n, 0);
	assert_int_equal(live_run_ask(r, &findings, NULL), 0);
	assert_int_equal(findings.n, 0);
	list = live_run_json(r);
	assert_int_equal(json_array_size(list), 40);
	row = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(row, "state")), "nothing");
	assert_string_equal(json_string_value(json_object_get(row, "document")), "web/n");
	assert_string_equal(json_string_value(json_object_get(row, "kind")), "proxy");
	row = json_array_get(list, 39);
	assert_string_equal(json_string_value(json_object_get(row, "state")), "unopened");
	assert_int_equal(json_integer_value(json_object_get(row, "line")), 3);
	json_decref(list);
	live_run_free(r);
	findings_clear(&findings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command_lines), cmocka_unit_test(test_nobody_to_ask),
		cmocka_unit_test(test_takes),	      cmocka_unit_test(test_states),
		cmocka_unit_test(test_before),	      cmocka_unit_test(test_run),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
