/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/refs.h"

#define ID "1234567890123456789012345678901234567890"
#define ZERO "0000000000000000000000000000000000000000"
#define ID256 ID "123456789012345678901234"

/* Lines with a length put before each; "" is the flush. */
static void put_lines(struct buf *out, const char *const *lines, const size_t *lens)
{
	for (size_t i = 0; lines[i] != NULL; i++) {
		size_t n = lens == NULL ? strlen(lines[i]) : lens[i];

		if (n == 0)
			buf_puts(out, "0000");
		else
			buf_printf(out, "%04zx", n + 4);
		buf_put(out, lines[i], n);
	}
}

/* In one piece, and byte by byte, which must be the same. */
static int feed(const struct buf *text, struct github_refs *r, struct err *err)
{
	struct github_refs slow = GITHUB_REFS_INIT;
	struct err slow_err = ERR_INIT;
	int rc = github_refs_feed(r, text->data, text->len, err), slow_rc = 0;

	for (size_t i = 0; i < text->len && slow_rc == 0; i++)
		slow_rc = github_refs_feed(&slow, text->data + i, 1, &slow_err);
	assert_int_equal(rc, slow_rc);
	if (rc != 0)
		assert_string_equal(err->text, slow_err.text);
	assert_int_equal(r->refs, slow.refs);
	assert_int_equal(r->done, slow.done);
	assert_int_equal(r->begun, slow.begun);
	assert_string_equal(r->head, slow.head);
	assert_string_equal(r->head_ref, slow.head_ref);
	assert_string_equal(r->refusal, slow.refusal);
	github_refs_clear(&slow);
	return rc;
}

static void test_advertisement(void **state)
{
	static const char first[] = ID " HEAD\0multi_ack symref=HEAD:refs/heads/main agent=git/2\n";
	static const char *const lines[] = { first,
					     ID " refs/heads/main\n",
					     ID " refs/tags/v1\n",
					     ID " refs/tags/v1^{}\n",
					     "shallow " ID,
					     "",
					     NULL };
	const size_t lens[] = { sizeof(first) - 1, strlen(lines[1]), strlen(lines[2]),
				strlen(lines[3]),  strlen(lines[4]), 0 };
	struct github_refs r = GITHUB_REFS_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	put_lines(&text, lines, lens);
	buf_puts(&text, "zzzz and what follows is not looked at");
	assert_int_equal(feed(&text, &r, &err), 0);
	assert_true(r.done && r.begun && !r.more && github_refs_over(&r));
	assert_int_equal(r.refs, 2);
	assert_string_equal(r.head, ID);
	assert_string_equal(r.head_ref, "refs/heads/main");
	github_refs_clear(&r);
	buf_clear(&text);
}

struct good {
	const char *const *lines;
	size_t refs;
	bool begun, done;
	const char *head, *refusal;
};

