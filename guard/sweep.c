/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/sweep.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "guard/login.h"
#include "guard/pemkey.h"
#include "guard/shape.h"
#include "guard/wrapped.h"

#define TEXT_MIN 16   /* bytes: less is no credential that is told by itself */
#define GITHUB_MIN 40 /* characters of the shortest word that a GitHub token is in */

enum class {
	WORD = 1,   /* letters, digits, "_" */
	SIGN = 2,   /* looked at: ":", "=", "-", ">", "," */
	DIGIT64 = 4 /* of base64 */
};

/* Made once; the same whoever makes it. */
static uint8_t classes[256];
static uint8_t begins[256][32]; /* bits: the second bytes of a word that may be something */

struct sweep {
	struct hits *hits;
	const struct view *v;
	enum assign_mode mode;
	size_t run_end; /* of the last base64 run: it is not looked at again */
	struct buf decoded;
	bool full; /* enough was found */
};

static void expect(const char *word)
{
	unsigned char a = (unsigned char)word[0], b = (unsigned char)word[1];

	begins[a][b >> 3] |= (uint8_t)(1u << (b & 7));
}

static void make_tables(void)
{
	if (classes['a'] != 0)
		return;
	for (int a = 0; a < 256; a++)
		for (int b = 0; b < 256; b++)
			if (shape_may_begin((unsigned char)a, (unsigned char)b))
				expect((const char[]){ (char)a, (char)b });
	expect("auths");
	expect("machine");
	expect("Authorization");
	expect("authorization");
	expect("curl ");
	expect(PEMKEY_PUTTY);
	for (int c = 0; c < 256; c++) {
		bool word = c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			    (c >= 'a' && c <= 'z');

		classes[c] =
		    (uint8_t)((word ? WORD : 0) |
			      (c == ':' || c == '=' || c == '-' || c == '>' || c == ',' ? SIGN
											: 0) |
			      (wrapped_is_digit((unsigned char)c) ? DIGIT64 : 0));
	}
}

static inline bool stands(const struct view *v, size_t at, const char *what)
{
	size_t n = strlen(what);

	return v->len - at >= n && memcmp(v->text + at, what, n) == 0;
}

static void add(struct sweep *s, const struct hit_new *hit)
{
	s->full = !hits_add(s->hits, s->v, hit) || s->full;
}

/* --- base64 ----------------------------------------------------------------------------------- */

static bool is_text(unsigned char c)
{
	return (c >= ' ' && c < 0x7f) || c == '\n' || c == '\r' || c == '\t';
}

/*
 * Is there a stretch of text in it that could be a credential?  In most runs there is none:
 * digests, images, what is encrypted.  Looks at every TEXT_MIN-th byte, and at others only around
 * text.
 */
static bool holds_text(const unsigned char *data, size_t len)
{
	size_t begin = 0;

	for (size_t i = TEXT_MIN; i <= len; i = begin + TEXT_MIN) {
		while (i > begin && is_text(data[i - 1]))
			i--;
		if (i == begin)
			return true;
		begin = i;
	}
	return false;
}

static void open_run(struct sweep *s, size_t begin, size_t end)
{
	struct view inner = { .base = s->v->base + begin,
			      .end = s->v->base + end,
			      .decoded = true };
	size_t before = s->hits->n;

	if (end - begin < WRAPPED_MIN)
		return;
	if (end - begin > WRAPPED_MAX / 3 * 4)
		s->hits->incomplete = true;
	wrapped_decode(s->v->text + begin, end - begin, &s->decoded);
	if (!holds_text(s->decoded.data, s->decoded.len))
		return;

	inner.text = (const char *)s->decoded.data;
	inner.len = s->decoded.len;
	sweep(s->hits, &inner, ASSIGN_CODE);
	if (s->hits->n >= before + GUARD_HITS_MAX)
		s->full = s->hits->incomplete = true;
}

/* A run with "-" or "_" is one of the other alphabet, or several of the common one. */
static void open_parts(struct sweep *s, const struct wrapped *w)
{
	const char *text = s->v->text;
	size_t from = w->begin;

	for (size_t i = w->begin; i <= w->end; i++) {
		if (i < w->end && text[i] != '-' && text[i] != '_')
			continue;
		open_run(s, from, i);
		from = i + 1;
	}
}

