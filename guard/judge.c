/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/judge.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "guard/placeholder.h"
#include "guard/wrapped.h"
#include "kinds/token.h"

#define NAME_MAX_LEN 80
#define RANDOM_MIN 10
#define LOOSE_MIN 6
#define WEAK_MIN 8
#define KEY_MIN 32 /* digits of a key in hexadecimal */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* --- names ------------------------------------------------------------------------------------ */

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
	W("sshkey"),	 W("dbpass"),	     W("userpass"),   W("smtppass"),
	W("mailpass"),	 W("secretkeybase"),
};

/* Digests, and what only counts or names tokens and secrets. */
static const char *const harmless_words[] = { "checksum",	"sha256", "pagetoken",
					      "existingsecret", "csrf",	  "pullsecret",
					      "public",		"hash" };

bool judge_name(const char *name, size_t len)
{
	char flat[NAME_MAX_LEN + 1];
	size_t n;
	bool credential = false;

	memset(flat, 0, sizeof(flat));
	n = squeeze(name, len, flat);
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

/* "SESSION_KEY"; of a lock, a table or a list "key" says something else, so the value decides. */
bool judge_is_key(const char *name, size_t len)
{
	static const char *const open[] = { "pub", "gpg", "pgp", "site", "host", "fingerprint" };
	char flat[NAME_MAX_LEN + 1];

	if (len < 5 || (name[len - 4] != '_' && name[len - 4] != '-') ||
	    strncasecmp(name + len - 3, "key", 3) != 0)
		return false;
	squeeze(name, len, flat);
	for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
		if (strstr(flat, open[i]) != NULL)
			return false;
	return true;
}

bool judge_is_password(const char *name, size_t len)
{
	char flat[NAME_MAX_LEN + 1];

	squeeze(name, len, flat);
	return strstr(flat, "pass") != NULL || strstr(flat, "pwd") != NULL;
}

bool judge_is_aws(const char *name, size_t len, size_t value_len)
{
	static const char word[] = "secretaccesskey";
	char flat[NAME_MAX_LEN + 1];
	size_t n = squeeze(name, len, flat);

	return value_len == 40 && n >= sizeof(word) - 1 &&
	       strcmp(flat + n - (sizeof(word) - 1), word) == 0;
}

bool judge_may_end(char a, char b)
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

/* --- values ----------------------------------------------------------------------------------- */

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
bool judge_is_random(const char *s, size_t len)
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
bool judge_is_expression(const char *s, size_t len)
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

bool judge_value(const char *name, size_t name_len, const char *value, size_t len)
{
	if (len < LOOSE_MIN || !is_printable(value, len) || placeholder_is(value, len) ||
	    placeholder_is_word(value, len) || is_path(value, len))
		return false;
	if (is_words(value, len) && !judge_is_password(name, name_len))
		return false;
	return (!is_number(value, len) || len >= 8) && !placeholder_is_counted(value, len);
}

static bool is_hex(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr("0123456789abcdefABCDEF", s[i]) == NULL)
			return false;
	return true;
}

bool judge_is_key_value(const char *s, size_t len)
{
	static const char word[] = "base64:";

	if (len > sizeof(word) - 1 && memcmp(s, word, sizeof(word) - 1) == 0) {
		s += sizeof(word) - 1;
		len -= sizeof(word) - 1;
	}
	for (size_t i = 0; i < len; i++)
		if (!wrapped_is_digit((unsigned char)s[i]) && s[i] != '=')
			return false;
	return (len >= KEY_MIN && is_hex(s, len)) || judge_is_random(s, len);
}

bool judge_is_weak(const char *value, size_t len)
{
	size_t digits = 0, letters = 0;

	for (size_t i = 0; i < len; i++) {
		digits += class_of(value[i]) == DIGIT;
		letters += class_of(value[i]) == LOWER || class_of(value[i]) == UPPER;
	}
	return len >= WEAK_MIN && digits > 0 && letters > 0;
}

bool judge_is_known(const char *value, size_t len)
{
	const struct token_form *form = token_find(value, len);

	return (form != NULL && form->service == TOKEN_GITHUB) ||
	       (len > 4 && memcmp(value, "age1", 4) == 0) ||
	       (len > 14 && memcmp(value, "AGE-SECRET-KEY", 14) == 0) ||
	       (len > 4 && memcmp(value, "ssh-", 4) == 0) ||
	       (len == 20 && memcmp(value, "AKIA", 4) == 0);
}

bool judge_is_wrapped(const char *value, size_t len)
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
