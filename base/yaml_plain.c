/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

#include <string.h>
#include <strings.h>

/*
 * The union of what PyYAML and go-yaml v2 and v3 (YAML 1.1), the core schema of YAML 1.2 and JSON
 * resolve to something else than a string, and a little more where the exact edge differs between
 * versions.  tests/vectors/yaml-plain/ holds what the real libraries say.
 */

static const char *const words[] = {
	"",
	"~",
	"null",
	"true",
	"false",
	"yes",
	"no",
	"on",
	"off",
	"y",
	"n",
	"=",
	"<<",
	".inf",
	"+.inf",
	"-.inf",
	".nan",
	"+.nan",
	"-.nan",
	/* strconv.ParseFloat, as early go-yaml called it */
	"+inf",
	"-inf",
	"+infinity",
	"-infinity",
	"+nan",
	"-nan",
};

/* A text read without its underscores and in lower case, in place: it may be a secret. */
struct cursor {
	const char *at, *end;
};

static char peek(struct cursor *c)
{
	while (c->at < c->end && *c->at == '_')
		c->at++;
	if (c->at == c->end)
		return '\0';
	return *c->at >= 'A' && *c->at <= 'Z' ? (char)(*c->at - 'A' + 'a') : *c->at;
}

static bool take(struct cursor *c, char want)
{
	if (want == '\0' || peek(c) != want)
		return false;
	c->at++;
	return true;
}

static bool at_end(struct cursor *c)
{
	return peek(c) == '\0' && c->at == c->end;
}

/* How many characters of a set follow; they are passed. */
static size_t span(struct cursor *c, const char *set)
{
	size_t n = 0;

	while (peek(c) != '\0' && strchr(set, peek(c)) != NULL) {
		c->at++;
		n++;
	}
	return n;
}

#define DIGITS "0123456789"

static bool is_word(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i]) == len && strncasecmp(words[i], text, len) == 0)
			return true;
	return false;
}

static void sign(struct cursor *c)
{
	if (!take(c, '+'))
		take(c, '-');
}

/*
 * 0x1f, 0o17, 0b11.  PyYAML takes underscores alone for digits, so digits may be missing; go-yaml
 * takes a sign behind the prefix.
 */
static bool is_prefixed(struct cursor c)
{
	const char *set;

	if (!take(&c, '0'))
		return false;
	if (take(&c, 'x'))
		set = DIGITS "abcdef";
	else if (take(&c, 'o'))
		set = "01234567";
	else if (take(&c, 'b'))
		set = "01";
	else
		return false;
	sign(&c);
	span(&c, set);
	return at_end(&c);
}

/* 1, 010, 1., .5, 1.5e-3, 1e5 */
static bool is_decimal(struct cursor c)
{
	size_t n = span(&c, DIGITS);

	if (take(&c, '.'))
		n += span(&c, DIGITS);
	if (n == 0)
		return false;
	if (take(&c, 'e')) {
		sign(&c);
		if (span(&c, DIGITS) == 0)
			return false;
	}
	return at_end(&c);
}

/* 12:30:45, 190:20:30.15 */
static bool is_sexagesimal(struct cursor c)
{
	if (span(&c, DIGITS) == 0 || peek(&c) != ':')
		return false;
	while (take(&c, ':'))
		if (span(&c, DIGITS) == 0)
			return false;
	if (take(&c, '.'))
		span(&c, DIGITS);
	return at_end(&c);
}

static bool is_number(const char *text, size_t len)
{
	struct cursor c = { text, text + len };

	/* an underscore in front makes a word of it, one behind the sign does not */
	if (len == 0 || text[0] == '_')
		return false;
	sign(&c);
	return is_prefixed(c) || is_decimal(c) || is_sexagesimal(c);
}

/* 2001-1-1, with anything that begins as a time behind it */
static bool is_date(const char *text, size_t len)
{
	struct cursor c = { text, text + len };

	if (memchr(text, '_', len) != NULL || span(&c, DIGITS) != 4)
		return false;
	for (int i = 0; i < 2; i++) {
		size_t n = take(&c, '-') ? span(&c, DIGITS) : 0;

		if (n < 1 || n > 2)
			return false;
	}
	if (at_end(&c))
		return true;
	return span(&c, "t \t") > 0 && span(&c, DIGITS) > 0;
}

bool yaml_plain_ambiguous(const char *text, size_t len)
{
	return is_word(text, len) || is_number(text, len) || is_date(text, len);
}

const char *yaml_string(const struct yaml_node *node)
{
	if (node == NULL || node->type != YAML_SCALAR)
		return NULL;
	if (node->style == YAML_PLAIN && yaml_plain_ambiguous(node->text, node->len))
		return NULL;
	return node->text;
}
