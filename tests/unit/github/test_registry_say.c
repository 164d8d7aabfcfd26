/* SPDX-License-Identifier: Apache-2.0 */
/* What a failed pull check says: the step, what it means for the kubelet, what to do; and codes. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "github/registry_say.h"

static const struct {
	const char *body, *code;
} codes[] = {
	{ "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"m\"}]}", "DENIED" },
	{ "{\"errors\":[{\"code\":\"NAME_UNKNOWN\"},{\"code\":\"DENIED\"}]}", "NAME_UNKNOWN" },
	{ "{\"errors\":[]}", "" },
	{ "{\"errors\":{\"code\":\"DENIED\"}}", "" },
	{ "{\"errors\":[{\"code\":7}]}", "" },
	{ "{\"errors\":[{\"code\":\"\"}]}", "" },
	{ "{\"errors\":[{\"code\":\"denied\"}]}", "" },
	{ "{\"errors\":[{\"code\":\"DENIED \"}]}", "" },
	{ "{\"errors\":[{\"code\":\"DENIED\\u001b[2J\"}]}", "" },
	/* the longest that fits, and one more */
	{ "{\"errors\":[{\"code\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}",
	  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
	{ "{\"errors\":[{\"code\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}", "" },
	{ "{\"errors\":[{\"code\":\"DENIED\"}]", "" },
	{ "<html>", "" },
	{ "[]", "" },
	{ "", "" },
};

static void test_codes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(codes); i++) {
		char code[REGISTRY_CODE_SIZE];
		struct buf body = BUF_INIT;

		memset(code, 'x', sizeof(code));
		buf_puts(&body, codes[i].body);
		registry_code(&body, code);
		if (strcmp(code, codes[i].code) != 0)
			fail_msg("%s: %s", codes[i].body, code);
		buf_clear(&body);
	}
}

static const struct {
	const char *domain;
	enum registry_step step;
	enum registry_verdict verdict;
	enum err_class class;
	const char *words[3];
} said[] = {
	{ "ghcr.io",
	  REGISTRY_LOGIN,
	  REGISTRY_LOGIN_REFUSED,
	  ERR_REFUSED,
	  { "step 1 of 2, the login: ", "ImagePullBackOff", "no fine-grained token" } },
	{ "ghcr.io",
	  REGISTRY_IMAGE,
	  REGISTRY_NO_RIGHT,
	  ERR_REFUSED,
	  { "step 2 of 2, the image: ", "(denied)", "where that demands SSO" } },
	{ "ghcr.io",
	  REGISTRY_IMAGE,
	  REGISTRY_NO_IMAGE,
	  ERR_REFUSED,
	  { "(not found)", "see the package's page", "step 2" } },
	{ "docker.io",
	  REGISTRY_LOGIN,
	  REGISTRY_LOGIN_REFUSED,
	  ERR_REFUSED,
	  { "no e-mail address", "step 1", "ImagePullBackOff" } },
	{ "europe-docker.pkg.dev",
	  REGISTRY_LOGIN,
	  REGISTRY_LOGIN_REFUSED,
	  ERR_REFUSED,
	  { "_json_key", "step 1", "artifactregistry.reader" } },
	{ "1.dkr.ecr.eu-west-3.amazonaws.com",
	  REGISTRY_LOGIN,
	  REGISTRY_LOGIN_REFUSED,
	  ERR_REFUSED,
	  { "twelve hours", "no credential to seal", "step 1" } },
	{ "registry.example.org",
	  REGISTRY_LOGIN,
	  REGISTRY_LOGIN_REFUSED,
	  ERR_REFUSED,
	  { "check user name and password", "step 1", "ImagePullBackOff" } },
	/* the advice for one registry is not another's of a like name */
	{ "ghcr.io.example.org",
	  REGISTRY_LOGIN,
	  REGISTRY_LOGIN_REFUSED,
	  ERR_REFUSED,
	  { "check user name and password", "step 1", "" } },
	{ "quay.io",
	  REGISTRY_IMAGE,
	  REGISTRY_NO_IMAGE,
	  ERR_REFUSED,
	  { "push the image first", "step 2", "" } },
	{ "ghcr.io",
	  REGISTRY_ASK,
	  REGISTRY_DOWN,
	  ERR_IO,
	  { "before any login was sent: ", "nothing is known of the login", "host's name" } },
	{ "ghcr.io",
	  REGISTRY_LOGIN,
	  REGISTRY_LIMITED,
	  ERR_IO,
	  { "would try again later; try again later", "", "" } },
	{ "a.io",
	  REGISTRY_ASK,
	  REGISTRY_STRANGE,
	  ERR_INVALID,
	  { "nothing is known of the login", "sign-in page", "" } },
	{ "a.io",
	  REGISTRY_LOGIN,
	  REGISTRY_UNSAFE,
	  ERR_INVALID,
	  { "the login was not sent", "ask whoever runs the registry", "" } },
};

static void test_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(said); i++) {
		char domain[64], path[] = "org/app";
		struct imageref image = { domain, path, NULL, NULL };
		struct registry_result r = { .step = said[i].step, .verdict = said[i].verdict };
		struct err err = ERR_INIT;

		strcpy(domain, said[i].domain);
		assert_int_equal(registry_say(&image, &r, "WHAT", &err), -1);
		assert_int_equal(err.class, said[i].class);
		assert_non_null(strstr(err.text, "/org/app: "));
		assert_non_null(strstr(err.text, ": WHAT; "));
		for (size_t k = 0; k < COUNT(said[i].words); k++)
			if (strstr(err.text, said[i].words[k]) == NULL)
				fail_msg("case %zu: %s", i, err.text);
	}
}

/* Every failure has a meaning and an advice, for any registry, and no two verdicts one name. */
static void test_all(void **state)
{
	char domain[] = "registry.example.org", path[] = "a";
	struct imageref image = { domain, path, NULL, NULL };

	(void)state;
	for (int v = REGISTRY_PULLS; v <= REGISTRY_UNSAFE; v++) {
		const char *name = registry_verdict_name((enum registry_verdict)v);
		struct registry_result r = { .verdict = (enum registry_verdict)v };
		struct err err = ERR_INIT;

		assert_true(strlen(name) > 0 &&
			    strspn(name, "abcdefghijklmnopqrstuvwxyz-") == strlen(name));
		for (int w = REGISTRY_PULLS; w < v; w++)
			assert_string_not_equal(name,
						registry_verdict_name((enum registry_verdict)w));
		if (v == REGISTRY_PULLS)
			continue;
		registry_say(&image, &r, "x", &err);
		assert_int_not_equal(err.class, ERR_NONE);
		assert_null(strstr(err.text, "(null)"));
		assert_string_not_equal(err.text + strlen(err.text) - 2, "; ");
	}
}

/* However long the reason, what it means and what to do still stand behind it. */
static void test_long(void **state)
{
	char domain[] = "ghcr.io", path[] = "org/app", what[2000];
	struct imageref image = { domain, path, NULL, NULL };
	struct registry_result r = { .step = REGISTRY_IMAGE, .verdict = REGISTRY_NO_RIGHT };
	struct err err = ERR_INIT;

	(void)state;
	memset(what, 'w', sizeof(what) - 1);
	what[sizeof(what) - 1] = '\0';
	registry_say(&image, &r, what, &err);
	assert_non_null(strstr(err.text, "do not pull"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_said),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_long),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
