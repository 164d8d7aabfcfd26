/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/dotenv.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"

struct scan {
	const char *name;
	const char *at, *end;
	unsigned line;
	bool noted; /* about an escape */
	struct notes *notes;
	struct err *err;
	struct kv *out;
	struct kv lines; /* name -> the line it stands on */
};

static int fail(struct scan *s, unsigned line, const char *why)
{
	return err_set(s->err, ERR_INVALID, "%s:%u: %s", s->name, line, why);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool at_end_of_line(const struct scan *s)
{
	return s->at == s->end || *s->at == '\n' || *s->at == '\r';
}

static void skip_blanks(struct scan *s)
{
	while (s->at < s->end && is_blank(*s->at))
		s->at++;
}

static void skip_comment(struct scan *s)
{
	while (!at_end_of_line(s))
		s->at++;
}

static void next_line(struct scan *s)
{
	if (s->at < s->end && *s->at == '\r')
		s->at++;
	if (s->at < s->end && *s->at == '\n')
		s->at++;
	s->line++;
}

/* Bytes that no line may hold, wherever; afterwards each CR is one of a CR LF. */
static int check_bytes(struct scan *s)
{
	unsigned line = 1;

	for (const char *p = s->at; p < s->end; p++) {
		if (*p == '\n')
			line++;
		else if (*p == '\0')
			return fail(s, line, "holds a NUL byte; is this a text file in UTF-8?");
		else if (*p == '\r' && (p + 1 == s->end || p[1] != '\n'))
			return fail(s, line, "holds a carriage return that ends no line");
		else if (((unsigned char)*p < 0x20 && *p != '\t' && *p != '\r') || *p == 0x7f)
			return fail(s, line, "holds a control character");
	}
	return 0;
}

/* --- values ----------------------------------------------------------------------------------- */

/* One character of a quoted value; a line break is one character, however it is written. */
static void take(struct scan *s, struct buf *value)
{
	if (*s->at == '\r')
		s->at++; /* a LF follows */
	if (*s->at == '\n')
		s->line++;
	buf_putc(value, (unsigned char)*s->at++);
}

static int single_quoted(struct scan *s, struct buf *value)
{
	unsigned first = s->line;
	bool escape = false; /* an odd number of backslashes stands before */

	for (s->at++; s->at < s->end && *s->at != '\''; take(s, value))
		escape = *s->at == '\\' && !escape;
	if (s->at == s->end)
		return fail(s, first, "the single quote that begins the value is never closed");
	if (escape)
		return fail(s, s->line,
			    "a backslash before the closing quote: docker compose takes the quote "
			    "for a part of the value; use double quotes");
	s->at++;
	return 0;
}

static int double_escape(struct scan *s, struct buf *value)
{
	static const char from[] = "nrt\\\"$", to[] = "\n\r\t\\\"$";
	const char *c;

	s->at++;
	c = s->at == s->end ? NULL : memchr(from, *s->at, sizeof(from) - 1);
	if (c == NULL)
		return fail(s, s->line,
			    "in double quotes a backslash stands before \\, \", $, n, r or t only; "
			    "write \\\\ or use single quotes");
	if (c - from < 3 && !s->noted) {
		s->noted = true;
		note_add(
		    s->notes,
		    "%s:%u: \\%c is taken for the character that docker compose takes it for; a "
		    "shell keeps the backslash and the letter",
		    s->name, s->line, *c);
	}
	buf_putc(value, (unsigned char)to[c - from]);
	s->at++;
	return 0;
}

static int double_quoted(struct scan *s, struct buf *value)
{
	unsigned first = s->line;

	for (s->at++; s->at < s->end && *s->at != '"';) {
		if (*s->at == '$')
			return fail(
			    s, s->line,
			    "\"$\" in double quotes would be replaced; write \\$ or use single "
			    "quotes");
		if (*s->at == '`')
			return fail(
			    s, s->line,
			    "\"`\" in double quotes would run a command; use single quotes");
		if (*s->at != '\\')
			take(s, value);
		else if (double_escape(s, value) != 0)
			return -1;
	}
	if (s->at == s->end)
		return fail(s, first, "the double quote that begins the value is never closed");
	s->at++;
	return 0;
}

/* What may follow a value in quotes: a comment behind a blank. */
static int after_quote(struct scan *s)
{
	bool blank = s->at < s->end && is_blank(*s->at);

	skip_blanks(s);
	if (!at_end_of_line(s) && (*s->at != '#' || !blank))
		return fail(
		    s, s->line,
		    "something follows the closing quote; put the whole value in one pair of "
		    "quotes");
	skip_comment(s);
	return 0;
}

/* Why c cannot stand in a value without quotes; prev is '\0' at the beginning. */
static const char *why_quote(char c, char prev)
{
	if ((unsigned char)c >= 0x80)
		return "a character that is not ASCII needs quotes around the value";
	if (c == '\'' || c == '"')
		return "a quote inside the value; put the whole value in the other quotes";
	if (c == '\\')
		return "a backslash needs single quotes around the value";
	if (c == '$')
		return "\"$\" would be replaced; put the value in single quotes";
	if (strchr("`;&|<>()", c) != NULL)
		return "a character that a shell acts on needs single quotes around the value";
	if (c == '~' && (prev == '\0' || prev == ':'))
		return "\"~\" would become a home folder in a shell; put the value in single "
		       "quotes";
	if (c == '#' && prev == '\0')
		return "a value that begins with \"#\" needs quotes around it";
	return NULL;
}

static int unquoted(struct scan *s, struct buf *value)
{
	const char *why;

	for (; !at_end_of_line(s); s->at++) {
		if (is_blank(*s->at))
			break;
		why = why_quote(*s->at, value->len == 0 ? '\0' : s->at[-1]);
		if (why != NULL)
			return fail(s, s->line, why);
		buf_putc(value, (unsigned char)*s->at);
	}
	skip_blanks(s);
	if (at_end_of_line(s))
		return 0;
	if (*s->at != '#' || s->at[-1] != ' ' || value->len == 0)
		return fail(s, s->line,
			    value->len == 0 ? "a blank after \"=\"; begin the value right behind it"
					    : "a blank inside the value needs quotes around it");
	skip_comment(s);
	return 0;
}

static int read_value(struct scan *s, struct buf *value)
{
	int r;

	if (at_end_of_line(s) || (*s->at != '\'' && *s->at != '"'))
		return unquoted(s, value);
	r = *s->at == '"' ? double_quoted(s, value) : single_quoted(s, value);
	return r == 0 ? after_quote(s) : r;
}

/* --- entries ---------------------------------------------------------------------------------- */

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c >= '0' && c <= '9');
}

