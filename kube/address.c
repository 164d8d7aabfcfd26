/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/address.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/mem.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static int refuse(struct err *err, const char *why)
{
	return err_set(err, ERR_INVALID, "%s", why);
}

/* What comes behind a host: nothing, ":PORT". */
static int check_port(const char *s, size_t n, struct err *err)
{
	long port;

	if (n == 0)
		return 0;
	if (*s != ':' || n < 2 || n > 6 || strspn(s + 1, DIGITS) < n - 1)
		return refuse(err, "not HOST or HOST:PORT");
	port = strtol(s + 1, NULL, 10);
	return port >= 1 && port <= 65535 ? 0 : refuse(err, "the port is not between 1 and 65535");
}

/* n bytes of HOST[:PORT]; an IPv6 address in brackets. */
static int check_authority(const char *s, size_t n, struct err *err)
{
	size_t host;

	if (n > 300)
		return refuse(err, "the host's name is too long");
	if (*s == '[') {
		host = strspn(s + 1, "abcdefABCDEF:." DIGITS);
		if (host == 0 || host + 2 > n || s[host + 1] != ']')
			return refuse(err, "not an IPv6 address in brackets");
		host += 2;
	} else {
		host = strspn(s, LETTERS DIGITS "-._");
	}
	if (host == 0)
		return refuse(err, "there is no host");
	if (host > n)
		host = n;
	return check_port(s + host, n - host, err);
}

static bool is_printable(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static const char *after_scheme(const char *text, const char *scheme)
{
	size_t n = strlen(scheme);

	return strncasecmp(text, scheme, n) == 0 ? text + n : NULL;
}

char *address_server(const char *text, struct err *err)
{
	const char *rest = after_scheme(text, "https://");
	size_t n, len;

	if (rest == NULL && strstr(text, "://") != NULL) {
		refuse(err, after_scheme(text, "http://") != NULL
				? "plain http, by which everyone between could read the token; "
				  "https:// is expected"
				: "not an https:// address");
		return NULL;
	}
	if (rest == NULL)
		rest = text;
	if (!is_printable(rest) || strpbrk(rest, "?#@\\") != NULL) {
		refuse(err, "an address with a user, \"?\", \"#\", \"\\\", spaces or characters "
			    "that are not ASCII");
		return NULL;
	}
	n = strcspn(rest, "/");
	if (check_authority(rest, n, err) != 0)
		return NULL;
	for (len = strlen(rest); len > n && rest[len - 1] == '/'; len--)
		;
	return mem_printf("https://%.*s", (int)len, rest);
}

int address_check_proxy(const char *text, struct err *err)
{
	static const char *const schemes[] = { "http://", "https://", "socks5://" };
	const char *rest = NULL, *at;
	size_t n;

	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]) && rest == NULL; i++)
		rest = after_scheme(text, schemes[i]);
	if (rest == NULL)
		return refuse(err, "not an http://, https:// or socks5:// address");
	if (!is_printable(rest))
		return refuse(err, "an address with spaces or characters that are not ASCII");
	n = strcspn(rest, "/?#");
	if (rest[n] != '\0' && strcmp(rest + n, "/") != 0)
		return refuse(err, "a proxy's address has no path");
	at = memchr(rest, '@', n);
	if (at != NULL) {
		n -= (size_t)(at + 1 - rest);
		rest = at + 1;
	}
	return check_authority(rest, n, err);
}

int address_check_host(const char *text, struct err *err)
{
	size_t n = strlen(text);

	if (n == 0 || n > 253 || strspn(text, LETTERS DIGITS "-._:") != n)
		return refuse(err, "not a host name or IP address");
	return 0;
}
