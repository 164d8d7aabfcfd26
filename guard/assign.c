/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/assign.h"

#include <string.h>

#include "base/buf.h"
#include "guard/placeholder.h"
#include "guard/wrapped.h"
#include "kinds/token.h"

#define NAME_MAX_LEN 80
#define BLANKS_MAX 32 /* between a name and its sign */
#define QUOTED_MAX 1024
#define PLAIN_MAX 200
#define RANDOM_MIN 10
#define LOOSE_MIN 6

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
		{ ".env", ASSIGN_ENV },		  { ".envrc", ASSIGN_ENV },
		{ ".npmrc", ASSIGN_ENV },	  { ".pypirc", ASSIGN_ENV },
		{ ".tfvars", ASSIGN_TERRAFORM },  { ".tfvars.json", ASSIGN_TERRAFORM },
		{ ".tfstate", ASSIGN_TERRAFORM }, { ".tfstate.backup", ASSIGN_TERRAFORM },
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
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (ends(name, len, files[i].end))
			return files[i].mode;
	return ASSIGN_CODE;
}

/* --- names ------------------------------------------------------------------------------------ */

static inline bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.' || c == '/';
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Letters and digits only, in lower case; returns how many. */
static size_t squeeze(const char *name, size_t len, char out[static NAME_MAX_LEN + 1])
{
	size_t n = 0;

	for (size_t i = len > NAME_MAX_LEN ? len - NAME_MAX_LEN : 0; i < len; i++)
		if (name[i] != '_' && name[i] != '-' && name[i] != '.' && name[i] != '/')
			out[n++] = lower(name[i]);
	out[n] = '\0';
	return n;
}

/* Names are compared all the time, so their lengths are known. */
struct word {
	const char *text;
	size_t len;
};
#define W(w)                                                                                       \
	{                                                                                          \
		w, sizeof(w) - 1                                                                   \
	}

static const struct word credential_words[] = {
	W("password"),	 W("passwd"),	     W("passphrase"), W("passwort"),
	W("secret"),	 W("token"),	     W("apikey"),     W("accesskey"),
	W("secretkey"),	 W("privatekey"),    W("credential"), W("credentials"),
	W("authkey"),	 W("encryptionkey"), W("signingkey"), W("masterkey"),
	W("sharedkey"),	 W("pwd"),	     W("apisecret"),  W("connectionstring"),
	W("accountkey"), W("storagekey"),    W("licensekey"), W("serviceaccountkey"),
	W("sshkey"),	 W("pgpass"),	     W("dbpass"),     W("userpass"),
	W("smtppass"),	 W("mailpass"),
};

/* Digests, and what only counts or names tokens and secrets. */
static const char *const harmless_words[] = { "checksum",	"sha256", "pagetoken",
					      "existingsecret", "csrf",	  "pullsecret",
					      "public",		"hash" };

bool assign_is_credential(const char *name, size_t len)
{
	char flat[NAME_MAX_LEN + 1] = "";
	size_t n = squeeze(name, len, flat);
	bool credential = false;

	for (size_t i = 0; !credential && i < sizeof(credential_words) / sizeof(struct word); i++) {
		const struct word *w = &credential_words[i];

		credential = n >= w->len && flat[n - 1] == w->text[w->len - 1] &&
			     memcmp(flat + n - w->len, w->text, w->len) == 0;
	}
	credential = credential || (len >= 5 && n >= 4 && memcmp(flat + n - 4, "pass", 4) == 0 &&
				    (name[len - 5] == '_' || name[len - 5] == '-'));
	for (size_t i = 0; credential && i < sizeof(harmless_words) / sizeof(char *); i++)
		credential = strstr(flat, harmless_words[i]) == NULL;
	return credential;
}

/* Could a credential's name end with these letters?  Keeps most of a text from being looked at. */
static bool may_end(char a, char b)
{
	switch (lower(b)) {
	case 'd':
		return lower(a) == 'r' || lower(a) == 'w'; /* password, passwd, pwd */
	case 'y':
	case 't':
		return lower(a) == 'e' || lower(a) == 'r'; /* key, secret, passwort */
	case 'n':
		return lower(a) == 'e'; /* token */
	case 'e':
		return lower(a) == 's'; /* passphrase */
	case 's':
		return lower(a) == 's' || lower(a) == 'l'; /* pass, credentials */
	case 'l':
		return lower(a) == 'a'; /* credential */
	case 'g':
		return lower(a) == 'n'; /* connection string */
	default:
		return false;
	}
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

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_printable(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] == 0x7f)
			return false;
	return true;
}

