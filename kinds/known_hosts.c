/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/known_hosts.h"

#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/mem.h"
#include "kinds/github_hosts.h"
#include "kinds/hostpat.h"

struct word {
	const char *text;
	size_t len;
};

/* Where we are, for errors. */
struct place {
	const char *what;
	unsigned line;
};

static int refuse(const struct place *p, const char *reason, struct err *err)
{
	return err_set(err, ERR_INVALID, "%s: line %u: %s", p->what, p->line, reason);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The next word of a line and the rest behind it; an empty word at the end. */
static struct word next_word(struct word *rest)
{
	struct word w;

	while (rest->len > 0 && is_blank(rest->text[0])) {
		rest->text++;
		rest->len--;
	}
	w.text = rest->text;
	for (w.len = 0; w.len < rest->len && !is_blank(rest->text[w.len]); w.len++)
		;
	rest->text += w.len;
	rest->len -= w.len;
	return w;
}

static bool word_is(const struct word *w, const char *text)
{
	return w->len == strlen(text) && memcmp(w->text, text, w->len) == 0;
}

static bool word_starts(const struct word *w, const char *prefix)
{
	size_t n = strlen(prefix);

	return w->len >= n && memcmp(w->text, prefix, n) == 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* Flux reads one key and takes the rest for a comment, so a second key would be lost unseen. */
static bool looks_like_key(const struct word *w)
{
	return word_starts(w, "AAAA") || word_starts(w, "ssh-") || word_starts(w, "ecdsa-sha2-") ||
	       word_starts(w, "sk-ssh-") || word_starts(w, "sk-ecdsa-");
}

static const char *take_key(struct word *rest, struct known_hosts_line *out)
{
	struct word type = next_word(rest), key = next_word(rest), more;
	const char *reason;

	if (type.len == 0 || key.len == 0)
		return "is not of the form HOSTS TYPE KEY";
	if (b64_decode(&out->blob, key.text, key.len) != 0)
		return "the key is not base64";
	reason = sshpub_check(out->blob.data, out->blob.len, &out->pub);
	if (reason != NULL)
		return reason;
	if (!word_is(&type, out->pub.name))
		return "names another type than its key has";
	if (out->pub.type == PKEY_RSA && out->pub.bits < 1024)
		return "is an RSA key of less than 1024 bits, which Flux refuses";
	while ((more = next_word(rest)).len != 0)
		if (looks_like_key(&more))
			return "has two keys: Flux reads only the first; put each on a line of its "
			       "own";
	return NULL;
}

static const char *take_line(struct word rest, struct known_hosts_line *out)
{
	struct word w = next_word(&rest);
	const char *reason;

	if (word_is(&w, "@cert-authority"))
		out->marker = MARKER_AUTHORITY;
	else if (word_is(&w, "@revoked"))
		out->marker = MARKER_REVOKED;
	else if (w.text[0] == '@')
		return "has an unknown marker (@cert-authority and @revoked are known)";
	if (out->marker != MARKER_NONE)
		w = next_word(&rest);
	if (w.len == 0)
		return "is not of the form HOSTS TYPE KEY";
	if (looks_like_key(&w))
		return "begins with a key: the host must stand before it";
	reason = hostpat_check(w.text, w.len);
	if (reason != NULL)
		return reason;
	out->hosts = w.text;
	out->hosts_len = w.len;
	return take_key(&rest, out);
}

static const char *check_bytes(const struct word *line)
{
	for (size_t i = 0; i < line->len; i++) {
		unsigned char c = (unsigned char)line->text[i];

		if (c == '\r')
			return "ends with a carriage return: save the file with Unix line ends";
		if ((c < ' ' && c != '\t') || c == 0x7f)
			return "holds a control character";
	}
	return NULL;
}

static int add_line(const struct place *at, struct word line, struct known_hosts *out,
		    struct err *err)
{
	struct known_hosts_line l = { .line = at->line };
	const char *reason = check_bytes(&line);
	struct word rest = line, first = next_word(&rest);

	if (reason == NULL && (first.len == 0 || first.text[0] == '#'))
		return 0;
	if (reason == NULL)
		reason = take_line(line, &l);
	if (reason != NULL) {
		buf_clear(&l.blob);
		return refuse(at, reason, err);
	}
	out->lines = mem_grow(out->lines, out->n + 1, sizeof(*out->lines));
	out->lines[out->n++] = l;
	return 0;
}

int known_hosts_parse(const char *what, const char *text, size_t len, struct known_hosts *out,
		      struct err *err)
{
	struct place at = { what, 1 };

	if (len > KNOWN_HOSTS_MAX)
		return err_set(err, ERR_INVALID, "%s: has %zu bytes, more than the %zu allowed",
			       what, len, KNOWN_HOSTS_MAX);
	for (size_t begin = 0; begin < len; at.line++) {
		const char *nl = memchr(text + begin, '\n', len - begin);
		size_t n = nl == NULL ? len - begin : (size_t)(nl - text) - begin;

		if (add_line(&at, (struct word){ text + begin, n }, out, err) != 0) {
			known_hosts_clear(out);
			return -1;
		}
		begin += n + 1;
	}
	if (out->n == 0)
		return err_set(err, ERR_INVALID, "%s: holds no key", what);
	return 0;
}

void known_hosts_clear(struct known_hosts *kh)
{
	for (size_t i = 0; i < kh->n; i++)
		buf_clear(&kh->lines[i].blob);
	mem_free(kh->lines);
	*kh = (struct known_hosts)KNOWN_HOSTS_INIT;
}

/* --- the keys of one host --------------------------------------------------------------------- */

static bool same_key(const struct known_hosts_line *a, const struct known_hosts_line *b)
{
	return a->blob.len == b->blob.len && memcmp(a->blob.data, b->blob.data, a->blob.len) == 0;
}

static bool matches(const struct known_hosts_line *l, const struct url *u)
{
	return hostpat_match(l->hosts, l->hosts_len, u);
}

/* One that matches the host: is it good beside all others? */
static int check_match(const struct place *at, const struct known_hosts *kh,
		       const struct known_hosts_line *l, const struct url *u, struct err *err)
{
	if (github_hosts_is(u->host) && github_hosts_find(l->blob.data, l->blob.len) < 0)
		return refuse(at,
			      "is not one of GitHub's host keys: leave --known-hosts out, the real "
			      "ones are built in",
			      err);
	for (size_t i = 0; i < kh->n; i++) {
		const struct known_hosts_line *other = &kh->lines[i];

		if (other->marker == MARKER_REVOKED && same_key(l, other))
			return refuse(at, "its key is revoked by a @revoked line", err);
		/* Flux takes the first key of a type and never looks at the next */
		if (other < l && other->marker != MARKER_REVOKED && matches(other, u) &&
		    other->pub.type == l->pub.type && !same_key(l, other))
			return err_set(err, ERR_INVALID,
				       "%s: line %u: a second %s key for the host (line %u has the "
				       "first), which Flux never looks at: keep the right one",
				       at->what, at->line, l->pub.name, other->line);
	}
	return 0;
}

static int refuse_missing(const char *what, const struct url *u, bool authority, struct err *err)
{
	struct buf host = BUF_INIT;

	url_format_host(u, &host);
	if (authority)
		err_set(err, ERR_INVALID,
			"%s: holds only a @cert-authority for %s, and Flux never asks for host "
			"certificates: give the host's own keys",
			what, buf_str(&host));
	else
		err_set(
		    err, ERR_INVALID,
		    "%s: holds no key for %s, the host of the URL: 'ssh-keyscan -p %u %s' shows "
		    "them (compare the fingerprints with its owner's)",
		    what, buf_str(&host), u->port, u->host);
	buf_clear(&host);
	return -1;
}

/* Flux offers the types of all lines to any host, which may answer with one not listed for it. */
static void note_other_types(const char *what, const struct known_hosts *kh, unsigned types,
			     const struct url *u, struct notes *notes)
{
	for (size_t i = 0; i < kh->n; i++) {
		const struct known_hosts_line *l = &kh->lines[i];

		if (l->marker == MARKER_REVOKED || (types & 1u << l->pub.type) != 0)
			continue;
		note_add(
		    notes,
		    "%s: line %u: %s is listed for another host only; Flux offers it to %s too, "
		    "and fails if that is what %s answers with: keep only the lines of %s",
		    what, l->line, l->pub.name, u->host, u->host, u->host);
		return;
	}
}

int known_hosts_check(const char *what, const struct known_hosts *kh, const struct url *u,
		      struct notes *notes, struct err *err)
{
	bool found = false, authority = false;
	unsigned types = 0;

	for (size_t i = 0; i < kh->n; i++) {
		const struct known_hosts_line *l = &kh->lines[i];
		const struct place at = { what, l->line };

		if (l->marker == MARKER_REVOKED)
			continue;
		if (github_hosts_is_revoked(l->blob.data, l->blob.len))
			return refuse(
			    &at, "is GitHub's old RSA key, revoked in March 2023: remove it", err);
		if (!matches(l, u))
			continue;
		if (check_match(&at, kh, l, u, err) != 0)
			return -1;
		found = found || l->marker == MARKER_NONE;
		authority = authority || l->marker == MARKER_AUTHORITY;
		types |= 1u << l->pub.type;
	}
	if (!found)
		return refuse_missing(what, u, authority, err);
	note_other_types(what, kh, types, u, notes);
	return 0;
}

/* --- the fact --------------------------------------------------------------------------------- */

static bool all_github(const struct known_hosts *kh)
{
	unsigned seen = 0;

	for (size_t i = 0; i < kh->n; i++) {
		const struct known_hosts_line *l = &kh->lines[i];
		int key = github_hosts_find(l->blob.data, l->blob.len);

		if (l->marker != MARKER_NONE || key < 0)
			return false;
		seen |= 1u << key;
	}
	return seen == (1u << GITHUB_HOSTS_KEYS) - 1;
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

int known_hosts_fact(const char *what, const struct known_hosts *kh, const struct url *u,
		     struct buf *out, struct err *err)
{
	char prints[KNOWN_HOSTS_KEYS_MAX + 1][B64_FINGERPRINT];
	size_t n = 0;

	if (github_hosts_is(u->host) && all_github(kh))
		return buf_puts(out, KNOWN_HOSTS_GITHUB);
	for (size_t i = 0; i < kh->n && n <= KNOWN_HOSTS_KEYS_MAX; i++) {
		const struct known_hosts_line *l = &kh->lines[i];
		size_t k = 0;

		if (l->marker == MARKER_REVOKED)
			continue;
		b64_fingerprint(l->blob.data, l->blob.len, prints[n]);
		while (strcmp(prints[k], prints[n]) != 0)
			k++;
		n += k == n; /* each once */
	}
	if (n > KNOWN_HOSTS_KEYS_MAX)
		return err_set(
		    err, ERR_INVALID,
		    "%s: holds more than %d keys: keep only those of %s ('ssh-keygen -F %s "
		    "-f FILE' shows them)",
		    what, KNOWN_HOSTS_KEYS_MAX, u->host, u->host);
	qsort(prints, n, sizeof(prints[0]), compare);
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, i == 0 ? "" : " ");
		buf_puts(out, prints[i]);
	}
	return 0;
}
