/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "github/challenge.h"

#define GHCR                                                                                       \
	"Bearer realm=\"https://ghcr.io/token\",service=\"ghcr.io\",scope=\"repository:o/a:pull\""

static const struct {
	const char *field;
	struct {
		enum challenge_scheme scheme;
		const char *realm, *service, *scope, *error;
	} want;
} good[] = {
	{ GHCR,
	  { CHALLENGE_BEARER, "https://ghcr.io/token", "ghcr.io", "repository:o/a:pull", NULL } },
	{ "Basic realm=\"Registry Realm\"", { CHALLENGE_BASIC, "Registry Realm", 0, 0, 0 } },
	{ "bAsIc", { CHALLENGE_BASIC, 0, 0, 0, 0 } },
	{ "Basic REALM=plain", { CHALLENGE_BASIC, "plain", 0, 0, 0 } },
	{ " , Basic realm = \"x\" ,", { CHALLENGE_BASIC, "x", 0, 0, 0 } },
	{ "Basic realm=\"a\\\"b\\\\c, Bearer realm=\\\"d\\\"\"",
	  { CHALLENGE_BASIC, "a\"b\\c, Bearer realm=\"d\"", 0, 0, 0 } },
	{ "Basic realm=\"x\", charset=\"UTF-8\"", { CHALLENGE_BASIC, "x", 0, 0, 0 } },
	{ "Basic realm=\"\"", { CHALLENGE_BASIC, "", 0, 0, 0 } },
	/* whatever the order, Bearer is the stronger */
	{ "Basic realm=\"x\", Bearer realm=\"https://t/\"",
	  { CHALLENGE_BEARER, "https://t/", 0, 0, 0 } },
	{ "Bearer realm=\"https://t/\",service=s, Basic realm=\"x\"",
	  { CHALLENGE_BEARER, "https://t/", "s", 0, 0 } },
	/* the first of two */
	{ "Bearer realm=\"https://a/\", Bearer realm=\"https://b/\"",
	  { CHALLENGE_BEARER, "https://a/", 0, 0, 0 } },
	/* without a realm there is nobody to ask */
	{ "Bearer service=\"s\", Basic realm=\"x\"", { CHALLENGE_BASIC, "x", 0, 0, 0 } },
	{ "Negotiate, Basic realm=\"x\"", { CHALLENGE_BASIC, "x", 0, 0, 0 } },
	{ "NTLM TlRMTVNTUAAC==, Basic realm=\"x\"", { CHALLENGE_BASIC, "x", 0, 0, 0 } },
	{ "Digest nonce=\"a,b\", qop=\"auth\", Basic realm=\"x\"",
	  { CHALLENGE_BASIC, "x", 0, 0, 0 } },
	{ "Bearer realm=\"https://t/\",error=\"insufficient_scope\",unknown=\"y\"",
	  { CHALLENGE_BEARER, "https://t/", 0, 0, "insufficient_scope" } },
	{ "Bearer\trealm=\"https://t/\"\t,\tservice=\"a b\"",
	  { CHALLENGE_BEARER, "https://t/", "a b", 0, 0 } },
};

