/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/dockerconfig.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/name.h"
#include "kinds/value.h"

#define WHAT_MAX 320

/* --- reading ---------------------------------------------------------------------------------- */

#define UNUSED_TOKEN "is not used by the kubelet and Flux; log in with a password or a token"

/* Members that docker writes and no reader of a Secret uses. */
static const struct useless {
	const char *name, *why;
} useless_top[] = {
	{ "credHelpers", "names programs on your machine; log in without one" },
	{ "credsStore", "names a program on your machine that holds the passwords; log in "
			"without it" },
	{ "HttpHeaders", "is not sent by the kubelet and Flux, and may hold secrets" },
	{ NULL, NULL },
}, useless_entry[] = {
	{ "identitytoken", UNUSED_TOKEN },
	{ "registrytoken", UNUSED_TOKEN },
	{ NULL, NULL },
};

static int refuse_useless(const char *what, const json_t *v, const struct useless *list,
			  struct err *err)
{
	for (; list->name != NULL; list++)
		if (json_object_get(v, list->name) != NULL)
			return err_set(err, ERR_INVALID, "%s: %s %s", what, list->name, list->why);
	return 0;
}

/* Cut "user:password" in auth at its first colon. */
static int decode_auth(const char *what, const char *auth, struct buf *user, struct buf *password,
		       struct err *err)
{
	struct buf plain = BUF_INIT;
	const unsigned char *colon;
	int r = -1;

	if (b64_decode(&plain, auth, strlen(auth)) != 0) {
		bool raw = b64_decode_raw(&plain, auth, strlen(auth)) == 0;

		err_set(err, ERR_INVALID,
			raw ? "%s: auth is base64 without its padding, which not every reader takes"
			    : "%s: auth is not base64",
			what);
		goto out;
	}
	colon = plain.len == 0 ? NULL : memchr(plain.data, ':', plain.len);
	if (colon == NULL) {
		err_set(err, ERR_INVALID, "%s: auth has no colon between user and password", what);
		goto out;
	}
	buf_put(user, plain.data, (size_t)(colon - plain.data));
	buf_put(password, colon + 1, plain.len - (size_t)(colon + 1 - plain.data));
	r = 0;
out:
	buf_clear(&plain);
	return r;
}

static bool same(const char *s, const struct buf *b)
{
	return s == NULL || (strlen(s) == b->len && memcmp(s, buf_str(b), b->len) == 0);
}

static int read_pair(const char *what, const json_t *entry, struct buf *user, struct buf *password,
		     struct err *err)
{
	const char *name, *secret, *auth;

	if (json_opt_string(entry, what, "username", &name, err) != 0 ||
	    json_opt_string(entry, what, "password", &secret, err) != 0 ||
	    json_opt_string(entry, what, "auth", &auth, err) != 0)
		return -1;
	if (auth == NULL && name == NULL && secret == NULL)
		return err_set(err, ERR_INVALID, "%s: has neither auth nor username and password",
			       what);
	if (auth == NULL && (name == NULL || secret == NULL))
		return err_set(err, ERR_INVALID, "%s: has no %s", what,
			       name == NULL ? "username" : "password");
	if (auth == NULL) {
		buf_puts(user, name);
		buf_puts(password, secret);
		return 0;
	}
	if (decode_auth(what, auth, user, password, err) != 0)
		return -1;
	if (!same(name, user))
		return err_set(err, ERR_INVALID, "%s: auth and username disagree", what);
	if (!same(secret, password))
		return err_set(err, ERR_INVALID, "%s: auth and password disagree", what);
	return 0;
}

static int read_entry(const char *what, const json_t *entry, struct buf *user, struct buf *password,
		      struct err *err)
{
	static const char *const members[] = { "username", "password", "auth", "email", NULL };
	char where[WHAT_MAX + 16];

	if ((json_is_object(entry) && refuse_useless(what, entry, useless_entry, err) != 0) ||
	    json_only(entry, what, members, err) != 0 ||
	    read_pair(what, entry, user, password, err) != 0)
		return -1;
	snprintf(where, sizeof(where), "%s: username", what);
	if (value_user(where, buf_str(user), user->len, err) != 0)
		return -1;
	if (password->len == 0)
		return err_set(err, ERR_INVALID, "%s: password: is empty", what);
	return 0;
}

