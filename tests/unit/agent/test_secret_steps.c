/* SPDX-License-Identifier: Apache-2.0 */
/* By which requests a Secret becomes what a document says, whatever the server answers. */
#include "agent/secret_steps.h"

#include "tests/unit/agent/sealed.h"

#define SEEN "{\"metadata\":{\"uid\":\"u\",\"resourceVersion\":\"7\"}}"

#define ON SECRET_STEPS_ON

enum said { OK, CONFLICT, ABSENT, UNFIT, INVALID, IMMUTABLE, TYPED, FORBIDDEN, BROKEN };

static struct kube_answer answer(enum said what, const json_t *object)
{
	static const struct kube_answer answers[] = {
		[OK] = { .status = 200, .reason = "", .cause = "", .name = "" },
		[CONFLICT] = { .status = 409, .reason = "Conflict", .cause = "", .name = "app" },
		[ABSENT] = { .status = 404, .reason = "NotFound", .cause = "", .name = "app" },
		[UNFIT] = { .status = 422, .reason = "Invalid", .cause = "", .name = "" },
		[INVALID] = { .status = 422, .reason = "Invalid", .cause = "x", .name = "app" },
		[IMMUTABLE] = { .status = 422,
				.reason = "Invalid",
				.cause = "FieldValueForbidden",
				.name = "app" },
		[TYPED] = { .status = 422,
			    .reason = "Invalid",
			    .cause = "FieldValueInvalid",
			    .name = "app" },
		[FORBIDDEN] = { .status = 403, .reason = "Forbidden", .cause = "", .name = "app" },
		[BROKEN] = { .status = 0, .reason = "", .cause = "", .name = "" },
	};
	struct kube_answer a = answers[what];

	a.object = what == OK ? object : NULL;
	return a;
}

/* Each answer to each step. */
static void test_every_answer(void **state)
{
	static const struct {
		enum secret_step step;
		enum said said;
		enum secret_steps_verdict verdict;
		enum secret_step next; /* ON */
	} rows[] = {
		{ SECRET_CREATE, OK, SECRET_STEPS_DONE, 0 },
		{ SECRET_CREATE, CONFLICT, ON, SECRET_PROBE },
		{ SECRET_CREATE, ABSENT, SECRET_STEPS_REFUSED, 0 }, /* its namespace */
		{ SECRET_CREATE, INVALID, SECRET_STEPS_REFUSED, 0 },
		{ SECRET_CREATE, FORBIDDEN, SECRET_STEPS_REFUSED, 0 },
		{ SECRET_CREATE, BROKEN, SECRET_STEPS_REFUSED, 0 },
		{ SECRET_PATCH_MADE, OK, SECRET_STEPS_DONE, 0 },
		{ SECRET_PATCH_MADE, CONFLICT, ON, SECRET_PROBE },
		{ SECRET_PATCH_MADE, ABSENT, ON, SECRET_CREATE },
		{ SECRET_PATCH_MADE, UNFIT, ON, SECRET_PROBE },
		{ SECRET_PATCH_MADE, INVALID, ON, SECRET_PROBE },
		{ SECRET_PATCH_MADE, BROKEN, SECRET_STEPS_REFUSED, 0 },
		{ SECRET_PROBE, OK, ON, SECRET_PATCH },
		{ SECRET_PROBE, ABSENT, ON, SECRET_CREATE },
		{ SECRET_PROBE, UNFIT, ON, SECRET_ADOPT },
		{ SECRET_PROBE, INVALID, SECRET_STEPS_REFUSED, 0 },
		{ SECRET_PROBE, FORBIDDEN, SECRET_STEPS_REFUSED, 0 },
		{ SECRET_PATCH, OK, SECRET_STEPS_DONE, 0 },
		{ SECRET_PATCH, CONFLICT, ON, SECRET_PROBE },
		{ SECRET_PATCH, ABSENT, ON, SECRET_CREATE },
		{ SECRET_PATCH, UNFIT, ON, SECRET_TRY },
		/* what cannot be changed is said; no other refusal leads to a deletion */
		{ SECRET_PATCH, IMMUTABLE, ON, SECRET_TRY },
		{ SECRET_PATCH, TYPED, ON, SECRET_TRY },
		{ SECRET_PATCH, INVALID, SECRET_STEPS_REFUSED, 0 },
		{ SECRET_PATCH, BROKEN, SECRET_STEPS_REFUSED, 0 },
		/* nothing is deleted before a dry run has shown that it can be made again */
		{ SECRET_TRY, CONFLICT, ON, SECRET_DELETE },
		{ SECRET_TRY, OK, ON, SECRET_CREATE },
		{ SECRET_TRY, ABSENT, SECRET_STEPS_REFUSED, 0 },
		{ SECRET_TRY, INVALID, SECRET_STEPS_REFUSED, 0 },
		{ SECRET_TRY, FORBIDDEN, SECRET_STEPS_REFUSED, 0 },
		{ SECRET_DELETE, OK, ON, SECRET_CREATE },
		{ SECRET_DELETE, ABSENT, ON, SECRET_CREATE },
		{ SECRET_DELETE, CONFLICT, ON, SECRET_PROBE },
		{ SECRET_DELETE, FORBIDDEN, SECRET_STEPS_REFUSED, 0 },
		{ SECRET_ADOPT, OK, SECRET_STEPS_DONE, 0 },
		{ SECRET_ADOPT, ABSENT, ON, SECRET_CREATE },
		{ SECRET_ADOPT, UNFIT, ON, SECRET_ADOPT_BARE },
		{ SECRET_ADOPT, INVALID, SECRET_STEPS_REFUSED, 0 },
		{ SECRET_ADOPT_BARE, OK, SECRET_STEPS_DONE, 0 },
		{ SECRET_ADOPT_BARE, ABSENT, ON, SECRET_CREATE },
		{ SECRET_ADOPT_BARE, UNFIT, SECRET_STEPS_FOREIGN, 0 },
		{ SECRET_ADOPT_BARE, INVALID, SECRET_STEPS_REFUSED, 0 },
	};
	json_t *seen = json_loads(SEEN, 0, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct kube_answer a = answer(rows[i].said, seen);
		struct secret_steps s;

		secret_steps_begin(&s, rows[i].step);
		if (secret_steps_answer(&s, &a) != rows[i].verdict)
			fail_msg("row %zu: another verdict", i);
		if (rows[i].verdict == SECRET_STEPS_ON && s.step != rows[i].next)
			fail_msg("row %zu: goes on with %d", i, s.step);
		secret_steps_end(&s);
	}
	json_decref(seen);
}

