/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kube/address.h"

struct one {
	const char *text, *want; /* want: the result, or "!" and the error */
};

static void compare(const char *text, const char *got, const char *want)
{
	if (strcmp(got, want) != 0)
		fail_msg("%s\n got: %s\nwant: %s", text, got, want);
}

#define ODD "!an address with a user, \"?\", \"#\", \"\\\", spaces or characters that are not ASCII"
#define PORT "!the port is not between 1 and 65535"
#define SHAPE "!not HOST or HOST:PORT"

static const struct one servers[] = {
	{ "https://a", "https://a" },
	{ "https://a/", "https://a" },
	{ "https://a//", "https://a" },
	{ "HTTPS://a:6443", "https://a:6443" },
	{ "https://127.0.0.1:6443", "https://127.0.0.1:6443" },
	{ "https://[::1]:6443", "https://[::1]:6443" },
	{ "https://[fe80::1]", "https://[fe80::1]" },
	{ "https://rancher.example.com/k8s/clusters/c-m-1", "https://rancher.example.com/k8s/"
							    "clusters/c-m-1" },
	{ "https://a/b/", "https://a/b" },
	{ "https://a/%7Eb", "https://a/%7Eb" },
	{ "10.0.0.1:443", "https://10.0.0.1:443" },
	{ "kubernetes.default.svc", "https://kubernetes.default.svc" },
	{ "https://a_b", "https://a_b" },
	{ "https://a:65535", "https://a:65535" },
	{ "http://a", "!plain http, by which everyone between could read the token; https:// is "
		      "expected" },
	{ "ftp://a", "!not an https:// address" },
	{ "unix:///run/x", "!not an https:// address" },
	{ "https://", "!there is no host" },
	{ "https:///a", "!there is no host" },
	{ "https://:6443", "!there is no host" },
	{ "", "!there is no host" },
	{ "https://user:pass@a", ODD },
	{ "https://a?b", ODD },
	{ "https://a#b", ODD },
	{ "https://a b", ODD },
	{ "https://a\\b", ODD },
	{ "https://a\nb", ODD },
	{ "https://\xc3\xa9", ODD },
	{ "https://a:0", PORT },
	{ "https://a:65536", PORT },
	{ "https://a:", SHAPE },
	{ "https://a:b", SHAPE },
	{ "https://a:123456", SHAPE },
	{ "https://a:1:2", SHAPE },
	{ "https://a%20b", SHAPE },
	{ "https://[::1", "!not an IPv6 address in brackets" },
	{ "https://[]", "!not an IPv6 address in brackets" },
	{ "https://[::1/]", "!not an IPv6 address in brackets" },
	{ "https://[::1]x", SHAPE },
	{ "https://::1", "!there is no host" },
};

static void test_servers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(servers); i++) {
		struct err err = ERR_INIT;
		char *got = address_server(servers[i].text, &err);
		char *shown = got != NULL ? mem_str(got) : mem_printf("!%s", err.text);

		assert_int_equal(err.class, got != NULL ? ERR_NONE : ERR_INVALID);
		compare(servers[i].text, shown, servers[i].want);
		mem_free(shown);
		mem_free(got);
	}
}

static void test_long_host(void **state)
{
	struct err err = ERR_INIT;
	char text[400] = "https://";

	(void)state;
	memset(text + 8, 'a', 301);
	assert_null(address_server(text, &err));
	assert_string_equal(err.text, "the host's name is too long");
}

static const struct one proxies[] = {
	{ "http://p", "" },
	{ "http://p:3128", "" },
	{ "https://p:1/", "" },
	{ "socks5://127.0.0.1:1080", "" },
	{ "SOCKS5://[::1]:1080", "" },
	{ "http://user:pass@p:3128", "" },
	{ "socks5h://p", "!not an http://, https:// or socks5:// address" },
	{ "socks4://p", "!not an http://, https:// or socks5:// address" },
	{ "p:3128", "!not an http://, https:// or socks5:// address" },
	{ "", "!not an http://, https:// or socks5:// address" },
	{ "http://p/x", "!a proxy's address has no path" },
	{ "http://p?x", "!a proxy's address has no path" },
	{ "http://", "!there is no host" },
	{ "http://u@", "!there is no host" },
	{ "http://p x", "!an address with spaces or characters that are not ASCII" },
	{ "http://p:99999", PORT },
};

static const struct one hosts[] = {
	{ "kubernetes", "" },
	{ "a.b-c_d", "" },
	{ "10.0.0.1", "" },
	{ "::1", "" },
	{ "", "!not a host name or IP address" },
	{ "a/b", "!not a host name or IP address" },
	{ "a b", "!not a host name or IP address" },
	{ "*.a", "!not a host name or IP address" },
};

static void check(const struct one *cases, size_t n, int (*f)(const char *, struct err *))
{
	for (size_t i = 0; i < n; i++) {
		struct err err = ERR_INIT;
		char *got = f(cases[i].text, &err) == 0 ? mem_str("") : mem_printf("!%s", err.text);

		compare(cases[i].text, got, cases[i].want);
		mem_free(got);
	}
}

static void test_proxies(void **state)
{
	(void)state;
	check(proxies, COUNT(proxies), address_check_proxy);
}

static void test_hosts(void **state)
{
	(void)state;
	check(hosts, COUNT(hosts), address_check_host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),
		cmocka_unit_test(test_long_host),
		cmocka_unit_test(test_proxies),
		cmocka_unit_test(test_hosts),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
