/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/assign.h"

#include <string.h>

#include "base/mem.h"
#include "guard/judge.h"

#define NAME_MAX_LEN 80
#define BLANKS_MAX 32 /* between a name and its sign */
#define QUOTED_MAX 1024
#define PLAIN_MAX 200
#define DEFAULT_MAX 400 /* bytes between a variable's name in HCL and its default */
#define RANDOM_MAX 1500 /* before the result of a random_password, what says that it is one */

/* --- what a file is --------------------------------------------------------------------------- */

static bool ends(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len >= n && memcmp(s + len - n, end, n) == 0;
}

static bool is_example(const char *name, size_t len)
{
	static const char *const ends_with[] = { ".example", ".sample",	 ".template",
						 ".dist",    ".tpl",	 ".tmpl",
						 ".j2",	     "-example", "-sample" };

	for (size_t i = 0; i < sizeof(ends_with) / sizeof(*ends_with); i++)
		if (ends(name, len, ends_with[i]))
			return true;
	return false;
}

enum assign_mode assign_mode_of(const char *path)
{
	static const struct {
		const char *end;
		enum assign_mode mode;
	} files[] = {
		{ ".env", ASSIGN_ENV },		 { ".envrc", ASSIGN_ENV },
		{ ".yaml", ASSIGN_YAML },	 { ".yml", ASSIGN_YAML },
		{ ".npmrc", ASSIGN_ENV },	 { ".pypirc", ASSIGN_ENV },
		{ ".tfvars", ASSIGN_TERRAFORM }, { ".tfvars.json", ASSIGN_TERRAFORM },
	};
	const char *name;
	size_t len;

	if (path == NULL)
		return ASSIGN_CODE;
	name = strrchr(path, '/');
	name = name == NULL ? path : name + 1;
	len = strlen(name);
	if (is_example(name, len))
		return ASSIGN_CODE;
	if (strncmp(name, ".env.", 5) == 0)
		return ASSIGN_ENV;
	/* also .tfstate.backup and the .tfstate.NUMBER.backup of "terraform state rm" */
	if (strstr(name, ".tfstate") != NULL)
		return ASSIGN_TERRAFORM;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (ends(name, len, files[i].end))
			return files[i].mode;
	return ASSIGN_CODE;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_settings(enum assign_mode mode)
{
	return mode == ASSIGN_ENV || mode == ASSIGN_TERRAFORM;
}

/* --- names ------------------------------------------------------------------------------------ */

static inline bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.' || c == '/';
}

static bool is_gap(char c)
{
	return c == ' ' || c == '\t' || c == '"' || c == '\'' || c == '`' || c == ']' ||
	       c == '\\' || c == ')';
}

/* The name before text[at]; blanks, quotes, brackets and backslashes between are none of it. */
static size_t name_before(const char *text, size_t at, const char **name)
{
	size_t end = at, begin, low;

	while (end > 0 && at - end < BLANKS_MAX && is_gap(text[end - 1]))
		end--;
	if (end == 0 || !is_name_char(text[end - 1]))
		return 0;
	low = end > NAME_MAX_LEN ? end - NAME_MAX_LEN : 0;
	for (begin = end; begin > low && is_name_char(text[begin - 1]); begin--)
		;
	*name = text + begin;
	return end - begin;
}

static bool is_sign(char c)
{
	return c == ':' || c == '=' || c == '>';
}

size_t assign_name(const char *text, size_t at, const char **name)
{
	size_t i = at;

	while (i > 0 && at - i < BLANKS_MAX && text[i - 1] != '\0' &&
	       strchr(" \t\"'`\\", text[i - 1]) != NULL)
		i--;
	if (i == 0 || !is_sign(text[i - 1]))
		return 0;
	while (i > 0 && is_sign(text[i - 1]))
		i--;
	return name_before(text, i, name);
}

/* --- values ----------------------------------------------------------------------------------- */

/* What the end of a value must be, so that an expression is not taken for one. */
enum until {
	UNTIL_ANY,
	UNTIL_LINE,   /* the line's */
	UNTIL_WORD,   /* a blank: an argument of a command */
	UNTIL_MEMBER, /* ";", "&" or a quote: in a connection string, in a query */
	UNTIL_TAG,    /* "<" */
	UNTIL_QUOTE,  /* it must be quoted */
};

static bool is_end(const struct view *v, size_t at, enum until until)
{
	static const char *const ends[] = {
		[UNTIL_LINE] = "\n#", [UNTIL_WORD] = "\n#; \t", [UNTIL_MEMBER] = "\n\r;&\"'",
		[UNTIL_TAG] = "<",    [UNTIL_QUOTE] = "",
	};
	char c = at < v->len ? v->text[at] : '\n';

	return until == UNTIL_ANY || (c != '\0' && strchr(ends[until], c) != NULL);
}

