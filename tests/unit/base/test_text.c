/* SPDX-License-Identifier: Apache-2.0 */
/* names, globs, base64, hex digits, ports, time, escaping, JSON */
#include "tests/unit/test.h"

#include <string.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/out.h"
#include "base/text.h"

static const char *times(char c, size_t n)
{
	static char text[300];

	memset(text, c, n);
	text[n] = '\0';
	return text;
}

static void test_names(void **state)
{
	(void)state;
	static const struct {
		bool (*is)(const char *);
		const char *yes[12], *no[16];
	} cases[] = {
		{ name_is_label,
		  { "a", "eu-west9", "0", "a-b-c" },
		  { "", "-a", "a-", "A", "a.b", "a_b", "a/b", "\xc3\xa9", "a b" } },
		{ name_is_subdomain,
		  { "a", "flux-ssh", "a.b", "a-b.c-d.e", "0.1" },
		  { "", ".", "a.", ".a", "a..b", "a.-b", "a-.b", "A", "a_b", "-", "a\n", "../a" } },
		{ name_is_data_key,
		  { "a", ".dockerconfigjson", "tls.crt", "A_b-c.D", "-", "_", ".a..b", "a.." },
		  { "", ".", "..", "..a", "..data", "a/b", "a b", "\xc3\xa9", "a\n", "a:" } },
		{ name_is_qualified,
		  { "a", "A.b_c-d", "example.org/a", "a.b/C" },
		  { "", "/a", "a/", "a/b/c", "-a", "a-", "A.example/a", "a b", "a//b" } },
		{ name_is_label_value, { "", "a", "A.b" }, { "-", "a-", ".a", "a b", "a/b" } },
		{ name_is_key_id,
		  { "0123456789abcdef0123456789abcdef" },
		  { "", "0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdef0",
		    "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdeg" } },
		{ name_is_fact, { "", "a b~!" }, { "\n", "a\tb", "\x7f", "\xc3\xa9", "\x1b[31m" } },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t k = 0; cases[i].yes[k] != NULL; k++)
			assert_true(cases[i].is(cases[i].yes[k]));
		for (size_t k = 0; cases[i].no[k] != NULL; k++)
			assert_false(cases[i].is(cases[i].no[k]));
	}
	assert_true(name_is_label(times('a', 63)));
	assert_false(name_is_label(times('a', 64)));
	assert_true(name_is_subdomain(times('a', 253)));
	assert_false(name_is_subdomain(times('a', 254)));
	assert_true(name_is_data_key(times('a', 253)));
	assert_false(name_is_data_key(times('a', 254)));
}

static void test_metadata(void **state)
{
	(void)state;
	static const char *const refused[] = {
		"kubernetes.io/a",
		"kubectl.kubernetes.io/last-applied-configuration",
		"x.k8s.io/a",
		"k8s.io/a",
		"bulla.dev/owner",
		"a.bulla.dev/b",
		"reflector.v1.k8s.emberstack.com/reflection-allowed",
		"replicator.v1.mittwald.de/replicate-to",
		"argocd.argoproj.io/instance",
		"meta.helm.sh/release-name",
		"app.kubernetes.io/managed-by",
	};
	static const char *const allowed[] = {
		"app",		 "app.kubernetes.io/name", "app.kubernetes.io/part-of",
		"example.org/a", "notkubernetes.io/a",	   "reconcile.fluxcd.io/watch",
	};

	for (size_t i = 0; i < COUNT(refused); i++)
		assert_non_null(name_metadata_refused(refused[i]));
	for (size_t i = 0; i < COUNT(allowed); i++)
		assert_null(name_metadata_refused(allowed[i]));
}

