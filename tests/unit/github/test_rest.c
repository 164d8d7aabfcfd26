/* SPDX-License-Identifier: Apache-2.0 */
/* What GitHub's REST API is asked with, and its names and times; nobody is asked. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/rest.h"

#define A60 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A100 A60 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *path, *name; /* NULL: refused */
} repositories[] = {
	{ "barolab/foobar-infra", "barolab/foobar-infra" },
	{ "/barolab/foobar-infra.git", "barolab/foobar-infra" },
	{ "/barolab/foobar-infra.git/", "barolab/foobar-infra" },
	{ "barolab/foobar-infra/", "barolab/foobar-infra" },
	{ "b_1-c/.github", "b_1-c/.github" },
	{ "b/a.git.git", "b/a.git" },
	{ "b/...", "b/..." },
	{ A60 "/" A100, A60 "/" A100 },
	{ "a" A60 "/b", NULL },
	{ "b/a" A100, NULL },
	/* four letters that are all of the name */
	{ "b/.git", "b/.git" },
	{ "b/.", NULL },
	{ "b/..", NULL },
	{ "b/../", NULL },
	{ "../b", NULL },
	{ ".b/c", NULL },
	{ "-b/c", NULL },
	{ "b", NULL },
	{ "b/", NULL },
	{ "/b", NULL },
	{ "//b", NULL },
	{ "/", NULL },
	{ "", NULL },
	{ "a/b/c", NULL },
	{ "a/b//", NULL },
	{ "a/b?x=1", NULL },
	{ "a/b#x", NULL },
	{ "a/b%2fc", NULL },
	{ "a/b c", NULL },
	{ "a/b\r\nX: y", NULL },
	{ "a/\xc3\xa4", NULL },
	{ "https://github.com/a/b", NULL },
	{ "git@github.com:a/b", NULL },
};

static void test_repositories(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(repositories); i++) {
		struct err err = ERR_INIT;
		char *name = rest_repository(repositories[i].path, &err);

		if ((name == NULL) != (repositories[i].name == NULL))
			fail_msg("%s", repositories[i].path);
		if (name != NULL) {
			assert_string_equal(name, repositories[i].name);
		} else {
			assert_int_equal(err.class, ERR_INVALID);
			assert_non_null(strstr(err.text, "OWNER/NAME"));
		}
		mem_free(name);
	}
}

static const struct {
	const char *text;
	int64_t t;
} times[] = {
	{ "2026-11-26T10:45:21Z", 1795689921 },
	{ "2026-11-26T10:45:21.123Z", 1795689921 },
	{ "2026-11-26T10:45:21+00:00", 1795689921 },
	{ "2026-11-26T10:45:21-00:00", 1795689921 },
	{ "2026-11-26T19:45:21+09:00", 1795689921 },
	{ "2026-11-26T06:15:21-04:30", 1795689921 },
	{ "2026-11-26T10:45:21.5+00:00", 1795689921 },
	{ "2026-11-27T00:15:21+13:30", 1795689921 },
	{ "2024-02-29T00:00:00Z", 1709164800 },
	{ "2023-02-29T00:00:00Z", 0 },
	{ "2026-11-26T10:45:21", 0 },
	{ "2026-11-26T10:45:21z", 0 },
	{ "2026-11-26 10:45:21Z", 0 },
	{ "2026-11-26T24:45:21Z", 0 },
	{ "2026-11-26T10:45:21+0900", 0 },
	{ "2026-11-26T10:45:21+24:00", 0 },
	{ "2026-11-26T10:45:21+09:60", 0 },
	{ "2026-11-26T10:45:21+9:00", 0 },
	{ "2026-11-26T10:45:21+09:0", 0 },
	{ "2026-11-26T10:45:21+09:00Z", 0 },
	{ "2026-11-26T10:45:21Z ", 0 },
	{ "2026-11-26T10:45Z", 0 },
	{ "1795689921", 0 },
	{ "", 0 },
};

static void test_times(void **state)
{
	json_t *number = json_integer(1795689921), *null = json_null();

	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		json_t *v = json_string(times[i].text);

		if (rest_time(v) != times[i].t)
			fail_msg("%s: %lld", times[i].text, (long long)rest_time(v));
		json_decref(v);
	}
	assert_int_equal(rest_time(number), 0);
	assert_int_equal(rest_time(null), 0);
	assert_int_equal(rest_time(NULL), 0);
	json_decref(number);
}

