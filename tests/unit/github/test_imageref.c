/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/imageref.h"

#define HEX64 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SHA256 "sha256:" HEX64
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *text, *domain, *path, *tag, *digest, *whole;
} good[] = {
	{ "nginx", "docker.io", "library/nginx", NULL, NULL, "docker.io/library/nginx:latest" },
	{ "nginx:1.27", "docker.io", "library/nginx", "1.27", NULL,
	  "docker.io/library/nginx:1.27" },
	{ "traefik/whoami", "docker.io", "traefik/whoami", NULL, NULL,
	  "docker.io/traefik/whoami:latest" },
	{ "docker.io/nginx", "docker.io", "library/nginx", NULL, NULL,
	  "docker.io/library/nginx:latest" },
	{ "index.docker.io/a/b:c", "docker.io", "a/b", "c", NULL, "docker.io/a/b:c" },
	{ "ghcr.io/org/app:v1", "ghcr.io", "org/app", "v1", NULL, "ghcr.io/org/app:v1" },
	{ "ghcr.io/org/app@" SHA256, "ghcr.io", "org/app", NULL, SHA256,
	  "ghcr.io/org/app@" SHA256 },
	{ "ghcr.io/org/app:v1@" SHA256, "ghcr.io", "org/app", "v1", SHA256,
	  "ghcr.io/org/app:v1@" SHA256 },
	{ "localhost/app", "localhost", "app", NULL, NULL, "localhost/app:latest" },
	{ "localhost:5000/app:x", "localhost:5000", "app", "x", NULL, "localhost:5000/app:x" },
	/* without a slash it is a tag */
	{ "localhost:5000", "docker.io", "library/localhost", "5000", NULL,
	  "docker.io/library/localhost:5000" },
	{ "127.0.0.1:5000/a/b/c", "127.0.0.1:5000", "a/b/c", NULL, NULL,
	  "127.0.0.1:5000/a/b/c:latest" },
	{ "[::1]:5000/a", "[::1]:5000", "a", NULL, NULL, "[::1]:5000/a:latest" },
	{ "[2001:db8::1]/a", "[2001:db8::1]", "a", NULL, NULL, "[2001:db8::1]/a:latest" },
	{ "registry:443/a", "registry:443", "a", NULL, NULL, "registry:443/a:latest" },
	{ "xn--n3h.com/a__b/c.d/e---f_g:_T.-", "xn--n3h.com", "a__b/c.d/e---f_g", "_T.-", NULL,
	  "xn--n3h.com/a__b/c.d/e---f_g:_T.-" },
	{ "europe-west9-docker.pkg.dev/p/r/i:1", "europe-west9-docker.pkg.dev", "p/r/i", "1", NULL,
	  "europe-west9-docker.pkg.dev/p/r/i:1" },
	/* 64 hex digits are a name where a registry stands before them */
	{ "ghcr.io/org/" HEX64, "ghcr.io", "org/" HEX64, NULL, NULL,
	  "ghcr.io/org/" HEX64 ":latest" },
};

