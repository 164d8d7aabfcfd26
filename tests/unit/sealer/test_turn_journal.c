/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of the rotation of a deploy key. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/turn_journal.h"

#define HEAD "{\"bulla\":\"rotate deploy-key\",\"format\":1,"
#define NEEDED                                                                                     \
	"\"file\":\"a.yaml\",\"document\":\"n/d\",\"url\":\"u\",\"newPublicKey\":\"k\","           \
	"\"oldDocument\":\"o\",\"newDocument\":\"p\""

static const struct {
	const char *text, *why; /* why NULL: it is one */
} cases[] = {
	{ HEAD NEEDED "}", NULL },
	{ HEAD NEEDED ",\"later\":1}", NULL },
	{ HEAD NEEDED ",\"tried\":\"yes\"}", NULL },
	{ "", "journal" },
	{ "[]", "journal" },
	{ "{}", "not the journal of a rotation" },
	{ "{\"bulla\":\"reseal\",\"format\":1}", "not the journal of a rotation" },
	{ "{\"bulla\":\"rotate deploy-key\",\"format\":2," NEEDED "}", "another version" },
	{ HEAD "\"file\":\"a.yaml\"}", "journal.document: missing" },
	{ HEAD NEEDED ",\"started\":\"today\"}", "journal.started: not a time" },
	{ HEAD NEEDED ",\"appliedAt\":\"\"}", "journal.appliedAt: not a time" },
	{ HEAD "\"file\":1}", "file" },
	{ HEAD NEEDED "}{", "journal" },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct turn_record r = { 0 };
		struct err err = ERR_INIT;
		int rc = turn_record_parse("J", cases[i].text, strlen(cases[i].text), &r, &err);

		if (cases[i].why == NULL) {
			assert_int_equal(rc, 0);
			assert_string_equal(r.file, "a.yaml");
			assert_string_equal(r.new_text, "p");
			assert_null(r.old_public);
			assert_false(r.tried || r.written || r.aborted);
			assert_int_equal(r.started, 0);
		} else {
			assert_int_equal(rc, -1);
			assert_int_equal(err.class, ERR_INVALID);
			assert_ptr_equal(strstr(err.text, "J: "), err.text);
			if (strstr(err.text, cases[i].why) == NULL)
				fail_msg("%zu: %s", i, err.text);
			assert_null(r.file);
		}
		turn_record_clear(&r);
	}
}

static void test_there_and_back(void **state)
{
	struct turn_record r = {
		.file = mem_str("clusters/\xc3\xa9/flux.yaml"),
		.document = mem_str("flux-system/flux-ssh"),
		.url = mem_str("ssh://git@github.com/o/r"),
		.old_public = mem_str("ssh-ed25519 AAAA"),
		.new_public = mem_str("ssh-ed25519 BBBB"),
		.old_text = mem_str("a: 1\n# \"quoted\"\n"),
		.new_text = mem_str("a: 2\n"),
		.pull = { mem_str("bulla/rotate-x"), mem_str("main"),
			  mem_str("https://h/o/r/pull/12"), 12 },
		.back = { mem_str("mine"), mem_str("main"), NULL, 0 },
		.started = 1795420800,
		.applied_at = 1795420900,
		.tried = true,
		.aborted = true,
	};
	struct turn_record again = { 0 };
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	kv_set_str(&r.applied, "eu-west9", "00");
	kv_set_str(&r.applied, "us-east1", "11");
	turn_record_format(&r, &text);
	assert_int_equal(turn_record_parse("J", text.data, text.len, &again, &err), 0);
	assert_string_equal(again.file, r.file);
	assert_string_equal(again.document, r.document);
	assert_string_equal(again.url, r.url);
	assert_string_equal(again.old_public, r.old_public);
	assert_string_equal(again.new_public, r.new_public);
	assert_string_equal(again.old_text, r.old_text);
	assert_string_equal(again.new_text, r.new_text);
	assert_string_equal(again.pull.branch, r.pull.branch);
	assert_string_equal(again.pull.base, r.pull.base);
	assert_string_equal(again.pull.url, r.pull.url);
	assert_int_equal(again.pull.number, 12);
	assert_string_equal(again.back.branch, "mine");
	assert_null(again.back.url);
	assert_int_equal(again.back.number, 0);
	assert_int_equal(again.started, r.started);
	assert_int_equal(again.applied_at, r.applied_at);
	assert_true(again.tried && again.aborted && !again.written);
	assert_true(kv_equal(&again.applied, &r.applied));
	turn_record_clear(&r);
	turn_record_clear(&again);
	buf_clear(&text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_there_and_back),
	};

	mem_init();
	return cmocka_run_group_tests_name("sealer: journal of a deploy key", tests, NULL, NULL);
}
