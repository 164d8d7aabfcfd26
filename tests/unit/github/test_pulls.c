/* SPDX-License-Identifier: Apache-2.0 */
/* Pull requests as GitHub tells them. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "github/pulls.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define ENDS "\"head\":{\"ref\":\"bulla/rotate-x\"},\"base\":{\"ref\":\"main\"}"
#define PAGE "\"html_url\":\"https://github.com/o/r/pull/12\""

static const struct {
	const char *text;
	bool read, open, merged;
} cases[] = {
	{ "{\"number\":12,\"state\":\"open\"," PAGE "," ENDS ",\"merged_at\":null,"
	  "\"merge_commit_sha\":\"" COMMIT "\"}",
	  true, true, false },
	{ "{\"number\":12,\"state\":\"open\"," PAGE "," ENDS "}", true, true, false },
	{ "{\"number\":12,\"state\":\"closed\"," PAGE "," ENDS ",\"merged_at\":null,"
	  "\"merge_commit_sha\":null}",
	  true, false, false },
	{ "{\"number\":12,\"state\":\"closed\"," PAGE "," ENDS
	  ",\"merged_at\":\"2026-11-26T10:45:21Z\",\"merge_commit_sha\":\"" COMMIT "\",\"x\":1}",
	  true, false, true },
	/* merged, and not by which commit; by something that git would take for an option */
	{ "{\"number\":12,\"state\":\"closed\"," PAGE "," ENDS
	  ",\"merged_at\":\"2026-11-26T10:45:21Z\"}",
	  .read = false },
	{ "{\"number\":12,\"state\":\"closed\"," PAGE "," ENDS
	  ",\"merged_at\":\"2026-11-26T10:45:21Z\",\"merge_commit_sha\":\"--upload-pack=x\"}",
	  .read = false },
	{ "{\"number\":12,\"state\":\"closed\"," PAGE "," ENDS
	  ",\"merged_at\":\"2026-11-26T10:45:21Z\",\"merge_commit_sha\":\"" COMMIT "g\"}",
	  .read = false },
	/* a page that is none, is another's, or begins a line of its own */
	{ "{\"number\":12,\"state\":\"open\",\"html_url\":\"javascript:1/12\"," ENDS "}",
	  .read = false },
	{ "{\"number\":12,\"state\":\"open\",\"html_url\":\"https://h/o/r/pull/13\"," ENDS "}",
	  .read = false },
	{ "{\"number\":12,\"state\":\"open\",\"html_url\":\"https://h/\\n/12\"," ENDS "}",
	  .read = false },
	{ "{\"number\":12,\"state\":\"open\",\"html_url\":\"https://h/\\u202e/12\"," ENDS "}",
	  .read = false },
	{ "{\"number\":12,\"state\":\"open\",\"html_url\":\"https:\"," ENDS "}", .read = false },
	/* of another type, or missing */
	{ "{\"number\":0,\"state\":\"open\",\"html_url\":\"https://h/o/r/pull/0\"," ENDS "}",
	  .read = false },
	{ "{\"number\":\"12\",\"state\":\"open\"," PAGE "," ENDS "}", .read = false },
	{ "{\"number\":12," PAGE "," ENDS "}", .read = false },
	{ "{\"number\":12,\"state\":\"open\"," ENDS "}", .read = false },
	{ "{\"number\":12,\"state\":\"open\"," PAGE ",\"head\":{\"ref\":\"x\"}}", .read = false },
	{ "{\"number\":12,\"state\":\"open\"," PAGE ",\"head\":\"x\",\"base\":\"y\"}",
	  .read = false },
	{ "{\"number\":12,\"state\":\"open\"," PAGE ",\"head\":{},\"base\":{\"ref\":\"y\"}}",
	  .read = false },
	{ "[]", .read = false },
	{ "null", .read = false },
	{ "12", .read = false },
};

static void test_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *v = json_parse(cases[i].text, strlen(cases[i].text), "case", NULL);
		struct err err = ERR_INIT;
		struct pull p;

		if (pull_read(v, &p, &err) != (cases[i].read ? 0 : -1))
			fail_msg("%zu: %s", i, cases[i].text);
		if (cases[i].read) {
			assert_int_equal(p.number, 12);
			assert_string_equal(p.url, "https://github.com/o/r/pull/12");
			assert_string_equal(p.head, "bulla/rotate-x");
			assert_string_equal(p.base, "main");
			assert_int_equal(p.open, cases[i].open);
			assert_int_equal(p.merge != NULL, cases[i].merged);
		} else {
			assert_int_equal(err.class, ERR_IO);
			assert_int_equal(p.number, 0);
			assert_null(p.url);
		}
		pull_clear(&p);
		assert_null(p.head);
		json_decref(v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