static const struct {
	const char *url, *token;
	size_t len;
	const char *host; /* NULL: refused */
	const char *why;
} made[] = {
	{ NULL, "ghp_abc", 7, "api.github.com", NULL },
	{ "https://ghe.example.org/api/v3", NULL, 0, "ghe.example.org", NULL },
	{ "https://ghe.example.org:8443/api/v3/", NULL, 0, "ghe.example.org:8443", NULL },
	{ "http://127.0.0.1:8080", NULL, 0, "127.0.0.1:8080", NULL },
	{ "http://[::1]:8080", NULL, 0, "[::1]:8080", NULL },
	{ "http://ghe.example.org/api/v3", NULL, 0, NULL, "only https:// is talked to" },
	{ "http://localhost:8080", NULL, 0, NULL, "only https:// is talked to" },
	{ "http://127.0.0.1.example.org", NULL, 0, NULL, "only https:// is talked to" },
	{ "https://me:canary@ghe.example.org", NULL, 0, NULL, "without a user" },
	{ "https://ghe.example.org/api?x", NULL, 0, NULL, "without a user, a query" },
	{ "https://ghe.example.org/#x", NULL, 0, NULL, "without a user, a query" },
	{ "ghe.example.org", NULL, 0, NULL, "https://HOST" },
	{ "https://", NULL, 0, NULL, "https://HOST" },
	{ "https://a\\b/", NULL, 0, NULL, "https://HOST" },
	{ "https://a b/", NULL, 0, NULL, "https://HOST" },
	{ "", NULL, 0, NULL, "https://HOST" },
	{ NULL, "", 0, NULL, "has 0 bytes" },
	{ NULL, "canary with space", 17, NULL, "at position 7" },
	{ NULL, "canary\n", 7, NULL, "at position 7" },
	{ NULL, "can\0ry", 6, NULL, "at position 4" },
	{ NULL, "canary\x7f", 7, NULL, "at position 7" },
	{ NULL, "canary\xc3\xa4", 8, NULL, "at position 7" },
};

static void test_new(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(made); i++) {
		struct buf token = BUF_INIT;
		struct rest_options o = { .api_url = made[i].url };
		struct err err = ERR_INIT;
		struct rest *r;

		buf_put(&token, made[i].token, made[i].len);
		if (made[i].token != NULL)
			o.token = &token;
		r = rest_new(&o, &err);
		if ((r == NULL) != (made[i].host == NULL))
			fail_msg("case %zu: %s", i, err.text);
		if (r != NULL) {
			assert_string_equal(rest_host(r), made[i].host);
			assert_int_equal(rest_calls(r), 0);
		} else {
			assert_int_equal(err.class, ERR_INVALID);
			if (strstr(err.text, made[i].why) == NULL)
				fail_msg("case %zu: %s", i, err.text);
			assert_null(strstr(err.text, "canary"));
		}
		rest_free(r);
		buf_clear(&token);
	}
}

/* 4,096 bytes are sent, one more is no token. */
static void test_long_token(void **state)
{
	struct buf token = BUF_INIT;
	const struct rest_options o = { .token = &token };
	struct err err = ERR_INIT;
	struct rest *r;

	(void)state;
	memset(buf_reserve(&token, 4096), 'a', 4096);
	r = rest_new(&o, &err);
	assert_non_null(r);
	rest_free(r);
	buf_putc(&token, 'a');
	assert_null(rest_new(&o, &err));
	assert_non_null(strstr(err.text, "has 4097 bytes"));
	buf_clear(&token);
}

/* Where a CA is named, it must be one. */
static void test_ca(void **state)
{
	struct buf ca = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	buf_puts(&ca, "no certificate");
	assert_null(rest_new(&(struct rest_options){ .ca = &ca }, &err));
	assert_int_equal(err.class, ERR_INVALID);
	assert_non_null(strstr(err.text, "no certificate in PEM form"));
	assert_null(rest_new(&(struct rest_options){ .ca_file = "/nonexistent/ca.pem" }, &err));
	assert_int_equal(err.class, ERR_IO);
	assert_non_null(strstr(err.text, "/nonexistent/ca.pem"));
	buf_clear(&ca);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_repositories), cmocka_unit_test(test_times),
		cmocka_unit_test(test_new),	     cmocka_unit_test(test_long_token),
		cmocka_unit_test(test_ca),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
