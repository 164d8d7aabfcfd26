/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens by their shape: how long, of what, and what must not be taken for one. */
#include "tests/unit/test.h"

#include "tests/unit/guard/seen.h"
#include "tests/unit/guard/tokens.h"

/* Prefixes are split, so that nothing here is taken for a token. */
static const struct service {
	const char *prefix;
	size_t len;
	const char *what;
	bool exact; /* one character more is none */
} services[] = {
	{ "glpat"
	  "-",
	  20, "a GitLab personal access token", false },
	{ "gldt"
	  "-",
	  20, "a GitLab deploy token", false },
	{ "dckr"
	  "_pat_",
	  27, "a Docker Hub personal access token", true },
	{ "dckr"
	  "_oat_",
	  32, "a Docker Hub organisation token", true },
	{ "sk"
	  "_live_",
	  24, "a Stripe live secret key", false },
	{ "rk"
	  "_live_",
	  24, "a Stripe live restricted key", false },
	{ "npm"
	  "_",
	  36, "an npm token", true },
	{ "pypi"
	  "-AgEIcHlwaS5vcmc",
	  80, "a PyPI token", false },
	{ "hvs"
	  ".",
	  90, "a Vault token", false },
	{ "AIza", 35, "a Google API key", true },
	{ "GOCSPX"
	  "-",
	  28, "a Google OAuth client secret", true },
	{ "hf"
	  "_",
	  34, "a Hugging Face token", true },
	{ "tskey-auth"
	  "-",
	  30, "a Tailscale auth key", false },
};

static void test_services(void **state)
{
	(void)state;
	struct seen s = { 0 };

	for (size_t i = 0; i < COUNT(services); i++) {
		const struct service *v = &services[i];
		char *token = tokens_prefixed(v->prefix, v->len, (uint32_t)i + 20);
		char *more = mem_printf("%sQ", token), *less = mem_strn(token, strlen(token) - 1);
		char *glued = mem_printf("x%s", token);

		seen_scan(&s, "a", token);
		assert_int_equal(s.n, 1);
		assert_string_equal(s.rule[0], "service-token");
		assert_string_equal(s.what[0], v->what);
		seen_scan(&s, "a", more);
		assert_int_equal(s.n, v->exact ? 0 : 1);
		seen_scan(&s, "a", glued);
		assert_int_equal(s.n, 0);
		seen_scan(&s, "a", less);
		assert_int_equal(s.n, v->exact ? 0 : s.n);
		mem_free(token);
		mem_free(more);
		mem_free(less);
		mem_free(glued);
	}
	seen_clear(&s);
}

static void expect(const char *text, const char *what)
{
	struct seen s = { 0 };

	seen_scan(&s, "a", text);
	if (s.n != (what != NULL))
		print_error("%s\n", text);
	assert_int_equal(s.n, what != NULL);
	if (what != NULL)
		assert_string_equal(s.what[0], what);
	seen_clear(&s);
}

