/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To whom a token is shown, and which image a login is for.  Nobody is reached: a proxy is named
 * that is not there, so that whoever would have been asked stands in the error.
 */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/kinds.h"
#include "sealer/live.h"
#include "sealer/live_one.h"
#include "tests/unit/guard/tokens.h"

static char classic[41]; /* whole, with its checksum */

static int no_network(void **state)
{
	char body[31], sum[7];

	(void)state;
	tokens_body(body, 30, 1);
	tokens_checksum(body, 30, sum);
	snprintf(classic, sizeof(classic), "ghp_%s%s", body, sum);
	setenv("HTTPS_PROXY", "http://127.0.0.1:1", 1);
	unsetenv("https_proxy");
	unsetenv("NO_PROXY");
	unsetenv("no_proxy");
	return 0;
}

static const struct {
	const char *host, *api;
	const char *token; /* NULL: a whole one of GitHub's */
	const char *asked; /* who; NULL: nobody */
} shown[] = {
	{ "ghcr.io", NULL, NULL, "api.github.com" },
	{ "github.com", NULL, NULL, "api.github.com" },
	/* of one GitHub to another: never, whatever server the user names */
	{ "ghcr.io", "https://ghe.example.org/api/v3", NULL, "api.github.com" },
	{ "github.com", "https://ghe.example.org/api/v3", NULL, "api.github.com" },
	/* of an Enterprise Server, where its API is named */
	{ "ghe.example.org", NULL, NULL, NULL },
	{ "ghe.example.org", "https://ghe.example.org/api/v3", NULL, "ghe.example.org" },
	{ "ghcr.io.example.org", NULL, NULL, NULL },
	{ "docker.io", NULL, NULL, NULL },
	/* the token alone says whose it is */
	{ NULL, NULL, NULL, "api.github.com" },
	{ NULL, "https://ghe.example.org/api/v3", NULL, "ghe.example.org" },
	/* what is no GitHub token is nobody's there */
	{ "ghcr.io", NULL, "a password", NULL },
	{ "ghcr.io", NULL, "glpat-0123456789abcdefghij", NULL },
	{ "ghcr.io", "https://ghe.example.org/api/v3", "", NULL },
};

static void test_shown(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(shown); i++) {
		const char *text = shown[i].token != NULL ? shown[i].token : classic;
		const struct live_options o = { .live = true, .api_url = shown[i].api };
		const struct live_question q = { .options = &o };
		const struct live_token t = { shown[i].host, text, strlen(text), true, PAT_PULL };
		struct live_answer a = LIVE_ANSWER_INIT;
		bool asked = false, ok = live_token(&q, &t, &a, &asked);

		if (asked != (shown[i].asked != NULL) || ok == asked)
			fail_msg("case %zu: asked %d: %s", i, asked, a.why.text);
		if (asked && (a.state != LIVE_UNTOLD || strstr(a.why.text, shown[i].asked) == NULL))
			fail_msg("case %zu: %s", i, a.why.text);
		assert_null(strstr(a.why.text, "ghp_"));
		live_answer_clear(&a);
	}
}

/* A value that is GitHub's by its look is GitHub's to ask about; one that nobody was asked about
 * does not work because of that. */