static int read_auths(const char *what, const json_t *auths, struct dockerconfig *out,
		      struct notes *notes, struct err *err)
{
	const char *key;
	json_t *entry;

	json_object_foreach((json_t *)(uintptr_t)auths, key, entry)
	{
		struct buf user = BUF_INIT, password = BUF_INIT;
		char where[WHAT_MAX];
		int r;

		snprintf(where, sizeof(where), "%s: auths: %.200s", what, dockerconfig_shown(key));
		r = read_entry(where, entry, &user, &password, err);
		if (r == 0 && json_object_get(entry, "email") != NULL)
			note_add(notes, "%s: email is left out; nothing reads it", where);
		kv_set(&out->users, key, buf_str(&user), user.len);
		kv_set(&out->passwords, key, buf_str(&password), password.len);
		buf_clear(&user);
		buf_clear(&password);
		if (r != 0)
			return -1;
	}
	return 0;
}

static const json_t *find_auths(const char *what, const json_t *root, struct err *err)
{
	static const char *const members[] = { "auths", NULL };
	const json_t *auths;

	if ((json_is_object(root) && refuse_useless(what, root, useless_top, err) != 0) ||
	    json_only(root, what, members, err) != 0)
		return NULL;
	auths = json_need_object(root, what, "auths", err);
	if (auths != NULL && json_object_size(auths) == 0) {
		err_set(err, ERR_INVALID, "%s: auths is empty", what);
		return NULL;
	}
	return auths;
}

int dockerconfig_parse(const char *what, const void *text, size_t len, struct dockerconfig *out,
		       struct notes *notes, struct err *err)
{
	json_t *root = json_parse(text, len, what, err);
	const json_t *auths = root == NULL ? NULL : find_auths(what, root, err);
	int r = -1;

	dockerconfig_clear(out);
	if (auths != NULL)
		r = read_auths(what, auths, out, notes, err);
	json_decref(root);
	if (r != 0)
		dockerconfig_clear(out);
	return r;
}

/* --- writing ---------------------------------------------------------------------------------- */

static json_t *format_entry(const struct kv_item *user, const struct kv_item *password)
{
	struct buf plain = BUF_INIT, auth = BUF_INIT;
	json_t *entry;

	buf_put(&plain, user->data, user->len);
	buf_putc(&plain, ':');
	buf_put(&plain, password->data, password->len);
	b64_encode(&auth, plain.data, plain.len);
	/* NULL where a string is not UTF-8 */
	entry = json_pack("{s:s%,s:s%,s:s%}", "username", (const char *)user->data, user->len,
			  "password", (const char *)password->data, password->len, "auth",
			  buf_str(&auth), auth.len);
	buf_clear(&plain);
	buf_clear(&auth);
	return entry;
}

int dockerconfig_format(const struct dockerconfig *c, struct buf *out, struct err *err)
{
	json_t *auths = json_object(), *root = json_pack("{s:o}", "auths", auths);
	int r = 0;

	for (size_t i = 0; i < c->users.n && r == 0; i++) {
		const struct kv_item *user = &c->users.items[i];
		const char *key = user->name;
		json_t *entry = format_entry(user, kv_get(&c->passwords, key));

		if (entry == NULL)
			r = err_set(err, ERR_INVALID,
				    "%s: the password is not UTF-8, and a docker "
				    "config is JSON",
				    dockerconfig_name(key));
		else
			json_object_set_new(auths, key, entry);
	}
	if (r == 0)
		r = json_format(out, root);
	json_decref(root);
	return r;
}

/* json_format is for programs; a person reads lines. */
static int put_lines(const json_t *root, struct buf *out)
{
	char *text = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS);
	int r = text != NULL ? buf_printf(out, "%s\n", text) : -1;

	mem_free(text);
	return r;
}