static void at_run(struct sweep *s, size_t at)
{
	struct wrapped w;

	if (s->v->decoded || at < s->run_end)
		return;
	wrapped_find(s->v->text, s->v->len, at, &w);
	s->run_end = w.end;
	if (w.end - w.begin < WRAPPED_MIN)
		return;
	open_run(s, w.begin, w.end);
	if (w.url)
		open_parts(s, &w);
}

/* --- words and signs -------------------------------------------------------------------------- */

/* The letter of an escape ("\n", "%3d", "\u003d") is glued to the word behind it. */
static size_t behind_escape(const struct view *v, size_t at, size_t end)
{
	char before = at > 0 ? v->text[at - 1] : '\0';

	if (before == '\\' && v->text[at] == 'u' && end - at > 5)
		return at + 5;
	if (before == '\\' && end - at > 1)
		return at + 1;
	if (before == '%' && end - at > 2)
		return at + 2;
	return at;
}

static bool known_word(const struct view *v, size_t at, struct hit_new *hit)
{
	if (stands(v, at, "auths"))
		return login_docker_at(v, at, hit);
	if (stands(v, at, "machine"))
		return login_netrc_at(v, at, hit);
	if (stands(v, at, PEMKEY_PUTTY))
		return pemkey_putty_at(v, at, hit);
	if (stands(v, at, "Authorization") || stands(v, at, "authorization"))
		return login_header_at(v, at, hit);
	if (stands(v, at, "curl "))
		return login_curl_at(v, at, hit);
	return shape_at(v, at, hit);
}

/* Is a base64 run worth a look: does it begin here, and is it more than a short word? */
static bool may_run(const struct view *v, size_t at, size_t first, size_t end)
{
	if (end - at < WRAPPED_MIN &&
	    (end == v->len || (classes[(unsigned char)v->text[end]] & DIGIT64) == 0))
		return false;
	return first != at || at == 0 || (classes[(unsigned char)v->text[at - 1]] & DIGIT64) == 0;
}

/* Returns where to go on, at least end. */
static size_t at_word(struct sweep *s, size_t at, size_t end)
{
	const struct view *v = s->v;
	size_t first = behind_escape(v, at, end);
	unsigned char b = first + 1 < v->len ? (unsigned char)v->text[first + 1] : 0;
	struct hit_new hit;

	if ((begins[(unsigned char)v->text[first]][b >> 3] >> (b & 7) & 1) != 0 &&
	    known_word(v, first, &hit)) {
		add(s, &hit);
		/* a login may be a token that has a rule of its own */
		return guard_rules[hit.rule].random && hit.to > end ? hit.to : end;
	}
	if (end - at >= GITHUB_MIN || (end < v->len && v->text[end] == '.'))
		for (size_t i = first; i < end; i++)
			if (v->text[i] == '_' && shape_github(v, i, &hit)) {
				add(s, &hit);
				return hit.to > end ? hit.to : end;
			}
	if (may_run(v, at, first, end))
		at_run(s, first);
	return end;
}

static bool is_quote(char c)
{
	return c == '"' || c == '\'';
}

static size_t at_sign(struct sweep *s, size_t at)
{
	const struct view *v = s->v;
	struct hit_new hit;
	bool found;

	if (v->text[at] == ',' && (at == 0 || !is_quote(v->text[at - 1])))
		return at + 1;
	if (v->text[at] == '-') {
		found = stands(v, at, PEMKEY_BEGIN) && pemkey_at(v, at, &hit);
		if (!found)
			return at + 1;
		add(s, &hit);
		return hit.to;
	}
	if (stands(v, at, "://"))
		found = login_url_at(v, at, &hit);
	else
		found = assign_at(v, at, s->mode, &hit) ||
			(v->text[at] == ':' && shape_telegram(v, at, &hit));
	/* what is assigned may be a token of its own, so nothing is skipped */
	if (found)
		add(s, &hit);
	return at + 1;
}

void sweep(struct hits *h, const struct view *v, enum assign_mode mode)
{
	struct sweep s = { .hits = h, .v = v, .mode = mode, .decoded = BUF_INIT };
	const unsigned char *text = (const unsigned char *)v->text;
	size_t i = 0;

	make_tables();
	while (i < v->len && !s.full) {
		unsigned class = classes[text[i]];
		size_t end = i;

		if ((class & WORD) == 0) {
			i = (class & SIGN) != 0 ? at_sign(&s, i) : i + 1;
			continue;
		}
		while (end < v->len && (classes[text[end]] & WORD) != 0)
			end++;
		i = at_word(&s, i, end);
	}
	buf_clear(&s.decoded);
}
