/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/proxy.h"

static void test_parse(void **state)
{
	static const struct {
		const char *text, *host;
		unsigned port;
		const char *login;
	} cases[] = {
		{ "http://proxy.example.org:3128", "proxy.example.org", 3128, "" },
		{ "HTTP://proxy.example.org:3128/", "proxy.example.org", 3128, "" },
		{ "proxy:8080", "proxy", 8080, "" },
		{ "http://[2001:db8::1]:8080", "2001:db8::1", 8080, "" },
		{ "http://me:word@proxy:1", "proxy", 1, "bWU6d29yZA==" },
		{ "http://me:w%40r%3ad@proxy:1", "proxy", 1, "bWU6d0ByOmQ=" },
		{ "http://me:w@rd@proxy:65535", "proxy", 65535, "bWU6d0ByZA==" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct github_proxy p = GITHUB_PROXY_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(github_proxy_parse("X", cases[i].text, &p, &err), 0);
		assert_string_equal(p.host, cases[i].host);
		assert_int_equal(p.port, cases[i].port);
		assert_string_equal(buf_str(&p.login), cases[i].login);
		github_proxy_clear(&p);
		assert_int_equal(p.login.len, 0);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "socks5://canary:1080", "no https:// and no socks5://" },
		{ "socks5h://canary:1080", "no https:// and no socks5://" },
		{ "socks4://canary:1080", "only proxies that are spoken to by http://" },
		{ "https://canary:443", "https" },
		{ "canary", "port" },
		{ "http://canary:", "port" },
		{ "http://canary:0", "port" },
		{ "http://canary:65536", "port" },
		{ "http://canary:80x", "port" },
		{ "http://:80", "not a name" },
		{ "http://can ary:80", "not a name" },
		{ "http://canary\r\n:80", "not a name" },
		{ "http://canary:80/path", "path" },
		{ "http://canary%4@h:80", "not a code" },
		{ "http://canary%zz@h:80", "not a code" },
		{ "", "port" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct github_proxy p = GITHUB_PROXY_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(github_proxy_parse("MY_PROXY", cases[i].text, &p, &err), -1);
		assert_int_equal(err.class, ERR_INVALID);
		assert_non_null(strstr(err.text, cases[i].reason));
		assert_int_equal(strncmp(err.text, "MY_PROXY: ", 10), 0);
		assert_null(strstr(err.text, "canary"));
		assert_true(p.host[0] == '\0' && p.login.len == 0);
	}
}

static void test_exceptions(void **state)
{
	static const struct {
		const char *no_proxy, *host;
		unsigned port;
		bool excepted;
	} cases[] = {
		{ "*", "anything", 22, true },
		{ "github.com", "github.com", 22, true },
		{ "GitHub.com", "github.com", 22, true },
		{ "github.com", "ssh.github.com", 443, true },
		{ ".github.com", "ssh.github.com", 443, true },
		{ ".github.com", "github.com", 443, true },
		{ "github.com", "notgithub.com", 22, false },
		{ "ssh.github.com", "github.com", 22, false },
		{ "a, b\tc github.com", "github.com", 22, true },
		{ "github.com:22", "github.com", 22, true },
		{ "github.com:22", "github.com", 443, false },
		{ "github.com:x", "github.com", 22, false },
		{ "::1", "::1", 22, true },
		{ "127.0.0.1", "127.0.0.1", 22, true },
		{ "127.0.0.1", "127.0.0.12", 22, false },
		/* one address has several spellings */
		{ "0:0:0:0:0:0:0:1", "::1", 22, true },
		{ "FD00::00a1", "fd00::a1", 22, true },
		{ "[::1]", "::1", 22, true },
		{ "[::1]:22", "::1", 22, true },
		{ "[::1]:22", "::1", 443, false },
		{ "127.0.0.1:443", "127.0.0.1", 443, true },
		{ "127.0.0.1:443", "127.0.0.1", 22, false },
		/* the end of an address is no domain */
		{ "0.1", "127.0.0.1", 22, false },
		{ ".0.0.1", "127.0.0.1", 22, false },
		{ "1", "127.0.0.1", 22, false },
		{ "127.0.0.1", "a.127.0.0.1", 22, true },
		{ ",, ,", "github.com", 22, false },
		{ "", "github.com", 22, false },
		{ ".", "github.com", 22, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(
		    github_proxy_excepts(cases[i].no_proxy, cases[i].host, cases[i].port),
		    cases[i].excepted);
}

static void test_networks(void **state)
{
	static const struct {
		const char *no_proxy, *host;
		bool excepted;
	} cases[] = {
		{ "10.0.0.0/8", "10.0.0.0", true },
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "9.255.255.255", false },
		{ "10.1.2.3/8", "10.9.9.9", true },
		{ "172.16.0.0/12", "172.16.0.1", true },
		{ "172.16.0.0/12", "172.31.255.255", true },
		{ "172.16.0.0/12", "172.32.0.0", false },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.4/31", "192.0.2.5", true },
		{ "192.0.2.4/31", "192.0.2.6", false },
		{ "192.0.2.4/32", "192.0.2.4", true },
		{ "192.0.2.4/32", "192.0.2.5", false },
		{ "0.0.0.0/0", "203.0.113.9", true },
		{ "github.com, 10.0.0.0/8 x", "10.1.1.1", true },
		{ "10.0.0.0/8:22", "10.1.1.1", true },
		{ "10.0.0.0/8:443", "10.1.1.1", false },
		{ "fd00::/8", "fd12:3456::1", true },
		{ "fd00::/8", "fe00::1", false },
		{ "2001:db8::/33", "2001:db8:7fff::1", true },
		{ "2001:db8::/33", "2001:db8:8000::1", false },
		{ "2001:db8::1/128", "2001:db8::1", true },
		{ "2001:db8::1/128", "2001:db8::2", false },
		{ "[2001:db8::]/32", "2001:db8::9", true },
		{ "[2001:db8::]/32:22", "2001:db8::9", true },
		{ "[2001:db8::]/32:23", "2001:db8::9", false },
		{ "::/0", "2001:db8::9", true },
		/* the other version, and names, whatever their addresses are */
		{ "::/0", "10.0.0.1", false },
		{ "0.0.0.0/0", "::1", false },
		{ "0.0.0.0/0", "github.com", false },
		{ "10.0.0.0/8", "10.example.org", false },
		/* not networks */
		{ "10.0.0.0/", "10.0.0.0", false },
		{ "10.0.0.0/33", "10.0.0.0", false },
		{ "10.0.0.0/0008", "10.0.0.0", false },
		{ "10.0.0.0/8x", "10.0.0.0", false },
		{ "10.0.0.0/-8", "10.0.0.0", false },
		{ "10.0.0.0/8/8", "10.0.0.0", false },
		{ "10.0.0.0/255.0.0.0", "10.0.0.0", false },
		{ "10.0.0/8", "10.0.0.0", false },
		{ "010.0.0.0/8", "10.0.0.0", false },
		{ "fd00::/129", "fd00::1", false },
		{ "/8", "10.0.0.0", false },
		{ "[]/8", "10.0.0.0", false },
		{ "[", "::1", false },
		{ "]", "::1", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (github_proxy_excepts(cases[i].no_proxy, cases[i].host, 22) != cases[i].excepted)
			fail_msg("%s for %s", cases[i].no_proxy, cases[i].host);
}

static const char *const variables[] = { "all_proxy",	"ALL_PROXY", "https_proxy",
					 "HTTPS_PROXY", "no_proxy",  "NO_PROXY" };

static void test_environment(void **state)
{
	static const struct {
		const char *values[COUNT(variables)];
		const char *host; /* of the proxy */
	} cases[] = {
		{ { NULL }, "" },
		{ { "a:1", "b:1", "c:1", "d:1" }, "a" },
		{ { NULL, "b:1", "c:1", "d:1" }, "b" },
		{ { "", "b:1", "c:1", "d:1" }, "b" },
		{ { NULL, NULL, "c:1", "d:1" }, "c" },
		{ { NULL, NULL, NULL, "d:1" }, "d" },
		{ { NULL, NULL, NULL, "d:1", "github.com" }, "" },
		{ { NULL, NULL, NULL, "d:1", NULL, "github.com" }, "" },
		{ { NULL, NULL, NULL, "d:1", "other.org", "github.com" }, "d" },
		{ { NULL, NULL, NULL, "socks5://x:1" }, NULL },
		{ { NULL, NULL, NULL, "socks5://x:1", "*" }, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct github_proxy p = GITHUB_PROXY_INIT;
		struct err err = ERR_INIT;
		int rc;

		for (size_t k = 0; k < COUNT(variables); k++)
			if (cases[i].values[k] == NULL)
				unsetenv(variables[k]);
			else
				setenv(variables[k], cases[i].values[k], 1);
		rc = github_proxy_from_environment("github.com", 22, &p, &err);
		assert_int_equal(rc, cases[i].host == NULL ? -1 : 0);
		assert_string_equal(p.host, cases[i].host == NULL ? "" : cases[i].host);
		if (rc != 0)
			assert_non_null(strstr(err.text, "HTTPS_PROXY: "));
		github_proxy_clear(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),	    cmocka_unit_test(test_refused),
		cmocka_unit_test(test_exceptions),  cmocka_unit_test(test_networks),
		cmocka_unit_test(test_environment),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
