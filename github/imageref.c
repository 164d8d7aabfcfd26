/* SPDX-License-Identifier: Apache-2.0 */
#include "github/imageref.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define PATH_MAX_BYTES 255 /* distribution/reference: RepositoryNameTotalLengthMax */
#define TAG_MAX 128
#define PORT_MAX 65535
#define ID_DIGITS 64

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define HEX DIGITS "abcdef"

#define HUB "docker.io"
#define HUB_API "registry-1.docker.io"

/* What go-digest knows; in lower case alone. */
static const struct {
	const char *prefix;
	size_t digits;
} digests[] = { { "sha256:", 64 }, { "sha384:", 96 }, { "sha512:", 128 } };

static bool only(const char *s, size_t n, const char *set)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] == '\0' || strchr(set, s[i]) == NULL)
			return false;
	return true;
}

/* --- the domain ------------------------------------------------------------------------------- */

static bool is_port(const char *s)
{
	size_t n = strlen(s);

	return n >= 1 && n <= 5 && only(s, n, DIGITS) && s[0] != '0' &&
	       strtoul(s, NULL, 10) <= PORT_MAX;
}

/* [a-zA-Z0-9] or [a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9], joined by dots. */
static bool is_host(const char *s, size_t n)
{
	size_t at = 0;

	while (at < n) {
		const char *dot = memchr(s + at, '.', n - at);
		size_t len = dot != NULL ? (size_t)(dot - s) - at : n - at;

		if (len == 0 || !only(s + at, len, LOWER UPPER DIGITS "-") || s[at] == '-' ||
		    s[at + len - 1] == '-')
			return false;
		at += len + (dot != NULL);
	}
	return n > 0 && s[n - 1] != '.';
}

static bool is_domain(const char *s)
{
	size_t n = s[0] == '[' ? strcspn(s, "]") + 1 : strcspn(s, ":");

	if (s[0] == '[' && (n < 4 || n > strlen(s) || !only(s + 1, n - 2, HEX "ABCDEF:")))
		return false;
	if (s[0] != '[' && !is_host(s, n))
		return false;
	return s[n] == '\0' || (s[n] == ':' && is_port(s + n + 1));
}

/*
 * How long the domain is that text begins with, 0 when it begins with the path: what stands before
 * the first slash is a host when nothing but a host can look so.
 */
static size_t domain_length(const char *text)
{
	size_t n = strcspn(text, "/");

	if (text[n] == '\0')
		return 0;
	for (size_t i = 0; i < n; i++)
		if (strchr(".:" UPPER, text[i]) != NULL)
			return n;
	return n == strlen("localhost") && memcmp(text, "localhost", n) == 0 ? n : 0;
}

static int take_domain(const char *text, size_t n, struct imageref *out, struct err *err)
{
	if (n == 0) {
		out->domain = mem_str(HUB);
		return 0;
	}
	out->domain = mem_strn(text, n);
	if (!is_domain(out->domain))
		return err_set(err, ERR_INVALID,
			       "image: what stands before the first \"/\" is no host name with or "
			       "without a port");
	for (char *c = out->domain; *c != '\0'; c++)
		if (strchr(UPPER, *c) != NULL)
			return err_set(err, ERR_INVALID,
				       "image: the registry has an upper-case letter; logins are "
				       "looked up by its lower-case name");
	if (strcmp(out->domain, "index.docker.io") == 0)
		mem_replace(&out->domain, HUB);
	return 0;
}

/* --- the path --------------------------------------------------------------------------------- */

/* The separators between letters and digits: one of "." and "_", two "_", any number of "-". */
static size_t separator(const char *s, size_t n)
{
	size_t dashes = 0;

	while (dashes < n && s[dashes] == '-')
		dashes++;
	if (dashes > 0)
		return dashes;
	if (n >= 2 && s[0] == '_' && s[1] == '_')
		return 2;
	return n >= 1 && (s[0] == '_' || s[0] == '.') ? 1 : 0;
}

static size_t word(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && only(s + i, 1, LOWER DIGITS))
		i++;
	return i;
}

static bool is_component(const char *s, size_t n)
{
	size_t at = word(s, n);

	if (at == 0)
		return false;
	while (at < n) {
		size_t gap = separator(s + at, n - at);
		size_t letters = word(s + at + gap, n - at - gap);

		if (gap == 0 || letters == 0)
			return false;
		at += gap + letters;
	}
	return true;
}