static void test_opaque(void **state)
{
	static const struct {
		const char *token, *api;
		enum live_state state;
		const char *why;
	} cases[] = {
		{ NULL, NULL, LIVE_UNTOLD, "api.github.com" },
		{ NULL, "https://ghe.example.org/api/v3", LIVE_UNTOLD, "ghe.example.org" },
		{ "ghp_notwhole", NULL, LIVE_NOTHING, "none of the values" },
		{ "a password", NULL, LIVE_NOTHING, "none of the values" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct live_options o = { .live = true, .api_url = cases[i].api };
		struct kind_secret secret = { .type = TYPE_OPAQUE };
		const struct live_question q = { .kind = &kind_opaque,
						 .secret = &secret,
						 .options = &o };
		struct live_answer a = LIVE_ANSWER_INIT;

		kv_set_str(&secret.data, "K", cases[i].token != NULL ? cases[i].token : classic);
		live_ask(&q, &a);
		if (a.state != cases[i].state || strstr(a.why.text, cases[i].why) == NULL)
			fail_msg("case %zu: state %d: %s (%s)", i, a.state, a.why.text,
				 buf_str(&a.says));
		live_answer_clear(&a);
		kind_secret_clear(&secret);
	}
}

#define LOGIN(host, password)                                                                      \
	"{\"auths\":{\"" host "\":{\"username\":\"bot\",\"password\":\"" password "\"}}}"
#define TWO                                                                                        \
	"{\"auths\":{\"a.io\":{\"username\":\"bot\",\"password\":\"one\"},\"b.io\":{\"username\":" \
	"\"bot\",\"password\":\"two\"}}}"

static const struct {
	const char *config;
	const char *images[2];
	bool sealed;
	enum live_state state;
	const char *why; /* NULL: nothing */
	const char *note;
} logins[] = {
	/* an image of no login's registry would be pulled without one */
	{ LOGIN("a.io", "pw"),
	  { "b.io/o/a:1" },
	  false,
	  LIVE_REFUSED,
	  "--image b.io/o/a:1 is of a registry (b.io)",
	  NULL },
	{ LOGIN("a.io", "pw"), { "nginx" }, false, LIVE_REFUSED, "(docker.io)", NULL },
	{ TWO, { "a.io/o/a:1", "c.io/o/a:1" }, false, LIVE_REFUSED, "(c.io)", NULL },
	/* where many documents are looked at, those that match count */
	{ LOGIN("a.io", "pw"),
	  { "b.io/o/a:1" },
	  true,
	  LIVE_NOTHING,
	  "give an image of its registry",
	  NULL },
	{ LOGIN("a.io", "pw"), { NULL }, true, LIVE_NOTHING, "give an image", NULL },
	{ LOGIN("a.io", "pw"), { "a.io/o/a:1" }, false, LIVE_UNTOLD, "a.io/o/a", NULL },
	{ TWO, { "b.io/o/a:1" }, false, LIVE_UNTOLD, "b.io/o/a", "a.io: whether the login pulls" },
	/* as the kubelet's keyring does: a pattern's part stands for a part, the port is text */
	{ LOGIN("*.a.io", "pw"), { "b.a.io/o/a:1" }, false, LIVE_UNTOLD, "b.a.io/o/a", NULL },
	{ LOGIN("*.a.io", "pw"), { "c.b.a.io/o/a:1" }, false, LIVE_REFUSED, "(c.b.a.io)", NULL },
	{ LOGIN("**.a.io", "pw"), { "c.b.a.io/o/a:1" }, false, LIVE_REFUSED, "(c.b.a.io)", NULL },
	{ LOGIN("*.a.io", "pw"),
	  { "b.a.io:5000/o/a:1" },
	  false,
	  LIVE_REFUSED,
	  "(b.a.io:5000)",
	  NULL },
	{ LOGIN("b?.*.io:5000", "pw"),
	  { "b1.a.io:5000/o/a:1" },
	  false,
	  LIVE_UNTOLD,
	  "b1.a.io",
	  NULL },
	{ "{\"auths\":[]}", { "a.io/o/a:1" }, false, LIVE_UNTOLD, "login", NULL },
};

static void test_logins(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(logins); i++) {
		const char *images[2] = { logins[i].images[0], logins[i].images[1] };
		const size_t n = images[0] == NULL ? 0 : images[1] == NULL ? 1 : 2;
		const struct live_options o = { .live = true, .images = { images, n } };
		struct kind_secret secret = { .type = TYPE_DOCKER };
		const struct live_question q = { .kind = &kind_registry,
						 .secret = &secret,
						 .options = &o,
						 .sealed = logins[i].sealed };
		struct live_answer a = LIVE_ANSWER_INIT;

		kv_set_str(&secret.data, ".dockerconfigjson", logins[i].config);
		live_ask(&q, &a);
		if (a.state != logins[i].state || strstr(a.why.text, logins[i].why) == NULL)
			fail_msg("case %zu: state %d: %s", i, a.state, a.why.text);
		if ((a.notes.n > 0) != (logins[i].note != NULL) ||
		    (a.notes.n > 0 && strstr(a.notes.text[0], logins[i].note) == NULL))
			fail_msg("case %zu: %s", i, a.notes.n > 0 ? a.notes.text[0] : "no note");
		live_answer_clear(&a);
		kind_secret_clear(&secret);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_opaque),
		cmocka_unit_test(test_logins),
	};

	mem_init();
	return cmocka_run_group_tests(tests, no_network, NULL);
}