static void test_globs(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *text;
		bool plain, path;
	} cases[] = {
		{ "*", "a", true, true },
		{ "*", "a/b", true, false },
		{ "**", "a/b", true, true },
		{ "**", "a", true, true },
		{ "a*c", "abc", true, true },
		{ "a*c", "ac", true, true },
		{ "a*c", "abcd", false, false },
		{ "team-?", "team-a", true, true },
		{ "team-?", "team-", false, false },
		{ "a/**", "a/b/c", true, true },
		{ "a/**", "a", false, false },
		{ "a/**/z", "a/z", false, true },
		{ "a/**/z", "a/b/c/z", true, true },
		{ "**/z", "z", false, true },
		{ "**/z", "a/b/z", true, true },
		{ "**/z", "a/b/zz", false, false },
		{ "**/a/**/b", "x/a/y/a/z/b", true, true },
		{ "clusters/*/x.yaml", "clusters/eu/x.yaml", true, true },
		{ "clusters/*/x.yaml", "clusters/eu/a/x.yaml", true, false },
		{ "", "a", false, false },
		{ "a", "", false, false },
		{ "*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(name_glob(cases[i].pattern, cases[i].text), cases[i].plain);
		assert_int_equal(name_glob_path(cases[i].pattern, cases[i].text), cases[i].path);
	}
}

static void test_base64(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool padded, raw;
	} cases[] = {
		{ "", true, true },	   { "QQ==", true, false },   { "QQ", false, true },
		{ "QR==", false, false },  { "QR", false, false },    { "QUI=", true, false },
		{ "QUI", false, true },	   { "QUJD", true, true },    { "Q", false, false },
		{ "QQ=", false, false },   { "QQ===", false, false }, { "QUJD\n", false, false },
		{ " QUJD", false, false }, { "QU-D", false, false },  { "QUJD=", false, false },
		{ "====", false, false },
	};
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n = strlen(cases[i].text);

		assert_int_equal(b64_decode(&out, cases[i].text, n) == 0, cases[i].padded);
		assert_int_equal(b64_decode_raw(&out, cases[i].text, n) == 0, cases[i].raw);
		buf_reset(&out);
	}
	for (size_t n = 0; n < 100; n++) {
		struct buf text = BUF_INIT;
		unsigned char data[100];

		for (size_t i = 0; i < n; i++)
			data[i] = (unsigned char)(i * 7 + n);
		buf_reset(&out);
		assert_int_equal(b64_encode(&text, data, n), 0);
		assert_int_equal(text.len, (n + 2) / 3 * 4);
		assert_int_equal(b64_decode(&out, buf_str(&text), text.len), 0);
		assert_int_equal(out.len, n);
		if (n > 0)
			assert_memory_equal(out.data, data, n);
		buf_reset(&text);
		buf_reset(&out);
		assert_int_equal(b64_encode_raw(&text, data, n), 0);
		assert_int_equal(text.len, (n * 8 + 5) / 6);
		assert_int_equal(b64_decode_raw(&out, buf_str(&text), text.len), 0);
		assert_int_equal(out.len, n);
		buf_clear(&text);
	}
	buf_clear(&out);
}

/* At each place of a group, exactly the 64 characters of the alphabet. */
static void test_base64_alphabet(void **state)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct buf out = BUF_INIT;

	(void)state;
	for (int c = 0; c < 256; c++) {
		bool known = c != 0 && strchr(alphabet, c) != NULL;

		for (size_t at = 0; at < 4; at++) {
			char text[4] = { 'A', 'A', 'A', 'A' };

			text[at] = (char)c;
			assert_int_equal(b64_decode_raw(&out, text, 4) == 0, known);
			assert_int_equal(out.len, known ? 3 : 0);
			buf_reset(&out);
			if (c != '=')
				assert_int_equal(b64_decode(&out, text, 4) == 0, known);
			buf_reset(&out);
		}
	}
	buf_clear(&out);
}

