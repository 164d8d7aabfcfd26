/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/token.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "kinds/value.h"

#define CHECKSUM 6 /* base62 digits at the end of GitHub's tokens */

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static bool alphanumeric(char c)
{
	return c != '\0' && strchr(base62, c) != NULL;
}

/* The CRC of IEEE 802.3, reflected; tokens are short, so no table. */
static uint32_t crc32_of(const char *s, size_t len)
{
	uint32_t crc = 0xffffffffu;

	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)s[i];
		for (int k = 0; k < 8; k++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static int all_alphanumeric(const char *what, const char *token, size_t from, size_t to,
			    struct err *err)
{
	for (size_t i = from; i < to; i++)
		if (!alphanumeric(token[i]))
			return err_set(
			    err, ERR_INVALID,
			    "%s: character %zu is neither a letter nor a digit, and such a "
			    "token has no other there",
			    what, i + 1);
	return 0;
}

static int check_checksum(const char *what, const struct token_form *form, const char *token,
			  size_t len, struct err *err)
{
	size_t prefix = strlen(form->prefix);
	uint32_t crc;

	if (all_alphanumeric(what, token, prefix, len, err) != 0)
		return -1;
	crc = crc32_of(token + prefix, len - prefix - CHECKSUM);
	for (size_t i = 0; i < CHECKSUM; i++, crc /= 62)
		if (token[len - 1 - i] != base62[crc % 62])
			return err_set(
			    err, ERR_INVALID,
			    "%s: the checksum in its last %d characters does not match: a "
			    "character is wrong or two have changed places; copy it again",
			    what, CHECKSUM);
	return 0;
}

/* No rule of its checksum is published (flux-kubelet-github 6.5). */
static int check_fine_grained(const char *what, const struct token_form *form, const char *token,
			      size_t len, struct err *err)
{
	size_t prefix = strlen(form->prefix), mid = prefix + 22;

	if (token[mid] != '_')
		return err_set(err, ERR_INVALID, "%s: character %zu must be \"_\"", what, mid + 1);
	if (all_alphanumeric(what, token, prefix, mid, err) != 0)
		return -1;
	return all_alphanumeric(what, token, mid + 1, len, err);
}

/* Refresh tokens came with 76 characters first, of which no checksum is known. */
static int check_refresh(const char *what, const struct token_form *form, const char *token,
			 size_t len, struct err *err)
{
	if (len == form->min)
		return check_checksum(what, form, token, len, err);
	if (len != form->max)
		return err_set(err, ERR_INVALID,
			       "%s: a GitHub refresh token has %zu or %zu characters", what,
			       form->min, form->max);
	return all_alphanumeric(what, token, strlen(form->prefix), len, err);
}

static bool is_base64url(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!alphanumeric(s[i]) && s[i] != '-' && s[i] != '_')
			return false;
	return len != 0;
}

/* Is s a JWT: three parts of base64url, the first a JSON object? */
static bool is_jwt(const char *s, size_t len)
{
	const char *one = memchr(s, '.', len), *two;

	if (len < 3 || memcmp(s, "eyJ", 3) != 0 || one == NULL)
		return false;
	two = memchr(one + 1, '.', len - (size_t)(one + 1 - s));
	return two != NULL && is_base64url(s, (size_t)(one - s)) &&
	       is_base64url(one + 1, (size_t)(two - one - 1)) &&
	       is_base64url(two + 1, len - (size_t)(two + 1 - s));
}

/* ghs_ and 36 characters, or since 2026 ghs_APPID_JWT. */
static int check_installation(const char *what, const struct token_form *form, const char *token,
			      size_t len, struct err *err)
{
	size_t prefix = strlen(form->prefix), digits = 0;

	if (len == form->min)
		return all_alphanumeric(what, token, prefix, len, err);
	while (prefix + digits < len && token[prefix + digits] >= '0' &&
	       token[prefix + digits] <= '9')
		digits++;
	if (digits == 0 || prefix + digits == len || token[prefix + digits] != '_')
		return err_set(err, ERR_INVALID,
			       "%s: neither form of an installation token: %zu characters, or "
			       "ghs_ with the number of an App, \"_\" and a JWT",
			       what, form->min);
	if (!is_jwt(token + prefix + digits + 1, len - prefix - digits - 1))
		return err_set(err, ERR_INVALID,
			       "%s: what follows the number of the App is not a whole JWT", what);
	return 0;
}

#define PAT_KINDS "registry or git-https"
#define LOGIN "it ends when its owner logs out; a personal access token lasts"
#define HOUR "it ends an hour after it was made; seal what makes it, as github-app, or a PAT"
#define REFRESH "a refresh token opens nothing itself"

