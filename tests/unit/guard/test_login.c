/* SPDX-License-Identifier: Apache-2.0 */
/* Users' names beside passwords: URLs, docker configs, .netrc, HTTP. */
#include "tests/unit/test.h"

#include "tests/unit/guard/seen.h"
#include "tests/unit/guard/tokens.h"

struct one {
	const char *text, *list;
};

static void expect_all(const struct one *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		seen_expect("a.txt", cases[i].text, cases[i].list);
}

static void test_urls(void **state)
{
	(void)state;
	static const struct one cases[] = {
		{ "postgres://app:sommer26@db.acme.io/x", "url-password\n" },
		{ "url = \"https://app:som%20mer@acme.io\"", "url-password url\n" },
		{ "redis://:sommer26@cache:6379", "url-password\n" },
		{ "postgres://app:sommer26@localhost/x", "url-password?\n" },
		{ "postgres://app:sommer26@127.0.0.1:5432", "url-password?\n" },
		{ "https://acme.io:443/a@b", "" },
		{ "https://acme.io/?q=a:b@c", "" },
		{ "ssh://git@github.com/a", "" },
		{ "https://user:password@acme.io", "" },
		{ "https://app:app@acme.io", "" },
		{ "https://app:${PASSWORD}@acme.io", "" },
		{ "https://app:$PASSWORD@acme.io", "" },
		{ "https://app:<password>@acme.io", "" },
		{ "https://app:{password}@acme.io", "" },
		{ "https://app:****@acme.io", "" },
		{ "https://app:x@acme.io", "" },
		{ "https://app:sommer26@example.com", "" },
		{ "https://app:sommer26@db.example.org/", "" },
		{ "https://app:sommer26@x.test", "" },
		{ "https://app:sommer26@${HOST}", "" },
		{ "https://app:sommer26@", "" },
		{ "https://app:sommer 26@acme.io", "" },
		{ "https://app:sommer26", "" },
		{ "://", "" },
	};

	expect_all(cases, COUNT(cases));
}

