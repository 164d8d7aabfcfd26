/* SPDX-License-Identifier: Apache-2.0 */
/* The status of a document in a cluster: what each reason means there, and what changes when. */
#include "tests/unit/agent/scene.h"

#include "agent/status_json.h"
#include "base/json.h"

#define NOW INT64_C(1795000000)
#define LATER (NOW + 1000)

static struct status_json make(enum reason reason)
{
	return (struct status_json){ .namespace = "foobar",
				     .name = "app-env",
				     .resource_version = "41",
				     .generation = 3,
				     .reason = reason,
				     .now = NOW };
}

static json_t *parse(const char *text, size_t len)
{
	struct err err = ERR_INIT;
	json_t *v = json_parse(text, len, "status", &err);

	if (v == NULL)
		fail_msg("%s: %.*s", err.text, (int)len, text);
	return v;
}

static json_t *body_of(const struct status_json *s, const json_t *old)
{
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	json_t *v;

	if (status_json_format(s, old, &out, &err) != 0)
		fail_msg("%s", err.text);
	v = parse(buf_str(&out), out.len);
	buf_clear(&out);
	return v;
}

/* .status of the body; a new reference. */
static json_t *status_of(const struct status_json *s, const json_t *old)
{
	json_t *body = body_of(s, old);
	json_t *v = json_incref(json_object_get(body, "status"));

	json_decref(body);
	return v;
}

static const json_t *condition(const json_t *status, const char *type)
{
	json_t *c;
	size_t i;

	json_array_foreach(json_object_get(status, "conditions"), i, c)
	{
		if (strcmp(json_string_value(json_object_get(c, "type")), type) == 0)
			return c;
	}
	return NULL;
}

static const char *text(const json_t *v, const char *name)
{
	return json_string_value(json_object_get(v, name));
}

/* --- the table -------------------------------------------------------------------------------- */

