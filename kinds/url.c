/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/url.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/err.h"
#include "base/name.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_plain(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       c == '.' || c == '_';
}

static const char *form_of(int schemes)
{
	if ((schemes & URL_NO_PATH) != 0)
		return "https://HOST[/PATH]";
	if (schemes == URL_SSH)
		return "ssh://git@HOST/PATH";
	if (schemes == URL_HTTPS)
		return "https://HOST/PATH";
	return "ssh://git@HOST/PATH or https://HOST/PATH";
}

/* "git@github.com:org/repo": Flux takes it for no URL at all. */
static int refuse_no_scheme(const char *what, const char *text, int schemes, struct err *err)
{
	size_t host = strcspn(text, ":/");
	const char *path = text + host + 1;

	if (text[host] != ':' || strchr(path, ':') != NULL || strchr(path, '@') != NULL)
		return err_set(err, ERR_INVALID, "%s: must be of the form %s", what,
			       form_of(schemes));
	return err_set(err, ERR_INVALID,
		       "%s: Flux does not read the form HOST:PATH: write ssh://%.*s/%.300s", what,
		       (int)(host < 300 ? host : 300), text, path + (*path == '/'));
}

/* Find the scheme; out->path becomes what follows "://". */
static int take_scheme(const char *what, const char *text, int schemes, struct url *out,
		       struct err *err)
{
	const char *end = strstr(text, "://");

	if (end == NULL)
		return refuse_no_scheme(what, text, schemes, err);
	out->path = end + 3;
	if (strncmp(text, "ssh://", 6) == 0)
		out->scheme = URL_SSH;
	else if (strncmp(text, "https://", 8) == 0)
		out->scheme = URL_HTTPS;
	else if (strncmp(text, "http://", 7) == 0)
		return err_set(err, ERR_INVALID,
			       "%s: http:// would send everything in the clear: use %s", what,
			       form_of(schemes));
	if (out->scheme == 0 || ((int)out->scheme & schemes) == 0)
		return err_set(err, ERR_INVALID, "%s: must be of the form %s", what,
			       form_of(schemes));
	return 0;
}

/* text[0..len) is what stands before "@". */
static int take_user(const char *what, const char *text, size_t len, struct url *out,
		     struct err *err)
{
	if (out->scheme != URL_SSH || memchr(text, ':', len) != NULL)
		return err_set(err, ERR_INVALID,
			       "%s: has credentials before the host, where everyone can read them: "
			       "remove them (and replace them, if they are real)",
			       what);
	if (len == 0 || len > URL_USER_MAX)
		return err_set(err, ERR_INVALID, "%s: the user before the host has %zu characters",
			       what, len);
	for (size_t i = 0; i < len; i++)
		if (!is_plain(text[i]))
			return err_set(err, ERR_INVALID,
				       "%s: character %zu of the user is not one of a-z, 0-9, "
				       "\"-\", \".\" and \"_\"",
				       what, i + 1);
	memcpy(out->user, text, len);
	out->user[len] = '\0';
	return 0;
}

static int take_port(const char *what, const char *text, size_t len, struct url *out,
		     struct err *err)
{
	unsigned port = 0;

	for (size_t i = 0; i < len; i++) {
		if (!is_digit(text[i]))
			return err_set(err, ERR_INVALID,
				       "%s: after the host's \":\" stands no port: write \"/\" "
				       "before the path",
				       what);
		port = port < 100000 ? port * 10 + (unsigned)(text[i] - '0') : port;
	}
	if (port == 0 || port > 65535 || text[0] == '0')
		return err_set(err, ERR_INVALID, "%s: the port must be a number from 1 to 65535",
			       what);
	out->port = port;
	return 0;
}

static int check_host(const char *what, const struct url *u, bool brackets, struct err *err)
{
	unsigned char address[16];

	for (size_t i = 0; u->host[i] != '\0'; i++)
		if (u->host[i] >= 'A' && u->host[i] <= 'Z')
			return err_set(err, ERR_INVALID,
				       "%s: the host must be in lower case, as in known_hosts",
				       what);
	if (brackets ? inet_pton(AF_INET6, u->host, address) == 1 : name_is_subdomain(u->host))
		return 0;
	return err_set(err, ERR_INVALID, "%s: the host is not a name or an address", what);
}

