/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <curl/curl.h>

#include "kube/retry.h"

#define ANSWERED(code) ANSWERED_IN(code, 30000)
#define ANSWERED_IN(code, ms)                                                                      \
	.how = KUBE_HOW_ANSWERED, .status = (code), .sent = true, .left_ms = (ms)
#define BROKEN .how = KUBE_HOW_BROKEN, .left_ms = 30000
#define DONE KUBE_ACTION_DONE
#define REFRESH KUBE_ACTION_REFRESH
#define ASKED KUBE_ACTION_ASKED
#define AGAIN KUBE_ACTION_BROKEN

static const struct {
	const char *what;
	struct kube_outcome o;
	struct kube_decision want;
} cases[] = {
	{ "a success", { ANSWERED(200) }, { DONE, 0, false, false } },
	{ "a success with Retry-After",
	  { ANSWERED(201), .retry_ms = 9, .idempotent = true },
	  { DONE, 0, false, false } },
	{ "a conflict is a state",
	  { ANSWERED(409), .idempotent = true },
	  { DONE, 0, false, false } },
	{ "not found, with Retry-After",
	  { ANSWERED(404), .retry_ms = 9, .idempotent = true },
	  { DONE, 0, false, false } },

	{ "401", { ANSWERED(401) }, { REFRESH, 0, true, true } },
	{ "401 a second time", { ANSWERED(401), .refreshed = true }, { DONE, 0, true, true } },
	{ "401 with no time left", { ANSWERED_IN(401, 0) }, { DONE, 0, true, true } },
	{ "403",
	  { ANSWERED(403), .retry_ms = 1000, .idempotent = true },
	  { DONE, 0, false, false } },

	{ "429 that asks", { ANSWERED(429), .retry_ms = 1000 }, { ASKED, 1000, true, false } },
	{ "429 that does not", { ANSWERED(429), .idempotent = true }, { DONE, 0, true, false } },
	{ "429 for the tenth time",
	  { ANSWERED(429), .retry_ms = 1000, .asked = 9 },
	  { ASKED, 1000, true, false } },
	{ "429 for the eleventh",
	  { ANSWERED(429), .retry_ms = 1000, .asked = 10 },
	  { DONE, 0, true, false } },
	{ "429, longer than there is time",
	  { ANSWERED(429), .retry_ms = 30000 },
	  { DONE, 0, true, false } },
	{ "429, just as long",
	  { ANSWERED(429), .retry_ms = 29999 },
	  { ASKED, 29999, true, false } },

	{ "503 that asks, idempotent",
	  { ANSWERED(503), .retry_ms = 2000, .idempotent = true },
	  { ASKED, 2000, false, false } },
	{ "503 that asks, not idempotent",
	  { ANSWERED(503), .retry_ms = 2000 },
	  { DONE, 0, false, false } },
	{ "503 that does not ask",
	  { ANSWERED(503), .idempotent = true },
	  { DONE, 0, false, false } },
	{ "500 and 504 the same",
	  { ANSWERED(500), .retry_ms = 1, .idempotent = true },
	  { ASKED, 1, false, false } },
	{ "504", { ANSWERED(504), .retry_ms = 1, .idempotent = true }, { ASKED, 1, false, false } },
	{ "504 for the eleventh time",
	  { ANSWERED(504), .retry_ms = 1, .idempotent = true, .asked = 10 },
	  { DONE, 0, false, false } },

	{ "broken, sent, idempotent: at once",
	  { BROKEN, .sent = true, .idempotent = true },
	  { AGAIN, 0, false, true } },
	{ "then after a while",
	  { BROKEN, .sent = true, .idempotent = true, .broken = 1 },
	  { AGAIN, 500, false, true } },
	{ "then after longer",
	  { BROKEN, .sent = true, .idempotent = true, .broken = 2 },
	  { AGAIN, 1000, false, true } },
	{ "then no more",
	  { BROKEN, .sent = true, .idempotent = true, .broken = 3 },
	  { DONE, 0, false, true } },
	{ "broken, sent, not idempotent", { BROKEN, .sent = true }, { DONE, 0, false, true } },
	{ "broken before a byte went out", { BROKEN }, { AGAIN, 0, true, true } },
	{ "broken before a byte went out, for the last time",
	  { BROKEN, .broken = 3 },
	  { DONE, 0, true, true } },
	{ "broken with no time left",
	  { .how = KUBE_HOW_BROKEN, .idempotent = true, .sent = true },
	  { DONE, 0, false, true } },
	{ "cut, idempotent",
	  { .how = KUBE_HOW_CUT, .left_ms = 9000, .sent = true, .idempotent = true },
	  { AGAIN, 0, false, true } },
	{ "cut, not idempotent",
	  { .how = KUBE_HOW_CUT, .left_ms = 9000, .sent = true },
	  { DONE, 0, false, true } },

	{ "no connection",
	  { .how = KUBE_HOW_UNCONNECTED, .left_ms = 9000, .idempotent = true },
	  { DONE, 0, true, true } },
	{ "too late, sent",
	  { .how = KUBE_HOW_TIMEOUT, .sent = true, .idempotent = true },
	  { DONE, 0, false, true } },
	{ "too late, never sent", { .how = KUBE_HOW_TIMEOUT }, { DONE, 0, true, true } },
	{ "too large",
	  { .how = KUBE_HOW_TOO_LARGE, .sent = true, .idempotent = true, .left_ms = 9000 },
	  { DONE, 0, false, false } },
	{ "the receiver stopped it",
	  { .how = KUBE_HOW_STOPPED, .sent = true, .idempotent = true, .left_ms = 9000 },
	  { DONE, 0, false, false } },
	{ "libcurl would not",
	  { .how = KUBE_HOW_LOCAL, .idempotent = true, .left_ms = 9000 },
	  { DONE, 0, true, false } },
};

