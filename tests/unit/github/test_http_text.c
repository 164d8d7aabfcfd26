/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/mem.h"
#include "github/http_text.h"
#include "github/pat.h"

static const struct {
	const char *text;
	bool is;
	int64_t t;
} dates[] = {
	{ "Thu, 26 Nov 2026 10:45:21 GMT", true, 1795689921 },
	{ "Thu, 01 Jan 1970 00:00:00 GMT", true, 0 },
	{ "Thu, 29 Feb 2024 23:59:59 GMT", true, 1709251199 },
	{ "Wed, 26 Nov 2026 10:45:21 GMT", false, 0 },
	{ "Wed, 29 Feb 2023 00:00:00 GMT", false, 0 },
	{ "Thu, 26 Nov 2026 10:45:21 UTC", false, 0 },
	{ "Thu, 26 nov 2026 10:45:21 GMT", false, 0 },
	{ "Thu, 26 ovD 2026 10:45:21 GMT", false, 0 },
	{ "Thu, 26 Nov 2026 24:00:00 GMT", false, 0 },
	{ "Thursday, 26-Nov-26 10:45:21 GMT", false, 0 },
	{ "Thu Nov 26 10:45:21 2026", false, 0 },
	{ "Thu, 26 Nov 2026 10:45:21 GMT ", false, 0 },
	{ "", false, 0 },
};

static void test_dates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
		int64_t t = -1;

		assert_int_equal(http_date(dates[i].text, &t), dates[i].is);
		assert_int_equal(t, dates[i].is ? dates[i].t : -1);
	}
}

static void test_retry_after(void **state)
{
	const int64_t now = 1795689921;

	(void)state;
	assert_int_equal(http_retry_after("0", now), 0);
	assert_int_equal(http_retry_after("120", now), 120000);
	assert_int_equal(http_retry_after("99999999999999999999", now), 86400000);
	assert_int_equal(http_retry_after("Thu, 26 Nov 2026 10:45:31 GMT", now), 10000);
	assert_int_equal(http_retry_after("Thu, 26 Nov 2026 10:45:11 GMT", now), 0);
	assert_int_equal(http_retry_after("-1", now), -1);
	assert_int_equal(http_retry_after("1.5", now), -1);
	assert_int_equal(http_retry_after("", now), -1);
}

static const struct {
	const char *text, *next;
} links[] = {
	{ "<https://a/?page=2>; rel=\"next\", <https://a/?page=9>; rel=\"last\"",
	  "https://a/?page=2" },
	{ "<https://a/1>; rel=\"prev\",<https://a/3>;rel=next", "https://a/3" },
	{ "<https://a/1>; title=\"a, <b>; rel=\\\"next\\\"\"; rel=\"prev\"", NULL },
	{ "<a>; rel=\"prev next\"", "a" },
	{ "<a>; rel=\"nextish\"", NULL },
	{ "<a>; rel=\"prev\"; rel=\"next\"", NULL },
	{ "<a>; REL=NEXT", "a" },
	{ "<a>; rel=\"next", NULL },
	{ "<a rel=\"next\"", NULL },
	{ "<>; rel=next", NULL },
	{ "a; rel=next", NULL },
	{ "<a>; rel = \"next\"", "a" },
	{ "<a>; flag; rel=next", "a" },
	{ ", ,<a>;rel=next", "a" },
	{ "", NULL },
};

static void test_links(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		char *next = http_link(links[i].text, "next");

		if (links[i].next == NULL)
			assert_null(next);
		else
			assert_string_equal(next, links[i].next);
		mem_free(next);
	}
}

static const struct {
	const char *text;
	bool is;
	int64_t t;
} expiries[] = {
	{ "2027-10-12 09:00:00 UTC", true, 1823331600 },
	{ "2027-10-12 09:00:00 +0900", true, 1823299200 },
	{ "2027-10-12 09:00:00 -0430", true, 1823347800 },
	{ "2027-10-12 09:00:00 +0000", true, 1823331600 },
	{ "2027-10-12 09:00:00 GMT", false, 0 },
	{ "2027-10-12 09:00:00 +09:00", false, 0 },
	{ "2027-10-12 09:00:00 +2400", false, 0 },
	{ "2027-10-12T09:00:00 UTC", false, 0 },
	{ "2027-13-12 09:00:00 UTC", false, 0 },
	{ "2027-10-12 09:00:00 UTC ", false, 0 },
	{ "2027-10-12 09:00:00", false, 0 },
};

static void test_expiries(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(expiries) / sizeof(expiries[0]); i++) {
		int64_t t = -1;

		assert_int_equal(pat_expiry(expiries[i].text, &t), expiries[i].is);
		assert_int_equal(t, expiries[i].is ? expiries[i].t : -1);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_expiries),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