/* Who is always faster than we are is left alone for now. */
static void test_it_ends(void **state)
{
	const struct kube_answer conflict = answer(CONFLICT, NULL), gone = answer(ABSENT, NULL);
	struct secret_steps s;
	size_t n = 0;

	(void)state;
	secret_steps_begin(&s, SECRET_CREATE);
	while (secret_steps_answer(&s, s.step == SECRET_CREATE ? &conflict : &gone) ==
	       SECRET_STEPS_ON)
		assert_true(++n < 100);
	assert_true(n > 3);
	secret_steps_end(&s);
}

static void test_requests(void **state)
{
	static const struct {
		enum secret_step step;
		const char *method, *path;
		enum kube_body type;
		const char *has, *lacks; /* in the body */
	} rows[] = {
		{ SECRET_CREATE, "POST", "/api/v1/namespaces/copy/secrets", KUBE_JSON,
		  "bulla.dev/owner", "\"op\"" },
		{ SECRET_TRY, "POST", "/api/v1/namespaces/copy/secrets?dryRun=All", KUBE_JSON,
		  "bulla.dev/owner", "\"op\"" },
		{ SECRET_PATCH_MADE, "PATCH", "/api/v1/namespaces/copy/secrets/app",
		  KUBE_JSON_PATCH,
		  "{\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\",\"value\":\"5\"}",
		  "\"seen\"" },
		{ SECRET_PATCH_MADE, "PATCH", "/api/v1/namespaces/copy/secrets/app",
		  KUBE_JSON_PATCH, "\"path\":\"/metadata/uid\",\"value\":\"made\"", "\"7\"" },
		{ SECRET_PROBE, "PATCH", "/api/v1/namespaces/copy/secrets/app", KUBE_JSON_PATCH,
		  "web/app", "/data" },
		{ SECRET_PATCH, "PATCH", "/api/v1/namespaces/copy/secrets/app", KUBE_JSON_PATCH,
		  "\"seen\"", "\"made\"" },
		{ SECRET_DELETE, "DELETE", "/api/v1/namespaces/copy/secrets/app", KUBE_JSON,
		  "\"uid\":\"seen\"", "\"made\"" },
		{ SECRET_ADOPT, "PATCH", "/api/v1/namespaces/copy/secrets/app", KUBE_JSON_PATCH,
		  "bulla.dev~1adopt", "\"made\"" },
	};
	static char namespace[] = "web", name[] = "app";
	struct document d = { .namespace = namespace,
			      .name = name,
			      .type = TYPE_OPAQUE,
			      .kind = kind_find("opaque") };
	struct kind_secret secret = { .type = TYPE_OPAQUE };
	const struct secret_json what = { .document = &d, .secret = &secret, .namespace = "copy" };
	const struct secret_json_seen made = { .uid = "made", .resource_version = "5" };

	(void)state;
	kv_set_str(&secret.data, "k", "v");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf path = BUF_INIT, body = BUF_INIT;
		struct kube_request r = { .method = NULL };
		struct secret_steps s;
		struct err err = ERR_INIT;

		secret_steps_begin(&s, rows[i].step);
		s.seen = json_pack("{s:s,s:s}", "uid", "seen", "resourceVersion", "7");
		assert_int_equal(secret_steps_request(&s, &what, &made, &r, &path, &body, &err), 0);
		assert_string_equal(r.method, rows[i].method);
		assert_string_equal(r.path, rows[i].path);
		assert_int_equal(r.type, rows[i].type);
		assert_true(r.metadata_only && r.body == &body);
		if (strstr(buf_str(&body), rows[i].has) == NULL ||
		    strstr(buf_str(&body), rows[i].lacks) != NULL)
			fail_msg("row %zu: %s", i, buf_str(&body));
		secret_steps_end(&s);
		buf_clear(&path);
		buf_clear(&body);
	}
	kind_secret_clear(&secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_answer),
		cmocka_unit_test(test_it_ends),
		cmocka_unit_test(test_requests),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