static bool is_uuid(const char *s, size_t len)
{
	if (len != 36)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash != (s[i] == '-') ||
		    (!dash && strchr("0123456789abcdefABCDEF", s[i]) == NULL))
			return false;
	}
	return true;
}

enum letter_class { NEUTRAL, LOWER, UPPER, DIGIT, OTHER };

static enum letter_class class_of(char c)
{
	if (c >= 'a' && c <= 'z')
		return LOWER;
	if (c >= 'A' && c <= 'Z')
		return UPPER;
	if (c >= '0' && c <= '9')
		return DIGIT;
	return c == '-' || c == '_' || c == '.' || c == '/' ? NEUTRAL : OTHER;
}

static bool is_vowel(char c)
{
	return strchr("aeiouy", c) != NULL;
}

/* Letters of a run in lower case that can be said: four at least, never four consonants on end. */
static size_t spoken(const char *s, size_t len)
{
	size_t consonants = 0, vowels = 0;

	for (size_t i = 0; i < len; i++) {
		consonants = is_vowel(s[i]) ? 0 : consonants + 1;
		vowels += is_vowel(s[i]);
		if (consonants == 4)
			return 0;
	}
	return len >= 4 && vowels > 0 ? len : 0;
}

/* How many characters of it are in words, as in names of programs. */
static size_t in_words(const char *s, size_t len)
{
	size_t n = 0, begin = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && class_of(s[i]) == LOWER)
			continue;
		n += spoken(s + begin, i - begin);
		begin = i + 1;
	}
	return n;
}

/* Random text goes from letters to digits and back all the time; names and words do not. */
static bool is_random(const char *s, size_t len)
{
	size_t changes = 0, digits = 0, letters = 0;
	enum letter_class last = NEUTRAL;

	if (len < RANDOM_MIN || !is_printable(s, len) || is_uuid(s, len))
		return false;
	for (size_t i = 0; i < len; i++) {
		enum letter_class class = class_of(s[i]);

		digits += class == DIGIT;
		letters += class == LOWER || class == UPPER;
		changes += class != NEUTRAL && last != NEUTRAL && class != last;
		last = class != NEUTRAL ? class : last;
	}
	return digits > 0 && letters > 0 && changes >= 4 && changes * 5 >= len &&
	       in_words(s, len) * 2 <= len && placeholder_variety(s, len) >= 8 &&
	       !placeholder_is_counted(s, len);
}

/* Without quotes it may be an expression: a call, an index, a member, a type with its braces. */
static bool is_expression(const char *s, size_t len)
{
	bool dots = false;

	if (s[0] == '*' || s[0] == '&' || s[len - 1] == '.')
		return true;
	for (size_t i = 0; i < len; i++) {
		if (strchr("([{", s[i]) != NULL)
			return true;
		if (class_of(s[i]) == OTHER || s[i] == '/' || s[i] == '-')
			return false;
		dots = dots || s[i] == '.';
	}
	return dots;
}

static bool is_path(const char *s, size_t len)
{
	return s[0] == '/' || s[0] == '~' ||
	       (s[0] == '.' && len > 1 && (s[1] == '/' || s[1] == '.')) ||
	       memmem(s, len, "://", 3) != NULL || memmem(s, len, "/secrets/", 9) != NULL;
}

static bool is_number(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((s[i] < '0' || s[i] > '9') && s[i] != '.')
			return false;
	return true;
}

static bool is_words(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((lower(s[i]) < 'a' || lower(s[i]) > 'z') && s[i] != '-' && s[i] != '_' &&
		    s[i] != '.')
			return false;
	return true;
}

static bool is_password_name(const char *name, size_t len)
{
	char flat[NAME_MAX_LEN + 1];

	squeeze(name, len, flat);
	return strstr(flat, "pass") != NULL || strstr(flat, "pwd") != NULL;
}

bool assign_is_value(const char *name, size_t name_len, const char *value, size_t len)
{
	if (len < LOOSE_MIN || !is_printable(value, len) || placeholder_is(value, len) ||
	    placeholder_is_word(value, len) || is_path(value, len))
		return false;
	if (is_words(value, len) && !is_password_name(name, name_len))
		return false;
	return (!is_number(value, len) || len >= 8) && !placeholder_is_counted(value, len);
}

/* What the end of a value must be, so that an expression is not taken for one. */
enum until {
	UNTIL_ANY,
	UNTIL_LINE,   /* the line's */
	UNTIL_MEMBER, /* ";", "&" or a quote: in a connection string, in a query */
	UNTIL_TAG,    /* "<" */
};