static const struct token_form forms[] = {
	{ .prefix = "ghp_",
	  .name = "a classic GitHub personal access token",
	  .kinds = PAT_KINDS,
	  .service = TOKEN_GITHUB,
	  .min = 40,
	  .max = 40,
	  .check = check_checksum },
	{ .prefix = "github_pat_",
	  .name = "a fine-grained GitHub personal access token",
	  .kinds = "git-https",
	  .service = TOKEN_GITHUB,
	  .min = 93,
	  .max = 93,
	  .check = check_fine_grained,
	  .refused = { [TOKEN_PULL] =
			   "GitHub's registry takes no fine-grained token; make a classic "
			   "one (ghp_) with read:packages" } },
	{ .prefix = "gho_",
	  .name = "a GitHub OAuth token",
	  .kinds = PAT_KINDS,
	  .service = TOKEN_GITHUB,
	  .min = 40,
	  .max = 40,
	  .check = check_checksum,
	  .note = { LOGIN, LOGIN } },
	{ .prefix = "ghu_",
	  .name = "a GitHub App's user token",
	  .kinds = PAT_KINDS,
	  .service = TOKEN_GITHUB,
	  .min = 40,
	  .max = 40,
	  .check = check_checksum,
	  .note = { "it ends eight hours after it was made, unless its App says otherwise",
		    "it ends eight hours after it was made, unless its App says otherwise" } },
	{ .prefix = "ghr_",
	  .name = "a GitHub refresh token",
	  .service = TOKEN_GITHUB,
	  .min = 40,
	  .max = 80,
	  .check = check_refresh,
	  .useless = true,
	  .refused = { REFRESH, REFRESH } },
	{ .prefix = "ghs_",
	  .name = "a GitHub App installation token",
	  .kinds = "github-app",
	  .service = TOKEN_GITHUB,
	  .min = 40,
	  .max = 8192,
	  .check = check_installation,
	  .note = { "GitHub's registry logs such tokens in and then denies the pull; a classic "
		    "personal access token (ghp_) with read:packages works",
		    HOUR } },
	{ .prefix = "glpat-",
	  .name = "a GitLab personal access token",
	  .kinds = PAT_KINDS,
	  .service = TOKEN_GITLAB,
	  .min = 26,
	  .max = 300 },
	{ .prefix = "gldt-",
	  .name = "a GitLab deploy token",
	  .kinds = PAT_KINDS,
	  .service = TOKEN_GITLAB,
	  .min = 25,
	  .max = 300 },
	{ .prefix = "dckr_pat_",
	  .name = "a Docker Hub personal access token",
	  .kinds = "registry",
	  .service = TOKEN_DOCKER,
	  .min = 36,
	  .max = 36 },
	{ .prefix = "dckr_oat_",
	  .name = "a Docker Hub organisation token",
	  .kinds = "registry",
	  .service = TOKEN_DOCKER,
	  .min = 41,
	  .max = 41 },
	{ .prefix = "AGE-SECRET-KEY-PQ-1", .name = "a hybrid age key", .min = 77, .max = 77 },
	{ .prefix = "AGE-SECRET-KEY-1",
	  .name = "an age key",
	  .kinds = "age-key",
	  .min = 74,
	  .max = 74 },
	{ .prefix = "xoxb-", .name = "a Slack bot token", .min = 20, .max = 300 },
	{ .prefix = "xoxp-", .name = "a Slack user token", .min = 20, .max = 300 },
	{ .prefix = "xapp-", .name = "a Slack app token", .min = 20, .max = 300 },
	{ .prefix = "AKIA", .name = "an AWS access key id", .min = 20, .max = 20 },
	{ .prefix = "ASIA", .name = "the id of a temporary AWS access key", .min = 20, .max = 20 },
	{ .prefix = "sk_live_", .name = "a Stripe live secret key", .min = 24, .max = 300 },
	{ .prefix = "rk_live_", .name = "a Stripe live restricted key", .min = 24, .max = 300 },
	{ .prefix = "npm_", .name = "an npm token", .min = 40, .max = 40 },
	{ .prefix = "pypi-", .name = "a PyPI token", .min = 60, .max = 2000 },
	{ .prefix = "hvs.", .name = "a Vault token", .min = 28, .max = 300 },
};

/* Texts, told by what they begin with and what must stand in them. */
static const struct text_form {
	struct token_form form;
	const char *holds[2];
} text_forms[] = {
	{ { .prefix = "-----BEGIN OPENSSH PRIVATE KEY-----",
	    .name = "an SSH private key",
	    .kinds = "deploy-key" },
	  { NULL } },
	{ { .prefix = "-----BEGIN ",
	    .name = "a private key",
	    .kinds = "tls, deploy-key or github-app" },
	  { "PRIVATE KEY-----" } },
	{ { .prefix = "{",
	    .name = "a Google service account's key",
	    .kinds = "gcp-service-account" },
	  { "\"service_account\"", "\"private_key\"" } },
	{ { .prefix = "{", .name = "a docker config", .kinds = "registry" }, { "\"auths\"" } },
};

