/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/login.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "guard/placeholder.h"
#include "guard/wrapped.h"

#define SCHEME_MAX 20
#define USERINFO_MAX 300
#define HOST_LEN_MAX 253
#define PASSWORD_MIN 4
#define DOCKER_MAX 8192 /* bytes behind "auths" */
#define HEADER_GAP 8	/* bytes between "Authorization" and its scheme */
#define HEADER_MAX 2048 /* bytes of a header */
#define BEARER_MIN 16
#define CURL_MAX 300  /* bytes behind "curl" */
#define NETRC_MAX 400 /* bytes behind "machine" */

/* --- URLs ------------------------------------------------------------------------------------- */

/* Hosts of RFC 2606 and 6761: nobody is there. */
static bool is_reserved(const char *host, size_t len)
{
	static const char *const ends[] = { "example.com", "example.org",  "example.net",
					    ".example",	   ".test",	   ".invalid",
					    "host",	   "hostname",	   "yourhost",
					    "domain.com",  "mydomain.com", "server" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		size_t n = strlen(ends[i]);

		if (len >= n && strncasecmp(host + len - n, ends[i], n) == 0 &&
		    (len == n || ends[i][0] == '.' || host[len - n - 1] == '.'))
			return true;
	}
	return len == 0;
}

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '-' || c == '_' || c == '[';
}

/* Only this machine is there, so a password is worth little unless it is a real one. */
static bool is_local(const char *host, size_t len)
{
	return (len == 9 && strncasecmp(host, "localhost", 9) == 0) ||
	       (len == 9 && memcmp(host, "127.0.0.1", 9) == 0);
}

static bool is_password(const char *user, size_t user_len, const char *password, size_t len)
{
	return len >= PASSWORD_MIN && !placeholder_is(password, len) &&
	       !placeholder_is_word(password, len) &&
	       !(user_len == len && memcmp(user, password, len) == 0) &&
	       !text_is_one_of(password[0], "$<{%[*");
}

bool login_url_at(const struct view *v, size_t at, struct hit_new *hit)
{
	size_t from = at + 3, i = from, colon = 0, scheme = at, host, max;

	max = v->len - from < USERINFO_MAX ? v->len : from + USERINFO_MAX;
	for (; i < max && v->text[i] > ' ' && !text_is_one_of(v->text[i], "@/\"'`<>(),\\?#|"); i++)
		if (v->text[i] == ':' && colon == 0)
			colon = i;
	if (i >= max || v->text[i] != '@' || colon == 0)
		return false;
	while (scheme > 0 && at - scheme < SCHEME_MAX && is_host_char(v->text[scheme - 1]))
		scheme--;
	host = i + 1;
	max = v->len - host < HOST_LEN_MAX ? v->len : host + HOST_LEN_MAX;
	for (at = host; at < max && is_host_char(v->text[at]); at++)
		;
	if (!is_password(v->text + from, colon - from, v->text + colon + 1, i - colon - 1) ||
	    is_reserved(v->text + host, at - host) || placeholder_is(v->text + host, at - host))
		return false;
	*hit = (struct hit_new){
		.rule = GUARD_URL_PASSWORD,
		.from = scheme,
		.to = i,
		.warning = is_local(v->text + host, at - host),
	};
	return true;
}

/* --- docker configs --------------------------------------------------------------------------- */

/* The quoted value behind a key that ends at text[at]; quotes may be escaped. */
static bool string_after(const char *text, size_t len, size_t at, size_t *from, size_t *to)
{
	size_t i = at;
	bool sign = false;

	while (i < len && text_is_one_of(text[i], "\\\"' \t\r\n:=")) {
		sign = sign || text[i] == ':' || text[i] == '=';
		i++;
	}
	*from = i;
	while (i < len && !text_is_one_of(text[i], "\\\"'") && text[i] > ' ')
		i++;
	*to = i;
	return sign && i < len && i > *from && text_is_one_of(text[*from - 1], "\"'") &&
	       text_is_one_of(text[i], "\\\"'");
}

static bool is_auth(const char *value, size_t len)
{
	struct buf plain = BUF_INIT;
	const char *colon;
	bool is = false;

	wrapped_decode(value, len, &plain);
	colon = plain.len == 0 ? NULL : memchr(plain.data, ':', plain.len);
	if (colon != NULL && !placeholder_is(value, len)) {
		const char *user = (const char *)plain.data;
		size_t user_len = (size_t)(colon - user);

		is = is_password(user, user_len, colon + 1, plain.len - user_len - 1);
	}
	buf_clear(&plain);
	return is;
}

static const struct docker_key {
	const char *name;
	bool auth;
} docker_keys[] = {
	{ "auth", true },
	{ "password", false },
	{ "identitytoken", false },
	{ "registrytoken", false },
};

static bool docker_value(const char *text, size_t len, size_t word, size_t *from, size_t *to)
{
	for (size_t i = 0; i < sizeof(docker_keys) / sizeof(*docker_keys); i++) {
		const struct docker_key *k = &docker_keys[i];
		size_t n = strlen(k->name);

		if (len - word <= n || memcmp(text + word, k->name, n) != 0 ||
		    !text_is_one_of(text[word + n], "\"'\\ :="))
			continue;
		if (!string_after(text, len, word + n, from, to))
			return false;
		return k->auth ? is_auth(text + *from, *to - *from)
			       : is_password("", 0, text + *from, *to - *from);
	}
	return false;
}

