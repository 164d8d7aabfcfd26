/* SPDX-License-Identifier: Apache-2.0 */
/* the text that a person edits: written, read back, refused */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/edit_text.h"

/* A value, and how it stands in the text behind its name. */
static const struct {
	const char *value;
	size_t len; /* 0: strlen */
	const char *text;
} values[] = {
	{ "plain", 0, "plain\n" },
	{ "12345", 0, "\"12345\"\n" },
	{ "no", 0, "\"no\"\n" },
	{ "", 0, "\"\"\n" },
	{ "a b", 0, "\"a b\"\n" },
	{ "one\n", 0, "|\n    one\n" },
	{ "one\ntwo", 0, "|-\n    one\n    two\n" },
	{ "one\n\n two\n", 0, "|\n    one\n\n     two\n" },
	{ "one\n\n\n", 0, "|+\n    one\n\n\n" },
	{ "one\n   \n", 0, "|\n    one\n       \n" },
	{ "# no comment\nx: [y]\n---\n", 0, "|\n    # no comment\n    x: [y]\n    ---\n" },
	{ "tab\there\n\"quoted\" \\ back\n", 0, "|\n    tab\there\n    \"quoted\" \\ back\n" },
	{ "Zürich\n€\n", 0, "|\n    Zürich\n    €\n" },
	/* the indentation could not be told */
	{ " one\ntwo\n", 0, "\" one\\ntwo\\n\"\n" },
	{ "\none\n", 0, "\"\\none\\n\"\n" },
	{ "\n", 0, "\"\\n\"\n" },
	/* hidden characters, and those that readers change */
	{ "one\r\ntwo\r\n", 0, "\"one\\x0d\\ntwo\\x0d\\n\"\n" },
	{ "a\n\033[31mred\n", 0, "\"a\\n\\x1b[31mred\\n\"\n" },
	{ "a\n\xe2\x80\xae"
	  "b\n",
	  0, "\"a\\n\\u202eb\\n\"\n" },
	/* no text */
	{ "\0", 1, NULL },
	{ "a\0b", 3, NULL },
	{ "\xff\xfe", 0, NULL },
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		size_t len = values[i].len != 0 ? values[i].len : strlen(values[i].value);
		struct kv kv = KV_INIT, back = KV_INIT;
		struct buf out = BUF_INIT;
		struct err err = ERR_INIT;
		bool empty;

		kv_set(&kv, "KEY", values[i].value, len);
		/* a neighbour behind it: where lines end is seen */
		kv_set_str(&kv, "NEXT", "x");
		edit_text_format(&kv, NULL, &out);
		if (values[i].text != NULL) {
			char *want =
			    mem_printf("stringData:\n  KEY: %s  NEXT: x\n", values[i].text);

			assert_string_equal(buf_str(&out), want);
			mem_free(want);
		} else {
			assert_non_null(strstr(buf_str(&out), "data:  # in base64\n  KEY: \""));
		}
		assert_int_equal(edit_text_parse(out.data, out.len, &back, &empty, &err), 0);
		assert_false(empty);
		assert_true(kv_equal(&kv, &back));
		kv_clear(&kv);
		kv_clear(&back);
		buf_clear(&out);
	}
}

static void test_help(void **state)
{
	struct kv kv = KV_INIT, help = KV_INIT;
	struct buf out = BUF_INIT;

	(void)state;
	kv_set_str(&kv, "token", "t");
	kv_set_str(&kv, "user", "u");
	kv_set_str(&help, "token", "the token");
	kv_set_str(&help, "ca", "not there");
	edit_text_format(&kv, &help, &out);
	assert_string_equal(buf_str(&out), "stringData:\n  # the token\n  token: t\n  user: u\n");
	kv_clear(&kv);
	kv_clear(&help);
	buf_clear(&out);
}

/* As people write it. */
static void test_reads(void **state)
{
	static const char *const texts[] = {
		"stringData: {A: a, B: \"1\"}\ndata: {C: AAE=}\n",
		"{\"data\": {\"C\": \"AAE=\"}, \"stringData\": {\"A\": \"a\", \"B\": \"1\"}}",
		"# x\ndata:\n  C: |\n    AAE=\nstringData:\n  'B': '1' # y\n  \"A\": >-\n    a\n",
		"\xef\xbb\xbfstringData:\r\n  A: a\r\n  B: \"1\"\r\ndata:\r\n  C: AAE=\r\n",
		"---\nstringData:\n  A: a\n  B: \"1\"\ndata:\n  C: AAE=\n...\n",
	};
	struct kv want = KV_INIT;

	(void)state;
	kv_set_str(&want, "A", "a");
	kv_set_str(&want, "B", "1");
	kv_set(&want, "C", "\0\1", 2);
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct kv got = KV_INIT;
		struct err err = ERR_INIT;
		bool empty;

		assert_int_equal(edit_text_parse(texts[i], strlen(texts[i]), &got, &empty, &err),
				 0);
		assert_true(!empty && kv_equal(&got, &want));
		kv_clear(&got);
	}
	kv_clear(&want);
}

