/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "document/quote.h"

static const struct {
	const char *s, *written;
} cases[] = {
	{ "opaque", "opaque" },
	{ "kubernetes.io/tls", "kubernetes.io/tls" },
	{ "tls.crt", "tls.crt" },
	{ "A_B-c.d/e", "A_B-c.d/e" },
	{ "", "\"\"" },
	{ "NO", "\"NO\"" },
	{ "yes", "\"yes\"" },
	{ "y", "\"y\"" },
	{ "Null", "\"Null\"" },
	{ "e5", "e5" },
	{ "1e5", "\"1e5\"" },
	{ "1_000", "\"1_000\"" },
	{ "0x1f", "\"0x1f\"" },
	{ "12345678901234567890123456789012", "\"12345678901234567890123456789012\"" },
	{ "2026-11-23", "\"2026-11-23\"" },
	{ "12:30:45", "\"12:30:45\"" },
	{ "~", "\"~\"" },
	{ "=", "\"=\"" },
	{ "<<", "\"<<\"" },
	{ ".inf", "\".inf\"" },
	{ ".env", "\".env\"" },
	{ "...", "\"...\"" },
	{ "---", "\"---\"" },
	{ "-", "\"-\"" },
	{ "_a", "\"_a\"" },
	{ "a b", "\"a b\"" },
	{ "a: b", "\"a: b\"" },
	{ "a #b", "\"a #b\"" },
	{ "a,b", "\"a,b\"" },
	{ "[a]", "\"[a]\"" },
	{ "${a}", "\"${a}\"" },
	{ "say \"hi\"\\", "\"say \\\"hi\\\"\\\\\"" },
	{ "a\nb\tc", "\"a\\nb\\tc\"" },
	{ "\r\x01\x1f\x7f", "\"\\x0d\\x01\\x1f\\x7f\"" },
	{ "Z\xc3\xbcrich \xe2\x98\x83 \xf0\x9f\x94\x91",
	  "\"Z\xc3\xbcrich \xe2\x98\x83 \xf0\x9f\x94\x91\"" },
	{ "\xc2\x85\xc2\xa0\xc2\xad", "\"\\x85\\xa0\\xad\"" },
	{ "\xe2\x80\xae\xe2\x80\xa8\xe2\x81\xa6\xef\xbb\xbf", "\"\\u202e\\u2028\\u2066\\ufeff\"" },
	{ "\xf3\xa0\x80\xa1", "\"\\U000e0021\"" },
};

static void test_quote(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_reset(&out);
		assert_int_equal(quote_put(&out, cases[i].s, false), 0);
		assert_string_equal(buf_str(&out), cases[i].written);
	}
	buf_reset(&out);
	assert_int_equal(quote_put(&out, "opaque", true), 0);
	assert_string_equal(buf_str(&out), "\"opaque\"");
	buf_clear(&out);
}

/* What was written reads back, as a key and as a value, in block and in flow. */
static void test_reads_back(void **state)
{
	static const char *const forms[] = { "%s: %s\n", "{%s: %s}\n", "{ %s : %s }\n" };
	struct buf text = BUF_INIT, out = BUF_INIT;
	struct yaml_stream yaml = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(cases) * COUNT(forms); i++) {
		const char *s = cases[i / COUNT(forms)].s;

		if (strcmp(s, "<<") == 0) /* no key, in whatever form */
			continue;
		buf_reset(&text);
		buf_reset(&out);
		assert_int_equal(quote_put(&out, s, false), 0);
		for (const char *f = forms[i % COUNT(forms)]; *f != '\0'; f++)
			if (f[0] == '%')
				buf_puts(&text, buf_str(&out));
			else if (f[0] != 's')
				buf_putc(&text, (unsigned char)*f);
		if (yaml_parse("f", text.data, text.len, &yaml, &err) != 0)
			fail_msg("%s: %s", buf_str(&text), err.text);
		assert_string_equal(yaml_string(yaml.docs[0].root->keys[0]), s);
		assert_string_equal(yaml_string(yaml.docs[0].root->values[0]), s);
		yaml_clear(&yaml);
	}
	buf_clear(&text);
	buf_clear(&out);
}

/* Every character there is, alone, is written so that it reads back. */
static void test_every_character(void **state)
{
	struct buf out = BUF_INIT, in = BUF_INIT;
	struct yaml_stream yaml = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	for (uint32_t c = 1; c <= 0x10ffff; c += c < 0x3000 ? 1 : 97) {
		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		buf_reset(&in);
		buf_reset(&out);
		if (c < 0x80)
			buf_putc(&in, (unsigned char)c);
		else if (c < 0x800)
			buf_printf(&in, "%c%c", (int)(0xc0 | c >> 6), (int)(0x80 | (c & 0x3f)));
		else if (c < 0x10000)
			buf_printf(&in, "%c%c%c", (int)(0xe0 | c >> 12),
				   (int)(0x80 | (c >> 6 & 0x3f)), (int)(0x80 | (c & 0x3f)));
		else
			buf_printf(&in, "%c%c%c%c", (int)(0xf0 | c >> 18),
				   (int)(0x80 | (c >> 12 & 0x3f)), (int)(0x80 | (c >> 6 & 0x3f)),
				   (int)(0x80 | (c & 0x3f)));
		assert_true(quote_is_text(in.data, in.len));
		assert_int_equal(quote_put(&out, buf_str(&in), false), 0);
		if (yaml_parse("f", out.data, out.len, &yaml, &err) != 0)
			fail_msg("U+%04X: %s", (unsigned)c, err.text);
		assert_string_equal(yaml.docs[0].root->text, buf_str(&in));
		yaml_clear(&yaml);
	}
	buf_clear(&in);
	buf_clear(&out);
}

static void test_not_text(void **state)
{
	static const struct {
		const char *s;
		size_t len;
	} bad[] = {
		{ "a\0b", 3 },
		{ "\x80", 1 },
		{ "\xc3", 1 },
		{ "\xc0\x80", 2 },
		{ "\xc1\xbf", 2 },
		{ "\xe0\x9f\xbf", 3 },
		{ "\xed\xa0\x80", 3 },
		{ "\xf0\x8f\xbf\xbf", 4 },
		{ "\xf4\x90\x80\x80", 4 },
		{ "\xf5\x80\x80\x80", 4 },
		{ "\xf8\x88\x80\x80\x80", 5 },
		{ "\xe2\x28\xa1", 3 },
		{ "\xff", 1 },
	};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_false(quote_is_text(bad[i].s, bad[i].len));
		if (bad[i].s[1] != '\0' || bad[i].len == 1)
			assert_int_equal(quote_put(&out, bad[i].s, false), -1);
	}
	assert_true(quote_is_text("", 0));
	assert_true(quote_is_text("\xf4\x8f\xbf\xbf", 4));
	buf_clear(&out);
}

static void test_path(void **state)
{
	static const char *const keys[] = { "spec", "parts", "tls.crt", "a b", "", "x\xff" };
	struct buf path = BUF_INIT;
	char big[319];

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++)
		quote_path(&path, keys[i]);
	assert_string_equal(buf_str(&path), "spec.parts.tls.crt.(3 bytes).(0 bytes).(2 bytes)");
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	buf_reset(&path);
	quote_path(&path, big);
	assert_string_equal(buf_str(&path), "(318 bytes)");
	quote_path(&path, big + 1);
	assert_int_equal(path.len, strlen("(318 bytes).") + 317);
	buf_clear(&path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quote),
		cmocka_unit_test(test_reads_back),
		cmocka_unit_test(test_every_character),
		cmocka_unit_test(test_not_text),
		cmocka_unit_test(test_path),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
