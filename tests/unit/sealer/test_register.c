/* SPDX-License-Identifier: Apache-2.0 */
/* who registers a deploy key, under which title, and which of those listed it is */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/register.h"

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
#define OTHER "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"

static const struct {
	struct register_options o;
	const char *text; /* of the refusal, or NULL */
} checks[] = {
	{ { .app = "a.yaml" }, NULL },
	{ { .app = "a.yaml", .ring = { .keys = "keys" } }, NULL },
	{ { .token_file = "-" }, NULL },
	{ { .app = NULL }, NULL },
	{ { .app = "a.yaml", .token_file = "-" }, "--app and --token-file" },
	{ { .token_file = "-", .ring = { .keys = "keys" } }, "--keys opens the document of --app" },
};

static void test_check(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(checks); i++) {
		struct err err = ERR_INIT;
		int r = register_check(&checks[i].o, &err);

		if ((r == 0) != (checks[i].text == NULL))
			fail_msg("case %zu: %s", i, err.text);
		assert_int_equal(err.class, checks[i].text == NULL ? ERR_NONE : ERR_USAGE);
		assert_true(checks[i].text == NULL || strstr(err.text, checks[i].text) != NULL);
	}
}

static const struct {
	struct register_options o;
	const char *url;
	enum register_way way;
} ways[] = {
	{ { .app = "a" }, "ssh://git@github.com/a/b", REGISTER_GIVEN },
	{ { .token_file = "-" }, "ssh://git@ssh.github.com:443/a/b", REGISTER_GIVEN },
	/* another host is GitHub when its API is named, and by no guess */
	{ { .token_file = "-" }, "ssh://git@git.example.org/a/b", REGISTER_BY_HAND },
	{ { .token_file = "-", .api_url = "https://git.example.org/api/v3" },
	  "ssh://git@git.example.org/a/b",
	  REGISTER_GIVEN },
	{ { .token_file = "-" }, "ssh://git@github.com.example.org/a/b", REGISTER_BY_HAND },
	{ { .app = NULL }, "ssh://git@gitlab.com/a/b", REGISTER_BY_HAND },
};

static void test_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ways); i++)
		if (register_way(&ways[i].o, ways[i].url) != ways[i].way)
			fail_msg("case %zu: %s", i, ways[i].url);
}

/* One for each cluster and key; the comment of a key and its line break do not count. */
static void test_title(void **state)
{
	char *title = register_title("eu-west9", "flux-ssh", KEY);
	char *same = register_title("eu-west9", "flux-ssh", KEY " someone@laptop\n");
	char *other = register_title("eu-west9", "flux-ssh", OTHER);

	(void)state;
	assert_string_equal(title, "bulla eu-west9 flux-ssh SHA256:+DiY3wvvV6Tu");
	assert_string_equal(title, same);
	assert_string_not_equal(title, other);
	assert_null(register_title("eu-west9", "flux-ssh", "no key"));
	assert_null(register_title("eu-west9", "flux-ssh", ""));
	mem_free(title);
	mem_free(same);
	mem_free(other);
}

static char text_key[] = KEY, text_other[] = OTHER, text_title[] = "t";

/* By its bytes, whatever the titles are. */
static void test_find(void **state)
{
	struct deploy_key keys[] = {
		{ .id = 1, .title = text_title, .key = text_other, .read_only = true },
		{ .id = 2, .title = text_title, .key = text_key, .read_only = true },
	};
	struct register_at at = { .repository = text_title, .keys = { keys, 2 } };
	struct err err = ERR_INIT;

	(void)state;
	assert_ptr_equal(register_find(&at, KEY " comment\n", &err), &keys[1]);
	at.keys.n = 1;
	assert_null(register_find(&at, KEY, &err));
	assert_int_equal(err.class, ERR_NONE);
	at.keys.n = 2;
	keys[1].read_only = false;
	assert_null(register_find(&at, KEY, &err));
	assert_int_equal(err.class, ERR_CONFLICT);
	assert_non_null(strstr(err.text, "may write"));
	keys[1].disabled = true;
	assert_null(register_find(&at, KEY, &err));
	assert_int_equal(err.class, ERR_REFUSED);
	/* what another key may do is nobody's business here */
	assert_ptr_equal(register_find(&at, OTHER, &err), &keys[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_way),
		cmocka_unit_test(test_title),
		cmocka_unit_test(test_find),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