static void test_time(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t t;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-11-23T08:00:00Z", 1795420800 },
		{ "2000-02-29T23:59:59Z", 951868799 },
		{ "1969-12-31T23:59:59Z", -1 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
		{ "0000-01-01T00:00:00Z", -62167219200 },
	};
	static const char *const bad[] = {
		"",
		"2026-11-23",
		"2026-11-23T08:00:00",
		"2026-11-23t08:00:00Z",
		"2026-11-23T08:00:00z",
		"2026-11-23T08:00:00+00:00",
		"2026-11-31T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-11-23T24:00:00Z",
		"2026-11-23T08:60:00Z",
		"2026-11-23T08:00:60Z",
		"2026-11-23T08:00:00.0Z",
		" 2026-11-23T08:00:00Z",
		"2026-11-23T08:00:00Z ",
		"+026-11-23T08:00:00Z",
	};
	static const struct {
		const char *text;
		int64_t t;
	} expiries[] = {
		{ "90d", 1000 + 90 * 86400 },
		{ "12h", 1000 + 12 * 3600 },
		{ "2w", 1000 + 14 * 86400 },
		{ "1970-01-02", 2 * 86400 - 1 },
		{ "1970-01-02T00:00:01Z", 86401 },
		{ "0d", -1 },
		{ "d", -1 },
		{ "-1d", -1 },
		{ "90", -1 },
		{ "90m", -1 },
		{ "90dd", -1 },
		{ "999999d", -1 },
		{ "tomorrow", -1 },
		{ "", -1 },
	};
	char text[CLOCK_TEXT_SIZE];
	int64_t t;

	for (size_t i = 0; i < COUNT(good); i++) {
		assert_true(clock_parse(good[i].text, &t));
		assert_int_equal(t, good[i].t);
		clock_format(t, text);
		assert_string_equal(text, good[i].text);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(clock_parse(bad[i], &t));
	for (size_t i = 0; i < COUNT(expiries); i++) {
		assert_int_equal(clock_parse_expiry(expiries[i].text, 1000, &t),
				 expiries[i].t >= 0);
		if (expiries[i].t >= 0)
			assert_int_equal(t, expiries[i].t);
	}
	assert_int_equal(clock_days(0, 86400), 1);
	assert_int_equal(clock_days(0, 86399), 0);
	assert_int_equal(clock_days(0, -1), -1);
	assert_int_equal(clock_sooner(3, INT64_MAX), 3);
	assert_int_equal(clock_sooner(INT64_MAX, 3), 3);
	assert_int_equal(clock_backoff(1000, 60000, 0), 1000);
	assert_int_equal(clock_backoff(1000, 60000, 5), 32000);
	assert_int_equal(clock_backoff(1000, 60000, 6), 60000);
	assert_int_equal(clock_backoff(1000, 60000, UINT32_MAX), 60000);
}

static void test_escape(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "plain", "plain" },
		{ "\x1b[31mred", "\\x1b[31mred" },
		{ "a\nb\r\t", "a\\x0ab\\x0d\\x09" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "\xe2\x80\xae"
		  "evil",
		  "\\u{202e}evil" },
		{ "a\xe2\x80\x8b"
		  "b",
		  "a\\u{200b}b" },
		{ "\xef\xbb\xbf", "\\u{feff}" },
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc0\x80", "\\xc0\\x80" },			/* overlong NUL */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },		/* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond U+10FFFF */
		{ "\xe2\x82", "\\xe2\\x82" },			/* cut short */
		{ "\xc2\x9b", "\\u{009b}" },			/* C1 CSI */
		{ "\x7f", "\\x7f" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *out = out_escaped(cases[i].in);

		assert_string_equal(out, cases[i].out);
		mem_free(out);
	}
}

static void test_shell(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "plain", "plain" },	  { "", "''" },		{ "a b", "'a b'" },
		{ "it's", "'it'\\''s'" }, { "$(x)", "'$(x)'" }, { "a/b-c.yaml", "a/b-c.yaml" },
		{ "~", "'~'" },		  { "a\nb", "'a\nb'" },
	};
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < COUNT(cases); i++) {
		buf_reset(&b);
		out_shell(&b, cases[i].in);
		assert_string_equal(buf_str(&b), cases[i].out);
	}
	buf_clear(&b);
}

static void test_json(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",	"{",   "{}x",	  "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}",
		"[1,]", "nul", "{'a':1}", "{\"a\":\"\xff\"}",
	};
	static const char *const names[] = { "a", "b", NULL };
	struct err err = ERR_INIT;
	char deep[200];
	json_t *v;

	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_null(json_parse(bad[i], strlen(bad[i]), "text", &err));
		assert_int_equal(err.class, ERR_INVALID);
	}
	memset(deep, '[', JSON_DEPTH + 1);
	memset(deep + JSON_DEPTH + 1, ']', JSON_DEPTH + 1);
	assert_null(json_parse(deep, 2 * JSON_DEPTH + 2, "text", &err));
	v = json_parse(deep + 1, 2 * (size_t)JSON_DEPTH, "text", &err);
	assert_non_null(v);
	json_decref(v);

	v = json_parse("{\"a\":\"x\",\"b\":1,\"c\":{}}", 22, "text", &err);
	assert_non_null(v);
	assert_int_equal(json_only(v, "top", names, &err), -1);
	assert_string_equal(err.text, "top: unknown field \"c\"");
	assert_string_equal(json_need_string(v, "top", "a", &err), "x");
	assert_null(json_need_string(v, "top", "b", &err));
	assert_string_equal(err.text, "top.b: not a string");
	assert_null(json_need_string(v, "top", "z", &err));
	assert_string_equal(err.text, "top.z: missing");
	assert_non_null(json_need_object(v, "top", "c", &err));
	json_decref(v);
}