static bool is_end(const struct view *v, size_t at, enum until until)
{
	char c = at < v->len ? v->text[at] : '\n';

	return until == UNTIL_ANY || (until == UNTIL_LINE && (c == '\n' || c == '#')) ||
	       (until == UNTIL_MEMBER && c != '\0' && strchr(";&\"'", c) != NULL) ||
	       (until == UNTIL_TAG && c == '<');
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
	quote = v->text[i];
	if (quote == '"' || quote == '\'' || quote == '`') {
		*from = ++i;
		max = i + QUOTED_MAX < v->len ? i + QUOTED_MAX : v->len;
		while (i < max && v->text[i] != quote && v->text[i] != '\n')
			i++;
		*to = i >= slashes && i - slashes >= *from ? i - slashes : *from;
		return i < max && v->text[i] == quote;
	}
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

	if (v->text[at] == '>')
		return UNTIL_TAG;
	if (mode != ASSIGN_CODE)
		return UNTIL_ANY;
	return v->text[at] == '=' && before != '\0' && strchr(";?&\"'", before) != NULL
		   ? UNTIL_MEMBER
		   : UNTIL_LINE;
}

/* "arn:aws:secret:x": the name is one of several parts. */
static bool is_part(const struct view *v, const char *name)
{
	size_t i = (size_t)(name - v->text);

	return i > 1 && v->text[i - 1] == ':' && v->text[i - 2] != '/' &&
	       is_name_char(v->text[i - 2]);
}

/* What has a rule of its own, or is public, is none when that rule did not find it. */
static bool is_known(const char *value, size_t len)
{
	const struct token_form *form = token_find(value, len);

	return (form != NULL && form->service == TOKEN_GITHUB) ||
	       (len > 4 && memcmp(value, "age1", 4) == 0) ||
	       (len > 14 && memcmp(value, "AGE-SECRET-KEY", 14) == 0) ||
	       (len > 4 && memcmp(value, "ssh-", 4) == 0) ||
	       (len == 20 && memcmp(value, "AKIA", 4) == 0);
}

/* "changeme" in a Secret's data. */
static bool is_wrapped_placeholder(const char *value, size_t len)
{
	struct buf plain = BUF_INIT;
	bool is;

	wrapped_decode(value, len, &plain);
	is = plain.len > 0 && is_printable((const char *)plain.data, plain.len) &&
	     (placeholder_is((const char *)plain.data, plain.len) ||
	      placeholder_is_word((const char *)plain.data, plain.len));
	buf_clear(&plain);
	return is;
}

static bool is_compared(const struct view *v, size_t at)
{
	char before = at > 0 ? v->text[at - 1] : '\0';
	char after = at + 1 < v->len ? v->text[at + 1] : '\0';

	if (v->text[at] == '>')
		return false;
	if (v->text[at] == ':')
		return after == '/' || after == ':' || after == '=' || before == ':';
	return after == '=' || before == '=' || before == '!' || before == '<' || before == '>' ||
	       after == '~';
}

static enum guard_rule_id rule_of(const char *name, size_t name_len, size_t len,
				  enum assign_mode mode)
{
	char flat[NAME_MAX_LEN + 1];
	size_t n = squeeze(name, name_len, flat);

	if (len == 40 && ends(flat, n, "secretaccesskey"))
		return GUARD_AWS_KEY;
	return mode == ASSIGN_ENV	  ? GUARD_ENV
	       : mode == ASSIGN_TERRAFORM ? GUARD_TERRAFORM
					  : GUARD_ASSIGNMENT;
}

static bool is_bare(const struct view *v, size_t from)
{
	return strchr("\"'`", v->text[from - 1]) == NULL;
}

bool assign_at(const struct view *v, size_t at, enum assign_mode mode, struct hit_new *hit)
{
	const char *name, *value;
	size_t n, from, to;

	if (is_compared(v, at))
		return false;
	n = name_before(v->text, at > 0 && v->text[at - 1] == ':' ? at - 1 : at, &name);
	if (n < 3 || !may_end(name[n - 2], name[n - 1]) || !assign_is_credential(name, n) ||
	    is_part(v, name))
		return false;
	if (v->text[at] == '>' && (name == v->text || name[-1] != '<'))
		return false;
	if (!value_after(v, at, until_of(v, name, at, mode), &from, &to) || to == from)
		return false;
	value = v->text + from;
	if (mode == ASSIGN_CODE && (!is_random(value, to - from) ||
				    (is_bare(v, from) && (is_expression(value, to - from) ||
							  assign_is_credential(value, to - from)))))
		return false;
	if (is_known(value, to - from) || !assign_is_value(name, n, value, to - from) ||
	    is_wrapped_placeholder(value, to - from))
		return false;
	*hit =
	    (struct hit_new){ .rule = rule_of(name, n, to - from, mode), .from = from, .to = to };
	return true;
}