static void test_table(void **state)
{
	static const struct {
		enum reason reason;
		const char *ready; /* NULL: not told */
		bool stalled;
	} cases[] = {
		{ REASON_PENDING, "Unknown", false },	{ REASON_APPLIED, "True", false },
		{ REASON_NOT_FOR_US, "False", true },	{ REASON_NO_KEY, "False", true },
		{ REASON_INVALID, "False", true },	{ REASON_REFUSED, "False", true },
		{ REASON_DUPLICATE, "False", true },	{ REASON_FOREIGN, "False", true },
		{ REASON_QUARANTINED, "False", true },	{ REASON_WRITE_FAILED, "False", false },
		{ REASON_UNAVAILABLE, "False", false }, { REASON_CONTESTED, "False", false },
		{ REASON_UNKNOWN, NULL, false },	{ REASON_PENDING_REMOVAL, NULL, false },
		{ REASON_GUARDED, NULL, false },	{ REASON_RETAINED, NULL, false },
		{ REASON_REMOVED, NULL, false },	{ REASON_STILL_REFERENCED, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct status_json s = make(cases[i].reason);
		struct err err = ERR_INIT;
		struct buf out = BUF_INIT;
		json_t *v;

		assert_int_equal(status_json_row(cases[i].reason).told, cases[i].ready != NULL);
		if (cases[i].ready == NULL) {
			assert_int_equal(status_json_format(&s, NULL, &out, &err), -1);
			assert_int_equal(err.class, ERR_INTERNAL);
			assert_int_equal(out.len, 0);
			continue;
		}
		v = status_of(&s, NULL);
		assert_string_equal(text(condition(v, "Ready"), "status"), cases[i].ready);
		assert_string_equal(text(condition(v, "Ready"), "reason"),
				    status_name(cases[i].reason));
		assert_int_equal(condition(v, "Stalled") != NULL, cases[i].stalled);
		if (cases[i].stalled)
			assert_string_equal(text(condition(v, "Stalled"), "status"), "True");
		assert_null(condition(v, "FannedOut"));
		json_decref(v);
	}
}

/* Each reason fits the schema of the CRD: CamelCase, and a message that is never empty. */
static void test_all_reasons(void **state)
{
	(void)state;
	for (enum reason r = 0; r < REASON_COUNT; r++) {
		struct status_json s = make(r);
		json_t *v, *c;
		size_t i;

		if (!status_json_row(r).told || r == REASON_PAUSED) /* which says all as before */
			continue;
		s.message = "";
		v = status_of(&s, NULL);
		json_array_foreach(json_object_get(v, "conditions"), i, c)
		{
			const char *reason = text(c, "reason");

			assert_true(reason[0] >= 'A' && reason[0] <= 'Z');
			assert_int_equal(strspn(reason, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
							"abcdefghijklmnopqrstuvwxyz"),
					 strlen(reason));
			assert_string_equal(text(c, "message"), status_table[r].meaning);
			assert_int_equal(
			    json_integer_value(json_object_get(c, "observedGeneration")), 3);
		}
		json_decref(v);
	}
}

/* --- the body --------------------------------------------------------------------------------- */

static void test_body(void **state)
{
	struct status_json s = make(REASON_APPLIED);
	struct kv keys = KV_INIT;
	json_t *v, *want;

	(void)state;
	kv_set_str(&keys, "91b2a64c0d7e8f105a3b2c1d0e9f8a7b", "");
	kv_set_str(&keys, "4c1d9a0e5b7f22338d01c6b2a4e7f905", "");
	s.digest = "00ff";
	s.applied_uid = "u-1";
	s.applied_version = "77";
	s.keys = &keys;
	s.not_after = NOW + 86400;
	v = body_of(&s, NULL);
	want = json_pack(
	    "{s:s, s:s, s:{s:s, s:s, s:s}, s:{s:i, s:s, s:[ss], s:s, s:s, s:[{s:s, s:s, s:i, s:s, "
	    "s:s, s:s}]}}",
	    "apiVersion", "bulla.dev/v1", "kind", "SealedCredential", "metadata", "name", "app-env",
	    "namespace", "foobar", "resourceVersion", "41", "status", "observedGeneration", 3,
	    "digest", "00ff", "keys", "4c1d9a0e5b7f22338d01c6b2a4e7f905",
	    "91b2a64c0d7e8f105a3b2c1d0e9f8a7b", "notAfter", "2026-11-19T11:06:40Z", "applied",
	    "u-1/77", "conditions", "type", "Ready", "status", "True", "observedGeneration", 3,
	    "lastTransitionTime", "2026-11-18T11:06:40Z", "reason", "Applied", "message",
	    "The Secret is what the document says.");
	assert_non_null(want);
	if (!json_equal(v, want))
		fail_msg("%s", json_dumps(v, JSON_SORT_KEYS));
	json_decref(want);
	json_decref(v);
	kv_clear(&keys);
}

/* What is not known is left out, not said to be empty. */
static void test_left_out(void **state)
{
	struct status_json s = make(REASON_NO_KEY);
	struct kv none = KV_INIT;
	json_t *v;

	(void)state;
	s.keys = &none;
	s.applied_uid = "u-1"; /* without a version */
	v = status_of(&s, NULL);
	assert_int_equal(json_object_size(v), 2);
	assert_non_null(json_object_get(v, "observedGeneration"));
	assert_non_null(json_object_get(v, "conditions"));
	json_decref(v);
}

static void test_no_version(void **state)
{
	static const char *const versions[] = { NULL, "" };

	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct status_json s = make(REASON_APPLIED);
		struct buf out = BUF_INIT;
		struct err err = ERR_INIT;

		s.resource_version = versions[i];
		assert_int_equal(status_json_format(&s, NULL, &out, &err), -1);
		assert_int_equal(err.class, ERR_INTERNAL);
		assert_int_equal(out.len, 0);
	}
}

