/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/hostpat.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/b64.h"
#include "base/buf.h"
#include "base/text.h"

#define SHA1_BYTES 20

struct word {
	const char *text;
	size_t len;
};

struct pattern {
	bool negated;
	struct word host;
	unsigned port;
};

/* "[host]:port": NULL or the reason. */
static const char *parse_bracketed(const struct word *w, struct pattern *out)
{
	const char *end = memchr(w->text, ']', w->len);
	size_t n = end == NULL ? 0 : (size_t)(end - w->text);

	if (end == NULL || n + 1 >= w->len || end[1] != ':')
		return "a host in brackets needs its port: \"[host]:port\"";
	out->host = (struct word){ w->text + 1, n - 1 };
	out->port = text_port(end + 2, w->len - n - 2);
	if (out->host.len == 0 || memchr(out->host.text, '[', out->host.len) != NULL ||
	    out->port == 0)
		return "a host in brackets needs its port: \"[host]:port\"";
	return NULL;
}

/* One of the names between commas.  "host:port" is Flux's alone; OpenSSH does not know it. */
static const char *parse_pattern(struct word w, struct pattern *out)
{
	const char *colon;

	*out = (struct pattern){ .port = 22 };
	if (w.len > 0 && w.text[0] == '!') {
		out->negated = true;
		w.text++;
		w.len--;
	}
	if (w.len == 0)
		return "a host name is empty";
	if (w.len > URL_HOST_MAX + 8)
		return "a host name is too long";
	if (w.text[0] == '[')
		return parse_bracketed(&w, out);
	colon = memchr(w.text, ':', w.len);
	if (colon != NULL && memchr(colon + 1, ':', w.len - (size_t)(colon + 1 - w.text)) == NULL)
		return "a host with a port is written \"[host]:port\"";
	out->host = w;
	return NULL;
}

static struct word next_pattern(struct word *rest)
{
	const char *comma = memchr(rest->text, ',', rest->len);
	struct word w = { rest->text, comma == NULL ? rest->len : (size_t)(comma - rest->text) };

	rest->text += w.len + (comma != NULL);
	rest->len -= w.len + (comma != NULL);
	return w;
}

/* "|1|SALT|HASH": NULL or the reason. */
static const char *parse_hashed(const struct word *w, struct buf *salt, struct buf *hash)
{
	const char *middle, *salted = w->text + 3;

	if (w->len < 3 || memcmp(w->text, "|1|", 3) != 0)
		return "a hashed host is not of the form |1|SALT|HASH";
	middle = memchr(salted, '|', w->len - 3);
	if (middle == NULL || b64_decode(salt, salted, (size_t)(middle - salted)) != 0 ||
	    b64_decode(hash, middle + 1, (size_t)(w->text + w->len - middle - 1)) != 0 ||
	    salt->len != SHA1_BYTES || hash->len != SHA1_BYTES)
		return "a hashed host is not of the form |1|SALT|HASH";
	return NULL;
}

const char *hostpat_check(const char *text, size_t len)
{
	struct buf salt = BUF_INIT, hash = BUF_INIT;
	struct word rest = { text, len };
	struct pattern p;
	const char *reason = NULL;

	if (text[0] == '|') {
		reason = parse_hashed(&rest, &salt, &hash);
		buf_clear(&salt);
		buf_clear(&hash);
		return reason;
	}
	if (text[len - 1] == ',')
		return "a host name is empty";
	while (rest.len > 0 && reason == NULL)
		reason = parse_pattern(next_pattern(&rest), &p);
	return reason;
}

/*
 * x/crypto's wildcardMatch, without its backtracking: at[i] says whether the pattern so far matches
 * the first i characters.  Its oddity is kept: a "*" at the end matches no empty rest.
 */
static bool wildcard(const struct word *pattern, const char *host)
{
	bool at[URL_HOST_MAX + 1] = { true };
	size_t len = strlen(host);

	for (size_t p = 0; p < pattern->len; p++) {
		char c = pattern->text[p];
		bool last = p + 1 == pattern->len;

		if (c == '*') {
			for (size_t i = 1; i <= len; i++)
				at[i] = at[i] || at[i - 1];
			/* the last star needs one character: shift what was there before it */
			for (size_t i = len; last && i > 0; i--)
				at[i] = at[i - 1];
			if (last)
				at[0] = false;
			continue;
		}
		for (size_t i = len; i > 0; i--)
			at[i] = at[i - 1] && (c == '?' || c == host[i - 1]);
		at[0] = false;
	}
	return at[len];
}

static bool match_hashed(const struct word *hosts, const struct url *u)
{
	struct buf salt = BUF_INIT, hash = BUF_INIT, name = BUF_INIT;
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	bool matches;

	url_format_host(u, &name);
	matches =
	    parse_hashed(hosts, &salt, &hash) == NULL &&
	    HMAC(EVP_sha1(), salt.data, (int)salt.len, name.data, name.len, mac, &n) != NULL &&
	    n == hash.len && memcmp(mac, hash.data, n) == 0;
	buf_clear(&salt);
	buf_clear(&hash);
	buf_clear(&name);
	return matches;
}

bool hostpat_match(const char *text, size_t len, const struct url *u)
{
	struct word rest = { text, len };
	struct pattern p;
	bool matched = false;

	if (rest.text[0] == '|')
		return match_hashed(&rest, u);
	while (rest.len > 0) {
		if (parse_pattern(next_pattern(&rest), &p) != NULL || p.port != u->port ||
		    !wildcard(&p.host, u->host))
			continue;
		if (p.negated)
			return false;
		matched = true;
	}
	return matched;
}
