/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/shape.h"

#include <string.h>

#include "base/bech32.h"
#include "base/buf.h"
#include "base/mem.h"
#include "guard/placeholder.h"
#include "guard/wrapped.h"
#include "kinds/token.h"

enum chars {
	ALNUM = 1,
	DASHES = 2, /* "-" and "_" */
	UPPER = 4,  /* "A" to "Z" and "2" to "7" only */
	DOT = 8,
	HEX = 16,
	BECH = 32, /* "A" to "Z" and digits only */
};

struct shape {
	const char *prefix;
	const char *what;
	enum guard_rule_id rule;
	unsigned chars;
	size_t min, max; /* characters behind the prefix */
	/* NULL: enough different characters are enough */
	bool (*check)(const char *token, size_t len);
	const char *marker; /* must stand in it, or NULL */
	unsigned variety;   /* different characters behind the prefix; 0: for the length */
};

#define AGE_BYTES 32
#define JWT_SIGNATURE_MIN 20 /* characters */
#define LONG 1000	     /* characters: such a run is looked at from its beginning alone */

static bool check_age(const char *token, size_t len, const char *prefix)
{
	unsigned char key[AGE_BYTES];
	enum bech32_verdict v = bech32_decode(token, len, prefix, key, sizeof(key));

	mem_wipe(key, sizeof(key));
	return v == BECH32_OK;
}

static bool check_age_x25519(const char *token, size_t len)
{
	return check_age(token, len, "AGE-SECRET-KEY-");
}

static bool check_age_hybrid(const char *token, size_t len)
{
	return check_age(token, len, "AGE-SECRET-KEY-PQ-");
}

/* Every documentation of AWS has this one. */
static bool check_aws(const char *token, size_t len)
{
	return len < 7 || memcmp(token + len - 7, "EXAMPLE", 7) != 0;
}

/* a number, dash, number, dash, letters: what Slack's tokens have in common */
static bool check_slack(const char *token, size_t len)
{
	unsigned digits = 0, dashes = 0;

	for (size_t i = 5; i < len; i++) {
		digits += token[i] >= '0' && token[i] <= '9';
		dashes += token[i] == '-';
	}
	return digits >= 8 && dashes >= 1;
}

static bool check_sendgrid(const char *token, size_t len)
{
	return len == 69 && token[25] == '.' && memchr(token + 3, '.', 22) == NULL &&
	       memchr(token + 26, '.', 43) == NULL;
}

static bool part_holds(const char *part, size_t len, const char *word)
{
	struct buf plain = BUF_INIT;
	bool holds;

	wrapped_decode(part, len, &plain);
	holds = plain.len > 0 && memmem(plain.data, plain.len, word, strlen(word)) != NULL;
	buf_clear(&plain);
	return holds;
}

/* header.payload.signature; not the one that every tutorial shows */
static bool check_jwt(const char *token, size_t len)
{
	const char *one = memchr(token, '.', len), *two;
	size_t left;

	if (one == NULL)
		return false;
	left = len - (size_t)(one + 1 - token);
	two = memchr(one + 1, '.', left);
	if (two == NULL || len - (size_t)(two + 1 - token) < JWT_SIGNATURE_MIN)
		return false;
	return part_holds(token, (size_t)(one - token), "\"alg\"") &&
	       !part_holds(one + 1, (size_t)(two - one - 1), "John Doe");
}