static void test_other_forms(void **state)
{
	(void)state;
	char b[100], c[100], d[100];

	tokens_body(b, 22, 1);
	tokens_body(c, 43, 2);
	tokens_body(d, 24, 3);
	struct {
		char *text;
		const char *what;
	} cases[] = {
		{ mem_printf("SG%s%s.%s", ".", b, c), "a SendGrid key" },
		{ mem_printf("SG%s%s%s.", ".", b, c), NULL },
		{ mem_printf("xox%s123456789012-123456789012-%s", "b-", d), "a Slack bot token" },
		{ mem_printf("xox%syour-own-token-goes-here-please-now", "b-"), NULL },
		{ mem_printf("1234567890%sAA%.33s", ":", c), "a Telegram bot token" },
		{ mem_printf("123456%sAA%.33s", ":", c), NULL },
		{ mem_printf("1234567890%sAB%.33s", ":", c), NULL },
		{ mem_printf("1234567890%sAA%.34s", ":", c), NULL },
		{ mem_printf("sk%s%.20sT3BlbkFJ%.20s", "-", c, c + 20), "an OpenAI key" },
		{ mem_printf("sk%s%.28s%.20s", "-", c, c + 20), NULL },
		{ mem_printf("AKI%s", "AQ3EGRT7KLMN2PWXY"), "an AWS access key id" },
		{ mem_printf("ASI%s", "AQ3EGRT7KLMN2PWXY"),
		  "the id of a temporary AWS access key" },
		{ mem_printf("AKI%s", "AQ3EGRT7KLMN2PWXYZ"), NULL },
		{ mem_printf("AKI%s", "AQ3EGRT7KLMN1PWXY"), NULL },
		{ mem_printf("AKI%s%s", "AIOSFODNN7", "EXAMPLE"), NULL },
		{ mem_printf("AKI%s", "AAAAAAAAAAAAAAAAA"), NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		expect(cases[i].text, cases[i].what);
		mem_free(cases[i].text);
	}
}

static void test_placeholders(void **state)
{
	(void)state;
	static const char *const bodies[] = {
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "000000000000000000000000000000000000",
		"abcdefghijklmnopqrstuvwxyz0123456789", "123456789012345678901234567890123456",
		"yourtokenyourtokenyourtokenyourtoken",
	};
	static const char *const prefixes[] = { "npm_", "ghs_", "glpat-", "hvs." };

	for (size_t i = 0; i < COUNT(bodies); i++)
		for (size_t k = 0; k < COUNT(prefixes); k++) {
			char *text = mem_printf("%s%s", prefixes[k], bodies[i]);

			expect(text, NULL);
			mem_free(text);
		}
}

static void test_age(void **state)
{
	(void)state;
	char *plain = tokens_age("AGE-SECRET-KEY-", 1);
	char *hybrid = tokens_age("AGE-SECRET-KEY-PQ-", 2);
	char *public = tokens_age("age", 3);

	expect(plain, "an age private key");
	expect(hybrid, "a hybrid age private key");
	expect(public, NULL);
	for (size_t i = 16; i < strlen(plain); i += 7) {
		char kept = plain[i];

		plain[i] = kept == 'Q' ? 'P' : 'Q';
		expect(plain, NULL);
		plain[i] = kept;
	}
	hybrid[30] = hybrid[30] == 'Q' ? 'P' : 'Q';
	expect(hybrid, NULL);
	mem_free(plain);
	mem_free(hybrid);
	mem_free(public);
}

static char *make_jwt(const char *header, const char *payload, size_t signature)
{
	char *one = tokens_base64(header), *two = tokens_base64(payload), sig[400];
	char *token;

	tokens_body(sig, signature, 9);
	one[strcspn(one, "=")] = '\0';
	two[strcspn(two, "=")] = '\0';
	token = mem_printf("%s.%s.%s", one, two, sig);
	mem_free(one);
	mem_free(two);
	return token;
}

static void test_jwt(void **state)
{
	(void)state;
#define HEADER "{\"alg\":\"RS256\",\"typ\":\"JWT\"}"
#define CLAIMS "{\"iss\":\"kubernetes/serviceaccount\",\"sub\":\"a:b\"}"
	static const struct {
		const char *header, *payload;
		size_t signature;
		const char *before, *behind;
		bool is;
	} cases[] = {
		{ HEADER, CLAIMS, 86, "", "", true },
		{ HEADER, CLAIMS, 342, "Bearer ", " x", true },
		{ HEADER, CLAIMS, 86, "ends ", ".", true },
		{ HEADER, CLAIMS, 86, "\\n", "\\n", true },
		{ HEADER, CLAIMS, 86, "x", "", false },
		{ HEADER, CLAIMS, 0, "", "", false },
		{ HEADER, CLAIMS, 10, "", "", false },
		{ "{\"typ\":\"JWT\",\"a\":\"b\"}", CLAIMS, 86, "", "", false },
		{ HEADER, "{\"sub\":\"1234567890\",\"name\":\"John Doe\"}", 43, "", "", false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		char *token = make_jwt(cases[i].header, cases[i].payload, cases[i].signature);
		char *text = mem_printf("%s%s%s", cases[i].before, token, cases[i].behind);

		expect(text, cases[i].is ? "a signed JSON web token" : NULL);
		mem_free(text);
		text = mem_printf("%s_123456_%s", "ghs", token);
		if (cases[i].signature > 0)
			expect(text, "a GitHub App installation token");
		mem_free(text);
		mem_free(token);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_services),     cmocka_unit_test(test_other_forms),
		cmocka_unit_test(test_placeholders), cmocka_unit_test(test_age),
		cmocka_unit_test(test_jwt),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
