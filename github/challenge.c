/* SPDX-License-Identifier: Apache-2.0 */
#include "github/challenge.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#define TOKEN_MAX 64  /* of a scheme and of a parameter's name */
#define CHALLENGES 16 /* in one field */
#define PARAMETERS 32 /* in one challenge */
#define NAMES_MAX 160 /* of schemes that we cannot meet, for the error */
#define TOKEN_CHARACTERS                                                                           \
	"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TOKEN68_CHARACTERS "-._~+/0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char *const scheme_names[] = {
	[CHALLENGE_BASIC] = "Basic",
	[CHALLENGE_BEARER] = "Bearer",
};

/* The parameters that mean something to us. */
static const struct {
	const char *name;
	size_t at;
} known[] = {
	{ "realm", offsetof(struct challenge, realm) },
	{ "service", offsetof(struct challenge, service) },
	{ "scope", offsetof(struct challenge, scope) },
	{ "error", offsetof(struct challenge, error) },
};

struct reader {
	const char *start, *p;
	struct challenge best; /* so far */
	bool found;
	char others[NAMES_MAX]; /* schemes that we cannot meet */
};

static int bad(const struct reader *r, struct err *err, const char *why)
{
	return err_set(err, ERR_INVALID, "WWW-Authenticate: character %zu: %s",
		       (size_t)(r->p - r->start) + 1, why);
}

static void skip_space(struct reader *r)
{
	r->p += strspn(r->p, " \t");
}

/* Elements of a list may be empty (RFC 9110 section 5.6.1.2). */
static void skip_commas(struct reader *r)
{
	r->p += strspn(r->p, ", \t");
}

static int take_token(struct reader *r, char name[TOKEN_MAX + 1], struct err *err)
{
	size_t n = strspn(r->p, TOKEN_CHARACTERS);

	if (n == 0)
		return bad(r, err, "no name where one must stand");
	if (n > TOKEN_MAX)
		return bad(r, err, "a name is too long");
	memcpy(name, r->p, n);
	name[n] = '\0';
	r->p += n;
	return 0;
}

/* --- one parameter ---------------------------------------------------------------------------- */

static int take_quoted(struct reader *r, struct buf *value, struct err *err)
{
	for (r->p++; *r->p != '"'; r->p++) {
		if (*r->p == '\\')
			r->p++;
		if (*r->p == '\0')
			return bad(r, err, "a quoted value does not end");
		if (buf_putc(value, (unsigned char)*r->p) != 0)
			return bad(r, err, "a value is too long");
	}
	r->p++;
	return 0;
}

static int take_value(struct reader *r, struct buf *value, struct err *err)
{
	size_t n = strspn(r->p, TOKEN_CHARACTERS);

	if (*r->p == '"')
		return take_quoted(r, value, err);
	if (n == 0)
		return bad(r, err, "a parameter has no value");
	if (buf_put(value, r->p, n) != 0)
		return bad(r, err, "a value is too long");
	r->p += n;
	return 0;
}

/* name "=" value of c; the name is read already. */
static int take_parameter(struct reader *r, const char *name, struct challenge *c, struct err *err)
{
	struct buf value = BUF_INIT;
	int ret = -1;

	value.max = CHALLENGE_VALUE_MAX;
	skip_space(r);
	r->p++; /* "=", seen by the caller */
	skip_space(r);
	if (take_value(r, &value, err) != 0)
		goto out;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		char **to = (char **)(void *)((char *)c + known[i].at);

		if (strcasecmp(known[i].name, name) != 0)
			continue;
		if (*to != NULL) {
			bad(r, err, "a parameter stands twice");
			goto out;
		}
		*to = mem_str(buf_str(&value));
	}
	ret = 0;
out:
	buf_clear(&value);
	return ret;
}

/* Is what stands at p a parameter, and not the scheme of the next challenge? */
static bool at_parameter(const char *p)
{
	size_t n = strspn(p, TOKEN_CHARACTERS);

	p += n;
	p += strspn(p, " \t");
	return n > 0 && *p == '=';
}

/* What is not name=value, as "Negotiate YII...": it ends where a list goes on. */
static bool skip_token68(struct reader *r)
{
	size_t n = strspn(r->p, TOKEN68_CHARACTERS);
	size_t pad = n > 0 ? strspn(r->p + n, "=") : 0;
	size_t space = strspn(r->p + n + pad, " \t");
	char next = r->p[n + pad + space];

	if (n == 0 || (next != ',' && next != '\0'))
		return false;
	r->p += n + pad + space;
	return true;
}

