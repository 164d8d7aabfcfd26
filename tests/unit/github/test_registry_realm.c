/* SPDX-License-Identifier: Apache-2.0 */
/* Where a registry's logins go, and what is asked there. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/registry_realm.h"

static const struct {
	const char *realm;
	bool plain;
	const char *base, *path; /* base NULL: refused, path: why */
} splits[] = {
	{ "https://ghcr.io/token", false, "https://ghcr.io", "/token" },
	{ "https://auth.docker.io", false, "https://auth.docker.io", "/" },
	{ "https://auth.docker.io/", false, "https://auth.docker.io", "/" },
	{ "https://a:8443/x/y?z=1", false, "https://a:8443", "/x/y?z=1" },
	{ "https://a?z=1", false, "https://a", "/?z=1" },
	{ "https://[::1]:5000/t", false, "https://[::1]:5000", "/t" },
	/* who is asked is told in full to http_new, which refuses it */
	{ "https://user:pw@a/t", false, "https://user:pw@a", "/t" },
	{ "https://", false, "https://", "/" },
	{ "http://127.0.0.1:5000/t", true, "http://127.0.0.1:5000", "/t" },
	{ "https://127.0.0.1:5000/t", true, "https://127.0.0.1:5000", "/t" },
	{ "http://127.0.0.1:5000/t", false, NULL, "without https://" },
	{ "HTTPS://a/t", false, NULL, "without https://" },
	{ "ftp://a/t", true, NULL, "without https://" },
	{ "//a/t", false, NULL, "without https://" },
	{ "/token", false, NULL, "without https://" },
	{ "", false, NULL, "without https://" },
	{ " https://a/t", false, NULL, "without https://" },
	{ "https://a b/t", false, NULL, "no address of one" },
	{ "https://a/t#x", false, NULL, "no address of one" },
	{ "https://a\\@b/t", false, NULL, "no address of one" },
	{ "https://a/{t}", false, NULL, "no address of one" },
	{ "https://a/\"", false, NULL, "no address of one" },
	{ "http://a/|", true, NULL, "no address of one" },
};

static void test_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(splits); i++) {
		struct buf path = BUF_INIT;
		struct err err = ERR_INIT;
		char *base;
		int r = registry_realm_split(splits[i].realm, splits[i].plain, &base, &path, &err);

		if ((r == 0) != (splits[i].base != NULL))
			fail_msg("%s: %s", splits[i].realm, err.text);
		if (r == 0) {
			assert_string_equal(base, splits[i].base);
			assert_string_equal(buf_str(&path), splits[i].path);
		} else {
			assert_int_equal(err.class, ERR_INVALID);
			assert_non_null(strstr(err.text, splits[i].path));
			assert_true(base == NULL && path.len == 0);
		}
		mem_free(base);
		buf_clear(&path);
	}
}

/* Whatever is refused, nothing of it stands in the error. */
static void test_quotes_nothing(void **state)
{
	static const char *const realms[] = { "canary://a", "https://canary a", "canary" };

	(void)state;
	for (size_t i = 0; i < COUNT(realms); i++) {
		struct buf path = BUF_INIT;
		struct err err = ERR_INIT;
		char *base;

		assert_int_equal(registry_realm_split(realms[i], false, &base, &path, &err), -1);
		assert_null(strstr(err.text, "canary"));
	}
}

static const struct {
	const char *service, *scope, *actions, *begin, *path;
} queries[] = {
	{ "ghcr.io", "repository:o/a:pull", "pull", "/t",
	  "/t?service=ghcr.io&scope=repository:o/a:pull" },
	{ NULL, NULL, "pull", "/t", "/t?scope=repository:o/a:pull" },
	{ NULL, NULL, NULL, "/t", "/t" },
	/* a token that allows nothing: the registry's own scope is not asked for */
	{ "s", "repository:o/a:pull", NULL, "/t", "/t?service=s" },
	/* to push, never what the registry names, which is what it wants for a pull */
	{ "s", "repository:x/y:pull", "pull,push", "/t",
	  "/t?service=s&scope=repository:o/a:pull,push" },
	/* its own spelling, each of several */
	{ "s", "repository:library/a:pull", "pull", "/t",
	  "/t?service=s&scope=repository:library/a:pull" },
	{ "s", " a  b ", "pull", "/t", "/t?service=s&scope=a&scope=b" },
	{ "s", "", "pull", "/t", "/t?service=s" },
	{ NULL, NULL, "pull", "/t?a=b", "/t?a=b&scope=repository:o/a:pull" },
	{ "a b&c=d?e#f%g\"+", NULL, NULL, "/", "/?service=a%20b%26c%3Dd%3Fe%23f%25g%22%2B" },
	{ "\xc3\xa4\r\n", NULL, NULL, "/", "/?service=%C3%A4%0D%0A" },
};

static void test_query(void **state)
{
	char realm[] = "https://a/t";

	(void)state;
	for (size_t i = 0; i < COUNT(queries); i++) {
		struct challenge c = { CHALLENGE_BEARER, realm, mem_str(queries[i].service),
				       mem_str(queries[i].scope), NULL };
		struct buf path = BUF_INIT;

		buf_puts(&path, queries[i].begin);
		registry_realm_query(&c, "o/a", queries[i].actions, &path);
		assert_string_equal(buf_str(&path), queries[i].path);
		buf_clear(&path);
		mem_free(c.service);
		mem_free(c.scope);
	}
}

/* What grows too long is not cut: the caller is told. */
static void test_bound(void **state)
{
	char realm[] = "https://a/t", service[2000];
	struct challenge c = { CHALLENGE_BEARER, realm, service, NULL, NULL };
	struct buf path = BUF_INIT;

	(void)state;
	memset(service, ' ', sizeof(service) - 1);
	service[sizeof(service) - 1] = '\0';
	path.max = 4096;
	buf_puts(&path, "/t");
	registry_realm_query(&c, "o/a", "pull", &path);
	assert_true(path.truncated && path.len <= 4096);
	buf_clear(&path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_quotes_nothing),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_bound),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
