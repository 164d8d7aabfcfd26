/* SPDX-License-Identifier: Apache-2.0 */
#include "github/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/text.h"

static int refuse(const char *what, const char *reason, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s: %s", what, reason);
}

/* USER:PASSWORD with "%40" in it, as URLs write what would end them. */
static int take_login(const char *what, const char *text, size_t len, struct buf *login,
		      struct err *err)
{
	struct buf plain = BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < len && rc == 0; i++) {
		char c = text[i];

		if (c == '%') {
			if (i + 2 >= len || text_hex(text[i + 1]) < 0 || text_hex(text[i + 2]) < 0)
				rc = refuse(what, "a \"%\" in the login is not a code", err);
			else
				c = (char)(text_hex(text[i + 1]) * 16 + text_hex(text[i + 2]));
			i += 2;
		}
		buf_putc(&plain, (unsigned char)c);
	}
	if (rc == 0)
		b64_encode(login, plain.data, plain.len);
	buf_clear(&plain);
	return rc;
}

/* The last "@" ends the login: a password may hold one. */
static const char *login_end(const char *text, size_t len)
{
	while (len > 0 && text[len - 1] != '@')
		len--;
	return len == 0 ? NULL : text + len - 1;
}

static bool is_host(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._:",
			   text[i]) == NULL ||
		    text[i] == '\0')
			return false;
	return len > 0 && len < GITHUB_PROXY_HOST;
}

static int take_host(const char *what, const char *text, size_t len, struct github_proxy *out,
		     struct err *err)
{
	size_t host = len;

	while (host > 0 && text[host - 1] != ':')
		host--;
	out->port = host == 0 ? 0 : text_port(text + host, len - host);
	if (out->port == 0)
		return refuse(what, "must end with the proxy's port: http://HOST:PORT", err);
	host--;
	if (host > 2 && text[0] == '[' && text[host - 1] == ']') {
		text++;
		host -= 2;
	}
	if (!is_host(text, host))
		return refuse(what, "the proxy's host is not a name or an address", err);
	memcpy(out->host, text, host);
	out->host[host] = '\0';
	return 0;
}

int github_proxy_parse(const char *what, const char *text, struct github_proxy *out,
		       struct err *err)
{
	const char *scheme = strstr(text, "://"), *at;
	size_t len;
	int rc = 0;

	if (scheme != NULL && strncasecmp(text, "http://", 7) != 0)
		return refuse(what,
			      "only proxies that are spoken to by http:// are supported here (no "
			      "https:// and no socks5://)",
			      err);
	text = scheme == NULL ? text : scheme + 3;
	len = strcspn(text, "/");
	if (text[len] == '/' && text[len + 1] != '\0')
		return refuse(what, "has a path: must be http://HOST:PORT", err);
	at = login_end(text, len);
	if (at != NULL) {
		rc = take_login(what, text, (size_t)(at - text), &out->login, err);
		len -= (size_t)(at + 1 - text);
		text = at + 1;
	}
	if (rc == 0)
		rc = take_host(what, text, len, out, err);
	if (rc != 0)
		github_proxy_clear(out);
	return rc;
}

/* --- NO_PROXY --------------------------------------------------------------------------------- */

struct address {
	unsigned char bytes[16];
	unsigned bits; /* 32 or 128 */
};

/* An address of either version, with or without brackets. */
static bool read_address(const char *text, size_t len, struct address *out)
{
	char copy[INET6_ADDRSTRLEN];

	if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	out->bits = memchr(text, ':', len) == NULL ? 32 : 128;
	return inet_pton(out->bits == 32 ? AF_INET : AF_INET6, copy, out->bytes) == 1;
}

/* The digits behind the slash of a network: at most max; false: no such number. */
static bool read_bits(const char *text, size_t len, unsigned max, unsigned *out)
{
	unsigned n = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9' || i == 3)
			return false;
		n = n * 10 + (unsigned)(text[i] - '0');
	}
	*out = n;
	return len > 0 && n <= max;
}

static bool same_bits(const unsigned char *a, const unsigned char *b, unsigned bits)
{
	unsigned rest = bits % 8;
	unsigned char mask = (unsigned char)(0xff << (8 - rest));

	return memcmp(a, b, bits / 8) == 0 &&
	       (rest == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0);
}

/* "ADDRESS" or "ADDRESS/BITS". */
static bool covers(const char *name, size_t len, const struct address *host)
{
	const char *slash = memchr(name, '/', len);
	size_t n = slash == NULL ? len : (size_t)(slash - name);
	unsigned bits = host->bits;
	struct address net;

	if (!read_address(name, n, &net) || net.bits != host->bits ||
	    (slash != NULL && !read_bits(slash + 1, len - n - 1, host->bits, &bits)))
		return false;
	return same_bits(net.bytes, host->bytes, bits);
}

/* Cuts ":PORT" off: false when it is another one. */
static bool take_port(const char *name, size_t *len, unsigned port)
{
	const char *bracket = memchr(name, ']', *len), *end = name + *len;
	const char *from = bracket == NULL ? name : bracket;
	const char *colon = memchr(from, ':', (size_t)(end - from));

	/* one colon only: more are an address of version 6 */
	if (colon == NULL || memchr(colon + 1, ':', (size_t)(end - colon - 1)) != NULL)
		return true;
	*len = (size_t)(colon - name);
	return text_port(colon + 1, (size_t)(end - colon - 1)) == port;
}

static bool names(const char *name, size_t len, const char *host, unsigned port)
{
	size_t n = strlen(host);
	struct address address;

	if (!take_port(name, &len, port))
		return false;
	if (read_address(host, n, &address))
		return covers(name, len, &address);
	if (len > 0 && name[0] == '.') {
		name++;
		len--;
	}
	if (len == 0 || len > n || strncasecmp(host + n - len, name, len) != 0)
		return false;
	return len == n || host[n - len - 1] == '.';
}

bool github_proxy_excepts(const char *no_proxy, const char *host, unsigned port)
{
	for (const char *p = no_proxy; *p != '\0';) {
		size_t len = strcspn(p, ", \t");

		if ((len == 1 && *p == '*') || (len > 0 && names(p, len, host, port)))
			return true;
		p += len + (p[len] != '\0');
	}
	return false;
}

/* An empty variable is none, as for curl. */
static const char *variable(const char *lower, const char *upper, const char **what)
{
	const char *value = getenv(lower);

	*what = lower;
	if (value == NULL || *value == '\0') {
		value = getenv(upper);
		*what = upper;
	}
	return value == NULL || *value == '\0' ? NULL : value;
}

int github_proxy_from_environment(const char *host, unsigned port, struct github_proxy *out,
				  struct err *err)
{
	const char *what, *value = variable("no_proxy", "NO_PROXY", &what);

	if (value != NULL && github_proxy_excepts(value, host, port))
		return 0;
	value = variable("all_proxy", "ALL_PROXY", &what);
	if (value == NULL)
		value = variable("https_proxy", "HTTPS_PROXY", &what);
	return value == NULL ? 0 : github_proxy_parse(what, value, out, err);
}

void github_proxy_clear(struct github_proxy *p)
{
	buf_clear(&p->login);
	*p = (struct github_proxy)GITHUB_PROXY_INIT;
}
