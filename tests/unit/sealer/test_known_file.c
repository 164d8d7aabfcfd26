/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of one host in a known_hosts file, replaced by those that its owner names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/github_hosts.h"
#include "sealer/known_file.h"

#define ED "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
#define ED2 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJAwQhsbkR05rDSNUDF0eKF94R0HJKJWkwW0ouFmQgPN"
#define HASHED "|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg="
#define HASHED_HOST "192.168.1.61"

static void put(struct buf *b, const char *text)
{
	buf_reset(b);
	buf_puts(b, text);
}

struct given {
	const char *url, *old, *now;
	const char *text;   /* the file as it must be; NULL: refused */
	const char *states; /* "new gone" */
	const char *error;  /* part of the text */
};

static const struct given cases[] = {
	{ "ssh://git@ghe.corp/a/b", "", "ghe.corp " ED "\n", "ghe.corp " ED "\n", "new", NULL },
	{ "ssh://git@ghe.corp/a/b", "ghe.corp " ED "\n", "ghe.corp " ED "\n", "ghe.corp " ED "\n",
	  "kept", NULL },
	/* another key of the type: the old one goes, or Flux would look at it alone */
	{ "ssh://git@ghe.corp/a/b", "ghe.corp " ED "\n", "ghe.corp " ED2 "\n", "ghe.corp " ED2 "\n",
	  "new gone", NULL },
	/* neighbours, comments and the place stay */
	{ "ssh://git@ghe.corp/a/b", "# one\nx.corp " ED "\n\nghe.corp " ED " ours\ny.corp " ED2,
	  "ghe.corp " ED2 "\n", "# one\nx.corp " ED "\n\nghe.corp " ED2 "\ny.corp " ED2, "new gone",
	  NULL },
	/* a file without a last newline */
	{ "ssh://git@ghe.corp/a/b", "x.corp " ED, "ghe.corp " ED2 "\n",
	  "x.corp " ED "\nghe.corp " ED2 "\n", "new", NULL },
	/* nothing new: not a byte changes, be it the order or the comment */
	{ "ssh://git@ghe.corp/a/b", "ghe.corp " ED " ours", "ghe.corp " ED "\n",
	  "ghe.corp " ED " ours", "kept", NULL },
	/* the port belongs to the name */
	{ "ssh://git@ghe.corp:7999/a/b", "ghe.corp " ED "\n[ghe.corp]:7999 " ED "\n",
	  "[ghe.corp]:7999 " ED2 "\n", "ghe.corp " ED "\n[ghe.corp]:7999 " ED2 "\n", "new gone",
	  NULL },
	/* one that is revoked stays so */
	{ "ssh://git@ghe.corp/a/b", "@revoked ghe.corp " ED "\n", "ghe.corp " ED2 "\n",
	  "@revoked ghe.corp " ED "\nghe.corp " ED2 "\n", "new", NULL },
	/* and is not taken again, whatever host it was revoked for */
	{ "ssh://git@ghe.corp/a/b", "@revoked ghe.corp " ED "\n", "ghe.corp " ED "\n", NULL, NULL,
	  "line 1: revokes a key that ghe.corp is said to have now" },
	{ "ssh://git@ghe.corp/a/b", "ghe.corp " ED2 "\n@revoked * " ED "\n",
	  "ghe.corp " ED2 "\nghe.corp " ED "\n", NULL, NULL, "line 2: revokes a key" },
	{ "ssh://git@ghe.corp/a/b", "x.corp,ghe.corp " ED "\n", "ghe.corp " ED2 "\n", NULL, NULL,
	  "line 1: means ghe.corp by a list" },
	{ "ssh://git@ghe.corp/a/b", "# x\n*.corp " ED "\n", "ghe.corp " ED2 "\n", NULL, NULL,
	  "line 2: means ghe.corp" },
	{ "ssh://git@" HASHED_HOST "/a/b", HASHED " " ED "\n", HASHED_HOST " " ED2 "\n", NULL, NULL,
	  "line 1: means " HASHED_HOST },
	{ "ssh://git@ghe.corp/a/b", "@cert-authority ghe.corp " ED "\n", "ghe.corp " ED2 "\n", NULL,
	  NULL, "line 1: means ghe.corp" },
	{ "ssh://git@ghe.corp/a/b", "ghe.corp " ED " " ED "\nnonsense\n", "ghe.corp " ED2 "\n",
	  NULL, NULL, "known_hosts: line " },
	{ "ssh://git@ghe.corp/a/b", "", "ghe.corp ssh-ed25519 AAAA\n", NULL, NULL,
	  "what was answered: line 1" },
};

