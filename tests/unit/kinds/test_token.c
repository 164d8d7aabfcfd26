/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token shapes.  The tokens here open nothing; prefixes are split from their bodies so that
 * nobody's scanner takes them for real ones.  Checksums were computed with zlib's crc32.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "kinds/token.h"
#include "kinds/value.h"

#define GHP                                                                                        \
	"ghp"                                                                                      \
	"_"
#define FINE                                                                                       \
	"github"                                                                                   \
	"_pat_"
#define BODY "0123456789abcdefghijABCDEFGHIJ3mpbCX"
#define PADDED "Bulla00000000000000000000001110046QC" /* a checksum that begins with 0 */
#define FINE22 "11ABCDEFG0abcdefghij01"
#define FINE59 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456"
#define R76 "0123456789012345678901234567890123456789012345678901234567890123456789abcdef"
#define JWT "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2lnbmF0dXJl-_"
#define X20 "0123456789abcdefghij"

static void test_find(void **state)
{
	(void)state;
	static const struct {
		const char *text, *name;
	} cases[] = {
		{ GHP BODY, "a classic GitHub personal access token" },
		{ GHP, "a classic GitHub personal access token" },
		{ FINE "x", "a fine-grained GitHub personal access token" },
		{ "gho"
		  "_x",
		  "a GitHub OAuth token" },
		{ "ghu"
		  "_x",
		  "a GitHub App's user token" },
		{ "ghr"
		  "_x",
		  "a GitHub refresh token" },
		{ "ghs"
		  "_x",
		  "a GitHub App installation token" },
		{ "glpat"
		  "-x",
		  "a GitLab personal access token" },
		{ "AGE-SECRET-KEY"
		  "-1",
		  "an age key" },
		{ "AGE-SECRET-KEY"
		  "-PQ-1",
		  "a hybrid age key" },
		{ "GHP_" BODY, NULL },
		{ "ghp" BODY, NULL },
		{ "ghx_" BODY, NULL },
		{ " " GHP BODY, NULL },
		{ "gh", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct token_form *f = token_find(cases[i].text, strlen(cases[i].text));

		if (cases[i].name == NULL)
			assert_null(f);
		else
			assert_string_equal(f->name, cases[i].name);
	}
}

static void test_guess(void **state)
{
	(void)state;
	static const struct {
		const char *text, *name, *kinds;
	} cases[] = {
		{ GHP BODY, "a classic GitHub personal access token", "registry or git-https" },
		{ GHP "0123456789abcdefghijABCDEFGHIJ3mpb",
		  "a classic GitHub personal access token", "registry or git-https" },
		{ GHP "is how they begin", NULL, NULL },
		{ "glpat"
		  "-" X20,
		  "a GitLab personal access token", "registry or git-https" },
		{ "dckr"
		  "_pat_" X20 "0123456",
		  "a Docker Hub personal access token", "registry" },
		{ "dckr"
		  "_oat_" X20 "0123456789ab",
		  "a Docker Hub organisation token", "registry" },
		{ "xoxb"
		  "-" X20,
		  "a Slack bot token", NULL },
		{ "AKIA"
		  "0123456789ABCDEF",
		  "an AWS access key id", NULL },
		{ "sk_"
		  "live_" X20,
		  "a Stripe live secret key", NULL },
		{ "AKIA is an airport", NULL, NULL },
		{ "AKIA, where is it and what is it", NULL, NULL },
		{ "AGE-SECRET-KEY"
		  "-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ",
		  "an age key", "age-key" },
		{ "-----BEGIN OPENSSH"
		  " PRIVATE KEY-----\n",
		  "an SSH private key", "deploy-key" },
		{ "\n  -----BEGIN RSA"
		  " PRIVATE KEY-----\n",
		  "a private key", "tls, deploy-key or github-app" },
		{ "-----BEGIN"
		  " PRIVATE KEY-----",
		  "a private key", "tls, deploy-key or github-app" },
		{ "-----BEGIN CERTIFICATE-----\n", NULL, NULL },
		{ "{\"type\": \"service_account\", \"private_key\": \"x\"}",
		  "a Google service account's key", "gcp-service-account" },
		{ "{\"type\": \"authorized_user\"}", NULL, NULL },
		{ "{\"auths\":{}}", "a docker config", "registry" },
		{ "postgres://u:p@db/x", NULL, NULL },
		{ "", NULL, NULL },
		{ " ", NULL, NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct token_form *f = token_guess(cases[i].text, strlen(cases[i].text));

		if (cases[i].name == NULL) {
			assert_null(f);
			continue;
		}
		assert_non_null(f);
		assert_string_equal(f->name, cases[i].name);
		if (cases[i].kinds == NULL)
			assert_null(f->kinds);
		else
			assert_string_equal(f->kinds, cases[i].kinds);
	}
	assert_null(token_guess("\0-----BEGIN PRIVATE KEY-----", 28));
}

static void test_accepted(void **state)
{
	(void)state;
	static const struct {
		const char *host;
		enum token_use use;
		const char *token, *note;
	} cases[] = {
		{ "ghcr.io", TOKEN_PULL, GHP BODY, NULL },
		{ "ghcr.io", TOKEN_PULL, GHP PADDED, NULL },
		{ "github.com", TOKEN_GIT, GHP BODY, NULL },
		{ "github.com:443", TOKEN_GIT, FINE FINE22 "_" FINE59, NULL },
		{ "ghes.example.com", TOKEN_PULL, FINE FINE22 "_" FINE59, NULL },
		{ "github.com", TOKEN_GIT,
		  "gho"
		  "_" BODY,
		  "token: is a GitHub OAuth token: it ends when its owner logs out; a personal "
		  "access "
		  "token lasts" },
		{ "github.com", TOKEN_GIT,
		  "ghu"
		  "_" BODY,
		  "token: is a GitHub App's user token: it ends eight hours after it was made, "
		  "unless "
		  "its App says otherwise" },
		{ "ghcr.io", TOKEN_PULL,
		  "ghs"
		  "_" BODY,
		  "token: is a GitHub App installation token: GitHub's registry logs such tokens "
		  "in and "
		  "then denies the pull; a classic personal access token (ghp_) with read:packages "
		  "works" },
		{ "github.com", TOKEN_GIT,
		  "ghs"
		  "_123456_" JWT,
		  "token: is a GitHub App installation token: it ends an hour after it was made; "
		  "seal "
		  "what makes it, as github-app, or a PAT" },
		{ "ghcr.io", TOKEN_PULL, "s3cret",
		  "token: begins with none of GitHub's prefixes (ghp_, github_pat_, ...), so its "
		  "shape "
		  "was not checked" },
		{ "registry.example.com", TOKEN_PULL, "s3cret", NULL },
		{ "registry.example.com", TOKEN_PULL, "pass word", NULL },
		{ "registry.example.com", TOKEN_PULL, "npm_ is how it begins", NULL },
		{ "registry.gitlab.com", TOKEN_PULL,
		  "glpat"
		  "-" X20,
		  NULL },
		{ "docker.io", TOKEN_PULL,
		  "dckr"
		  "_pat_" X20 "0123456",
		  NULL },
		{ "docker.io", TOKEN_PULL, "AKIA, an airport in Papua New Guinea", NULL },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct token_place place = { "token", cases[i].host, cases[i].use };
		struct notes notes = NOTES_INIT;
		struct err err = ERR_INIT;

		assert_int_equal(
		    token_accept(&place, cases[i].token, strlen(cases[i].token), &notes, &err), 0);
		assert_int_equal(notes.n, cases[i].note != NULL);
		if (cases[i].note != NULL)
			assert_string_equal(notes.text[0], cases[i].note);
		notes_clear(&notes);
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *host;
		enum token_use use;
		const char *token, *text;
	} cases[] = {
		{ "ghcr.io", TOKEN_PULL, "", "token: is empty" },
		{ "ghcr.io", TOKEN_PULL, GHP BODY "\n",
		  "token: holds a line break at byte 41 of 41, which its reader would take as part "
		  "of "
		  "it" },
		{ "ghcr.io", TOKEN_PULL, "s3c\nret",
		  "token: holds a line break at byte 4 of 7, which its reader would take as part "
		  "of it" },
		{ "registry.example.com", TOKEN_PULL, "s3c\rret",
		  "token: holds a line break at byte 4 of 7, which its reader would take as part "
		  "of it" },
		{ "registry.example.com", TOKEN_PULL, "s3c\x1bret",
		  "token: holds a control character at byte 4" },
		{ "registry.example.com", TOKEN_PULL, " s3cret", "token: begins with a blank" },
		{ "registry.example.com", TOKEN_PULL, "s3cret\t", "token: ends with a blank" },
		{ "ghcr.io", TOKEN_PULL, " " GHP BODY, "token: begins with a blank" },
		{ "ghcr.io", TOKEN_PULL, GHP BODY " ", "token: ends with a blank" },
		{ "ghcr.io", TOKEN_PULL, "Bearer " GHP BODY, "token: holds a blank at byte 7" },
		{ "ghcr.io", TOKEN_PULL, "\"" GHP BODY "\"",
		  "token: stands in quotes, which are not part of it" },
		{ "ghcr.io", TOKEN_PULL, "'" GHP BODY "'",
		  "token: stands in quotes, which are not part of it" },
		{ "ghcr.io", TOKEN_PULL, GHP BODY "\xc2\xa0",
		  "token: holds a character that is not ASCII at byte 41" },
		{ "ghcr.io", TOKEN_PULL, "\xef\xbb\xbf" GHP BODY,
		  "token: holds a character that is not ASCII at byte 1" },
		{ "ghcr.io", TOKEN_PULL, GHP "0123456789abcdefghijABCDEFGHIJ3mpbC",
		  "token: begins like a classic GitHub personal access token, which has 40 "
		  "characters; "
		  "this has 39: some are missing" },
		{ "registry.example.com", TOKEN_PULL, GHP BODY "x",
		  "token: begins like a classic GitHub personal access token, which has 40 "
		  "characters; "
		  "this has 41: there are more than belong to it" },
		{ "ghcr.io", TOKEN_PULL, GHP "0123456789abcdefghijABCDEFGHIJ3mpbCY",
		  "token: the checksum in its last 6 characters does not match: a character is "
		  "wrong or "
		  "two have changed places; copy it again" },
		{ "ghcr.io", TOKEN_PULL, GHP "1023456789abcdefghijABCDEFGHIJ3mpbCX",
		  "token: the checksum in its last 6 characters does not match: a character is "
		  "wrong or "
		  "two have changed places; copy it again" },
		{ "ghcr.io", TOKEN_PULL, GHP "0123456789-bcdefghijABCDEFGHIJ3mpbCX",
		  "token: character 15 is neither a letter nor a digit, and such a token has no "
		  "other "
		  "there" },
		{ "github.com", TOKEN_GIT, FINE FINE22 "_",
		  "token: begins like a fine-grained GitHub personal access token, which has 93 "
		  "characters; this has 34: some are missing" },
		{ "github.com", TOKEN_GIT, FINE FINE22 "x" FINE59,
		  "token: character 34 must be \"_\"" },
		{ "github.com", TOKEN_GIT, FINE "11ABCDEFG0abcdefghij-1_" FINE59,
		  "token: character 32 is neither a letter nor a digit, and such a token has no "
		  "other "
		  "there" },
		{ "ghcr.io", TOKEN_PULL, FINE FINE22 "_" FINE59,
		  "token: is a fine-grained GitHub personal access token: GitHub's registry takes "
		  "no "
		  "fine-grained token; make a classic one (ghp_) with read:packages" },
		{ "github.com", TOKEN_GIT,
		  "ghr"
		  "_" BODY,
		  "token: is a GitHub refresh token: a refresh token opens nothing itself" },
		{ "ghes.example.com", TOKEN_GIT,
		  "ghr"
		  "_" R76,
		  "token: is a GitHub refresh token: a refresh token opens nothing itself" },
		{ "ghcr.io", TOKEN_PULL,
		  "ghr"
		  "_" R76 "x",
		  "token: begins like a GitHub refresh token, which has at most 80 characters; "
		  "this has "
		  "81: there are more than belong to it" },
		{ "ghcr.io", TOKEN_PULL,
		  "ghr"
		  "_" BODY "x",
		  "token: a GitHub refresh token has 40 or 80 characters" },
		{ "ghcr.io", TOKEN_PULL,
		  "ghs"
		  "_"
		  "0123456789abcdefghijABCDEFGHIJ3mpb.X",
		  "token: character 39 is neither a letter nor a digit, and such a token has no "
		  "other "
		  "there" },
		{ "ghcr.io", TOKEN_PULL,
		  "ghs"
		  "_abc_" JWT,
		  "token: neither form of an installation token: 40 characters, or ghs_ with the "
		  "number "
		  "of an App, \"_\" and a JWT" },
		{ "ghcr.io", TOKEN_PULL,
		  "ghs"
		  "_12345678901234567890123456789012345678901234567890",
		  "token: neither form of an installation token: 40 characters, or ghs_ with the "
		  "number "
		  "of an App, \"_\" and a JWT" },
		{ "ghcr.io", TOKEN_PULL,
		  "ghs"
		  "_123456_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0",
		  "token: what follows the number of the App is not a whole JWT" },
		{ "ghcr.io", TOKEN_PULL,
		  "ghs"
		  "_123456_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.",
		  "token: what follows the number of the App is not a whole JWT" },
		{ "ghcr.io", TOKEN_PULL,
		  "ghs"
		  "_123456_" JWT ".x",
		  "token: what follows the number of the App is not a whole JWT" },
		{ "ghcr.io", TOKEN_PULL,
		  "glpat"
		  "-" X20,
		  "token: is a GitLab personal access token, and ghcr.io is GitHub's" },
		{ "registry.gitlab.com:443", TOKEN_PULL, GHP BODY,
		  "token: is a classic GitHub personal access token, and registry.gitlab.com is "
		  "GitLab's" },
		{ "docker.io", TOKEN_PULL, GHP BODY,
		  "token: is a classic GitHub personal access token, and docker.io is Docker's" },
		{ "github.com", TOKEN_GIT,
		  "npm"
		  "_" X20 "0123456789abcdef",
		  "token: is an npm token, and github.com is GitHub's" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct token_place place = { "token", cases[i].host, cases[i].use };
		struct err err = ERR_INIT;

		assert_int_equal(
		    token_accept(&place, cases[i].token, strlen(cases[i].token), NULL, &err), -1);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.class, ERR_INVALID);
	}
}

/* Whatever single character is changed, a token with a checksum is refused. */
static void test_every_change(void **state)
{
	(void)state;
	static const char *const tokens[] = { GHP BODY, GHP PADDED,
					      "gho"
					      "_" BODY,
					      "ghu"
					      "_" BODY };
	static const char alphabet[] = "09AZaz_-";

	for (size_t t = 0; t < COUNT(tokens); t++) {
		for (size_t at = 4; at < 40; at++) {
			for (size_t c = 0; alphabet[c] != '\0'; c++) {
				struct token_place place = { "token", "ghcr.io", TOKEN_PULL };
				char token[41];

				memcpy(token, tokens[t], sizeof(token));
				if (token[at] == alphabet[c])
					continue;
				token[at] = alphabet[c];
				assert_int_equal(token_accept(&place, token, 40, NULL, NULL), -1);
			}
		}
	}
}

/* A published test token, to hold the checksum to GitHub's own. */
static void test_published(void **state)
{
	(void)state;
	const char *token = GHP "zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ"
				"0mLq17";
	struct err err = ERR_INIT;

	assert_int_equal(token_check("token", token_find(token, 40), token, 40, &err), 0);
}

static void test_values(void **state)
{
	(void)state;
	static const struct {
		int (*check)(const char *what, const void *data, size_t len, struct err *err);
		const char *value;
		size_t len; /* 0: all of it */
		const char *text;
	} cases[] = {
		{ value_line, "a b\tc", 0, NULL },
		{ value_line, "gr\xc3\xbc\xc3\x9f", 0, NULL },
		{ value_line, "a\0b", 3, "v: holds a control character at byte 2" },
		{ value_line, "\x7f", 0, "v: holds a control character at byte 1" },
		{ value_word, "a\tb", 0, "v: holds a blank at byte 2" },
		{ value_word, "\"", 0, NULL },
		{ value_word, "\"a'", 0, NULL },
		{ value_user, "octocat", 0, NULL },
		{ value_user, "_json_key", 0, NULL },
		{ value_user, "John Doe", 0, NULL },
		{ value_user, "", 0, "v: is empty" },
		{ value_user, "a:b", 0,
		  "v: holds a colon, at which HTTP Basic authentication would cut it" },
		{ value_user, "a\tb", 0, "v: holds a tab" },
		{ value_user, " a", 0, "v: begins with a blank" },
		{ value_user, "a\n", 0,
		  "v: holds a line break at byte 2 of 2, which its reader would take as part of "
		  "it" },
		{ value_user, "gr\xc3\xbc", 0, "v: holds a character that is not ASCII at byte 3" },
		{ value_password, "p w", 0, NULL },
		{ value_password, "p:w", 0, NULL },
		{ value_password, "gr\xc3\xbc", 0, NULL },
		{ value_password, "p ", 0, "v: ends with a blank" },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t len = cases[i].len == 0 ? strlen(cases[i].value) : cases[i].len;
		struct err err = ERR_INIT;
		int r = cases[i].check("v", cases[i].value, len, &err);

		assert_int_equal(r, cases[i].text == NULL ? 0 : -1);
		if (cases[i].text != NULL)
			assert_string_equal(err.text, cases[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),	     cmocka_unit_test(test_guess),
		cmocka_unit_test(test_accepted),     cmocka_unit_test(test_refused),
		cmocka_unit_test(test_every_change), cmocka_unit_test(test_published),
		cmocka_unit_test(test_values),
	};

	mem_init();
	return cmocka_run_group_tests_name("kinds/token", tests, NULL, NULL);
}