/* Sorted by nothing: a longer prefix stands before the shorter one that it begins with. */
static const struct shape shapes[] = {
	{ "AGE-SECRET-KEY-PQ-1", "a hybrid age private key", GUARD_AGE_IDENTITY, BECH, 58, 58,
	  check_age_hybrid, NULL, 1 },
	{ "AGE-SECRET-KEY-1", "an age private key", GUARD_AGE_IDENTITY, BECH, 58, 58,
	  check_age_x25519, NULL, 1 },
	{ "glpat-", "a GitLab personal access token", GUARD_SERVICE_TOKEN, ALNUM | DASHES | DOT, 20,
	  300, NULL, NULL, 0 },
	{ "gldt-", "a GitLab deploy token", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 20, 64, NULL, NULL,
	  0 },
	{ "glrt-", "a GitLab runner token", GUARD_SERVICE_TOKEN, ALNUM | DASHES | DOT, 20, 300,
	  NULL, NULL, 0 },
	{ "glcbt-", "a GitLab CI job token", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 20, 300, NULL,
	  NULL, 0 },
	{ "glptt-", "a GitLab trigger token", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 40, 64, NULL,
	  NULL, 0 },
	{ "dckr_pat_", "a Docker Hub personal access token", GUARD_SERVICE_TOKEN, ALNUM | DASHES,
	  27, 27, NULL, NULL, 0 },
	{ "dckr_oat_", "a Docker Hub organisation token", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 32,
	  32, NULL, NULL, 0 },
	{ "xoxb-", "a Slack bot token", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 30, 200, check_slack,
	  NULL, 0 },
	{ "xoxp-", "a Slack user token", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 30, 200, check_slack,
	  NULL, 0 },
	{ "xoxe-", "a Slack refresh token", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 30, 300,
	  check_slack, NULL, 0 },
	{ "xapp-", "a Slack app token", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 30, 200, check_slack,
	  NULL, 0 },
	{ "AKIA", "an AWS access key id", GUARD_AWS_KEY, UPPER, 16, 16, check_aws, NULL, 7 },
	{ "ASIA", "the id of a temporary AWS access key", GUARD_AWS_KEY, UPPER, 16, 16, check_aws,
	  NULL, 7 },
	{ "sk_live_", "a Stripe live secret key", GUARD_SERVICE_TOKEN, ALNUM, 16, 250, NULL, NULL,
	  0 },
	{ "rk_live_", "a Stripe live restricted key", GUARD_SERVICE_TOKEN, ALNUM, 16, 250, NULL,
	  NULL, 0 },
	{ "sk_test_", "a Stripe test secret key", GUARD_SERVICE_TOKEN, ALNUM, 20, 250, NULL, NULL,
	  0 },
	{ "whsec_", "a Stripe webhook secret", GUARD_SERVICE_TOKEN, ALNUM, 32, 64, NULL, NULL, 0 },
	{ "npm_", "an npm token", GUARD_SERVICE_TOKEN, ALNUM, 36, 36, NULL, NULL, 0 },
	{ "pypi-AgEIcHlwaS5vcmc", "a PyPI token", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 50, 2000,
	  NULL, NULL, 0 },
	{ "hvs.", "a Vault token", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 24, 300, NULL, NULL, 0 },
	{ "hvb.", "a Vault batch token", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 100, 400, NULL, NULL,
	  0 },
	{ "SG.", "a SendGrid key", GUARD_SERVICE_TOKEN, ALNUM | DASHES | DOT, 66, 66,
	  check_sendgrid, NULL, 0 },
	{ "AIza", "a Google API key", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 35, 35, NULL, NULL, 0 },
	{ "GOCSPX-", "a Google OAuth client secret", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 28, 28,
	  NULL, NULL, 0 },
	{ "sk-ant-", "an Anthropic key", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 90, 110, NULL, NULL,
	  0 },
	{ "sk-", "an OpenAI key", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 40, 200, NULL, "T3BlbkFJ",
	  0 },
	{ "hf_", "a Hugging Face token", GUARD_SERVICE_TOKEN, ALNUM, 34, 34, NULL, NULL, 0 },
	{ "dop_v1_", "a DigitalOcean token", GUARD_SERVICE_TOKEN, HEX, 64, 64, NULL, NULL, 8 },
	{ "dapi", "a Databricks token", GUARD_SERVICE_TOKEN, HEX, 32, 32, NULL, NULL, 8 },
	{ "shpat_", "a Shopify token", GUARD_SERVICE_TOKEN, HEX, 32, 32, NULL, NULL, 8 },
	{ "glsa_", "a Grafana service account token", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 41, 41,
	  NULL, NULL, 0 },
	{ "tskey-auth-", "a Tailscale auth key", GUARD_SERVICE_TOKEN, ALNUM | DASHES, 20, 80, NULL,
	  NULL, 0 },
	{ "eyJ", "a signed JSON web token", GUARD_JWT, ALNUM | DASHES | DOT, 60, 8192, check_jwt,
	  NULL, 0 },
	{ "pul-", "a Pulumi token", GUARD_SERVICE_TOKEN, HEX, 40, 40, NULL, NULL, 8 },
};

static bool is_lower_hex(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_upper(unsigned char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool is_in(unsigned char c, unsigned chars)
{
	if ((chars & HEX) != 0)
		return is_lower_hex(c);
	if ((chars & UPPER) != 0)
		return is_upper(c) || (c >= '2' && c <= '7');
	if ((chars & BECH) != 0)
		return is_upper(c) || is_digit(c);
	return is_upper(c) || is_digit(c) || (c >= 'a' && c <= 'z') ||
	       ((chars & DASHES) != 0 && (c == '-' || c == '_')) ||
	       ((chars & DOT) != 0 && c == '.');
}

bool shape_may_begin(unsigned char a, unsigned char b)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
		if ((unsigned char)shapes[i].prefix[0] == a &&
		    (unsigned char)shapes[i].prefix[1] == b)
			return true;
	return false;
}

static bool is_whole(const struct shape *s, const char *token, size_t prefix, size_t len)
{
	size_t body = len - prefix;
	unsigned variety = s->variety;

	if (variety == 0)
		variety = body < 24 ? 9 : body < 40 ? 12 : 15;
	if (body < s->min || body > s->max || placeholder_variety(token + prefix, body) < variety ||
	    placeholder_is_counted(token + prefix, body))
		return false;
	if (s->marker != NULL && memmem(token, len, s->marker, strlen(s->marker)) == NULL)
		return false;
	return s->check == NULL || s->check(token, len);
}

static size_t run_of(const struct view *v, size_t at, unsigned chars, size_t max)
{
	size_t n = 0;

	while (n < max && at + n < v->len && is_in((unsigned char)v->text[at + n], chars))
		n++;
	return n;
}

/* Is what begins here only the rest of a longer run? */
static bool continues(const struct view *v, size_t at, unsigned chars)
{
	return at > 0 && is_in((unsigned char)v->text[at - 1], chars) &&
	       !(at > 1 && v->text[at - 2] == '\\') && !(at > 2 && v->text[at - 3] == '%');
}

bool shape_at(const struct view *v, size_t at, struct hit_new *hit)
{
	const char *text = v->text + at;
	size_t left = v->len - at;

	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		const struct shape *s = &shapes[i];
		size_t prefix, n;

		if (s->prefix[0] != text[0])
			continue;
		n = prefix = strlen(s->prefix);
		if (left < prefix + s->min || memcmp(text, s->prefix, prefix) != 0)
			continue;
		if (s->max > LONG && continues(v, at, s->chars))
			continue;
		while (n < left && n <= prefix + s->max && is_in((unsigned char)text[n], s->chars))
			n++;
		/* what ends a sentence is no part of it */
		while (n > prefix && text[n - 1] == '.')
			n--;
		if (!is_whole(s, text, prefix, n))
			continue;
		*hit =
		    (struct hit_new){ .rule = s->rule, .from = at, .to = at + n, .what = s->what };
		return true;
	}
	return false;
}