static void test_empty(void **state)
{
	static const struct {
		const char *text;
		bool empty; /* taken back; else no values at all, which is another thing */
	} texts[] = {
		{ "", true },
		{ "\n \t\r\n", true },
		{ "# x", true },
		{ "  # x\n#\n\n", true },
		{ "---\n# x\n", true },
		{ "stringData:\n", false },
		{ "data: {}\n", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct kv got = KV_INIT;
		struct err err = ERR_INIT;
		bool empty;

		kv_set_str(&got, "left", "over");
		assert_int_equal(
		    edit_text_parse(texts[i].text, strlen(texts[i].text), &got, &empty, &err), 0);
		assert_int_equal(empty, texts[i].empty);
		assert_int_equal(got.n, 0);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} texts[] = {
		{ "s3cret", "the text:1: must hold \"stringData\" or \"data\"" },
		{ "- s3cret\n", "the text:1: must hold \"stringData\" or \"data\"" },
		{ "# x\ns3cret: y\n", "the text:2: only \"stringData\" and \"data\"" },
		{ "stringData: s3cret\n", "the text:1: must hold names with values" },
		{ "stringData: [s3cret]\n", "the text:1: must hold names with values" },
		{ "stringData:\n  A: 1234567\n", "the text:2: A: could be read as something else" },
		{ "stringData:\n  A:\n", "the text:2: A: has no value; an empty text is \"\"" },
		{ "stringData:\n  A: [s3cret]\n", "the text:2: A: must be a text, not a list" },
		{ "stringData:\n  s3cret/x: y\n", "the text:2: a key is not one that a Secret" },
		{ "data:\n  A: s3cret\n", "the text:2: A: what stands below \"data\" must be" },
		{ "data:\n  A: |\n    AAEC\n    AAEC\n", "the text:2: A: what stands below" },
		{ "data:\n  A: AAE\n", "the text:2: A: what stands below" },
		{ "data: {A: AAE=}\nstringData: {A: x}\n", "the text:2: A: stands below both" },
		{ "stringData: {A: x}\n---\nstringData: {B: x}\n", "a second document" },
		{ "stringData: {A: x, A: s3cret}\n", "the text:1: " },
		{ "stringData: {A: &s3cret x}\n", "the text:1: " },
		{ "stringData:\n\tA: s3cret\n", "the text:" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct kv got = KV_INIT;
		struct err err = ERR_INIT;
		bool empty;

		assert_int_equal(
		    edit_text_parse(texts[i].text, strlen(texts[i].text), &got, &empty, &err), -1);
		assert_int_equal(err.class, ERR_INVALID);
		if (strstr(err.text, texts[i].why) == NULL)
			assert_string_equal(err.text, texts[i].why);
		assert_null(strstr(err.text, "s3cret"));
		assert_null(strstr(err.text, "1234567"));
		assert_int_equal(got.n, 0);
	}
}

static void test_compare(void **state)
{
	struct kv old = KV_INIT, new = KV_INIT, changed = KV_INIT, gone = KV_INIT;

	(void)state;
	kv_set_str(&old, "same", "x");
	kv_set_str(&old, "longer", "x");
	kv_set_str(&old, "other", "x");
	kv_set_str(&old, "gone", "x");
	kv_set_str(&new, "same", "x");
	kv_set(&new, "longer", "x\0", 2);
	kv_set_str(&new, "other", "y");
	kv_set_str(&new, "new", "");
	edit_text_compare(&old, &new, &changed, &gone);
	assert_int_equal(changed.n, 3);
	assert_true(kv_has(&changed, "longer") && kv_has(&changed, "new"));
	assert_string_equal(kv_get_str(&changed, "other"), "y");
	assert_int_equal(gone.n, 1);
	assert_string_equal(kv_get_str(&gone, "gone"), "");
	kv_clear(&old);
	kv_clear(&new);
	kv_clear(&changed);
	kv_clear(&gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),	cmocka_unit_test(test_help),
		cmocka_unit_test(test_reads),	cmocka_unit_test(test_empty),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_compare),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