static void test_decide(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct kube_decision d = kube_retry_decide(&cases[i].o);
		const struct kube_decision *want = &cases[i].want;

		if (d.action != want->action || d.wait_ms != want->wait_ms ||
		    d.unsent != want->unsent || d.reopen != want->reopen)
			fail_msg("%s: action %d, wait %ld, unsent %d, reopen %d", cases[i].what,
				 (int)d.action, (long)d.wait_ms, d.unsent, d.reopen);
	}
}

/* Whatever came, what may have been acted on and is not idempotent is never sent again. */
static void test_never_twice(void **state)
{
	static const long codes[] = { 200, 400, 403, 404, 409, 422, 500, 502, 503, 504 };

	(void)state;
	for (int how = KUBE_HOW_ANSWERED; how <= KUBE_HOW_LOCAL; how++) {
		for (size_t i = 0; i < COUNT(codes); i++) {
			struct kube_outcome o = { .how = (enum kube_how)how,
						  .status = codes[i],
						  .retry_ms = 1,
						  .left_ms = 1000000,
						  .sent = true };
			struct kube_decision d = kube_retry_decide(&o);

			assert_int_equal(d.action, DONE);
			assert_false(d.unsent);
		}
	}
}

/* Never for ever: each way of sending again has its own end. */
static void test_ends(void **state)
{
	(void)state;
	for (int how = KUBE_HOW_ANSWERED; how <= KUBE_HOW_LOCAL; how++) {
		for (long code = 100; code < 600; code++) {
			struct kube_outcome o = { .how = (enum kube_how)how,
						  .status = code,
						  .retry_ms = 1,
						  .left_ms = INT64_MAX,
						  .idempotent = true,
						  .refreshed = true,
						  .asked = KUBE_RETRY_ASKED,
						  .broken = KUBE_RETRY_BROKEN };

			assert_int_equal(kube_retry_decide(&o).action, DONE);
		}
	}
}

static void test_how(void **state)
{
	static const struct {
		int code;
		enum kube_how how;
	} codes[] = {
		{ 16, KUBE_HOW_BROKEN },      { 18, KUBE_HOW_BROKEN },
		{ 52, KUBE_HOW_BROKEN },      { 55, KUBE_HOW_BROKEN },
		{ 56, KUBE_HOW_BROKEN },      { 92, KUBE_HOW_BROKEN },
		{ 65, KUBE_HOW_BROKEN },      { 28, KUBE_HOW_TIMEOUT },
		{ 23, KUBE_HOW_STOPPED },     { 5, KUBE_HOW_UNCONNECTED },
		{ 6, KUBE_HOW_UNCONNECTED },  { 7, KUBE_HOW_UNCONNECTED },
		{ 35, KUBE_HOW_UNCONNECTED }, { 60, KUBE_HOW_UNCONNECTED },
		{ 97, KUBE_HOW_UNCONNECTED }, { 61, KUBE_HOW_CUT },
		{ 1, KUBE_HOW_LOCAL },	      { 27, KUBE_HOW_LOCAL },
		{ 9999, KUBE_HOW_LOCAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(codes); i++)
		assert_int_equal(kube_retry_how(codes[i].code), codes[i].how);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decide),
		cmocka_unit_test(test_never_twice),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_how),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
