/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "kube/status.h"

static const struct {
	const char *json;
	bool is;
	struct kube_status want;
} cases[] = {
	{ "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"code\":409,"
	  "\"reason\":\"AlreadyExists\",\"message\":\"secrets \\\"a\\\" already exists\","
	  "\"details\":{\"name\":\"a\",\"kind\":\"secrets\"}}",
	  true,
	  { 409, "AlreadyExists", "", "a", "secrets \"a\" already exists", 0 } },
	{ "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":504,\"reason\":\"Timeout\","
	  "\"message\":\"m\",\"details\":{\"causes\":[{\"message\":\"x\"},7,{\"reason\":"
	  "\"ResourceVersionTooLarge\"},{\"reason\":\"Other\"}],\"retryAfterSeconds\":1}}",
	  true,
	  { 504, "Timeout", "ResourceVersionTooLarge", "", "m", 1000 } },
	{ "{\"kind\":\"Status\",\"apiVersion\":\"v1\"}", true, { 0, "", "", "", "", 0 } },
	/* members of a wrong type are not there */
	{ "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":\"409\",\"reason\":7,\"message\":[],"
	  "\"details\":\"x\"}",
	  true,
	  { 0, "", "", "", "", 0 } },
	{ "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"details\":{\"name\":null,\"causes\":{\"a\":"
	  "1},\"retryAfterSeconds\":\"5\"}}",
	  true,
	  { 0, "", "", "", "", 0 } },
	/* no HTTP status */
	{ "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":99}",
	  true,
	  { 0, "", "", "", "", 0 } },
	{ "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":600}",
	  true,
	  { 0, "", "", "", "", 0 } },
	{ "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"code\":-401}",
	  true,
	  { 0, "", "", "", "", 0 } },
	/* waits that make no sense, or would never end */
	{ "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"details\":{\"retryAfterSeconds\":-5}}",
	  true,
	  { 0, "", "", "", "", 0 } },
	{ "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"details\":{\"retryAfterSeconds\":"
	  "9223372036854775807}}",
	  true,
	  { 0, "", "", "", "", KUBE_RETRY_MAX_MS } },
	/* another object, whatever it carries */
	{ "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"code\":409,\"reason\":\"x\"}",
	  false,
	  { 0 } },
	{ "{\"kind\":\"Status\",\"apiVersion\":\"v2\",\"reason\":\"x\"}", false, { 0 } },
	{ "{\"kind\":\"Status\",\"reason\":\"x\"}", false, { 0 } },
	{ "{\"kind\":[\"Status\"],\"apiVersion\":\"v1\"}", false, { 0 } },
	{ "[]", false, { 0 } },
};

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *o = json_loads(cases[i].json, 0, NULL);
		const struct kube_status *want = &cases[i].want;
		struct kube_status s;

		memset(&s, 'x', sizeof(s));
		assert_non_null(o);
		assert_int_equal(kube_status_read(o, &s), cases[i].is);
		assert_int_equal(s.code, want->code);
		assert_string_equal(s.reason, want->reason);
		assert_string_equal(s.cause, want->cause);
		assert_string_equal(s.name, want->name);
		assert_string_equal(s.message, want->message);
		assert_int_equal(s.retry_ms, want->retry_ms);
		json_decref(o);
	}
}

static void test_nothing(void **state)
{
	struct kube_status s;

	(void)state;
	assert_false(kube_status_read(NULL, &s));
	assert_int_equal(s.code, 0);
	assert_string_equal(s.message, "");
}

/* No text of a server is longer than what was set aside for it. */
static void test_bounds(void **state)
{
	json_t *details = json_object(), *cause = json_object(), *o;
	char *text = mem_alloc(100000);
	struct kube_status s;

	(void)state;
	memset(text, 'm', 100000);
	json_object_set_new(cause, "reason", json_string(text));
	json_object_set_new(details, "name", json_string(text));
	json_object_set_new(details, "causes", json_array());
	json_array_append_new(json_object_get(details, "causes"), cause);
	o = json_pack("{s:s, s:s, s:s, s:s, s:o}", "kind", "Status", "apiVersion", "v1", "reason",
		      text, "message", text, "details", details);
	assert_true(kube_status_read(o, &s));
	assert_int_equal(strlen(s.reason), sizeof(s.reason) - 1);
	assert_int_equal(strlen(s.message), sizeof(s.message) - 1);
	assert_int_equal(strlen(s.name), sizeof(s.name) - 1);
	assert_int_equal(strlen(s.cause), sizeof(s.cause) - 1);
	json_decref(o);
	mem_free(text);
}

static void test_copy(void **state)
{
	static const struct {
		const char *text, *want;
	} copies[] = {
		{ "", "" },
		{ "abcde", "abcde" },
		{ "abcdefg", "abcdefg" },
		{ "abcdefgh", "abcdefg" },
		/* cut at the edge of a character: two, three, four bytes */
		{ "abcdef\xc3\xa9", "abcdef" },
		{ "abcde\xc3\xa9", "abcde\xc3\xa9" },
		{ "abcde\xe2\x82\xac", "abcde" },
		{ "abcdef\xe2\x82\xac", "abcdef" },
		{ "abcd\xf0\x9f\x98\x80", "abcd" },
		{ "abc\xf0\x9f\x98\x80", "abc\xf0\x9f\x98\x80" },
		/* what is no UTF-8 at all ends somewhere too */
		{ "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", "" },
	};
	char to[8];

	(void)state;
	for (size_t i = 0; i < COUNT(copies); i++) {
		memset(to, 'x', sizeof(to));
		kube_status_copy(to, sizeof(to), copies[i].text);
		assert_string_equal(to, copies[i].want);
	}
}

static void test_wait(void **state)
{
	(void)state;
	assert_int_equal(kube_status_wait(INT64_MIN), 0);
	assert_int_equal(kube_status_wait(-1), 0);
	assert_int_equal(kube_status_wait(0), 0);
	assert_int_equal(kube_status_wait(1), 1000);
	assert_int_equal(kube_status_wait(3600), KUBE_RETRY_MAX_MS);
	assert_int_equal(kube_status_wait(3601), KUBE_RETRY_MAX_MS);
	assert_int_equal(kube_status_wait(INT64_MAX), KUBE_RETRY_MAX_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),   cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_bounds), cmocka_unit_test(test_copy),
		cmocka_unit_test(test_wait),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
