/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer of GitHub that is no success says, and how long a limit lasts. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "github/rest_error.h"

#define NOW 1795689921 /* Thu, 26 Nov 2026 10:45:21 GMT */
#define SECONDARY "{\"message\":\"You have exceeded a secondary rate limit.\"}"

static void fill(struct rest_answer *a, long status, const char *headers, const char *body)
{
	a->http.status = status;
	a->http.tries = 1;
	while (headers != NULL && *headers != '\0') {
		size_t n = strcspn(headers, "\n");

		assert_true(http_answer_add(&a->http, headers, n));
		headers += n + (headers[n] == '\n');
	}
	if (body == NULL)
		return;
	buf_puts(&a->http.body, body);
	a->body = json_parse(body, strlen(body), "answer", NULL);
}

static void clear(struct rest_answer *a)
{
	http_answer_clear(&a->http);
	json_decref(a->body);
}

static const struct {
	long status;
	const char *headers, *body;
	unsigned tries;
	int64_t skew;
	int64_t wait_ms; /* -1: no limit */
} limits[] = {
	{ 429, NULL, NULL, 1, 0, 60000 },
	{ 429, "Retry-After: 7", NULL, 1, 0, 7000 },
	{ 403, "Retry-After: 7", NULL, 1, 0, 7000 },
	{ 403, "Retry-After: 0", NULL, 1, 0, 0 },
	{ 403, "Retry-After: Thu, 26 Nov 2026 10:45:31 GMT", NULL, 1, 0, 10000 },
	/* by the server's clock, which is a minute behind ours */
	{ 403, "Retry-After: Thu, 26 Nov 2026 10:44:31 GMT", NULL, 1, -60, 10000 },
	{ 403, "Retry-After: Thu, 26 Nov 2026 10:45:11 GMT", NULL, 1, 0, 0 },
	{ 403, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1795689951", NULL, 1, 0, 31000 },
	{ 403, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1795689951", NULL, 1, 10, 21000 },
	{ 429, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1795680000", NULL, 1, 0, 0 },
	{ 403, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 999999999999", NULL, 1, 0, 86400000 },
	/* a reset that cannot be read, or of a limit that is not reached */
	{ 403, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: soon", NULL, 1, 0, 60000 },
	{ 403, "X-RateLimit-Remaining: 0\nX-RateLimit-Reset: 9999999999999999", NULL, 1, 0, 60000 },
	{ 429, "X-RateLimit-Remaining: 5\nX-RateLimit-Reset: 1795689951", NULL, 1, 0, 60000 },
	/* Retry-After is asked first; what is none of it is passed over */
	{ 403, "Retry-After: 2\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1795689951", NULL, 1,
	  0, 2000 },
	{ 403, "Retry-After: x\nX-RateLimit-Remaining: 0\nX-RateLimit-Reset: 1795689951", NULL, 1,
	  0, 31000 },
	{ 403, NULL, SECONDARY, 1, 0, 60000 },
	{ 403, NULL, "{\"message\":\"abuse detection mechanism\"}", 1, 0, 60000 },
	/* doubled with each try, to sixteen minutes */
	{ 403, NULL, SECONDARY, 2, 0, 120000 },
	{ 403, NULL, SECONDARY, 3, 0, 240000 },
	{ 403, NULL, SECONDARY, 0, 0, 60000 },
	{ 403, NULL, SECONDARY, 60, 0, 960000 },
	{ 403, NULL, "{\"message\":\"Resource not accessible\"}", 1, 0, -1 },
	{ 403, "X-RateLimit-Remaining: 10", NULL, 1, 0, -1 },
	{ 403, "X-RateLimit-Remaining: 00x", NULL, 1, 0, -1 },
	{ 404, "Retry-After: 7", SECONDARY, 1, 0, -1 },
	{ 503, "Retry-After: 7", NULL, 1, 0, -1 },
	{ 200, "X-RateLimit-Remaining: 0", NULL, 1, 0, -1 },
};

static void test_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(limits); i++) {
		struct rest_answer a = REST_ANSWER_INIT;
		int64_t wait_ms = -1;
		bool limited;

		fill(&a, limits[i].status, limits[i].headers, limits[i].body);
		a.http.skew = limits[i].skew;
		limited = rest_error_limited(&a.http, limits[i].tries, NOW, &wait_ms);
		if (limited != (limits[i].wait_ms >= 0) ||
		    (limited && wait_ms != limits[i].wait_ms))
			fail_msg("case %zu: %d, %lld", i, limited, (long long)wait_ms);
		clear(&a);
	}
}

static const struct {
	long status;
	const char *headers, *body, *needs;
	bool no_token;
	enum err_class class;
	const char *words[3], *not ;
} errors[] = {
	{ 401,
	  NULL,
	  "{\"message\":\"Bad credentials\"}",
	  NULL,
	  false,
	  ERR_REFUSED,
	  { "does not accept it (401, Bad credentials): it is revoked; clock", "api.x", "w: " },
	  "permission" },
	{ 401,
	  NULL,
	  NULL,
	  NULL,
	  false,
	  ERR_REFUSED,
	  { "does not accept it (401): it is revoked; clock", "", "" },
	  NULL },
	{ 401,
	  NULL,
	  NULL,
	  NULL,
	  true,
	  ERR_REFUSED,
	  { "api.x wants a token (401)", "", "" },
	  "revoked" },
	{ 403,
	  NULL,
	  "{\"message\":\"No\"}",
	  "Administration (read)",
	  false,
	  ERR_REFUSED,
	  { "is forbidden (403): No", "it takes the permission Administration (read)", "" },
	  NULL },
	/* what GitHub itself says of permissions comes before what we think */
	{ 403,
	  "X-Accepted-GitHub-Permissions: administration=write",
	  NULL,
	  "A",
	  false,
	  ERR_REFUSED,
	  { "it takes the permission administration=write", "", "" },
	  "permission A" },
	{ 403,
	  "X-Accepted-GitHub-Permissions:",
	  NULL,
	  "A",
	  false,
	  ERR_REFUSED,
	  { "it takes the permission A", "", "" },
	  NULL },
	{ 403,
	  "X-GitHub-SSO: required; url=https://github.com/orgs/o/sso",
	  NULL,
	  "A",
	  false,
	  ERR_REFUSED,
	  { "single sign-on: https://github.com/orgs/o/sso", "", "" },
	  "permission A" },
	{ 403,
	  "X-GitHub-SSO: partial-results; organizations=1",
	  NULL,
	  "A",
	  false,
	  ERR_REFUSED,
	  { "it takes the permission A", "", "" },
	  "single sign-on" },
	{ 403,
	  NULL,
	  "{\"documentation_url\":\"https://docs.github.com/rest/x\"}",
	  NULL,
	  false,
	  ERR_REFUSED,
	  { "(https://docs.github.com/rest/x)", "", "" },
	  NULL },
	{ 403,
	  NULL,
	  "{\"documentation_url\":\"https://docs.github.com.evil.org/x\"}",
	  NULL,
	  false,
	  ERR_REFUSED,
	  { "is forbidden (403)", "", "" },
	  "evil" },
	{ 404,
	  NULL,
	  "{\"message\":\"Not Found\"}",
	  "A",
	  false,
	  ERR_IO,
	  { "not found (404): Not Found", "GitHub tells both the same way", "permission A" },
	  NULL },
	/* GitHub's own, of a repository that was renamed, is JSON; that of a network's page not */
	{ 301,
	  "Content-Type: application/json",
	  "{\"message\":\"Moved Permanently\"}",
	  "A",
	  false,
	  ERR_IO,
	  { "it has moved (301): Moved Permanently", "present name", "" },
	  "sign-in page" },
	{ 307,
	  "Location: https://login.example.org/",
	  NULL,
	  "A",
	  false,
	  ERR_IO,
	  { "it has moved (307)", "sign-in page", "; address" },
	  "present name" },
	{ 302, NULL, NULL, NULL, false, ERR_IO, { "(302)", "sign-in page", "; address" }, NULL },
	{ 409, NULL, NULL, NULL, false, ERR_CONFLICT, { "(409)", "", "" }, NULL },
	{ 422,
	  NULL,
	  "{\"message\":\"Validation Failed\",\"errors\":[{\"message\":\"key is already in "
	  "use\"},\"two\",{\"field\":\"f\",\"code\":\"c\"},\"four\"]}",
	  NULL,
	  false,
	  ERR_INVALID,
	  { "(422): Validation Failed: key is already in use: two: f: c", "", "" },
	  "four" },
	{ 422,
	  NULL,
	  "{\"message\":\"m\",\"errors\":\"text\"}",
	  NULL,
	  false,
	  ERR_INVALID,
	  { "(422): m: text", "", "" },
	  NULL },
	/* the same words are said once, and what is no text not at all */
	{ 422,
	  NULL,
	  "{\"message\":\"same words\",\"errors\":[{\"message\":\"words\"},7,null,{}]}",
	  NULL,
	  false,
	  ERR_INVALID,
	  { "(422): same words", "", "" },
	  "same words: " },
	{ 422,
	  NULL,
	  "{\"message\":{\"a\":1}}",
	  NULL,
	  false,
	  ERR_INVALID,
	  { "is refused as invalid (422)", "", "" },
	  NULL },
	{ 511, NULL, NULL, NULL, false, ERR_IO, { "wants a login first (511)", "", "" }, NULL },
	{ 451, NULL, NULL, NULL, false, ERR_REFUSED, { "legal", "", "" }, NULL },
	{ 500,
	  NULL,
	  NULL,
	  "A",
	  false,
	  ERR_IO,
	  { "GitHub failed (500)", "try again later", "" },
	  "permission" },
	{ 503, NULL, NULL, NULL, false, ERR_IO, { "not ready (503)", "", "" }, NULL },
	{ 418,
	  NULL,
	  "{\"message\":\"short\"}",
	  NULL,
	  false,
	  ERR_IO,
	  { "api.x answers with status 418: short", "", "" },
	  NULL },
	{ 304, NULL, NULL, NULL, false, ERR_IO, { "answers with status 304", "", "" }, NULL },
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(errors); i++) {
		const struct rest_request q = { .what = "w", .needs = errors[i].needs };
		const struct rest_error e = {
			&q, "api.x", "; clock", !errors[i].no_token, "it is revoked", "; address"
		};
		struct rest_answer a = REST_ANSWER_INIT;
		struct err err = ERR_INIT;

		fill(&a, errors[i].status, errors[i].headers, errors[i].body);
		assert_int_equal(rest_error_explain(&e, &a, &err), -1);
		assert_int_equal(err.class, errors[i].class);
		assert_false(a.limited);
		for (size_t k = 0; k < COUNT(errors[i].words); k++)
			if (strstr(err.text, errors[i].words[k]) == NULL)
				fail_msg("case %zu: %s", i, err.text);
		if (errors[i].not != NULL && strstr(err.text, errors[i].not ) != NULL)
			fail_msg("case %zu: %s", i, err.text);
		clear(&a);
	}
}

/* Who GitHub's own server is has a page that tells whether it is well. */
static void test_status_page(void **state)
{
	const struct rest_request q = { .what = "w" };
	const struct rest_error e = { &q, "api.github.com", "", true, "r", "" };
	struct rest_answer a = REST_ANSWER_INIT;
	struct err err = ERR_INIT;

	(void)state;
	fill(&a, 503, NULL, NULL);
	rest_error_explain(&e, &a, &err);
	assert_non_null(strstr(err.text, "https://www.githubstatus.com"));
	clear(&a);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *url, *says; /* "": nothing is amiss */
	} addresses[] = {
		{ NULL, "" },
		{ "https://api.github.com", "" },
		{ "https://api.octo.ghe.com", "" },
		{ "https://ghe.example.org/api/v3", "" },
		{ "https://ghe.example.org:8443/api/v3//", "" },
		{ "https://GitHub.com/api/v3", "which is asked without --api-url" },
		{ "https://www.github.com", "which is asked without --api-url" },
		{ "https://github.com.example.org", "https://github.com.example.org/api/v3" },
		{ "https://ghe.example.org", "is at https://ghe.example.org/api/v3" },
		{ "https://ghe.example.org:8443/", "is at https://ghe.example.org:8443/api/v3" },
		{ "https://ghe.example.org/api/v3/x", "is at https://ghe.example.org/api/v3" },
		{ "https://ghe.example.org/x/api/v3", "is at https://ghe.example.org/api/v3" },
		{ "no address", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(addresses); i++) {
		char *text = rest_error_address(addresses[i].url);

		if ((text[0] == '\0') != (addresses[i].says[0] == '\0') ||
		    strstr(text, addresses[i].says) == NULL)
			fail_msg("%s: %s", addresses[i].url, text);
		mem_free(text);
	}
}

static void test_limited(void **state)
{
	static const struct {
		const char *headers;
		unsigned tries;
		bool token;
		const char *words;
		int64_t seconds;
	} cases[] = {
		{ "Retry-After: 90", 1, true, "asks for a pause, for too much came at once", 90 },
		{ "Retry-After: 90", 3, true, "(secondary rate limit), and waiting did not help;",
		  90 },
		{ "Retry-After: 90\nX-RateLimit-Remaining: 0", 1, true,
		  "has answered as often as its rate limit allows; try", 90 },
		{ "Retry-After: 90\nX-RateLimit-Remaining: 0", 1, false,
		  "allows, which is low without a token; try again after 20", 90 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct rest_request q = { .what = "w" };
		const struct rest_error e = { &q, "api.x", "", cases[i].token, "r", "" };
		struct rest_answer a = REST_ANSWER_INIT;
		struct err err = ERR_INIT;
		int64_t before = clock_now();

		fill(&a, 403, cases[i].headers, NULL);
		a.http.tries = cases[i].tries;
		rest_error_explain(&e, &a, &err);
		assert_int_equal(err.class, ERR_IO);
		assert_true(a.limited && a.until >= before + cases[i].seconds &&
			    a.until <= clock_now() + cases[i].seconds);
		if (strstr(err.text, cases[i].words) == NULL)
			fail_msg("case %zu: %s", i, err.text);
		clear(&a);
	}
}

/* What GitHub says is bounded, and cut between characters. */
static void test_cut(void **state)
{
	for (size_t shift = 0; shift < 4; shift++) {
		const struct rest_request q = { .what = "w" };
		const struct rest_error e = { &q, "api.x", "", true, "r", "" };
		struct rest_answer a = REST_ANSWER_INIT;
		struct buf body = BUF_INIT;
		struct err err = ERR_INIT;
		json_t *v;

		(void)state;
		buf_printf(&body, "{\"message\":\"%.*s", (int)shift, "xyz");
		for (size_t i = 0; i < 200; i++)
			buf_puts(&body, "\xe2\x82\xac");
		buf_puts(&body, "\",\"errors\":[\"");
		for (size_t i = 0; i < 200; i++)
			buf_puts(&body, "\xc3\xa4");
		buf_puts(&body, "\",\"z\"]}");
		fill(&a, 422, NULL, buf_str(&body));
		rest_error_explain(&e, &a, &err);
		v = json_string(a.message);
		assert_non_null(v);
		assert_true(strlen(a.message) <= REST_MESSAGE_MAX && strlen(a.message) > 390);
		json_decref(v);
		buf_clear(&body);
		clear(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits),	    cmocka_unit_test(test_errors),
		cmocka_unit_test(test_status_page), cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_limited),	    cmocka_unit_test(test_cut),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