int dockerconfig_format_bare(const struct dockerconfig *c, struct buf *out)
{
	json_t *auths = json_object(), *root = json_pack("{s:o}", "auths", auths);
	int r = 0;

	for (size_t i = 0; i < c->users.n && r == 0; i++) {
		const struct kv_item *user = &c->users.items[i];
		const struct kv_item *password = kv_get(&c->passwords, user->name);
		json_t *entry =
		    json_pack("{s:s%,s:s%}", "username", (const char *)user->data, user->len,
			      "password", (const char *)password->data, password->len);

		r = json_object_set_new(auths, user->name, entry);
	}
	if (r == 0)
		r = put_lines(root, out);
	json_decref(root);
	return r;
}

void dockerconfig_clear(struct dockerconfig *c)
{
	kv_clear(&c->users);
	kv_clear(&c->passwords);
}

/* --- hosts ------------------------------------------------------------------------------------ */

const char *dockerconfig_name(const char *key)
{
	return strcmp(key, DOCKERCONFIG_HUB) == 0 ? DOCKERCONFIG_HUB_NAME : key;
}

/* Both are cut up. */
static bool parts_match(char *pattern, char *host)
{
	for (;;) {
		char *p = pattern + strcspn(pattern, "."), *h = host + strcspn(host, ".");
		bool last = *p == '\0';

		if (last != (*h == '\0'))
			return false;
		*p = *h = '\0';
		if (!name_glob(pattern, host))
			return false;
		if (last)
			return true;
		pattern = p + 1;
		host = h + 1;
	}
}

bool dockerconfig_serves(const char *name, const char *domain)
{
	size_t n = strcspn(name, ":"), d = strcspn(domain, ":");
	char *pattern, *host;
	bool serves;

	if (strpbrk(name, "*?") == NULL || strcmp(name + n, domain + d) != 0)
		return strcmp(name, domain) == 0;
	pattern = mem_strn(name, n);
	host = mem_strn(domain, d);
	serves = parts_match(pattern, host);
	mem_free(pattern);
	mem_free(host);
	return serves;
}

const char *dockerconfig_shown(const char *key)
{
	return strpbrk(key, "@?#") == NULL ? key : "(a key with \"@\", \"?\" or \"#\")";
}

static const char *const hub_names[] = {
	"docker.io",
	"index.docker.io",
	"https://index.docker.io/v1",
	NULL,
};