static int take_parameters(struct reader *r, struct challenge *c, bool ours, struct err *err)
{
	char name[TOKEN_MAX + 1];

	if (skip_token68(r))
		return ours ? bad(r, err, "Basic and Bearer have parameters, not one bare value")
			    : 0;
	for (unsigned n = 0; at_parameter(r->p); n++) {
		if (n == PARAMETERS)
			return bad(r, err, "too many parameters");
		if (take_token(r, name, err) != 0 || take_parameter(r, name, c, err) != 0)
			return -1;
		skip_space(r);
		if (*r->p != ',' && *r->p != '\0')
			return bad(r, err, "no comma behind a parameter");
		skip_commas(r);
	}
	return 0;
}

/* --- the list --------------------------------------------------------------------------------- */

static void note_other(struct reader *r, const char *scheme)
{
	size_t n = strlen(r->others);

	if (n + strlen(scheme) + 3 < sizeof(r->others))
		snprintf(r->others + n, sizeof(r->others) - n, "%s%s", n > 0 ? ", " : "", scheme);
}

static bool find_scheme(const char *name, enum challenge_scheme *scheme)
{
	for (size_t i = 0; i < sizeof(scheme_names) / sizeof(*scheme_names); i++)
		if (strcasecmp(scheme_names[i], name) == 0) {
			*scheme = (enum challenge_scheme)i;
			return true;
		}
	return false;
}

static void keep_best(struct reader *r, struct challenge *c)
{
	if (r->found && c->scheme <= r->best.scheme)
		return;
	challenge_clear(&r->best);
	r->best = *c;
	r->found = true;
	memset(c, 0, sizeof(*c)); /* transferred */
}

static int take_challenge(struct reader *r, struct err *err)
{
	struct challenge c = { 0 };
	char name[TOKEN_MAX + 1];
	int ret = -1;
	bool ours;

	if (take_token(r, name, err) != 0)
		goto out;
	if (*r->p != '\0' && strchr(" \t,", *r->p) == NULL) {
		bad(r, err, "no space behind the scheme");
		goto out;
	}
	ours = find_scheme(name, &c.scheme);
	skip_space(r);
	if (take_parameters(r, &c, ours, err) != 0)
		goto out;
	if (ours && (c.scheme != CHALLENGE_BEARER || c.realm != NULL))
		keep_best(r, &c);
	else
		note_other(r, name);
	skip_commas(r);
	ret = 0;
out:
	challenge_clear(&c);
	return ret;
}

static int check_field(const char *field, struct err *err)
{
	size_t n = strlen(field);

	if (n > CHALLENGE_FIELD_MAX)
		return err_set(err, ERR_INVALID, "WWW-Authenticate: longer than %d bytes",
			       CHALLENGE_FIELD_MAX);
	for (size_t i = 0; i < n; i++)
		if ((field[i] < ' ' && field[i] != '\t') || field[i] > '~')
			return err_set(err, ERR_INVALID,
				       "WWW-Authenticate: character %zu: not printable ASCII",
				       i + 1);
	return 0;
}

int challenge_parse(const char *field, struct challenge *out, struct err *err)
{
	struct reader r = { .start = field, .p = field };
	int ret = -1;

	memset(out, 0, sizeof(*out));
	if (check_field(field, err) != 0)
		return -1;
	skip_commas(&r);
	for (unsigned n = 0; *r.p != '\0'; n++) {
		if (n == CHALLENGES) {
			bad(&r, err, "too many challenges");
			goto out;
		}
		if (take_challenge(&r, err) != 0)
			goto out;
	}
	if (!r.found && r.others[0] == '\0')
		err_set(err, ERR_INVALID, "WWW-Authenticate: empty");
	else if (!r.found)
		err_set(err, ERR_INVALID,
			"WWW-Authenticate: asks for %s, neither Basic nor Bearer with a realm",
			r.others);
	else
		ret = 0;
out:
	if (ret == 0)
		*out = r.best; /* transferred */
	else
		challenge_clear(&r.best);
	return ret;
}

void challenge_clear(struct challenge *c)
{
	mem_free(c->realm);
	mem_free(c->service);
	mem_free(c->scope);
	mem_free(c->error);
	memset(c, 0, sizeof(*c));
}