static void check_made(const struct given *g, const struct known_file *made)
{
	struct buf states = BUF_INIT;

	for (size_t i = 0; i < made->n; i++)
		buf_printf(&states, "%s%s", i > 0 ? " " : "",
			   known_state_name(made->keys[i].state));
	assert_string_equal(buf_str(&states), g->states);
	assert_string_equal(buf_str(&made->text), g->text);
	assert_int_equal(made->changed, strcmp(g->states, "kept") != 0);
	buf_clear(&states);
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct given *g = &cases[i];
		struct known_file made = KNOWN_FILE_INIT;
		struct buf old = BUF_INIT, now = BUF_INIT;
		struct err err = ERR_INIT;
		struct url url;
		struct known_question q = { "known_hosts", &old, &url, &now };
		int r;

		assert_int_equal(url_parse("url", g->url, URL_SSH, &url, NULL), 0);
		put(&old, g->old);
		put(&now, g->now);
		r = known_file_make(&q, &made, &err);
		if (g->text != NULL) {
			assert_int_equal(r, 0);
			check_made(g, &made);
		} else {
			assert_int_equal(r, -1);
			assert_int_equal(err.class, ERR_INVALID);
			assert_non_null(strstr(err.text, g->error));
		}
		known_file_clear(&made);
		buf_clear(&old);
		buf_clear(&now);
	}
}

/* What it made is what it would make again. */
static void test_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct known_file made = KNOWN_FILE_INIT;
		struct buf old = BUF_INIT, now = BUF_INIT;
		struct url url;
		struct known_question q = { "known_hosts", &old, &url, &now };

		if (cases[i].text == NULL)
			continue;
		assert_int_equal(url_parse("url", cases[i].url, URL_SSH, &url, NULL), 0);
		put(&old, cases[i].text);
		put(&now, cases[i].now);
		assert_int_equal(known_file_make(&q, &made, NULL), 0);
		assert_false(made.changed);
		assert_string_equal(buf_str(&made.text), cases[i].text);
		known_file_clear(&made);
		buf_clear(&old);
		buf_clear(&now);
	}
}

static void test_built_in(void **state)
{
	struct known_file made = KNOWN_FILE_INIT;
	struct buf now = BUF_INIT;
	struct url url;
	json_t *v;

	(void)state;
	assert_int_equal(url_parse("url", "ssh://git@github.com/a/b", URL_SSH, &url, NULL), 0);
	github_hosts_format(&url, &now);
	assert_int_equal(known_file_built_in(&url, &now, &made, NULL), 0);
	assert_false(made.changed);
	assert_int_equal(made.n, GITHUB_HOSTS_KEYS);
	known_file_clear(&made);

	put(&now, "github.com " ED "\n"); /* two are not named any more */
	assert_int_equal(known_file_built_in(&url, &now, &made, NULL), 0);
	assert_true(made.changed);
	assert_int_equal(made.n, GITHUB_HOSTS_KEYS);
	assert_int_equal(made.keys[0].state, KNOWN_KEPT);
	assert_int_equal(made.keys[1].state, KNOWN_GONE);
	v = known_file_json(&made);
	assert_string_equal(json_string_value(json_object_get(json_array_get(v, 0), "fingerprint")),
			    "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU");
	json_decref(v);
	known_file_clear(&made);
	buf_clear(&now);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_built_in),
	};

	mem_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
