/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any challenge of a registry: the address that a login goes to is the realm's own, over TLS unless
 * plain HTTP was asked for, and what is asked there says the service and the scopes and nothing
 * more.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "github/registry_realm.h"

static void split(const struct challenge *c, bool plain, char **base, struct buf *path)
{
	struct err err = ERR_INIT;
	size_t scheme, n;

	if (registry_realm_split(c->realm, plain, base, path, &err) != 0) {
		must(err.class == ERR_INVALID && err.text[0] != '\0');
		must(*base == NULL && path->len == 0);
		return;
	}
	scheme = strncmp(*base, "https://", 8) == 0 ? 8 : 7;
	must(scheme == 8 || (plain && strncmp(*base, "http://", 7) == 0));
	must(strpbrk(*base + scheme, "/?# \t\\\"") == NULL);
	must(buf_str(path)[0] == '/' && strpbrk(buf_str(path), "# \t\\\"") == NULL);
	/* nothing of the realm is lost, and only a "/" may be new */
	n = strlen(*base);
	must(strncmp(c->realm, *base, n) == 0);
	must(strcmp(c->realm + n, buf_str(path)) == 0 ||
	     strcmp(c->realm + n, buf_str(path) + 1) == 0);
}

/* The values of a name in a query, decoded, a space between; the query's end in *end. */
static const char *values(const char *at, const char *name, struct buf *out)
{
	size_t n = strlen(name);

	while ((*at == '?' || *at == '&') && strncmp(at + 1, name, n) == 0 && at[n + 1] == '=') {
		if (out->len > 0)
			buf_putc(out, ' ');
		for (at += n + 2; *at != '\0' && *at != '&'; at++) {
			if (*at == '%') {
				must(text_hex(at[1]) >= 0 && text_hex(at[2]) >= 0);
				buf_putc(out,
					 (unsigned char)(text_hex(at[1]) * 16 + text_hex(at[2])));
				at += 2;
				continue;
			}
			must(strchr("?#=+ \"<>\\^`{|}", *at) == NULL);
			buf_putc(out, (unsigned char)*at);
		}
	}
	return at;
}

/* The words of a text, one space between. */
static void words(const char *text, struct buf *out)
{
	while (*text != '\0') {
		size_t n = strcspn(text, " ");

		if (n > 0 && out->len > 0)
			buf_putc(out, ' ');
		buf_put(out, text, n);
		text += n + strspn(text + n, " ");
	}
}

static void ask(const struct challenge *c, const char *actions, const struct buf *place)
{
	struct buf path = BUF_INIT, service = BUF_INIT, scopes = BUF_INIT, want = BUF_INIT;
	const char *at;

	buf_put(&path, place->data, place->len);
	registry_realm_query(c, "o/a", actions, &path);
	must(strncmp(buf_str(&path), buf_str(place), place->len) == 0);
	at = values(buf_str(&path) + place->len, "service", &service);
	at = values(at, "scope", &scopes);
	must(*at == '\0');
	must(strcmp(buf_str(&service), c->service == NULL ? "" : c->service) == 0);
	if (actions != NULL && strcmp(actions, "pull") == 0 && c->scope != NULL)
		words(c->scope, &want);
	else if (actions != NULL)
		buf_printf(&want, "repository:o/a:%s", actions);
	must(strcmp(buf_str(&scopes), buf_str(&want)) == 0);
	buf_clear(&path);
	buf_clear(&service);
	buf_clear(&scopes);
	buf_clear(&want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *field = mem_strn((const char *)data, size), *base = NULL;
	struct buf path = BUF_INIT;
	struct challenge c;

	if (challenge_parse(field, &c, NULL) == 0 && c.scheme == CHALLENGE_BEARER) {
		split(&c, size % 2 == 1, &base, &path);
		if (base != NULL) {
			ask(&c, "pull", &path);
			ask(&c, "pull,push", &path);
			ask(&c, NULL, &path);
		}
	}
	challenge_clear(&c);
	buf_clear(&path);
	mem_free(base);
	mem_free(field);
	return 0;
}