/* r"..." and its like; @"..." of C#. */
static bool is_string_prefix(const struct view *v, size_t at)
{
	return at + 1 < v->len && strchr("@rbuf", v->text[at]) != NULL && v->text[at] != '\0' &&
	       (v->text[at + 1] == '"' || v->text[at + 1] == '\'');
}

/* A string whose quote is at text[at], with that many backslashes before each quote. */
static bool quoted(const struct view *v, size_t at, size_t slashes, size_t *from, size_t *to)
{
	size_t i = at + 1, max = i + QUOTED_MAX < v->len ? i + QUOTED_MAX : v->len;

	*from = i;
	while (i < max && v->text[i] != v->text[at] && v->text[i] != '\n')
		i++;
	*to = i - *from >= slashes ? i - slashes : *from;
	return i < max && v->text[i] == v->text[at];
}

/* Bytes [*from, *to) of the value behind the sign at text[at]. */
static bool value_after(const struct view *v, size_t at, enum until until, size_t *from, size_t *to)
{
	size_t i = at + 1, slashes = 0, max;
	char quote;

	while (i < v->len && (v->text[i] == '=' || v->text[i] == '>' || is_blank(v->text[i])) &&
	       i - at < BLANKS_MAX)
		i++;
	for (; i < v->len && v->text[i] == '\\' && slashes < 2; slashes++)
		i++;
	if (i == v->len)
		return false;
	i += is_string_prefix(v, i);
	quote = v->text[i];
	if (quote == '"' || quote == '\'' || quote == '`')
		return quoted(v, i, slashes, from, to);
	if (until == UNTIL_QUOTE)
		return false;
	*from = i;
	max = i + PLAIN_MAX < v->len ? i + PLAIN_MAX : v->len;
	while (i < max && v->text[i] > ' ' && strchr(",;\"'`)}&<", v->text[i]) == NULL)
		i++;
	*to = i;
	if (is_end(v, i, until))
		return true;

	while (i < v->len && (is_blank(v->text[i]) || v->text[i] == '\r') && i - *to < BLANKS_MAX)
		i++;
	return until == UNTIL_LINE && is_end(v, i, until);
}

static enum until until_of(const struct view *v, const char *name, size_t at, enum assign_mode mode)
{
	char before = name > v->text ? name[-1] : '\0';
	bool close = at > 0 && is_name_char(v->text[at - 1]) && at + 1 < v->len &&
		     !is_blank(v->text[at + 1]);

	if (v->text[at] == '>')
		return UNTIL_TAG;
	if (v->text[at] == ',')
		return UNTIL_QUOTE;
	if (is_settings(mode))
		return UNTIL_ANY;
	if (v->text[at] != '=' || !close)
		return UNTIL_LINE;
	return before != '\0' && strchr(";?&\"'", before) != NULL ? UNTIL_MEMBER : UNTIL_WORD;
}

/* "arn:aws:secret:x": the name is one of several parts. */
static bool is_part(const struct view *v, const char *name)
{
	size_t i = (size_t)(name - v->text);

	return i > 1 && v->text[i - 1] == ':' && v->text[i - 2] != '/' &&
	       is_name_char(v->text[i - 2]);
}

static bool is_compared(const struct view *v, size_t at)
{
	char before = at > 0 ? v->text[at - 1] : '\0';
	char after = at + 1 < v->len ? v->text[at + 1] : '\0';

	if (v->text[at] == '>' || v->text[at] == ',')
		return false;
	if (v->text[at] == ':')
		return after == '/' || after == ':' || after == '=' || before == ':';
	return after == '=' || before == '=' || before == '!' || before == '<' || before == '>' ||
	       after == '~';
}

/* --- both together ---------------------------------------------------------------------------- */

/* variable "NAME" { default = ...: the name is further up. */
static size_t hcl_variable(const struct view *v, size_t at, const char **name)
{
	static const char word[] = "variable \"";
	size_t low = at > DEFAULT_MAX ? at - DEFAULT_MAX : 0;

	for (size_t i = at; i-- > low;) {
		size_t begin = i + sizeof(word) - 1, end = begin;

		if (begin > at || memcmp(v->text + i, word, sizeof(word) - 1) != 0)
			continue;
		while (end < at && is_name_char(v->text[end]))
			end++;
		*name = v->text + begin;
		return end - begin;
	}
	return 0;
}

/* NAME: TYPE = ..., where what stands before the sign is a type. */
static size_t typed_name(const struct view *v, const char *type, const char **name)
{
	size_t i = (size_t)(type - v->text);

	while (i > 0 && (is_blank(v->text[i - 1]) || v->text[i - 1] == '&'))
		i--;
	return i > 0 && v->text[i - 1] == ':' ? name_before(v->text, i - 1, name) : 0;
}

