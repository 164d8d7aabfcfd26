/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of names, within a time; what needs no name server. */
#include "tests/unit/test.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "github/lookup.h"

#define SOON_MS 20000

static void test_addresses(void **state)
{
	static const struct {
		const char *host;
		unsigned port;
		int family;
	} cases[] = {
		{ "127.0.0.1", 22, AF_INET },
		{ "192.0.2.7", 65535, AF_INET },
		{ "::1", 443, AF_INET6 },
		{ "2001:db8::1", 1, AF_INET6 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = ERR_INIT;
		bool late = true;
		struct addrinfo *list = github_lookup(cases[i].host, cases[i].port,
						      clock_monotonic_ms() + SOON_MS, &late, &err);
		char host[INET6_ADDRSTRLEN], port[8], want[8];

		if (list == NULL)
			fail_msg("%s", err.text);
		assert_false(late);
		assert_null(list->ai_next);
		assert_int_equal(list->ai_family, cases[i].family);
		assert_int_equal(list->ai_socktype, SOCK_STREAM);
		assert_int_equal(getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof(host),
					     port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV),
				 0);
		snprintf(want, sizeof(want), "%u", cases[i].port);
		assert_string_equal(host, cases[i].host);
		assert_string_equal(port, want);
		freeaddrinfo(list);
	}
}

static void test_local_name(void **state)
{
	struct err err = ERR_INIT;
	bool late;
	struct addrinfo *list =
	    github_lookup("localhost", 22, clock_monotonic_ms() + SOON_MS, &late, &err);

	(void)state;
	assert_non_null(list);
	for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
		assert_int_equal(a->ai_socktype, SOCK_STREAM);
	freeaddrinfo(list);
}

static void test_no_name(void **state)
{
	static const char *const names[] = { "a b", "", "-", "127.0.0.1.", "[::1]" };

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		struct err err = ERR_INIT;
		bool late = true;
		struct addrinfo *list =
		    github_lookup(names[i], 22, clock_monotonic_ms() + SOON_MS, &late, &err);

		/* some resolvers take an empty name for this machine */
		if (list != NULL) {
			assert_true(names[i][0] == '\0' || strcmp(names[i], "127.0.0.1.") == 0);
			freeaddrinfo(list);
			continue;
		}
		assert_int_equal(err.class, ERR_IO);
		if (late)
			continue; /* a name server was asked, and did not answer */
		assert_non_null(strstr(err.text, "its address was not found"));
	}
}

/* The time is over before anybody can answer: that is said, and the thread is left to itself. */
static void test_late(void **state)
{
	struct err err = ERR_INIT;
	bool late = false;
	struct addrinfo *list =
	    github_lookup("nothing.invalid", 22, clock_monotonic_ms() - 1, &late, &err);

	(void)state;
	if (list == NULL && !late) {
		/* it was faster than the look at the clock */
		assert_non_null(strstr(err.text, "its address was not found"));
		return;
	}
	assert_null(list);
	assert_int_equal(err.class, ERR_IO);
	assert_non_null(strstr(err.text, "took too long"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_local_name),
		cmocka_unit_test(test_no_name),
		cmocka_unit_test(test_late),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