/* text[0..len) is host[:port]. */
static int take_host(const char *what, const char *text, size_t len, struct url *out,
		     struct err *err)
{
	bool brackets = len > 0 && text[0] == '[';
	const char *end = memchr(text, brackets ? ']' : ':', len);
	size_t n;

	if (brackets && end == NULL)
		return err_set(err, ERR_INVALID, "%s: the host is not a name or an address", what);
	n = end == NULL ? len : (size_t)(end - text);
	if (n - brackets > URL_HOST_MAX)
		return err_set(err, ERR_INVALID, "%s: the host is longer than %d characters", what,
			       URL_HOST_MAX);
	memcpy(out->host, text + brackets, n - brackets);
	out->host[n - brackets] = '\0';
	n += brackets;
	if (check_host(what, out, brackets, err) != 0)
		return -1;
	out->port = out->scheme == URL_SSH ? 22 : 443;
	if (n == len)
		return 0;
	if (text[n] != ':')
		return err_set(err, ERR_INVALID, "%s: the host is not a name or an address", what);
	return take_port(what, text + n + 1, len - n - 1, out, err);
}

static bool is_dots(const char *segment)
{
	size_t n = strcspn(segment, "/");

	return (n == 1 && segment[0] == '.') || (n == 2 && strncmp(segment, "..", 2) == 0);
}

static int check_path(const char *what, const char *path, int schemes, struct err *err)
{
	if ((schemes & URL_NO_PATH) == 0 && (path[0] != '/' || path[1] == '\0'))
		return err_set(err, ERR_INVALID, "%s: has no path to a repository", what);
	for (size_t i = 0; path[i] != '\0'; i++) {
		if (path[i] == '?' || path[i] == '#')
			return err_set(err, ERR_INVALID, "%s: a Git URL has no \"%c\"", what,
				       path[i]);
		if (!is_plain(path[i]) && strchr("/~!$&'()*+,;=:@%", path[i]) == NULL)
			return err_set(err, ERR_INVALID,
				       "%s: character %zu of the path is not allowed in a URL",
				       what, i + 1);
		if (path[i] == '/' && (path[i + 1] == '/' || is_dots(path + i + 1)))
			return err_set(err, ERR_INVALID,
				       "%s: the path has \"//\", \"/./\" or \"/../\" in it", what);
	}
	return 0;
}

static int check_characters(const char *what, const char *text, struct err *err)
{
	for (size_t i = 0; text[i] != '\0'; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return err_set(err, ERR_INVALID,
				       "%s: byte %zu is not printable ASCII, or a blank", what,
				       i + 1);
	return 0;
}

int url_parse(const char *what, const char *text, int schemes, struct url *out, struct err *err)
{
	struct url u = { .path = text };
	const char *rest, *at;
	size_t authority;

	if (text[0] == '\0' || strlen(text) > URL_MAX)
		return err_set(err, ERR_INVALID, "%s: has %zu characters, must have 1 to %d", what,
			       strlen(text), URL_MAX);
	if (check_characters(what, text, err) != 0 ||
	    take_scheme(what, text, schemes, &u, err) != 0)
		return -1;
	rest = u.path;
	authority = strcspn(rest, "/?#");
	u.path = rest + authority;
	/* the last "@": what looks like a host before it may be a password with one */
	for (at = rest + authority; at > rest && at[-1] != '@'; at--)
		;
	if (at > rest && take_user(what, rest, (size_t)(at - 1 - rest), &u, err) != 0)
		return -1;
	if (take_host(what, at, (size_t)(u.path - at), &u, err) != 0 ||
	    check_path(what, u.path, schemes, err) != 0)
		return -1;
	*out = u;
	return 0;
}

void url_format_host(const struct url *u, struct buf *out)
{
	if (u->port == 22)
		buf_puts(out, u->host);
	else
		buf_printf(out, "[%s]:%u", u->host, u->port);
}