static void test_hex(void **state)
{
	(void)state;
	for (int c = -128; c < 128; c++) {
		const char *digits = "0123456789abcdef", *capitals = "0123456789ABCDEF";
		const char *at = c > 0 ? strchr(digits, c) : NULL;

		if (at == NULL && c > 0 && (at = strchr(capitals, c)) != NULL)
			at = digits + (at - capitals);
		assert_int_equal(text_hex((char)c), at == NULL ? -1 : (int)(at - digits));
	}
}

static void test_port(void **state)
{
	static const struct {
		const char *text;
		unsigned port;
	} rows[] = {
		{ "22", 22 }, { "65535", 65535 }, { "00022", 22 }, { "0", 0 },	{ "", 0 },
		{ "-1", 0 },  { "65536", 0 },	  { "99999", 0 },  { "1 ", 0 }, { "000022", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(text_port(rows[i].text, strlen(rows[i].text)), rows[i].port);
	assert_int_equal(text_port("443/path", 3), 443);
}

static void test_cut(void **state)
{
	static const struct {
		const char *text;
		size_t max, n;
	} cases[] = {
		{ "", 0, 0 },
		{ "", 3, 0 },
		{ "abc", 3, 3 },
		{ "abcd", 3, 3 },
		{ "ab\xc3\xa9", 3, 2 },
		{ "ab\xc3\xa9", 4, 4 },
		{ "\xf0\x9f\x92\xa9", 3, 0 },
		{ "a\x80\x80\x80", 2, 0 },
		{ "\x80\x80\x80", 2, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(text_cut(cases[i].text, cases[i].max), cases[i].n);
}

static void test_percent(void **state)
{
	static const struct {
		const char *text, *also, *is;
	} cases[] = {
		{ "main", "-._~/", "main" },
		{ "bulla/rotate-a.b_c~d", "-._~/", "bulla/rotate-a.b_c~d" },
		{ "a&base=b#c", "-._~/", "a%26base%3Db%23c" },
		{ "100%", "-._~/", "100%25" },
		{ "\xc3\xa9 +", "-._~/", "%C3%A9%20%2B" },
		{ "", "-._~/", "" },
		{ "..", "", "%2E%2E" },
		{ "azAZ09[`{@/:", "", "azAZ09%5B%60%7B%40%2F%3A" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf out = BUF_INIT;

		text_percent(&out, cases[i].text, cases[i].also);
		assert_string_equal(buf_str(&out), cases[i].is);
		buf_clear(&out);
	}
}

static void test_json_few(void **state)
{
	static const struct {
		const char *text;
		size_t values; /* as they are counted: at least as many as there are */
	} cases[] = {
		{ "[]", 2 },	  { "{}", 2 },	      { "[1]", 2 },	     { "[1,2]", 3 },
		{ "[[],{}]", 5 }, { "{\"a\":1}", 3 }, { "[\"a,b:[{\"]", 6 },
	};
	struct err err = ERR_INIT;
	json_t *v;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *text = cases[i].text;

		v = json_parse_few(text, strlen(text), cases[i].values, "it", &err);
		assert_non_null(v);
		json_decref(v);
		assert_null(json_parse_few(text, strlen(text), cases[i].values - 1, "it", &err));
		assert_int_equal(err.class, ERR_INVALID);
		assert_non_null(strstr(err.text, "it: has more than "));
	}
	assert_null(json_parse_few("[1", 2, 9, "it", &err));
	assert_non_null(strstr(err.text, "not valid JSON"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base64_alphabet),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_globs),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_shell),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_port),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_percent),
		cmocka_unit_test(test_json_few),
		cmocka_unit_test(test_json),
	};

	mem_init();
	return cmocka_run_group_tests_name("base: text", tests, NULL, NULL);
}
