/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/placeholder.h"

#include <string.h>
#include <strings.h>

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static bool holds(const char *s, size_t len, const char *what)
{
	return memmem(s, len, what, strlen(what)) != NULL;
}

static bool begins(const char *s, size_t len, const char *what)
{
	size_t n = strlen(what);

	return len >= n && strncasecmp(s, what, n) == 0;
}

static bool equals(const char *s, size_t len, const char *what)
{
	return strlen(what) == len && strncasecmp(s, what, len) == 0;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_letter(char c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

static bool is_alnum(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9');
}

/* Does the word stand in it as one, whatever its case: "your-password", "MY_EXAMPLE"? */
static bool says(const char *s, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; len >= n && i <= len - n; i++)
		if (lower(s[i]) == word[0] && strncasecmp(s + i, word, n) == 0 &&
		    (i == 0 || !is_alnum(s[i - 1])) && (i + n == len || !is_alnum(s[i + n])))
			return true;
	return false;
}

/* $NAME, and nothing else. */
static bool is_variable(const char *s, size_t len)
{
	for (size_t i = 1; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '_')
			return false;
	return len > 1 && s[0] == '$' && (s[1] < '0' || s[1] > '9');
}

/* __NAME__ */
static bool is_underlined(const char *s, size_t len)
{
	return len > 4 && s[0] == '_' && s[1] == '_' && s[len - 1] == '_' && s[len - 2] == '_';
}

/* @@NAME@@; #{NAME}, but not #{2026}. */
static bool is_filled_twice(const char *s, size_t len)
{
	const char *at = memmem(s, len, "@@", 2), *end = s + len;

	if (at != NULL && at + 3 < end && memmem(at + 3, (size_t)(end - at) - 3, "@@", 2) != NULL)
		return true;
	at = memmem(s, len, "#{", 2);
	return at != NULL && at + 2 < end && (at[2] < '0' || at[2] > '9');
}

/* What other programs fill in: where it is written is who fills it in. */
static bool is_filled_in(const char *s, size_t len)
{
	static const char *const within[] = { "${", "{{", "$(", "%(", "<%" };
	static const char *const before[] = {
		"ENC[",		 "vault:",   "ref+",	 "op://",    "secretref:", "valueFrom",
		"secretKeyRef:", "env:",     "file:",	 "keyring:", "arn:aws:",   "projects/",
		"!vault",	 "${",	     "process.", "os.",	     "var.",	   "local.",
		"data.",	 "module.",  "secrets.", "env.",     "config.",	   "sm://",
		"awssm://",	 "gcpsm://", "akv://",	 "berglas:", "doppler:",
	};

	for (size_t i = 0; i < sizeof(within) / sizeof(*within); i++)
		if (holds(s, len, within[i]))
			return true;
	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++)
		if (begins(s, len, before[i]))
			return true;
	if (is_variable(s, len) || (s[0] == '<' && s[len - 1] == '>'))
		return true;
	if (s[0] == '[' && s[len - 1] == ']')
		return true;
	if (s[0] == '%' && (s[len - 1] == '%' || len <= 3))
		return true;
	return is_underlined(s, len) || is_filled_twice(s, len);
}

static const char *const said_whole[] = {
	"null",	 "nil",	   "none",  "true",   "false", "undefined", "unset",
	"empty", "n/a",	   "na",    "no",     "yes",   "todo",	    "tbd",
	"fixme", "string", "value", "base64", "auto",  "generate",  "generated",
};

/* Also among others: "my-example", "changeme-now". */
static const char *const said_words[] = {
	"example", "changeme", "placeholder", "redacted",   "dummy", "replaceme", "replace",
	"change",  "your",     "insert",      "todo",	    "fake",  "sample",	  "mock",
	"foobar",  "xxx",      "xxxx",	      "xxxxx",	    "lorem", "notreal",	  "notasecret",
	"masked",  "omitted",  "changeit",    "secretname",
};

/* The same, but a password that people choose may have them beside a number. */
static const char *const said_common[] = { "hidden", "enter", "put", "fill" };

static bool is_in(const char *s, size_t len, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (equals(s, len, list[i]))
			return true;
	return false;
}

static bool has_digit(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] >= '0' && s[i] <= '9')
			return true;
	return false;
}