static int check_path(const char *path, struct err *err)
{
	if (strpbrk(path, UPPER) != NULL)
		return err_set(err, ERR_INVALID,
			       "image: the name has an upper-case letter; registries know names in "
			       "lower case alone, also where the owner's is not");
	for (unsigned part = 1;; part++) {
		size_t n = strcspn(path, "/");

		if (!is_component(path, n))
			return err_set(err, ERR_INVALID,
				       "image: part %u of the name is not letters and digits "
				       "joined by \".\", \"_\", \"__\" or \"-\"",
				       part);
		if (path[n] == '\0')
			return 0;
		path += n + 1;
	}
}

static int take_path(const char *text, size_t n, struct imageref *out, struct err *err)
{
	char *path = mem_strn(text, n);

	if (n == ID_DIGITS && only(text, n, HEX)) {
		mem_free(path);
		return err_set(err, ERR_INVALID,
			       "image: 64 hex digits are the id of an image on one machine, not a "
			       "name in a registry");
	}
	if (strcmp(out->domain, HUB) == 0 && strchr(path, '/') == NULL)
		out->path = mem_printf("library/%s", path);
	else
		out->path = mem_str(path);
	mem_free(path);
	if (n == 0)
		return err_set(err, ERR_INVALID, "image: no name");
	if (strlen(out->path) > PATH_MAX_BYTES)
		return err_set(err, ERR_INVALID, "image: the name is longer than %d characters",
			       PATH_MAX_BYTES);
	return check_path(out->path, err);
}

/* --- tag and digest --------------------------------------------------------------------------- */

static int take_tag(const char *text, size_t n, struct imageref *out, struct err *err)
{
	if (n == 0 || n > TAG_MAX || !only(text, n, LOWER UPPER DIGITS "_.-") ||
	    strchr(".-", text[0]) != NULL)
		return err_set(err, ERR_INVALID,
			       "image: the tag behind \":\" is not 1 to %d letters, digits, \"_\", "
			       "\".\" and \"-\", the first no \".\" or \"-\"",
			       TAG_MAX);
	out->tag = mem_strn(text, n);
	return 0;
}

static int take_digest(const char *text, struct imageref *out, struct err *err)
{
	for (size_t i = 0; i < sizeof(digests) / sizeof(*digests); i++) {
		size_t n = strlen(digests[i].prefix);

		if (strncmp(text, digests[i].prefix, n) != 0)
			continue;
		if (strlen(text + n) != digests[i].digits ||
		    !only(text + n, digests[i].digits, HEX))
			return err_set(err, ERR_INVALID,
				       "image: the digest behind \"@%s\" is not %zu lower-case hex "
				       "digits",
				       digests[i].prefix, digests[i].digits);
		out->digest = mem_str(text);
		return 0;
	}
	return err_set(err, ERR_INVALID,
		       "image: the digest behind \"@\" does not begin with sha256:, sha384: or "
		       "sha512:");
}

static int parse(const char *text, struct imageref *out, struct err *err)
{
	size_t name = domain_length(text), end, colon;

	if (strlen(text) > IMAGEREF_MAX)
		return err_set(err, ERR_INVALID, "image: longer than %d bytes", IMAGEREF_MAX);
	if (strstr(text, "://") != NULL)
		return err_set(err, ERR_INVALID,
			       "image: give the name as in a Pod, without https:// or docker://");
	if (take_domain(text, name, out, err) != 0)
		return -1;
	text += name + (name > 0);
	end = strcspn(text, "@");
	colon = strcspn(text, ":");
	if (colon > end)
		colon = end;
	if (take_path(text, colon, out, err) != 0)
		return -1;
	if (colon < end && take_tag(text + colon + 1, end - colon - 1, out, err) != 0)
		return -1;
	return text[end] == '@' ? take_digest(text + end + 1, out, err) : 0;
}

int imageref_parse(const char *text, struct imageref *out, struct err *err)
{
	*out = (struct imageref)IMAGEREF_INIT;
	if (parse(text, out, err) == 0)
		return 0;
	imageref_clear(out);
	return -1;
}

void imageref_clear(struct imageref *ref)
{
	mem_free(ref->domain);
	mem_free(ref->path);
	mem_free(ref->tag);
	mem_free(ref->digest);
	*ref = (struct imageref)IMAGEREF_INIT;
}

const char *imageref_reference(const struct imageref *ref)
{
	if (ref->digest != NULL)
		return ref->digest;
	return ref->tag != NULL ? ref->tag : "latest";
}

const char *imageref_api_host(const struct imageref *ref)
{
	return strcmp(ref->domain, HUB) == 0 ? HUB_API : ref->domain;
}

void imageref_format(const struct imageref *ref, struct buf *out)
{
	buf_printf(out, "%s/%s", ref->domain, ref->path);
	if (ref->tag != NULL || ref->digest == NULL)
		buf_printf(out, ":%s", ref->tag != NULL ? ref->tag : "latest");
	if (ref->digest != NULL)
		buf_printf(out, "@%s", ref->digest);
}