bool login_docker_at(const struct view *v, size_t at, struct hit_new *hit)
{
	const char *text = v->text + at;
	size_t len = v->len - at < DOCKER_MAX ? v->len - at : DOCKER_MAX;
	const char *next = len > 5 ? memmem(text + 5, len - 5, "auths", 5) : NULL;
	size_t from, to;

	if (next != NULL)
		len = (size_t)(next - text);
	for (size_t i = 5; i < len; i++) {
		if (!text_is_one_of(text[i], "apir") || !text_is_one_of(text[i - 1], "\"' \t\n{,"))
			continue;
		if (!docker_value(text, len, i, &from, &to))
			continue;
		*hit = (struct hit_new){ .rule = GUARD_DOCKER_CONFIG,
					 .from = at + from,
					 .to = at + to };
		return true;
	}
	return false;
}

/* --- .netrc ----------------------------------------------------------------------------------- */

/* The next word of the text, or 0 bytes at its end. */
static size_t next_word(const char *text, size_t len, size_t *at)
{
	size_t from;

	while (*at < len && text_is_one_of(text[*at], " \t\r\n"))
		(*at)++;
	from = *at;
	while (*at < len && text[*at] > ' ' && text[*at] != '\\' && text[*at] != '"')
		(*at)++;
	return *at - from;
}

/* machine NAME login NAME password PASSWORD, and account NAME among them. */
bool login_netrc_at(const struct view *v, size_t at, struct hit_new *hit)
{
	const char *text = v->text + at;
	size_t len = v->len - at < NETRC_MAX ? v->len - at : NETRC_MAX;
	size_t i = strlen("machine"), n;

	if (next_word(text, len, &i) == 0)
		return false;
	for (int pairs = 0; pairs < 3; pairs++) {
		n = next_word(text, len, &i);
		if (n == 8 && memcmp(text + i - n, "password", 8) == 0) {
			n = next_word(text, len, &i);
			*hit = (struct hit_new){ .rule = GUARD_NETRC,
						 .from = at + i - n,
						 .to = at + i };
			/* in a sentence the last word has its comma */
			if (n > 0 && text_is_one_of(text[i - 1], ",;.)"))
				return is_password("", 0, text + i - n, n - 1);
			return is_password("", 0, text + i - n, n);
		}
		if ((n != 5 || memcmp(text + i - n, "login", 5) != 0) &&
		    (n != 7 || memcmp(text + i - n, "account", 7) != 0))
			return false;
		if (next_word(text, len, &i) == 0)
			return false;
	}
	return false;
}

/* --- HTTP ------------------------------------------------------------------------------------- */

/* One of the words, in any case, behind blanks, quotes and signs; *at goes behind it. */
static const char *scheme_at(const char *text, size_t len, size_t *at)
{
	static const char *const schemes[] = { "Basic ", "Bearer ", "token " };
	size_t i = *at;

	while (i < len && i - *at < HEADER_GAP && text_is_one_of(text[i], " \t\"'\\:=,>[`"))
		i++;
	for (size_t k = 0; k < sizeof(schemes) / sizeof(*schemes); k++) {
		size_t n = strlen(schemes[k]);

		if (len - i > n && strncasecmp(text + i, schemes[k], n) == 0) {
			*at = i + n;
			return schemes[k];
		}
	}
	return NULL;
}

static bool is_bearer(const char *value, size_t len)
{
	return len >= BEARER_MIN && !placeholder_is(value, len) &&
	       placeholder_variety(value, len) >= 12 && !placeholder_is_counted(value, len);
}

bool login_header_at(const struct view *v, size_t at, struct hit_new *hit)
{
	const char *text = v->text + at;
	size_t len = v->len - at < HEADER_MAX ? v->len - at : HEADER_MAX;
	size_t i = strlen("Authorization"), from;
	const char *scheme = scheme_at(text, len, &i);

	if (scheme == NULL)
		return false;
	from = i;
	while (i < len && text[i] > ' ' && !text_is_one_of(text[i], "\"'`\\<>,;()"))
		i++;
	*hit = (struct hit_new){ .rule = GUARD_HTTP_LOGIN, .from = at + from, .to = at + i };
	return scheme[1] == 'a' ? is_auth(text + from, i - from) : is_bearer(text + from, i - from);
}

/* The argument of -u or --user on the line; 0 when there is none. */
static size_t curl_argument(const char *text, size_t len)
{
	for (size_t i = 1; i + 4 < len && text[i] != '\n'; i++) {
		if (text[i] != '-' || !text_is_one_of(text[i - 1], " \t"))
			continue;
		if (text[i + 1] == 'u' && text_is_one_of(text[i + 2], " \t\"'"))
			return i + 2;
		if (len - i > 7 && memcmp(text + i, "--user", 6) == 0 &&
		    text_is_one_of(text[i + 6], " =\t"))
			return i + 7;
	}
	return 0;
}

bool login_curl_at(const struct view *v, size_t at, struct hit_new *hit)
{
	const char *text = v->text + at, *colon;
	size_t len = v->len - at < CURL_MAX ? v->len - at : CURL_MAX;
	size_t from = curl_argument(text, len), to, user;

	if (from == 0)
		return false;
	while (from < len && text_is_one_of(text[from], " \t\"'"))
		from++;
	for (to = from; to < len && text[to] > ' ' && !text_is_one_of(text[to], "\"'`\\"); to++)
		;
	colon = memchr(text + from, ':', to - from);
	if (colon == NULL)
		return false;
	user = (size_t)(colon - text) - from;
	*hit = (struct hit_new){ .rule = GUARD_HTTP_LOGIN, .from = at + from, .to = at + to };
	return is_password(text + from, user, colon + 1, to - from - user - 1);
}