static bool is_credential(const char *name, size_t n)
{
	return n >= 3 && judge_may_end(name[n - 2], name[n - 1]) && judge_name(name, n);
}

static bool is(const char *name, size_t n, const char *what)
{
	return strlen(what) == n && memcmp(name, what, n) == 0;
}

/* What stands last of it in [from, to); NULL: nowhere. */
static const char *last_of(const char *from, const char *to, const char *what)
{
	const char *found = NULL, *at = from;

	while ((at = memmem(at, (size_t)(to - at), what, strlen(what))) != NULL)
		found = at++;
	return found;
}

/*
 * "result" and "bcrypt_hash" of a random_password in Terraform's state: its type stands before its
 * instances, and in each of them the hash before the result.  Of other resources a result is none.
 */
static bool is_made(const struct view *v, const char *name, size_t n)
{
	static const char type[] = "\"type\"", password[] = "\"random_password\"";
	const char *low = name - v->text > RANDOM_MAX ? name - RANDOM_MAX : v->text, *at;

	if (!is(name, n, "result"))
		return is(name, n, "bcrypt_hash");
	at = last_of(low, name, type);
	if (at == NULL)
		return last_of(low, name, "\"bcrypt_hash\"") != NULL;
	for (at += sizeof(type) - 1; *at == ':' || is_blank(*at); at++)
		;
	return name - at > (ptrdiff_t)sizeof(password) &&
	       memcmp(at, password, sizeof(password) - 1) == 0;
}

/* The name that a value behind the sign would get, when it means a credential. */
static size_t find_name(const struct view *v, size_t at, enum assign_mode mode, const char **name)
{
	bool walrus = v->text[at] == '=' && at > 0 && v->text[at - 1] == ':';
	size_t n = name_before(v->text, walrus ? at - 1 : at, name);

	if (n == 0)
		return 0;
	if (is_credential(*name, n) || (is_settings(mode) && judge_is_key(*name, n)) ||
	    (mode == ASSIGN_TERRAFORM && is_made(v, *name, n)))
		return is_part(v, *name) ? 0 : n;
	if (v->text[at] != '=')
		return 0;
	if (n == 7 && memcmp(*name, "default", 7) == 0)
		n = hcl_variable(v, (size_t)(*name - v->text), name);
	else
		n = typed_name(v, *name, name);
	return is_credential(*name, n) ? n : 0;
}

/* Does the sign follow what it must: an element's name, a string? */
static bool is_placed(const struct view *v, size_t at, const char *name)
{
	if (v->text[at] == '>')
		return name > v->text && name[-1] == '<';
	return v->text[at] != ',' || v->text[at - 1] == '"' || v->text[at - 1] == '\'';
}

static bool is_enough(const char *name, size_t n, const char *value, size_t len,
		      enum assign_mode mode)
{
	bool bare = strchr("\"'`", value[-1]) == NULL;

	if (is_settings(mode))
		return !judge_is_key(name, n) || judge_name(name, n) ||
		       judge_is_key_value(value, len);
	if (bare && (judge_is_expression(value, len) || judge_name(value, len)))
		return false;
	return judge_is_random(value, len) ||
	       (mode == ASSIGN_YAML && judge_is_password(name, n) && judge_is_weak(value, len));
}

static enum guard_rule_id rule_of(const char *name, size_t n, size_t len, enum assign_mode mode)
{
	static const enum guard_rule_id rules[] = {
		[ASSIGN_CODE] = GUARD_ASSIGNMENT,
		[ASSIGN_YAML] = GUARD_ASSIGNMENT,
		[ASSIGN_ENV] = GUARD_ENV,
		[ASSIGN_TERRAFORM] = GUARD_TERRAFORM,
	};

	return judge_is_aws(name, n, len) ? GUARD_AWS_KEY : rules[mode];
}

bool assign_at(const struct view *v, size_t at, enum assign_mode mode, struct hit_new *hit)
{
	const char *name = NULL, *value;
	size_t n, from, to, len;

	if (is_compared(v, at))
		return false;
	n = find_name(v, at, mode, &name);
	if (n == 0 || !is_placed(v, at, name) ||
	    !value_after(v, at, until_of(v, name, at, mode), &from, &to) || to == from)
		return false;
	value = v->text + from;
	len = to - from;
	/* two arguments of a command side by side */
	if (v->text[at] == ',' && memchr(value, '=', len - 1) != NULL)
		return false;
	if (!is_enough(name, n, value, len, mode) || judge_is_known(value, len) ||
	    !judge_value(name, n, value, len) || judge_is_wrapped(value, len))
		return false;
	*hit = (struct hit_new){
		.rule = rule_of(name, n, len, mode),
		.from = from,
		.to = to,
		.where = mem_strn(name, n),
	};
	return true;
}
