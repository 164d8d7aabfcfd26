/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/filled.h"

#include <string.h>

#include "base/text.h"
#include "guard/placeholder.h"

#define SCHEME_MAX 32 /* "jdbc:postgresql:" */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_word_char(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/* --- what is filled in ------------------------------------------------------------------------ */

static const struct mark {
	const char *open, *close;
	enum { TEXT, NESTED, NAME } within;
} marks[] = {
	{ "${", "}", NESTED }, { "{{", "}}", TEXT },  { "$(", ")", NESTED }, { "#{", "}", NESTED },
	{ "<%", "%>", TEXT },  { "ENC[", "]", TEXT }, { "%(", ")s", NAME },  { "%[", "]s", TEXT },
	{ "@@", "@@", NAME },  { "<", ">", NAME },    { "%", "%", NAME },
};

/* Bytes of what begins with the mark and ends on the same line; 0: it is none. */
static size_t marked(const struct mark *m, const char *s, size_t len)
{
	size_t from = strlen(m->open), n = strlen(m->close), depth = 0;

	if (!text_begins(s, len, m->open) || from == len ||
	    (m->within == NAME && !is_letter(s[from]) && s[from] != '/'))
		return 0;
	for (size_t i = from; i + n <= len && s[i] != '\n'; i++) {
		if (depth == 0 && memcmp(s + i, m->close, n) == 0)
			return i + n;
		if (m->within == NAME && !is_word_char(s[i]) && !text_is_one_of(s[i], " :/#|"))
			return 0;
		if (m->within == NESTED && s[i] == m->open[from - 1])
			depth++;
		else if (depth > 0 && s[i] == m->close[0])
			depth--;
	}
	return 0;
}

/* $NAME and %s, which end where nothing of a password goes on. */
static size_t bare(const char *s, size_t len)
{
	size_t n = 2;

	if (len < 2 || (s[0] != '$' && s[0] != '%') || !is_letter(s[1]))
		return 0;
	while (s[0] == '$' && n < len && is_word_char(s[n]) && s[n] != '-' && s[n] != '.')
		n++;
	return n == len || text_is_one_of(s[n], " \t\r\n\"'`,;:/@&)}]\\") ? n : 0;
}

static size_t filled_in(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; n == 0 && i < sizeof(marks) / sizeof(*marks); i++)
		n = marked(&marks[i], s, len);
	return n > 0 ? n : bare(s, len);
}

/* --- names and words -------------------------------------------------------------------------- */

struct walk {
	const char *s;
	size_t len, at;
	char sign;   /* behind a name, whose value is due; '\0': none is */
	bool filled; /* something is */
};

static bool fill(struct walk *w, size_t n)
{
	if (n == 0)
		return false;
	w->at += n;
	w->filled = true;
	w->sign = '\0';
	return true;
}

static size_t word_len(const struct walk *w)
{
	size_t n = 0;

	while (w->at + n < w->len && is_word_char(w->s[w->at + n]))
		n++;
	return n;
}

/* SCHEME://LOGIN@REST with a login that is filled in. */
static size_t url_len(const char *s, size_t len)
{
	size_t i = 0, n;
	bool login = false;

	while (i < len && i < SCHEME_MAX && (is_word_char(s[i]) || s[i] == '+' || s[i] == ':'))
		i++;
	if (i == 0 || s[i - 1] != ':' || !text_begins(s + i, len - i, "//"))
		return 0;
	for (i += 2; i < len && s[i] != '@'; i += n) {
		n = filled_in(s + i, len - i);
		login = login || n > 0;
		if (n == 0 && s[i] != ':')
			return 0;
		n += n == 0;
	}
	if (i == len || !login)
		return 0;
	for (i++; i < len && !text_is_one_of(s[i], " \t\r\n\"'\\"); i += n > 0 ? n : 1) {
		n = filled_in(s + i, len - i);
		if (n == 0 && !is_word_char(s[i]) && !text_is_one_of(s[i], ":/,"))
			return 0;
	}
	return i;
}

/* Behind a word: the sign that makes it a name, when one may stand here. */
static bool take_name(struct walk *w, size_t n)
{
	size_t i = w->at + n;

	while (i < w->len && text_is_one_of(w->s[i], " \t\"'\\/"))
		i++;
	if (i == w->len || (w->s[i] != '=' && w->s[i] != ':') ||
	    (w->sign != '\0' && (w->sign != ':' || w->s[i] != '=')))
		return false;
	w->sign = w->s[i];
	w->at = i + 1;
	return true;
}

static bool take_word(struct walk *w)
{
	const char *s = w->s + w->at;
	size_t n = word_len(w), url = url_len(s, w->len - w->at);

	if (url > 0)
		return fill(w, url);
	if (take_name(w, n))
		return true;
	if (n == 6 && memcmp(s, "export", n) == 0) {
		w->at += n;
		return true;
	}
	return fill(w, placeholder_is_said(s, n) ? n : 0);
}

/* Quotes, brackets and what else is around names and values. */
static bool take_sign(struct walk *w)
{
	char c = w->s[w->at];

	if (c == '\\' && w->at + 1 < w->len && text_is_one_of(w->s[w->at + 1], "nr")) {
		c = '\n';
		w->at++;
	}
	/* "NAME=" alone may be the end of base64 */
	if (w->sign == '=' && text_is_one_of(c, "=\n,;}]"))
		return false;
	if (text_is_one_of(c, "{[,;\n"))
		w->sign = '\0';
	if (!text_is_one_of(c, " \t\r\n\"'\\{}[](),;:/@&|>*-"))
		return false;
	w->at++;
	return true;
}

static bool take(struct walk *w)
{
	if (fill(w, filled_in(w->s + w->at, w->len - w->at)))
		return true;
	/* with no end; looked for once */
	if (text_begins(w->s + w->at, w->len - w->at, "{{"))
		return false;
	return is_word_char(w->s[w->at]) && w->s[w->at] != '-' ? take_word(w) : take_sign(w);
}

/* --- all of it -------------------------------------------------------------------------------- */

/* As vals, external-secrets and their like write it, all of it: a "/" follows these. */
static bool is_address(const char *s, size_t len)
{
	static const char *const stores[] = { "vault:",	  "ref+",     "op:/",	  "sm:/",
					      "awssm:/",  "gcpsm:/",  "akv:/",	  "berglas:",
					      "doppler:", "keyring:", "projects/" };
	bool known = text_begins(s, len, "arn:aws:");

	for (size_t i = 0; !known && i < sizeof(stores) / sizeof(*stores); i++) {
		size_t n = strlen(stores[i]);

		known = text_begins(s, len, stores[i]) && memchr(s + n, '/', len - n) != NULL;
	}
	for (size_t i = 0; known && i < len; i++)
		known = is_word_char(s[i]) || text_is_one_of(s[i], "/:#@?=&+,");
	return known;
}

bool filled_is(const char *value, size_t len)
{
	struct walk w;

	while (len > 0 && text_is_one_of(value[len - 1], " \t\r\n"))
		len--;
	while (len > 0 && text_is_one_of(value[0], " \t\r\n")) {
		value++;
		len--;
	}
	if (len == 0 || placeholder_is_encrypted(value, len) || is_address(value, len))
		return true;

	w = (struct walk){ .s = value, .len = len };
	while (w.at < len && take(&w))
		;
	return (w.at == len && w.filled && w.sign != '=') ||
	       (len > 1 && placeholder_variety(value, len) == 1);
}
