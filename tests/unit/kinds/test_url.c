/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/url.h"

#define BOTH (URL_SSH | URL_HTTPS)

static void test_accepts(void **state)
{
	(void)state;
	static const struct {
		const char *text, *user, *host, *path, *known;
		enum url_scheme scheme;
		unsigned port;
	} cases[] = {
		{ "ssh://git@github.com/org/repo", "git", "github.com", "/org/repo", "github.com",
		  URL_SSH, 22 },
		{ "ssh://github.com/org/repo.git", "", "github.com", "/org/repo.git", "github.com",
		  URL_SSH, 22 },
		{ "ssh://git@github.com:22/org/repo", "git", "github.com", "/org/repo",
		  "github.com", URL_SSH, 22 },
		{ "ssh://git@ssh.github.com:443/a/b", "git", "ssh.github.com", "/a/b",
		  "[ssh.github.com]:443", URL_SSH, 443 },
		{ "ssh://a.b-c_D@10.0.0.1:2222/~/r", "a.b-c_D", "10.0.0.1", "/~/r",
		  "[10.0.0.1]:2222", URL_SSH, 2222 },
		{ "ssh://git@[2001:db8::1]/r", "git", "2001:db8::1", "/r", "2001:db8::1", URL_SSH,
		  22 },
		{ "ssh://git@[::1]:65535/r", "git", "::1", "/r", "[::1]:65535", URL_SSH, 65535 },
		{ "https://github.com/org/repo", "", "github.com", "/org/repo", "[github.com]:443",
		  URL_HTTPS, 443 },
		{ "https://git.example.org:8443/a/b%20c/d@e", "", "git.example.org", "/a/b%20c/d@e",
		  "[git.example.org]:8443", URL_HTTPS, 8443 },
		{ "ssh://git@h/a:b", "git", "h", "/a:b", "h", URL_SSH, 22 },
	};
	struct url u;
	struct err err;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf known = BUF_INIT;

		if (url_parse("url", cases[i].text, BOTH, &u, &err) != 0)
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_int_equal(u.scheme, cases[i].scheme);
		assert_string_equal(u.user, cases[i].user);
		assert_string_equal(u.host, cases[i].host);
		assert_string_equal(u.path, cases[i].path);
		assert_int_equal(u.port, cases[i].port);
		url_format_host(&u, &known);
		assert_string_equal(buf_str(&known), cases[i].known);
		buf_clear(&known);
	}
}

