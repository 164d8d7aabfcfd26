/* SPDX-License-Identifier: Apache-2.0 */
/* GitHub's host keys as it names them; and which tokens it revokes. */
#include "tests/unit/test.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "github/meta.h"
#include "github/revoke.h"

#define ED "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
#define EC "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAA="
#define SK "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t=="

static const struct {
	const char *body, *host, *lines; /* NULL: refused */
	enum err_class class;
	const char *why;
} cases[] = {
	{ "{\"ssh_keys\":[\"" ED "\"]}", "github.com", "github.com " ED "\n", ERR_NONE, NULL },
	{ "{\"ssh_keys\":[\"" ED "\",\"" EC "\",\"" SK "\"],\"web\":[]}", "[ssh.github.com]:443",
	  "[ssh.github.com]:443 " ED "\n[ssh.github.com]:443 " EC "\n[ssh.github.com]:443 " SK "\n",
	  ERR_NONE, NULL },
	{ "{\"ssh_keys\":[]}", "h", NULL, ERR_IO, "names no SSH host key" },
	{ "{}", "h", NULL, ERR_IO, "names no SSH host key" },
	{ "[]", "h", NULL, ERR_IO, "names no SSH host key" },
	{ "{\"ssh_keys\":\"" ED "\"}", "h", NULL, ERR_IO, "names no SSH host key" },
	{ "{\"ssh_keys\":[7]}", "h", NULL, ERR_INVALID, "number 1" },
	{ "{\"ssh_keys\":[\"" ED "\",null]}", "h", NULL, ERR_INVALID, "number 2" },
	/* one line of known_hosts, and no other: no comment, no second line, no marker, no host */
	{ "{\"ssh_keys\":[\"" ED " comment\"]}", "h", NULL, ERR_INVALID, "number 1" },
	{ "{\"ssh_keys\":[\"" ED "\\nevil " ED "\"]}", "h", NULL, ERR_INVALID, "number 1" },
	{ "{\"ssh_keys\":[\"" ED "\\n\"]}", "h", NULL, ERR_INVALID, "number 1" },
	{ "{\"ssh_keys\":[\" " ED "\"]}", "h", NULL, ERR_INVALID, "number 1" },
	{ "{\"ssh_keys\":[\"@revoked AAAAC3NzaC1lZDI1NTE5AAAA\"]}", "h", NULL, ERR_INVALID,
	  "number 1" },
	{ "{\"ssh_keys\":[\"evil," ED "\"]}", "h", NULL, ERR_INVALID, "number 1" },
	{ "{\"ssh_keys\":[\"#" ED "\"]}", "h", NULL, ERR_INVALID, "number 1" },
	{ "{\"ssh_keys\":[\"ssh-ed25519  AAAAC3NzaC1lZDI1NTE5AAAA\"]}", "h", NULL, ERR_INVALID,
	  "number 1" },
	{ "{\"ssh_keys\":[\"ssh-ed25519\"]}", "h", NULL, ERR_INVALID, "number 1" },
	{ "{\"ssh_keys\":[\"ssh-ed25519 \"]}", "h", NULL, ERR_INVALID, "number 1" },
	{ "{\"ssh_keys\":[\"ssh-ed25519 AAAAC3NzaC1lZDI1\"]}", "h", NULL, ERR_INVALID, "number 1" },
	{ "{\"ssh_keys\":[\"ssh-ed25519 BAAAC3NzaC1lZDI1NTE5AAAA\"]}", "h", NULL, ERR_INVALID,
	  "number 1" },
	{ "{\"ssh_keys\":[\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA===\"]}", "h", NULL, ERR_INVALID,
	  "number 1" },
	{ "{\"ssh_keys\":[\"ssh-ed25519 AAAAC3NzaC1lZDI1=NTE5AAAA\"]}", "h", NULL, ERR_INVALID,
	  "number 1" },
	{ "{\"ssh_keys\":[\"\"]}", "h", NULL, ERR_INVALID, "number 1" },
};

static void test_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		json_t *v = json_parse(cases[i].body, strlen(cases[i].body), "b", NULL);
		struct buf out = BUF_INIT;
		struct err err = ERR_INIT;
		int r = meta_read(v, cases[i].host, "api.x", &out, &err);

		if ((r == 0) != (cases[i].lines != NULL))
			fail_msg("%s: %s", cases[i].body, err.text);
		assert_string_equal(buf_str(&out), r == 0 ? cases[i].lines : "");
		assert_int_equal(err.class, cases[i].class);
		if (r != 0) {
			assert_non_null(strstr(err.text, "api.x"));
			if (strstr(err.text, cases[i].why) == NULL)
				fail_msg("%s: %s", cases[i].body, err.text);
		}
		buf_clear(&out);
		json_decref(v);
	}
}

/* META_KEYS_MAX keys are taken, one more is none of them; a long one is none. */
static void test_bounds(void **state)
{
	json_t *list = json_array(), *v = json_pack("{s:O}", "ssh_keys", list);
	struct buf out = BUF_INIT, key = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < META_KEYS_MAX; i++)
		json_array_append_new(list, json_string(ED));
	assert_int_equal(meta_read(v, "h", "api.x", &out, &err), 0);
	assert_int_equal(out.len, META_KEYS_MAX * strlen("h " ED "\n"));
	buf_reset(&out);
	json_array_append_new(list, json_string(ED));
	assert_int_equal(meta_read(v, "h", "api.x", &out, &err), -1);
	assert_non_null(strstr(err.text, "more than 32 keys"));
	json_array_clear(list);
	buf_puts(&key, "ssh-rsa AAAA");
	while (key.len < 4096)
		buf_putc(&key, 'B');
	json_array_append_new(list, json_string(buf_str(&key)));
	assert_int_equal(meta_read(v, "h", "api.x", &out, &err), 0);
	buf_putc(&key, 'B');
	json_array_set_new(list, 0, json_string(buf_str(&key)));
	buf_reset(&out);
	assert_int_equal(meta_read(v, "h", "api.x", &out, &err), -1);
	assert_int_equal(out.len, 0);
	buf_clear(&out);
	buf_clear(&key);
	json_decref(v);
	json_decref(list);
}

static void test_revocable(void **state)
{
	static const struct {
		const char *token;
		bool takes;
	} tokens[] = {
		{ "ghp_x", true },     { "github_pat_x", true },
		{ "gho_x", true },     { "ghu_x", true },
		{ "ghr_x", true },     { "ghs_x", false },
		{ "glpat-x", false },  { "GHP_x", false },
		{ " ghp_x", false },   { "ghp", false },
		{ "", false },	       { "github_pa", false },
		{ "xghp_abc", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(tokens); i++)
		if (revoke_takes(tokens[i].token) != tokens[i].takes)
			fail_msg("%s", tokens[i].token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_revocable),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
