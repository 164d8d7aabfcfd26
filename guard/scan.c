/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/scan.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "guard/allow.h"
#include "guard/assign.h"
#include "guard/hits.h"
#include "guard/objects.h"
#include "guard/sweep.h"

#define WHAT_MAX 200

/* --- encodings -------------------------------------------------------------------------------- */

/*
 * UTF-16 with its mark: one byte a unit, so that columns are right; nothing beyond ASCII is in a
 * credential.  False: it is something else.
 */
static bool flatten(const unsigned char *text, size_t len, struct buf *out)
{
	bool little = len >= 2 && text[0] == 0xff && text[1] == 0xfe;
	bool big = len >= 2 && text[0] == 0xfe && text[1] == 0xff;
	unsigned char *to;
	size_t n = 0;

	if (!little && !big)
		return false;
	out->max = len + 1;
	to = buf_reserve(out, len / 2 + 1);
	for (size_t i = 2; i + 1 < len; i += 2) {
		unsigned char low = text[little ? i : i + 1], high = text[little ? i + 1 : i];

		to[n++] = high == 0 && low < 0x80 ? low : 0xff;
	}
	buf_truncate(out, n);
	return true;
}

/* --- places ----------------------------------------------------------------------------------- */

/* Moves forward over the text once, however many places are asked for. */
struct cursor {
	const char *text;
	size_t len;
	bool utf8;
	size_t at, line_begin, previous; /* bytes; previous: where the line before begins */
	unsigned line;
	size_t counted; /* column 1 + characters up to here */
	unsigned column;
};

static void move_to(struct cursor *c, size_t at)
{
	const char *lf;

	while (c->at < at && (lf = memchr(c->text + c->at, '\n', at - c->at)) != NULL) {
		c->previous = c->line_begin;
		c->line_begin = c->at = c->counted = (size_t)(lf - c->text) + 1;
		c->line++;
		c->column = 1;
	}
	c->at = at;
	for (; c->counted < at; c->counted++)
		c->column += !c->utf8 || ((unsigned char)c->text[c->counted] & 0xc0) != 0x80;
}

/* --- what is given ---------------------------------------------------------------------------- */

/* The line of the last finding, allowed or not, and what comments allow on it. */
struct line_seen {
	bool any;
	size_t begin;
	uint32_t allowed;
};

static size_t line_end(const struct cursor *c)
{
	const char *lf = c->at < c->len ? memchr(c->text + c->at, '\n', c->len - c->at) : NULL;

	return lf == NULL ? c->len : (size_t)(lf - c->text);
}

static void enter_line(const struct cursor *c, struct line_seen *seen)
{
	bool above = c->line > 1 && (!seen->any || seen->begin != c->previous);

	if (seen->any && seen->begin == c->line_begin)
		return;
	seen->allowed = allow_rules(c->text + c->line_begin, line_end(c) - c->line_begin);
	if (above)
		seen->allowed |= allow_rules(c->text + c->previous, c->line_begin - c->previous);
	seen->any = true;
	seen->begin = c->line_begin;
}

/* Of what can be guessed: the place, and how many before it have the same. */
static void print_place(const struct hits *h, size_t index, char print[static 9])
{
	const struct hit_found *f = &h->items[index];
	struct buf place = BUF_INIT;
	size_t same = 0;

	for (size_t i = 0; i < index; i++)
		if (h->items[i].rule == f->rule &&
		    strcmp(h->items[i].where == NULL ? "" : h->items[i].where,
			   f->where == NULL ? "" : f->where) == 0)
			same++;
	buf_printf(&place, "%s\n%zu", f->where == NULL ? "" : f->where, same);
	hits_print(f->rule, place.data, place.len, print);
	buf_clear(&place);
}

static void name_place(const struct cursor *c, struct hit_found *f)
{
	const char *name;
	size_t n;

	if (f->where != NULL)
		return;
	n = assign_name(c->text, f->begin, &name);
	if (n > 0)
		f->where = mem_strn(name, n);
}

struct scan {
	guard_visit *visit;
	void *ctx;
	size_t allowed;
};

static void give(struct scan *s, const struct cursor *c, const struct hit_found *f)
{
	struct guard_hit hit = {
		.rule = guard_rules[f->rule].name,
		.line = c->line,
		.column = c->column,
		.where = f->where,
		.token = f->token,
		.certain = f->certain,
	};
	char what[WHAT_MAX];

	snprintf(what, sizeof(what), "%s%s", f->what, f->decoded ? ", in base64" : "");
	hit.what = what;
	memcpy(hit.print, f->print, sizeof(hit.print));
	s->visit(s->ctx, &hit);
}

/* There is more than could be looked at. */
static void give_more(struct scan *s, const struct cursor *c, const struct hits *h)
{
	enum guard_rule_id rule = h->n > 0 ? h->items[h->n - 1].rule : GUARD_ASSIGNMENT;
	struct guard_hit hit = {
		.rule = guard_rules[rule].name,
		.line = c->line,
		.column = c->column,
		.what = "too many findings, allowed ones too, to look at all of it; what is behind "
			"this place was not searched",
		.certain = true,
		.more = true,
	};

	hits_print(rule, hit.what, strlen(hit.what), hit.print);
	s->visit(s->ctx, &hit);
}

static void give_all(struct scan *s, struct hits *h, const struct view *v, bool utf8)
{
	struct cursor c = { .text = v->text, .len = v->len, .utf8 = utf8, .line = 1, .column = 1 };
	struct line_seen seen = { 0 };

	if (h->n > GUARD_HITS_MAX || (h->incomplete && h->n == GUARD_HITS_MAX))
		hits_cut(h, GUARD_HITS_MAX - 1);
	for (size_t i = 0; i < h->n; i++) {
		struct hit_found *f = &h->items[i];

		move_to(&c, f->begin);
		enter_line(&c, &seen);
		name_place(&c, f);
		if (f->print[0] == '\0')
			print_place(h, i, f->print);
		if ((seen.allowed >> f->rule & 1) != 0)
			s->allowed++;
		else
			give(s, &c, f);
	}
	if (h->incomplete)
		give_more(s, &c, h);
}

unsigned guard_kind(const char *path)
{
	return (unsigned)assign_mode_of(path) * 4 + objects_kind(path);
}

size_t guard_scan(const char *path, const void *text, size_t len, guard_visit *visit, void *ctx)
{
	struct scan s = { .visit = visit, .ctx = ctx };
	struct hits hits = HITS_INIT;
	struct buf flat = BUF_INIT;
	struct view v = { .text = text, .len = len, .end = len };
	bool utf8 = !flatten(text, len, &flat);

	if (!utf8)
		v = (struct view){ .text = buf_str(&flat), .len = flat.len, .end = flat.len };
	if (v.len > 0) {
		sweep(&hits, &v, assign_mode_of(path));
		if (objects_likely(path, &v))
			objects_find(&hits, &v);
		hits_settle(&hits);
		give_all(&s, &hits, &v, utf8);
	}
	hits_clear(&hits);
	buf_clear(&flat);
	return s.allowed;
}