static void test_messages(void **state)
{
	char *long_text = mem_alloc(3 * STATUS_JSON_MESSAGE_MAX + 1);
	struct status_json s = make(REASON_REFUSED);
	const char *got;
	json_t *v;

	(void)state;
	/* three bytes a character: the cut must fall between two */
	for (size_t i = 0; i < STATUS_JSON_MESSAGE_MAX; i++)
		memcpy(long_text + 3 * i, "\xe2\x82\xac", 3);
	for (size_t shift = 0; shift < 4; shift++) {
		memcpy(long_text, "aaaa", shift);
		memmove(long_text + shift, long_text + 3, 3 * STATUS_JSON_MESSAGE_MAX - 3);
		s.message = long_text;
		v = status_of(&s, NULL);
		got = text(condition(v, "Ready"), "message");
		assert_non_null(got); /* else it was no UTF-8 */
		assert_true(strlen(got) <= STATUS_JSON_MESSAGE_MAX);
		assert_true(strlen(got) >= STATUS_JSON_MESSAGE_MAX - 3);
		assert_string_equal(got + strlen(got) - 3, "...");
		json_decref(v);
	}
	s.message = "a\x1b[31mred\x07 \xff\n\xe2\x80\xae";
	v = status_of(&s, NULL);
	got = text(condition(v, "Ready"), "message");
	assert_null(strpbrk(got, "\x1b\x07\n"));
	assert_null(strstr(got, "\xe2\x80\xae"));
	json_decref(v);
	mem_free(long_text);
}

static void test_fan_out(void **state)
{
	struct status_json s = make(REASON_APPLIED);
	json_t *v;

	(void)state;
	s.fan_out = (struct status_json_fan_out){ .wanted = true,
						  .reason = "Foreign",
						  .message = "2 of 3 copies" };
	v = status_of(&s, NULL);
	assert_string_equal(text(condition(v, "Ready"), "status"), "True");
	assert_string_equal(text(condition(v, "FannedOut"), "status"), "False");
	assert_string_equal(text(condition(v, "FannedOut"), "reason"), "Foreign");
	assert_string_equal(text(condition(v, "FannedOut"), "message"), "2 of 3 copies");
	json_decref(v);
	s.fan_out = (struct status_json_fan_out){ .wanted = true, .done = true };
	v = status_of(&s, NULL);
	assert_string_equal(text(condition(v, "FannedOut"), "status"), "True");
	assert_string_equal(text(condition(v, "FannedOut"), "reason"), "Applied");
	json_decref(v);
}

/* --- paused ----------------------------------------------------------------------------------- */

/* What was said before stays word for word, and Paused comes to it; others' conditions are theirs.
 */
static void test_paused(void **state)
{
	static const char *const fields[] = { "observedGeneration", "digest", "keys", "notAfter",
					      "applied" };
	static const char *const types[] = { "Ready", "Stalled", "FannedOut" };
	struct status_json s = make(REASON_NO_KEY), paused = make(REASON_PAUSED);
	struct status_json_read r;
	struct kv keys = KV_INIT;
	json_t *old, *v, *after;

	(void)state;
	kv_set_str(&keys, "a", "");
	s.digest = "aa";
	s.applied_uid = "u";
	s.applied_version = "1";
	s.keys = &keys;
	s.not_after = NOW;
	s.fan_out = (struct status_json_fan_out){ .wanted = true };
	old = status_of(&s, NULL);
	json_array_append_new(json_object_get(old, "conditions"),
			      json_pack("{s:s, s:s}", "type", "Healthy", "status", "True"));
	paused.generation = 4;
	paused.now = LATER;
	paused.digest = "bb"; /* all of that waits */
	v = status_of(&paused, old);
	for (size_t i = 0; i < COUNT(fields); i++)
		assert_true(
		    json_equal(json_object_get(v, fields[i]), json_object_get(old, fields[i])));
	for (size_t i = 0; i < COUNT(types); i++)
		assert_true(json_equal(condition(v, types[i]), condition(old, types[i])));
	assert_null(condition(v, "Healthy"));
	assert_string_equal(text(condition(v, "Paused"), "status"), "True");
	assert_string_equal(text(condition(v, "Paused"), "reason"), "Paused");
	assert_int_equal(
	    json_integer_value(json_object_get(condition(v, "Paused"), "observedGeneration")), 4);
	assert_false(status_json_same(&paused, old));
	assert_true(status_json_same(&paused, v));
	status_json_read(v, &r);
	assert_true(r.paused);
	assert_int_equal(r.observed_generation, 3);
	assert_string_equal(r.reason, "NoKey");
	/* and it ends */
	s.generation = 4;
	assert_false(status_json_same(&s, v));
	after = status_of(&s, v);
	assert_null(condition(after, "Paused"));
	assert_true(status_json_same(&s, after));
	status_json_read(after, &r);
	assert_false(r.paused);
	json_decref(old);
	json_decref(v);
	json_decref(after);
	kv_clear(&keys);
}