bool shape_telegram(const struct view *v, size_t at, struct hit_new *hit)
{
	size_t from = at, n;

	while (from > 0 && at - from < 11 && is_digit((unsigned char)v->text[from - 1]))
		from--;
	if (at - from < 8 || at - from > 10 || v->len - at < 36 ||
	    memcmp(v->text + at + 1, "AA", 2) != 0)
		return false;
	n = run_of(v, at + 1, ALNUM | DASHES, 36);
	if (n != 35 || placeholder_variety(v->text + at + 1, n) < 15)
		return false;
	*hit = (struct hit_new){
		.rule = GUARD_SERVICE_TOKEN,
		.from = from,
		.to = at + 1 + n,
		.what = "a Telegram bot token",
	};
	return true;
}

/* --- GitHub ----------------------------------------------------------------------------------- */

#define OLD_BODY 36
#define REFRESH_BODY 76
#define VARIETY 12 /* different characters of a body without a checksum */

static bool accept(const struct view *v, size_t from, size_t len, const struct token_form *form,
		   struct hit_new *hit)
{
	if (token_check("token", form, v->text + from, len, NULL) != 0)
		return false;
	*hit = (struct hit_new){
		.rule = GUARD_GITHUB_TOKEN,
		.from = from,
		.to = from + len,
		.what = form->name,
	};
	return true;
}

static bool is_varied(const struct view *v, size_t from, size_t len)
{
	return placeholder_variety(v->text + from, len) >= VARIETY &&
	       !placeholder_is_counted(v->text + from, len);
}

/* ghs_ and the number of an App, "_" and a JWT. */
static bool github_app(const struct view *v, size_t from, const struct token_form *form,
		       struct hit_new *hit)
{
	size_t len;

	if (continues(v, from, ALNUM | DASHES | DOT))
		return false;
	len = 4 + run_of(v, from + 4, ALNUM | DASHES | DOT, form->max - 4);
	while (len > 4 && v->text[from + len - 1] == '.')
		len--;
	return len > 4 + OLD_BODY && accept(v, from, len, form, hit);
}

static bool github_old(const struct view *v, size_t from, const struct token_form *form,
		       struct hit_new *hit)
{
	size_t body = run_of(v, from + 4, ALNUM, REFRESH_BODY + 1);
	char type = v->text[from + 2];

	if (type == 's' && body < OLD_BODY)
		return github_app(v, from, form, hit);
	if (body < OLD_BODY)
		return false;
	/* without a checksum to go by it must end there */
	if (type == 's')
		return body == OLD_BODY && is_varied(v, from + 4, body) &&
		       accept(v, from, 4 + body, form, hit);
	if (type == 'r' && body == REFRESH_BODY)
		return is_varied(v, from + 4, body) && accept(v, from, 4 + body, form, hit);
	return accept(v, from, 4 + OLD_BODY, form, hit);
}

bool shape_github(const struct view *v, size_t at, struct hit_new *hit)
{
	static const char fine[] = "github_pat_";
	const struct token_form *form;
	size_t from;

	if (at >= 3 && v->text[at - 3] == 'g' && v->text[at - 2] == 'h') {
		from = at - 3;
		form = token_find(v->text + from, v->len - from);
		return form != NULL && form->service == TOKEN_GITHUB &&
		       github_old(v, from, form, hit);
	}
	if (at < 6 || v->len - (at - 6) < 93 || memcmp(v->text + at - 6, fine, 11) != 0)
		return false;
	from = at - 6;
	form = token_find(v->text + from, v->len - from);
	return is_varied(v, from + 11, 82) && accept(v, from, 93, form, hit);
}