static const struct {
	const char *field, *why;
} wrong[] = {
	{ "", "empty" },
	{ " , ,", "empty" },
	{ "Negotiate", "asks for Negotiate, neither" },
	{ "Negotiate, NTLM, Digest realm=\"x\"", "asks for Negotiate, NTLM, Digest, neither" },
	{ "Bearer", "asks for Bearer, neither" },
	{ "Bearer service=\"x\"", "asks for Bearer, neither" },
	{ "=", "character 1: no name" },
	{ "\"Basic\"", "character 1: no name" },
	{ "Basic realm", "not one bare value" },
	{ "Bearer abc==, Basic realm=x", "not one bare value" },
	{ "Basic realm=", "not one bare value" },
	{ "Basic realm=,", "not one bare value" },
	{ "Basic a=b, realm=,", "has no value" },
	{ "Basic realm=\"x", "does not end" },
	{ "Basic realm=\"x\\", "does not end" },
	{ "Basic realm=\"x\\\"", "does not end" },
	{ "Basic realm=\"x\"y", "no comma" },
	{ "Basic realm=\"x\" service=\"y\"", "no comma" },
	{ "Basic realm=\"x\", realm=\"y\"", "stands twice" },
	{ "Bearer realm=\"https://good/\",Realm=\"https://bad/\"", "stands twice" },
	{ "Basic=x", "no space behind the scheme" },
	{ "Basic realm=\"a\x01\"", "character 15: not printable" },
	{ "Basic realm=\"a\r\n\"", "not printable" },
	{ "Basic realm=\"\xc3\xa4\"", "not printable" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "name is too long" },
};

static void same(const char *field, const char *what, const char *got, const char *want)
{
	if ((got == NULL) != (want == NULL) || (got != NULL && strcmp(got, want) != 0))
		fail_msg("%s: %s is %s", field, what, got == NULL ? "missing" : got);
}

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct err err = ERR_INIT;
		struct challenge c;

		if (challenge_parse(good[i].field, &c, &err) != 0)
			fail_msg("%s: %s", good[i].field, err.text);
		assert_int_equal(c.scheme, good[i].want.scheme);
		same(good[i].field, "realm", c.realm, good[i].want.realm);
		same(good[i].field, "service", c.service, good[i].want.service);
		same(good[i].field, "scope", c.scope, good[i].want.scope);
		same(good[i].field, "error", c.error, good[i].want.error);
		challenge_clear(&c);
	}
}

static void refused(const char *field, const char *why)
{
	struct err err = ERR_INIT;
	struct challenge c;

	if (challenge_parse(field, &c, &err) == 0)
		fail_msg("taken: %s", field);
	assert_int_equal(err.class, ERR_INVALID);
	if (strstr(err.text, why) == NULL)
		fail_msg("%s: %s", field, err.text);
	assert_null(c.realm);
	assert_null(c.service);
}

static void test_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		refused(wrong[i].field, wrong[i].why);
}

/* Repeat a piece so many times behind a beginning. */
static char *repeated(const char *begin, const char *piece, unsigned n, const char *end)
{
	struct buf b = BUF_INIT;
	char *text;

	buf_puts(&b, begin);
	while (n-- > 0)
		buf_puts(&b, piece);
	buf_puts(&b, end);
	text = mem_str(buf_str(&b));
	buf_clear(&b);
	return text;
}

static void test_bounds(void **state)
{
	static const struct {
		const char *begin, *piece, *end, *why;
		unsigned n;
	} cases[] = {
		{ "Basic realm=\"", "a", "\"", "a value is too long", CHALLENGE_VALUE_MAX + 1 },
		{ "Basic realm=", "a", "", "a value is too long", CHALLENGE_VALUE_MAX + 1 },
		{ "Basic ", "a=b,", "", "too many parameters", 33 },
		{ "", "Other,", "", "too many challenges", 17 },
		{ "Basic realm=\"", "a", "\"", "longer than 8192", CHALLENGE_FIELD_MAX },
	};
	struct challenge c;
	char *text;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		text = repeated(cases[i].begin, cases[i].piece, cases[i].n, cases[i].end);
		refused(text, cases[i].why);
		mem_free(text);
	}
	text = repeated("Basic realm=\"", "a", CHALLENGE_VALUE_MAX, "\"");
	assert_int_equal(challenge_parse(text, &c, NULL), 0);
	assert_int_equal(strlen(c.realm), CHALLENGE_VALUE_MAX);
	challenge_clear(&c);
	mem_free(text);
	text = repeated("", "Averylongschemewithalongname,", 16, "");
	refused(text, "asks for Averylong");
	mem_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_bounds),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