static void skip_export(struct scan *s)
{
	static const char word[] = "export";
	size_t n = sizeof(word) - 1;

	if ((size_t)(s->end - s->at) > n && memcmp(s->at, word, n) == 0 && is_blank(s->at[n])) {
		s->at += n;
		skip_blanks(s);
	}
}

/* The name, up to and with its "="; the caller frees it. */
static char *read_name(struct scan *s)
{
	const char *begin = s->at;
	size_t n;

	while (s->at < s->end && is_name_char(*s->at))
		s->at++;
	n = (size_t)(s->at - begin);
	if (s->at < s->end && *s->at == '=' && n != 0 && (*begin < '0' || *begin > '9')) {
		s->at++;
		return mem_strn(begin, n);
	}
	skip_blanks(s);
	if (n != 0 && s->at < s->end && *s->at == '=' && is_blank(s->at[-1]))
		fail(s, s->line, "a blank before \"=\"; a shell would take the name for a command");
	else if (n != 0 && s->at < s->end && *s->at == ':')
		fail(s, s->line, "\":\" after the name; write NAME=value");
	else if (n != 0 && at_end_of_line(s))
		fail(s, s->line, "a name without \"=\" would take its value from the environment");
	else
		fail(s, s->line,
		     "not NAME=value, where NAME is letters, digits and \"_\" and does not begin "
		     "with a "
		     "digit");
	return NULL;
}

static int store(struct scan *s, const char *name, unsigned line, const struct buf *value)
{
	if (strcmp(name, "_") == 0)
		return fail(s, line, "the name _ is the shell's own");
	if (!name_is_data_key(name))
		return fail(s, line, "the name is longer than the 253 characters of a data key");
	if (kv_has(s->out, name))
		return err_set(s->err, ERR_INVALID, "%s:%u: %s stands on line %s already", s->name,
			       line, name, kv_get_str(&s->lines, name));
	if (s->out->n == DOTENV_NAMES_MAX)
		return err_set(s->err, ERR_INVALID, "%s:%u: more than %d names", s->name, line,
			       DOTENV_NAMES_MAX);
	kv_set(s->out, name, buf_str(value), value->len);
	kv_set_fmt(&s->lines, name, "%u", line);
	return 0;
}

static int read_line(struct scan *s)
{
	struct buf value = BUF_INIT;
	unsigned line = s->line;
	char *name;
	int r = -1;

	skip_blanks(s);
	if (!at_end_of_line(s) && *s->at == '#')
		skip_comment(s);
	if (at_end_of_line(s))
		return 0;
	skip_export(s);
	name = read_name(s);
	if (name != NULL && read_value(s, &value) == 0)
		r = store(s, name, line, &value);
	mem_free(name);
	buf_clear(&value);
	return r;
}

int dotenv_parse(const char *name, const void *text, size_t len, struct kv *out,
		 struct notes *notes, struct err *err)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct scan s = { .name = name, .line = 1, .notes = notes, .err = err, .out = out };
	int r;

	kv_clear(out);
	if (len == 0)
		return err_set(err, ERR_INVALID, "%s: is empty", name);
	s.at = text;
	s.end = s.at + len;
	if (len >= 3 && memcmp(s.at, mark, 3) == 0)
		s.at += 3;
	r = check_bytes(&s);
	for (; r == 0 && s.at < s.end; next_line(&s))
		r = read_line(&s);
	if (r == 0 && out->n == 0)
		r = err_set(err, ERR_INVALID, "%s: holds no NAME=value", name);
	if (r != 0)
		kv_clear(out);
	kv_clear(&s.lines);
	return r;
}