static void test_forms(void **state)
{
	const struct good cases[] = {
		{ (const char *const[]){ "", NULL }, 0, false, true, "", "" },
		{ (const char *const[]){ ZERO " capabilities^{}\n", "", NULL }, 0, true, true, "",
		  "" },
		{ (const char *const[]){ "version 1\n", ID " HEAD", "", NULL }, 0, true, true, ID,
		  "" },
		{ (const char *const[]){ ID256 " HEAD\n", ID256 " refs/heads/a\n", "", NULL }, 1,
		  true, true, ID256, "" },
		{ (const char *const[]){ ID " refs/heads/a\n", NULL }, 1, true, false, "", "" },
		{ (const char *const[]){ "ERR no, sorry\n", NULL }, 0, false, false, "",
		  "no, sorry" },
		{ (const char *const[]){ ID " refs/heads/a\n", "ERR late", NULL }, 1, true, false,
		  "", "late" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct github_refs r = GITHUB_REFS_INIT;
		struct buf text = BUF_INIT;
		struct err err = ERR_INIT;

		put_lines(&text, cases[i].lines, NULL);
		assert_int_equal(feed(&text, &r, &err), 0);
		assert_int_equal(r.refs, cases[i].refs);
		assert_int_equal(r.begun, cases[i].begun);
		assert_int_equal(r.done, cases[i].done);
		assert_string_equal(r.head, cases[i].head);
		assert_string_equal(r.refusal, cases[i].refusal);
		github_refs_clear(&r);
		buf_clear(&text);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *reason;
	} cases[] = {
		{ "zzzz", "four hex digits" },
		{ "HTTP/1.1 200 OK\r\n", "four hex digits" },
		{ "0001", "one that no line has" },
		{ "0003", "one that no line has" },
		{ "0004", "one that no line has" },
		{ "fff1", "one that no line has" },
		{ "ffff", "one that no line has" },
		{ "000ahello\n", "no object id" },
		{ "0008ERR ", "says nothing" },
		{ "002d" ID "\n", "no object id" },
		{ "0036" ID " refs/a\033[m", "control character" },
		{ "002e" ID " \n", "has no name" },
		{ "000dversion 1000dversion 1", NULL },
		{ "000eversion 12", "no object id" },
		{ "0034shallow " ID, "no object id" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct github_refs r = GITHUB_REFS_INIT;
		struct err err = ERR_INIT;
		struct buf text = BUF_INIT;
		int rc;

		buf_puts(&text, cases[i].text);
		rc = feed(&text, &r, &err);
		assert_int_equal(rc, cases[i].reason == NULL ? 0 : -1);
		if (rc != 0) {
			assert_int_equal(err.class, ERR_INVALID);
			assert_non_null(strstr(err.text, cases[i].reason));
			assert_non_null(strstr(err.text, "not Git's protocol"));
		}
		github_refs_clear(&r);
		buf_clear(&text);
	}
}

static void test_second_capabilities(void **state)
{
	static const char a[] = ID " HEAD\0x", b[] = ID " refs/heads/a\0x";
	static const char *const lines[] = { a, b, NULL };
	static const size_t lens[] = { sizeof(a) - 1, sizeof(b) - 1 };
	struct github_refs r = GITHUB_REFS_INIT;
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	put_lines(&text, lines, lens);
	assert_int_equal(feed(&text, &r, &err), -1);
	assert_non_null(strstr(err.text, "another line than the first"));
	github_refs_clear(&r);
	buf_clear(&text);
}

/* A symbolic reference that could not be shown, or is too long, is left out. */
static void test_head_ref(void **state)
{
	static const struct {
		const char *capability, *head_ref;
	} cases[] = {
		{ "symref=HEAD:refs/heads/x", "refs/heads/x" },
		{ "a symref=HEAD:refs/heads/x b", "refs/heads/x" },
		{ "symref=HEAD:", "" },
		{ "symref=HEAD:a\tb", "" },
		{ "symref=OTHER:refs/heads/x", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct github_refs r = GITHUB_REFS_INIT;
		struct buf line = BUF_INIT, text = BUF_INIT;
		struct err err = ERR_INIT;

		buf_puts(&line, ID " HEAD");
		buf_put(&line, "", 1);
		buf_puts(&line, cases[i].capability);
		buf_printf(&text, "%04zx", line.len + 4);
		buf_put(&text, line.data, line.len);
		assert_int_equal(feed(&text, &r, &err), 0);
		assert_string_equal(r.head_ref, cases[i].head_ref);
		github_refs_clear(&r);
		buf_clear(&line);
		buf_clear(&text);
	}
}

static void test_endless(void **state)
{
	static const char line[] = "003d" ID " refs/heads/main\n";
	struct github_refs r = GITHUB_REFS_INIT;
	struct buf many = BUF_INIT;
	struct err err = ERR_INIT;
	size_t feeds = 0;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		buf_puts(&many, line);
	while (!github_refs_over(&r)) {
		assert_int_equal(github_refs_feed(&r, many.data, many.len, &err), 0);
		assert_true(++feeds <= GITHUB_REFS_BYTES_MAX / many.len + 1);
	}
	assert_true(r.more && !r.done);
	assert_true(r.refs * (sizeof(line) - 1) <= GITHUB_REFS_BYTES_MAX + sizeof(line));
	github_refs_clear(&r);
	buf_clear(&many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_advertisement), cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),	      cmocka_unit_test(test_second_capabilities),
		cmocka_unit_test(test_head_ref),      cmocka_unit_test(test_endless),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
