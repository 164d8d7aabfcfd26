/* SPDX-License-Identifier: Apache-2.0 */
/* Which Git host an API of GitHub's speaks for. */
#include "tests/unit/test.h"

#include "base/mem.h"
#include "github/apihost.h"

static void test_of(void **state)
{
	static const struct {
		const char *api, *host;
		enum apihost is;
	} pairs[] = {
		{ NULL, "github.com", APIHOST_OWN },
		{ NULL, "ssh.github.com", APIHOST_OWN },
		{ NULL, "ghcr.io", APIHOST_OWN },
		{ NULL, "ghe.example.org", APIHOST_OTHER },
		{ NULL, "github.com.example.org", APIHOST_OTHER },
		{ "https://api.github.com", "github.com", APIHOST_OWN },
		{ "https://API.GitHub.com/", "GitHub.com", APIHOST_OWN },
		/* a usual mistake, of which the answer tells */
		{ "https://github.com", "github.com", APIHOST_OWN },
		{ "https://api.github.com", "octo.ghe.com", APIHOST_OTHER },
		{ "https://api.octo.ghe.com", "octo.ghe.com", APIHOST_OWN },
		{ "https://api.octo.ghe.com", "other.ghe.com", APIHOST_UNTOLD },
		{ "https://api.octo.ghe.com", "github.com", APIHOST_OTHER },
		{ "https://ghe.example.org/api/v3", "ghe.example.org", APIHOST_OWN },
		{ "https://ghe.example.org:8443/api/v3/", "ghe.example.org", APIHOST_OWN },
		{ "https://GHE.example.org/api/v3", "ghe.example.org", APIHOST_OWN },
		{ "https://ghe.example.org/api/v3", "git.example.org", APIHOST_UNTOLD },
		{ "https://ghe.example.org/api/v3", "github.com", APIHOST_OTHER },
		{ "https://ghe.example.org/api/v3", "ssh.github.com", APIHOST_OTHER },
		{ "https://ghe.example.org/api/v3", "ghcr.io", APIHOST_OTHER },
		{ "https://github.com.example.org/api/v3", "github.com", APIHOST_OTHER },
		{ "https://127.0.0.1.example.org/api/v3", "github.com", APIHOST_OTHER },
		/* what is forwarded from here nobody can see */
		{ "http://127.0.0.1:8080", "github.com", APIHOST_UNTOLD },
		{ "http://[::1]:8080/api/v3", "github.com", APIHOST_UNTOLD },
		{ "https://api.github.com", "127.0.0.1", APIHOST_UNTOLD },
		{ "https://127.0.0.1/api/v3", "127.0.0.1", APIHOST_OWN },
		{ "https://[2001:db8::1]/api/v3", "2001:db8::1", APIHOST_OWN },
		{ "", "github.com", APIHOST_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++)
		if (apihost_of(pairs[i].api, pairs[i].host) != pairs[i].is)
			fail_msg("%s, %s", pairs[i].api, pairs[i].host);
}

static void test_git(void **state)
{
	static const struct {
		const char *api, *git;
	} hosts[] = {
		{ NULL, "github.com" },
		{ "https://api.github.com/", "github.com" },
		{ "https://api.OCTO.ghe.com", "octo.ghe.com" },
		{ "https://ghe.example.org/api/v3", "ghe.example.org" },
		/* an Enterprise Server's own name */
		{ "https://api.example.org/api/v3", "api.example.org" },
		{ "https://ghe.example.org:8443", "ghe.example.org" },
		{ "https://[2001:db8::1]:8443/api/v3", "2001:db8::1" },
		{ "https://[2001:db8::1", "2001:db8::1" },
		{ "ghe.example.org/api/v3", "ghe.example.org" },
		{ "https://", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(hosts); i++) {
		char *git = apihost_git(hosts[i].api);

		assert_string_equal(git, hosts[i].git);
		mem_free(git);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_of),
		cmocka_unit_test(test_git),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