static void test_refuses(void **state)
{
	(void)state;
	static const char ssh_only[] = "url: must be of the form ssh://git@HOST/PATH";
	static const char https_only[] = "url: must be of the form https://HOST/PATH";
	static const char both[] =
	    "url: must be of the form ssh://git@HOST/PATH or https://HOST/PATH";
	static const char credentials[] =
	    "url: has credentials before the host, where everyone can read them: remove them "
	    "(and replace them, if they are real)";
	static const char no_host[] = "url: the host is not a name or an address";
	static const char bad_port[] = "url: the port must be a number from 1 to 65535";
	static const char dots[] = "url: the path has \"//\", \"/./\" or \"/../\" in it";
	static const struct {
		const char *text, *error;
		int schemes;
	} cases[] = {
		{ "", "url: has 0 characters, must have 1 to 1024", BOTH },
		{ "git@github.com:org/repo",
		  "url: Flux does not read the form HOST:PATH: write ssh://git@github.com/org/repo",
		  URL_SSH },
		{ "github.com:/org/repo",
		  "url: Flux does not read the form HOST:PATH: write ssh://github.com/org/repo",
		  BOTH },
		{ "user:password@github.com:org/repo", ssh_only, URL_SSH },
		{ "github.com/org/repo", ssh_only, URL_SSH },
		{ "org/repo", both, BOTH },
		{ "https://github.com/org/repo", ssh_only, URL_SSH },
		{ "ssh://git@github.com/org/repo", https_only, URL_HTTPS },
		{ "git://github.com/org/repo", both, BOTH },
		{ "git+ssh://git@github.com/org/repo", both, BOTH },
		{ "file:///srv/repo", both, BOTH },
		{ "SSH://git@github.com/org/repo", both, BOTH },
		{ "http://github.com/org/repo",
		  "url: http:// would send everything in the clear: use https://HOST/PATH",
		  URL_HTTPS },
		{ "https://user:token@github.com/org/repo", credentials, BOTH },
		{ "https://token@github.com/org/repo", credentials, BOTH },
		{ "https://@github.com/org/repo", credentials, BOTH },
		{ "ssh://git:password@github.com/org/repo", credentials, BOTH },
		{ "https://user:p@ss@github.com/org/repo", credentials, BOTH },
		{ "ssh://@github.com/r", "url: the user before the host has 0 characters", BOTH },
		{ "ssh://"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "@h/r",
		  "url: the user before the host has 65 characters", BOTH },
		{ "ssh://a%20b@github.com/r",
		  "url: character 2 of the user is not one of a-z, 0-9, \"-\", \".\" and \"_\"",
		  BOTH },
		{ "ssh://git@/r", no_host, BOTH },
		{ "ssh:///r", no_host, BOTH },
		{ "ssh://git@-a/r", no_host, BOTH },
		{ "ssh://git@a..b/r", no_host, BOTH },
		{ "ssh://git@a_b/r", no_host, BOTH },
		{ "ssh://git@[::1/r", no_host, BOTH },
		{ "ssh://git@[::g]/r", no_host, BOTH },
		{ "ssh://git@[::1]x/r", no_host, BOTH },
		{ "ssh://git@[example.org]/r", no_host, BOTH },
		{ "ssh://git@::1/r", no_host, BOTH },
		{ "ssh://git@GitHub.com/org/repo",
		  "url: the host must be in lower case, as in known_hosts", BOTH },
		{ "ssh://git@github.com:org/repo",
		  "url: after the host's \":\" stands no port: write \"/\" before the path", BOTH },
		{ "ssh://git@github.com:/org/repo", bad_port, BOTH },
		{ "ssh://git@github.com:0/org/repo", bad_port, BOTH },
		{ "ssh://git@github.com:022/org/repo", bad_port, BOTH },
		{ "ssh://git@github.com:65536/org/repo", bad_port, BOTH },
		{ "ssh://git@github.com:4294967318/org/repo", bad_port, BOTH },
		{ "ssh://git@github.com", "url: has no path to a repository", BOTH },
		{ "ssh://git@github.com/", "url: has no path to a repository", BOTH },
		{ "https://github.com/org/repo?ref=main", "url: a Git URL has no \"?\"", BOTH },
		{ "https://github.com/org/repo#main", "url: a Git URL has no \"#\"", BOTH },
		{ "https://github.com?x", "url: has no path to a repository", BOTH },
		{ "ssh://git@h/a//b", dots, BOTH },
		{ "ssh://git@h/a/../b", dots, BOTH },
		{ "ssh://git@h/..", dots, BOTH },
		{ "ssh://git@h/./b", dots, BOTH },
		{ "ssh://git@h/a\\b", "url: character 3 of the path is not allowed in a URL",
		  BOTH },
		{ "ssh://git@h/a\"b", "url: character 3 of the path is not allowed in a URL",
		  BOTH },
		{ "ssh://git@h/a b", "url: byte 14 is not printable ASCII, or a blank", BOTH },
		{ "ssh://git@h/a\nb", "url: byte 14 is not printable ASCII, or a blank", BOTH },
		{ "ssh://git@h/\x1b[31m", "url: byte 13 is not printable ASCII, or a blank", BOTH },
		{ "ssh://git@h\xc3\xa9/a", "url: byte 12 is not printable ASCII, or a blank",
		  BOTH },
	};
	struct url u;
	struct err err;

	for (size_t i = 0; i < COUNT(cases); i++) {
		if (url_parse("url", cases[i].text, cases[i].schemes, &u, &err) == 0)
			fail_msg("taken: %s", cases[i].text);
		assert_int_equal(err.class, ERR_INVALID);
		assert_string_equal(err.text, cases[i].error);
	}
}

static void test_lengths(void **state)
{
	(void)state;
	char *text = mem_alloc(2000);
	struct url u;
	struct err err;

	memset(text, 'a', 1999);
	memcpy(text, "ssh://h/", 8);
	text[1024] = '\0';
	assert_int_equal(url_parse("url", text, URL_SSH, &u, &err), 0);
	memset(text, 'a', 1999);
	memcpy(text, "ssh://h/", 8);
	text[1025] = '\0';
	assert_int_equal(url_parse("url", text, URL_SSH, &u, &err), -1);
	assert_string_equal(err.text, "url: has 1025 characters, must have 1 to 1024");
	memset(text, 'a', 1999);
	memcpy(text, "ssh://", 6);
	strcpy(text + 6 + 253, "/r");
	assert_int_equal(url_parse("url", text, URL_SSH, &u, &err), 0);
	memset(text, 'a', 1999);
	memcpy(text, "ssh://", 6);
	strcpy(text + 6 + 254, "/r");
	assert_int_equal(url_parse("url", text, URL_SSH, &u, &err), -1);
	assert_string_equal(err.text, "url: the host is longer than 253 characters");
	mem_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_lengths),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/url", tests, NULL, NULL);
}