static void test_docker(void **state)
{
	(void)state;
	char *auth = tokens_base64("robot:sommer26"), *none = tokens_base64("robot:password");
	char *user = tokens_base64("robot:"), *text;
	struct {
		char *text;
		const char *list;
	} cases[] = {
		{ mem_printf("{\"auths\":{\"ghcr.io\":{\"auth\":\"%s\"}}}", auth),
		  "docker-config auth\n" },
		{ mem_printf("{\"auths\": {\n \"ghcr.io\": {\n  \"auth\": \"%s\"\n}}}", auth),
		  "docker-config auth\n" },
		{ mem_printf("x: \"{\\\"auths\\\":{\\\"a\\\":{\\\"auth\\\":\\\"%s\\\"}}}\"", auth),
		  "docker-config auth\n" },
		{ mem_printf("auths = { \"a\" = { auth = \"%s\" } }", auth),
		  "docker-config auth\n" },
		{ mem_str("{\"auths\":{\"a\":{\"username\":\"x\",\"password\":\"sommer26\"}}}"),
		  "docker-config password\n" },
		{ mem_str("{\"auths\":{\"a\":{\"identitytoken\":\"abcd1234\"}}}"),
		  "docker-config identitytoken\n" },
		{ mem_printf("{\"auths\":{\"a\":{\"auth\":\"%s\"}}}", none), "" },
		{ mem_printf("{\"auths\":{\"a\":{\"auth\":\"%s\"}}}", user), "" },
		{ mem_printf("{\"auth\":\"%s\"}", auth), "" },
		{ mem_str("{\"auths\":{\"a\":{\"auth\":\"\"}}}"), "" },
		{ mem_str("{\"auths\":{\"a\":{\"auth\":\"<auth>\"}}}"), "" },
		{ mem_str("{\"auths\":{\"a\":{}},\"credsStore\":\"x\"}"), "" },
		{ mem_str("{\"auths\": {\"a\": {\"password\": password2, \"auth\": x}}}"), "" },
		{ mem_str("\"auths\", \"password\", \"sommer26\""), "" },
		{ mem_str("auths"), "" },
		{ mem_str("{\"auths\":{\"a\":{\"auth\":\""), "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		seen_expect("a.txt", cases[i].text, cases[i].list);
		mem_free(cases[i].text);
	}
	text = mem_printf("{\"auths\":{\"ghcr.io\":{\"auth\":\"%s\"}}}", auth);
	mem_free(auth);
	auth = tokens_base64(text);
	seen_expect("a.txt", auth, "docker-config\n");
	mem_free(text);
	mem_free(auth);
	mem_free(none);
	mem_free(user);
}

static void test_netrc(void **state)
{
	(void)state;
	static const struct one cases[] = {
		{ "machine acme.io login ci password sommer26\n", "netrc\n" },
		{ "machine acme.io\n  login ci\n  password sommer26\n", "netrc\n" },
		{ "machine acme.io login ci account x password sommer26", "netrc\n" },
		{ "machine acme.io password sommer26", "netrc\n" },
		{ "machine acme.io login ci password $TOKEN\n", "" },
		{ "machine acme.io login ci password password\n", "" },
		{ "machine acme.io login ci\nmachine b\n", "" },
		{ "the machine then has a password of its own", "" },
		{ "machine NAME login NAME password PASSWORD, and", "" },
		{ "machine", "" },
		{ "machine acme.io login ci password", "" },
	};

	expect_all(cases, COUNT(cases));
}

static void test_http(void **state)
{
	(void)state;
	char *basic = tokens_base64("ci:sommer26"), *words = tokens_base64("user:password");
	struct {
		char *text;
		const char *list;
	} cases[] = {
		{ mem_printf("Authorization: Basic %s\n", basic), "http-login\n" },
		{ mem_printf("\"authorization\": \"Basic %s\"", basic), "http-login\n" },
		{ mem_printf("-H 'Authorization: Basic %s'", basic), "http-login\n" },
		{ mem_printf("Authorization: Basic %s\n", words), "" },
		{ mem_str("Authorization: Basic dXNlcg==\n"), "" },
		{ mem_str("Authorization: Bearer 8fK2mQ9xLw4TzR7vBn3C\n"), "http-login\n" },
		{ mem_str("Authorization: token 8fK2mQ9xLw4TzR7vBn3C\n"), "http-login\n" },
		{ mem_str("Authorization: Bearer ${TOKEN}\n"), "" },
		{ mem_str("Authorization: Bearer <token>\n"), "" },
		{ mem_str("Authorization: Bearer xxxxxxxxxxxxxxxxxxxx\n"), "" },
		{ mem_str("Authorization: Bearer short\n"), "" },
		{ mem_str("Authorization: Negotiate 8fK2mQ9xLw4TzR7vBn3C\n"), "" },
		{ mem_str("AuthorizationBearer"), "" },
		{ mem_str("curl -u ci:sommer26 https://acme.io\n"), "http-login\n" },
		{ mem_str("curl -sS --user \"ci:sommer26\" https://acme.io\n"), "http-login\n" },
		{ mem_str("curl -s --user=ci:sommer26 x\n"), "http-login --user\n" },
		{ mem_str("curl -u ci:$PASSWORD https://acme.io\n"), "" },
		{ mem_str("curl -u ci https://acme.io\n"), "" },
		{ mem_str("curl -s https://acme.io\n -u ci:sommer26\n"), "" },
		{ mem_str("curl --user-agent ci:sommer26 x\n"), "" },
		{ mem_str("curl "), "" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		seen_expect("a.txt", cases[i].text, cases[i].list);
		mem_free(cases[i].text);
	}
	mem_free(basic);
	mem_free(words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_docker),
		cmocka_unit_test(test_netrc),
		cmocka_unit_test(test_http),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