static bool is_said_to_be_none(const char *s, size_t len)
{
	if (is_in(s, len, said_whole, COUNT(said_whole)))
		return true;
	if (len > 80)
		return false;
	for (size_t i = 0; i < COUNT(said_words); i++)
		if (says(s, len, said_words[i]))
			return true;
	for (size_t i = 0; i < COUNT(said_common); i++)
		if (says(s, len, said_common[i]))
			return !has_digit(s, len);
	return false;
}

bool placeholder_is_said(const char *s, size_t len)
{
	static const char *const joined[] = { "change-me", "change_me", "replace-me",
					      "replace_me" };
	bool parts = len > 5 && begins(s, len, "your") && (s[4] == '-' || s[4] == '_');

	for (size_t i = 0; parts && i < len; i++)
		parts = is_letter(s[i]) || s[i] == '-' || s[i] == '_';
	return parts || is_in(s, len, said_whole, COUNT(said_whole)) ||
	       is_in(s, len, said_words, COUNT(said_words)) ||
	       is_in(s, len, said_common, COUNT(said_common)) ||
	       is_in(s, len, joined, COUNT(joined)) || is_underlined(s, len);
}

/* A whole file of age or SOPS, as Flux takes it in a Secret. */
bool placeholder_is_encrypted(const char *s, size_t len)
{
	return begins(s, len, "-----BEGIN AGE ENCRYPTED FILE-----") ||
	       begins(s, len, "age-encryption.org/v1") ||
	       (holds(s, len, "ENC[AES256_GCM,") && holds(s, len, "sops"));
}

bool placeholder_is(const char *value, size_t len)
{
	while (len > 0 && (value[len - 1] == '\n' || value[len - 1] == ' ' ||
			   value[len - 1] == '\r' || value[len - 1] == '\t'))
		len--;
	while (len > 0 && (value[0] == ' ' || value[0] == '\t' || value[0] == '\n')) {
		value++;
		len--;
	}
	if (len == 0 || holds(value, len, "...") || placeholder_is_encrypted(value, len))
		return true;
	if (is_filled_in(value, len) || is_said_to_be_none(value, len))
		return true;
	return len > 1 && placeholder_variety(value, len) == 1;
}

/* "my-secret", "some_password": letters only, and one of the words is what it stands for. */
static bool is_phrase(const char *s, size_t len)
{
	static const char *const words[] = { "my",     "some",	"test", "default", "password",
					     "secret", "token", "key",	"pass",	   "admin",
					     "user",   "value", "dev",	"demo",	   "credential" };
	bool parts = false;

	for (size_t i = 0; i < len; i++) {
		if (!is_letter(s[i]) && s[i] != '-' && s[i] != '_' && s[i] != '.')
			return false;
		parts = parts || !is_letter(s[i]);
	}
	for (size_t i = 0; parts && i < sizeof(words) / sizeof(*words); i++)
		if (says(s, len, words[i]))
			return true;
	return false;
}

bool placeholder_is_word(const char *value, size_t len)
{
	static const char *const words[] = {
		"password",   "passwd",	  "pass",	 "pwd",	       "secret",      "token",
		"user",	      "username", "admin",	 "root",       "test",	      "testing",
		"guest",      "postgres", "mysql",	 "redis",      "default",     "hunter2",
		"qwerty",     "letmein",  "key",	 "login",      "apikey",      "mypass",
		"mypassword", "test123",  "password123", "secret123",  "p4ssw0rd",    "passw0rd",
		"p@ssw0rd",   "demo",	  "local",	 "dev",	       "supersecret", "foo",
		"bar",	      "baz",	  "toor",	 "minioadmin", "rabbitmq",    "mongo",
		"minio123",
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (equals(value, len, words[i]))
			return true;
	return is_phrase(value, len);
}

unsigned placeholder_variety(const char *value, size_t len)
{
	bool seen[256] = { false };
	unsigned n = 0;

	for (size_t i = 0; i < len; i++) {
		n += !seen[(unsigned char)value[i]];
		seen[(unsigned char)value[i]] = true;
	}
	return n;
}

bool placeholder_is_counted(const char *value, size_t len)
{
	size_t steps = 0;

	for (size_t i = 1; i < len; i++) {
		int d = value[i] - value[i - 1];

		steps += d == 0 || d == 1 || d == -1;
	}
	return len > 2 && steps * 2 > len;
}