/* Nobody has looked at it: kstatus finds that in progress, neither ready nor failed. */
static void test_paused_at_first(void **state)
{
	static const char *const olds[] = { "null", "{}", "[]", "{\"observedGeneration\":-1}" };
	const struct status_json s = make(REASON_PAUSED);

	(void)state;
	for (size_t i = 0; i < COUNT(olds); i++) {
		json_t *old = json_loads(olds[i], JSON_DECODE_ANY, NULL);
		json_t *v = status_of(&s, old);

		assert_int_equal(json_integer_value(json_object_get(v, "observedGeneration")), -1);
		assert_int_equal(json_array_size(json_object_get(v, "conditions")), 1);
		assert_non_null(condition(v, "Paused"));
		json_decref(old);
		json_decref(v);
	}
}

/* --- what was there before -------------------------------------------------------------------- */

static void test_transition(void **state)
{
	struct status_json s = make(REASON_INVALID);
	json_t *first = status_of(&s, NULL), *second, *third;
	const char *then = "2026-11-18T11:06:40Z", *later = "2026-11-18T11:23:20Z";

	(void)state;
	s.now = LATER;
	s.reason = REASON_REFUSED; /* another reason, the same status */
	s.generation = 4;
	second = status_of(&s, first);
	assert_string_equal(text(condition(second, "Ready"), "lastTransitionTime"), then);
	assert_string_equal(text(condition(second, "Stalled"), "lastTransitionTime"), then);
	assert_string_equal(text(condition(second, "Ready"), "reason"), "Refused");
	s.reason = REASON_APPLIED;
	third = status_of(&s, second);
	assert_string_equal(text(condition(third, "Ready"), "lastTransitionTime"), later);
	assert_null(condition(third, "Stalled"));
	json_decref(first);
	json_decref(second);
	json_decref(third);
}