static const struct {
	const char *text, *why;
} wrong[] = {
	{ "", "no name" },
	{ ":v1", "no name" },
	{ "@" SHA256, "no name" },
	{ "ghcr.io/", "no name" },
	{ "/app", "part 1 of the name" },
	{ "ghcr.io//app", "part 1 of the name" },
	{ "ghcr.io/org/", "part 2 of the name" },
	{ "org/-app", "part 2 of the name" },
	{ "org/app-", "part 2 of the name" },
	{ "org/a___b", "part 2 of the name" },
	{ "org/a..b", "part 2 of the name" },
	{ "org/a._b", "part 2 of the name" },
	{ "org/a b", "part 2 of the name" },
	{ "org/a\nb", "part 2 of the name" },
	{ "org/a?x=1", "part 2 of the name" },
	{ "org/a%2fb", "part 2 of the name" },
	{ "org/../a", "part 2 of the name" },
	{ "org/\xc3\xa4", "part 2 of the name" },
	{ "ghcr.io/Org/app", "upper-case" },
	{ "Ghcr.io/org/app", "upper-case" },
	{ "NGINX", "upper-case" },
	{ "user@ghcr.io/org/app", "no host name" },
	{ "gh_cr.io/org/app", "no host name" },
	{ "ghcr.io:/a", "no host name" },
	{ "ghcr.io:0/a", "no host name" },
	{ "ghcr.io:65536/a", "no host name" },
	{ "ghcr.io:123456/a", "no host name" },
	{ "ghcr.io:8x/a", "no host name" },
	{ "ghcr.io./a", "no host name" },
	{ ".io/a", "no host name" },
	{ "a..io/a", "no host name" },
	{ "-a.io/a", "no host name" },
	{ "a-.io/a", "no host name" },
	{ "[::1/a", "no host name" },
	{ "[]:1/a", "no host name" },
	{ "[::1]x/a", "no host name" },
	{ "[fe80::1%25eth0]/a", "no host name" },
	{ "https://ghcr.io/org/app", "without https://" },
	{ "docker://ghcr.io/org/app", "without https://" },
	{ "nginx:", "the tag" },
	{ "nginx:.a", "the tag" },
	{ "nginx:-a", "the tag" },
	{ "nginx:a/b", "no host name" },
	{ "a/nginx:a:b", "the tag" },
	{ "a/nginx:" A50 A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "the tag" },
	{ "nginx@sha256:abc", "64 lower-case hex" },
	{ "nginx@sha256:" HEX64 "0", "64 lower-case hex" },
	{ "nginx@sha512:" HEX64, "128 lower-case hex" },
	{ "nginx@sha384:" HEX64, "96 lower-case hex" },
	{ "nginx@sha256:E3B0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	  "64 lower-case hex" },
	{ "nginx@md5:" HEX64, "does not begin with" },
	{ "nginx@" HEX64, "does not begin with" },
	{ "nginx@", "does not begin with" },
	{ HEX64, "64 hex digits" },
	{ "a/" A50 A50 A50 A50 A50 "aaaaaa", "longer than 255" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct imageref ref, again;
		struct buf whole = BUF_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(imageref_parse(good[i].text, &ref, &err), 0);
		assert_string_equal(ref.domain, good[i].domain);
		assert_string_equal(ref.path, good[i].path);
		assert_int_equal(ref.tag == NULL, good[i].tag == NULL);
		if (ref.tag != NULL)
			assert_string_equal(ref.tag, good[i].tag);
		assert_int_equal(ref.digest == NULL, good[i].digest == NULL);
		if (ref.digest != NULL)
			assert_string_equal(ref.digest, good[i].digest);
		imageref_format(&ref, &whole);
		assert_string_equal(buf_str(&whole), good[i].whole);
		assert_int_equal(imageref_parse(buf_str(&whole), &again, &err), 0);
		assert_string_equal(again.path, ref.path);
		imageref_clear(&again);
		imageref_clear(&ref);
		buf_clear(&whole);
	}
}

static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct err err = ERR_INIT;
		struct imageref ref;

		if (imageref_parse(wrong[i].text, &ref, &err) == 0)
			fail_msg("taken: %s", wrong[i].text);
		assert_int_equal(err.class, ERR_INVALID);
		if (strstr(err.text, wrong[i].why) == NULL)
			fail_msg("%s: %s", wrong[i].text, err.text);
		assert_null(ref.domain);
		assert_null(ref.path);
	}
}

static void test_too_long(void **state)
{
	char *text = mem_alloc(IMAGEREF_MAX + 2);
	struct err err = ERR_INIT;
	struct imageref ref;

	(void)state;
	memset(text, 'a', IMAGEREF_MAX + 1);
	assert_int_equal(imageref_parse(text, &ref, &err), -1);
	assert_non_null(strstr(err.text, "longer than 1024"));
	mem_free(text);
}

static void test_reference(void **state)
{
	static const struct {
		const char *text, *reference, *host;
	} cases[] = {
		{ "nginx", "latest", "registry-1.docker.io" },
		{ "nginx:1", "1", "registry-1.docker.io" },
		{ "ghcr.io/a/b:1@" SHA256, SHA256, "ghcr.io" },
		{ "localhost:5000/b@" SHA256, SHA256, "localhost:5000" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct imageref ref;

		assert_int_equal(imageref_parse(cases[i].text, &ref, NULL), 0);
		assert_string_equal(imageref_reference(&ref), cases[i].reference);
		assert_string_equal(imageref_api_host(&ref), cases[i].host);
		imageref_clear(&ref);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_reference),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