static bool holds(const char *s, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; len >= n && i <= len - n; i++)
		if (s[i] == word[0] && memcmp(s + i, word, n) == 0)
			return true;
	return false;
}

const struct token_form *token_find(const void *data, size_t len)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++)
		if (text_begins(data, len, forms[i].prefix))
			return &forms[i];
	return NULL;
}

static const struct token_form *guess_text(const char *s, size_t len)
{
	for (; len != 0 && (s[0] == ' ' || s[0] == '\n' || s[0] == '\r' || s[0] == '\t'); len--)
		s++;
	for (size_t i = 0; i < sizeof(text_forms) / sizeof(*text_forms); i++) {
		const struct text_form *t = &text_forms[i];

		if (text_begins(s, len, t->form.prefix) &&
		    (t->holds[0] == NULL || holds(s, len, t->holds[0])) &&
		    (t->holds[1] == NULL || holds(s, len, t->holds[1])))
			return &t->form;
	}
	return NULL;
}

const struct token_form *token_guess(const void *data, size_t len)
{
	const struct token_form *form = token_find(data, len);

	/* what is far from a token's length, or has blanks, is a sentence that begins like one */
	if (form != NULL && len + 4 >= form->min && len <= form->max + 4 &&
	    memchr(data, ' ', len) == NULL)
		return form;
	return guess_text(data, len);
}

static int check_length(const char *what, const struct token_form *form, size_t len,
			struct err *err)
{
	bool few = len < form->min;
	const char *bound = form->min == form->max ? "" : few ? "at least " : "at most ";

	if (!few && len <= form->max)
		return 0;
	return err_set(err, ERR_INVALID,
		       "%s: begins like %s, which has %s%zu characters; this has %zu: %s", what,
		       form->name, bound, few ? form->min : form->max, len,
		       few ? "some are missing" : "there are more than belong to it");
}

int token_check(const char *what, const struct token_form *form, const void *data, size_t len,
		struct err *err)
{
	if (value_word(what, data, len, err) != 0)
		return -1;
	/* the lengths of other services' tokens are observed, not promised */
	if (form->service != TOKEN_GITHUB)
		return 0;
	if (check_length(what, form, len, err) != 0)
		return -1;
	return form->check(what, form, data, len, err);
}

static const struct host {
	const char *name;
	enum token_service service;
	const char *owner;
} hosts[] = {
	{ "github.com", TOKEN_GITHUB, "GitHub" }, { "ghcr.io", TOKEN_GITHUB, "GitHub" },
	{ "gitlab.com", TOKEN_GITLAB, "GitLab" }, { "registry.gitlab.com", TOKEN_GITLAB, "GitLab" },
	{ "docker.io", TOKEN_DOCKER, "Docker" },
};

static const struct host *find_host(const char *name)
{
	size_t n = strcspn(name, ":");

	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++)
		if (strlen(hosts[i].name) == n && memcmp(hosts[i].name, name, n) == 0)
			return &hosts[i];
	return NULL;
}

/* A damaged token of GitHub's is one still; "npm_" may begin any password. */
static bool is_likely(const struct token_form *form, size_t len)
{
	return form->service == TOKEN_GITHUB || (len >= form->min && len <= form->max);
}

static int accept_unknown(const struct token_place *place, bool github, const void *data,
			  size_t len, struct notes *notes, struct err *err)
{
	if (!github)
		return value_password(place->what, data, len, err);
	if (value_word(place->what, data, len, err) != 0)
		return -1;
	note_add(notes,
		 "%s: begins with none of GitHub's prefixes (ghp_, github_pat_, ...), so its shape "
		 "was not checked",
		 place->what);
	return 0;
}

int token_accept(const struct token_place *place, const void *data, size_t len, struct notes *notes,
		 struct err *err)
{
	const struct token_form *form = token_find(data, len);
	const struct host *host = find_host(place->host);
	bool github = host != NULL && host->service == TOKEN_GITHUB;
	const char *refused;

	if (form == NULL || !is_likely(form, len))
		return accept_unknown(place, github, data, len, notes, err);
	if (token_check(place->what, form, data, len, err) != 0)
		return -1;
	if (host != NULL && form->service != host->service)
		return err_set(err, ERR_INVALID, "%s: is %s, and %s is %s's", place->what,
			       form->name, host->name, host->owner);
	/* elsewhere it may be an own GitHub Enterprise, whose rules are its own */
	refused = form->refused[place->use];
	if (refused != NULL && (github || form->useless))
		return err_set(err, ERR_INVALID, "%s: is %s: %s", place->what, form->name, refused);
	if (form->note[place->use] != NULL)
		note_add(notes, "%s: is %s: %s", place->what, form->name, form->note[place->use]);
	return 0;
}