static void test_same(void **state)
{
	struct status_json s = make(REASON_APPLIED);
	struct kv keys = KV_INIT, others = KV_INIT;
	json_t *old, *foreign;

	(void)state;
	kv_set_str(&keys, "a", "");
	kv_set_str(&others, "b", "");
	s.digest = "aa";
	s.applied_uid = "u";
	s.applied_version = "1";
	s.keys = &keys;
	s.not_after = NOW;
	assert_false(status_json_same(&s, NULL));
	old = status_of(&s, NULL);
	s.now = LATER; /* time alone is no change */
	s.resource_version = "99";
	assert_true(status_json_same(&s, old));
	/* a condition of someone else is none of ours */
	foreign = json_pack("{s:s, s:s}", "type", "Healthy", "status", "True");
	json_array_append_new(json_object_get(old, "conditions"), foreign);
	assert_true(status_json_same(&s, old));
#define DIFFERS(field, value)                                                                      \
	do {                                                                                       \
		struct status_json other = s;                                                      \
                                                                                                   \
		other.field = value;                                                               \
		assert_false(status_json_same(&other, old));                                       \
	} while (0)
	DIFFERS(digest, "ab");
	DIFFERS(digest, NULL);
	DIFFERS(applied_version, "2");
	DIFFERS(applied_uid, NULL);
	DIFFERS(keys, &others);
	DIFFERS(keys, NULL);
	DIFFERS(not_after, 0);
	DIFFERS(generation, 4);
	DIFFERS(reason, REASON_NO_KEY);
	DIFFERS(reason, REASON_WRITE_FAILED);
	DIFFERS(message, "another");
	DIFFERS(fan_out.wanted, true);
	/* a Stalled that should have gone */
	json_array_append_new(json_object_get(old, "conditions"),
			      json_pack("{s:s, s:s}", "type", "Stalled", "status", "True"));
	assert_false(status_json_same(&s, old));
	json_decref(old);
	kv_clear(&keys);
	kv_clear(&others);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void test_read_back(void **state)
{
	struct status_json s = make(REASON_FOREIGN);
	struct status_json_read r;
	json_t *v;

	(void)state;
	s.digest = "aa";
	s.applied_uid = "u-1";
	s.applied_version = "77";
	s.not_after = NOW;
	s.message = "why";
	v = status_of(&s, NULL);
	status_json_read(v, &r);
	assert_int_equal(r.observed_generation, 3);
	assert_string_equal(r.digest, "aa");
	assert_string_equal(r.applied, "u-1/77");
	assert_string_equal(r.uid, "u-1");
	assert_string_equal(r.version, "77");
	assert_true(r.not_after == NOW);
	assert_int_equal(r.ready, STATUS_JSON_FALSE);
	assert_string_equal(r.reason, "Foreign");
	assert_string_equal(r.message, "why");
	assert_true(r.stalled);
	json_decref(v);
}

/* Whoever may write to the status may have written anything. */
static void test_read_hostile(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"{\"observedGeneration\":-1}",
		"{\"observedGeneration\":\"3\"}",
		"{\"observedGeneration\":9223372036854775807}",
		"{\"conditions\":{}}",
		"{\"conditions\":[1,null,{},{\"type\":7},{\"type\":\"Ready\",\"status\":true}]}",
		"{\"digest\":[],\"applied\":{},\"notAfter\":\"soon\"}",
		"{\"applied\":\"/7\"}",
		"{\"applied\":\"u/\"}",
		"{\"applied\":\"u/7/8\"}",
		"{\"applied\":\"u\"}",
	};
	const struct status_json s = make(REASON_INVALID);
	struct status_json_read r;

	(void)state;
	status_json_read(NULL, &r);
	assert_int_equal(r.observed_generation, -1);
	for (size_t i = 0; i < COUNT(texts); i++) {
		json_t *old = parse(texts[i], strlen(texts[i])), *v;

		status_json_read(old, &r);
		assert_int_equal(r.observed_generation, -1);
		assert_int_equal(r.ready, STATUS_JSON_UNKNOWN);
		assert_null(r.reason);
		assert_string_equal(r.uid, "");
		assert_string_equal(r.version, "");
		assert_int_equal(r.not_after, 0);
		assert_false(r.stalled);
		assert_false(status_json_same(&s, old));
		v = status_of(&s, old);
		assert_string_equal(text(condition(v, "Ready"), "lastTransitionTime"),
				    "2026-11-18T11:06:40Z");
		json_decref(v);
		json_decref(old);
	}
}

static void test_read_long_applied(void **state)
{
	char mark[STATUS_JSON_APPLIED_MAX + 8];
	struct status_json_read r;
	json_t *v;

	(void)state;
	for (size_t len = STATUS_JSON_APPLIED_MAX - 2; len < sizeof(mark); len++) {
		memset(mark, 'u', sizeof(mark));
		mark[len] = '\0';
		mark[4] = '/';
		v = json_pack("{s:s}", "applied", mark);
		status_json_read(v, &r);
		assert_int_equal(r.uid[0] != '\0', len < STATUS_JSON_APPLIED_MAX);
		json_decref(v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_all_reasons),
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_no_version),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_fan_out),
		cmocka_unit_test(test_paused),
		cmocka_unit_test(test_paused_at_first),
		cmocka_unit_test(test_transition),
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_read_hostile),
		cmocka_unit_test(test_read_long_applied),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