/* Addresses that people give, and that serve no images. */
static const struct {
	const char *host, *instead;
} misnomers[] = {
	{ "hub.docker.com", "docker.io" },
	{ "github.com", "ghcr.io" },
	{ "docker.pkg.github.com", "ghcr.io" },
	{ "gitlab.com", "registry.gitlab.com" },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int check_port(const char *what, const char *port, struct err *err)
{
	unsigned long n = 0;
	size_t len = strlen(port);

	for (size_t i = 0; i < len && i < 6; i++)
		n = is_digit(port[i]) ? n * 10 + (unsigned long)(port[i] - '0') : 100000;
	if (len == 0 || len > 5 || port[0] == '0' || n > 65535)
		return err_set(err, ERR_INVALID, "%s: the port is not a number from 1 to 65535",
			       what);
	if (n == 443)
		return err_set(err, ERR_INVALID,
			       "%s: leave out the port 443: readers compare it as text, and images "
			       "are named without it",
			       what);
	return 0;
}

/* What is no host, each with what was probably meant. */
static int check_shape(const char *what, const char *server, struct err *err)
{
	const char *slash = strchr(server, '/');

	if (strstr(server, "://") != NULL)
		return err_set(err, ERR_INVALID,
			       "%s: begins with a scheme; give the host as the names of images do: "
			       "ghcr.io",
			       what);
	if (strchr(server, '@') != NULL)
		return err_set(err, ERR_INVALID,
			       "%s: holds an \"@\"; the user name is given by itself", what);
	if (slash != NULL && slash[1] == '\0')
		return err_set(err, ERR_INVALID, "%s: ends with a slash; give the host alone",
			       what);
	if (slash != NULL)
		return err_set(
		    err, ERR_INVALID,
		    "%s: holds a path, which the kubelet takes for a beginning, so that org "
		    "also means org-other, and Flux for nothing; give the host alone",
		    what);
	return 0;
}

static int check_characters(const char *what, const char *server, struct err *err)
{
	for (const char *c = server; *c != '\0'; c++) {
		if (*c >= 'A' && *c <= 'Z')
			return err_set(
			    err, ERR_INVALID,
			    "%s: holds a capital at character %zu; readers compare with the "
			    "names of images, which are in lower case",
			    what, (size_t)(c - server) + 1);
		if (!is_digit(*c) && (*c < 'a' || *c > 'z') && strchr(".-:*?[]", *c) == NULL)
			return err_set(err, ERR_INVALID,
				       "%s: holds a character at position %zu that no host has",
				       what, (size_t)(c - server) + 1);
	}
	return 0;
}

/* "[::1]"; Go's parsers look closer, here it is only kept apart from patterns. */
static int check_v6(const char *what, const char *host, size_t len, struct err *err)
{
	if (host[0] == '[' && len > 4 && host[len - 1] == ']' &&
	    strspn(host + 1, "0123456789abcdef:.") == len - 2)
		return 0;
	return err_set(err, ERR_INVALID, "%s: has brackets that hold no IPv6 address", what);
}

static int check_labels(const char *what, const char *host, size_t len, struct err *err)
{
	size_t begin = 0;

	if (len > 253)
		return err_set(err, ERR_INVALID, "%s: the host is longer than 253 characters",
			       what);
	for (size_t i = 0; i <= len; i++) {
		if (i < len && host[i] != '.')
			continue;
		if (i == begin || i - begin > 63 || host[begin] == '-' || host[i - 1] == '-')
			return err_set(
			    err, ERR_INVALID,
			    "%s: between two dots (or before the first, or after the last) "
			    "stands no part of a host name",
			    what);
		begin = i + 1;
	}
	return 0;
}

static int check_host(const char *what, const char *server, struct notes *notes, struct err *err)
{
	bool v6 = strpbrk(server, "[]") != NULL;
	const char *colon = strchr(v6 ? server + strcspn(server, "]") : server, ':');
	size_t len = colon == NULL ? strlen(server) : (size_t)(colon - server);

	if (check_shape(what, server, err) != 0 || check_characters(what, server, err) != 0 ||
	    (colon != NULL && check_port(what, colon + 1, err) != 0) ||
	    (v6 ? check_v6(what, server, len, err) : check_labels(what, server, len, err)) != 0)
		return -1;
	for (size_t i = 0; i < sizeof(misnomers) / sizeof(*misnomers); i++)
		if (strlen(misnomers[i].host) == len && memcmp(misnomers[i].host, server, len) == 0)
			return err_set(err, ERR_INVALID, "%s: %s serves no images; give %s", what,
				       misnomers[i].host, misnomers[i].instead);
	if (!v6 && memchr(server, '.', len) == NULL && colon == NULL)
		return err_set(
		    err, ERR_INVALID,
		    "%s: has neither a dot nor a port, so the kubelet takes it for a folder "
		    "of Docker Hub",
		    what);
	if (strpbrk(server, "*?") != NULL)
		note_add(
		    notes,
		    "%s: is a pattern, which the kubelet matches; Flux's HelmRepository looks for "
		    "the exact host and finds nothing",
		    what);
	return 0;
}

int dockerconfig_key(const char *what, const char *server, struct buf *key, struct notes *notes,
		     struct err *err)
{
	if (server[0] == '\0')
		return err_set(err, ERR_INVALID, "%s: is empty", what);
	if (strcmp(server, DOCKERCONFIG_HUB) == 0)
		return buf_puts(key, server);
	for (size_t i = 0; hub_names[i] != NULL; i++) {
		if (strcmp(hub_names[i], server) == 0) {
			note_add(notes,
				 "%s: written as %s, where the kubelet looks for it; a "
				 "HelmRepository at oci://registry-1.docker.io needs that host",
				 what, DOCKERCONFIG_HUB);
			return buf_puts(key, DOCKERCONFIG_HUB);
		}
	}
	if (check_host(what, server, notes, err) != 0)
		return -1;
	return buf_puts(key, server);
}
