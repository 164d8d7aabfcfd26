/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/outline.h"

#include <stdbool.h>
#include <string.h>

#define KEY_MAX 256

/* A map that is open, of either form. */
struct level {
	size_t indent;		     /* of its keys */
	struct outline_text waiting; /* its last key, while that has no value yet */
};

struct outline {
	const char *text;
	size_t len, at;
	const struct outline_events *on;
	void *ctx;
	struct level levels[OUTLINE_DEPTH];
	size_t n; /* levels that are open */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void open_level(struct outline *o, size_t indent, const struct outline_text *key)
{
	o->on->enter(o->ctx, o->n, key);
	o->levels[o->n++] = (struct level){ .indent = indent };
}

static void close_levels(struct outline *o, size_t keep)
{
	while (o->n > keep)
		o->on->leave(o->ctx, --o->n);
}

static void give(struct outline *o, size_t depth, const struct outline_pair *pair)
{
	o->on->pair(o->ctx, depth, pair);
}

static size_t line_end(const struct outline *o, size_t at)
{
	const char *lf = at < o->len ? memchr(o->text + at, '\n', o->len - at) : NULL;

	return lf == NULL ? o->len : (size_t)(lf - o->text);
}

/* Behind the quote that ends what begins at from; the end of the text when there is none. */
static size_t string_end(const struct outline *o, size_t from, char quote)
{
	size_t i = from;

	while (i < o->len && o->text[i] != quote)
		i += o->text[i] == '\\' && quote == '"' && i + 1 < o->len ? 2 : 1;
	return i < o->len ? i : o->len;
}

/* --- JSON, and flow collections --------------------------------------------------------------- */

struct flow {
	struct outline_text keys[OUTLINE_DEPTH]; /* of each collection: the key at hand */
	bool map[OUTLINE_DEPTH];
	size_t n;
};

static struct outline_text key_of(const struct flow *f)
{
	/* what is in a list stands under the list's key */
	for (size_t i = f->n; i-- > 0;)
		if (f->map[i] || f->keys[i].text != NULL)
			return f->keys[i];
	return (struct outline_text){ NULL, 0 };
}

static void flow_scalar(struct outline *o, struct flow *f, size_t from, size_t to,
			enum outline_style style)
{
	size_t next = to + (style == OUTLINE_QUOTED);
	bool map = f->map[f->n - 1];
	struct outline_pair pair = { .from = from, .to = to, .style = style };

	while (next < o->len &&
	       (is_blank(o->text[next]) || o->text[next] == '\n' || o->text[next] == '\r'))
		next++;
	if (map && next < o->len && o->text[next] == ':') {
		f->keys[f->n - 1] = (struct outline_text){ o->text + from, to - from };
		return;
	}
	pair.key = key_of(f);
	if (!map)
		pair.style = OUTLINE_ITEM;
	if (pair.key.text != NULL && o->n > 0)
		give(o, o->n - 1, &pair);
	if (map)
		f->keys[f->n - 1] = (struct outline_text){ NULL, 0 };
}

static bool flow_enter(struct outline *o, struct flow *f, char c, struct outline_text key)
{
	if (f->n == OUTLINE_DEPTH || o->n == OUTLINE_DEPTH)
		return false;
	f->map[f->n] = c == '{';
	f->keys[f->n] = c == '{' ? (struct outline_text){ NULL, 0 } : key;
	f->n++;
	if (c == '{')
		open_level(o, 0, &key);
	return true;
}

static void flow_leave(struct outline *o, struct flow *f)
{
	f->n--;
	if (f->map[f->n])
		close_levels(o, o->n - 1);
}

static size_t plain_end(const struct outline *o, size_t at)
{
	while (at < o->len && strchr(",:{}[]\"'\n\r\t", o->text[at]) == NULL)
		at++;
	return at;
}

/* One collection at o->at, under key; goes behind it, or to the end when it does not end. */
static void read_flow(struct outline *o, const struct outline_text *key)
{
	struct flow f = { .n = 0 };
	size_t keep = o->n;

	do {
		char c = o->text[o->at];
		size_t from = o->at, to;

		if (c == '{' || c == '[') {
			if (!flow_enter(o, &f, c, f.n == 0 ? *key : key_of(&f))) {
				o->at = line_end(o, o->at);
				break;
			}
			o->at++;
		} else if (c == '}' || c == ']') {
			flow_leave(o, &f);
			o->at++;
		} else if (c == '"' || c == '\'') {
			to = string_end(o, from + 1, c);
			flow_scalar(o, &f, from + 1, to, OUTLINE_QUOTED);
			o->at = to < o->len ? to + 1 : to;
		} else if (c == '\n' && o->len - o->at > 4 &&
			   memcmp(o->text + o->at, "\n---", 4) == 0) {
			/* it never ended, and another document begins */
			break;
		} else if (c == '\0' || strchr(" \t\r\n,:", c) != NULL) {
			o->at++;
		} else {
			to = plain_end(o, from);
			/* NUL is in no set, so it ends nothing */
			to = to > from ? to : from + 1;
			flow_scalar(o, &f, from, to, OUTLINE_PLAIN);
			o->at = to;
		}
	} while (f.n > 0 && o->at < o->len);
	close_levels(o, keep);
}

/* --- block collections ------------------------------------------------------------------------ */

/* Keys with other characters are possible, and none of those that are looked for; code has many. */
static bool is_key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("_-./:$", c) != NULL);
}

static bool ends_key(const struct outline *o, size_t at, size_t end)
{
	return o->text[at] == ':' &&
	       (at + 1 == end || is_blank(o->text[at + 1]) || o->text[at + 1] == '\r');
}

/* The key at text[at], when there is one on this line; *behind is after its ":". */
static bool read_key(const struct outline *o, size_t at, size_t end, struct outline_text *key,
		     size_t *behind)
{
	size_t i = at;
	char c = o->text[at];

	if (c == '"' || c == '\'') {
		i = string_end(o, at + 1, c);
		if (i >= end)
			return false;
		*key = (struct outline_text){ o->text + at + 1, i - at - 1 };
		for (i++; i < end && is_blank(o->text[i]); i++)
			;
		*behind = i + 1;
		return i < end && o->text[i] == ':';
	}
	if (strchr("{}[],#&*!|>%@`", c) != NULL)
		return false;
	while (i < end && i - at < KEY_MAX && is_key_char(o->text[i]) && !ends_key(o, i, end))
		i++;
	*key = (struct outline_text){ o->text + at, i - at };
	while (i < end && is_blank(o->text[i]))
		i++;
	*behind = i + 1;
	return key->len > 0 && i < end && ends_key(o, i, end);
}

/* Where the value begins: behind blanks, anchors and tags. */
static size_t skip_marks(const struct outline *o, size_t at, size_t end)
{
	for (;;) {
		while (at < end && is_blank(o->text[at]))
			at++;
		if (at == end || (o->text[at] != '&' && o->text[at] != '!'))
			return at;
		while (at < end && !is_blank(o->text[at]))
			at++;
	}
}

static size_t indent_of(const struct outline *o, size_t at, size_t end)
{
	size_t i = at;

	while (i < end && is_blank(o->text[i]))
		i++;
	return i - at;
}

/* Behind the lines of a block scalar: those that are deeper than its key, and empty ones. */
static size_t block_end(const struct outline *o, size_t at, size_t indent)
{
	size_t last = at;

	while (at < o->len) {
		size_t end = line_end(o, at), in = indent_of(o, at, end);
		bool empty = at + in == end || o->text[at + in] == '\r';

		if (!empty && in <= indent)
			break;
		at = end < o->len ? end + 1 : end;
		if (!empty)
			last = at;
	}
	return last;
}

static size_t plain_line_end(const struct outline *o, size_t at, size_t end)
{
	for (size_t i = at + 1; i < end; i++)
		if (o->text[i] == '#' && is_blank(o->text[i - 1])) {
			end = i;
			break;
		}
	while (end > at && (is_blank(o->text[end - 1]) || o->text[end - 1] == '\r'))
		end--;
	return end;
}

static bool is_block(const struct outline *o, size_t at, size_t end)
{
	if (o->text[at] != '|' && o->text[at] != '>')
		return false;
	for (at++; at < end && strchr("+-0123456789", o->text[at]) != NULL; at++)
		;
	return at == plain_line_end(o, at, end) || is_blank(o->text[at]) || o->text[at] == '\r';
}

/* The value of a key of the innermost level, which begins at text[at]; goes behind it. */
static void read_value(struct outline *o, const struct outline_text *key, size_t at, size_t end,
		       enum outline_style plain)
{
	struct outline_pair pair = { .key = *key, .from = at, .style = plain };
	char c = o->text[at];
	bool last = false;

	o->at = end;
	if (is_block(o, at, end)) {
		pair.from = end < o->len ? end + 1 : end;
		pair.to = block_end(o, pair.from, o->levels[o->n - 1].indent);
		pair.style = OUTLINE_BLOCK;
		/* the line break before the next key is looked for from here */
		o->at = pair.to == o->len ? o->len : pair.to > pair.from ? pair.to - 1 : end;
	} else if ((c == '{' && (at + 1 == o->len || o->text[at + 1] != '{')) || c == '[') {
		o->at = at;
		read_flow(o, key);
		o->at = line_end(o, o->at);
		return;
	} else if (c == '"' || c == '\'') {
		pair.from = at + 1;
		pair.to = string_end(o, at + 1, c);
		pair.style = plain == OUTLINE_ITEM ? plain : OUTLINE_QUOTED;
		o->at = line_end(o, pair.to);
	} else {
		pair.to = plain_line_end(o, at, end);
		/* the manifest is a string of a program, which ends here */
		last = pair.to > at && o->text[pair.to - 1] == '`';
		pair.to -= last;
	}
	give(o, o->n - 1, &pair);
	if (last)
		close_levels(o, 0);
}

static void read_pair(struct outline *o, const struct outline_text *key, size_t indent, size_t at,
		      size_t end)
{
	struct outline_text under = { NULL, 0 };

	while (o->n > 0 && o->levels[o->n - 1].indent > indent)
		close_levels(o, o->n - 1);
	if (o->n == 0 || o->levels[o->n - 1].indent < indent) {
		if (o->n == OUTLINE_DEPTH)
			return;
		if (o->n > 0)
			under = o->levels[o->n - 1].waiting;
		open_level(o, indent, &under);
	}
	at = skip_marks(o, at, end);
	o->levels[o->n - 1].waiting = (struct outline_text){ NULL, 0 };
	if (at == end || o->text[at] == '#' || o->text[at] == '\r')
		o->levels[o->n - 1].waiting = *key;
	else
		read_value(o, key, at, end, OUTLINE_PLAIN);
}

/* Of Helm or Jinja; such lines stand anywhere and say nothing. */
static bool is_template(const struct outline *o, size_t at, size_t end)
{
	return end - at > 1 && o->text[at] == '{' &&
	       (o->text[at + 1] == '{' || o->text[at + 1] == '%');
}

/* A line without a key: the value of the key above, or one of its list. */
static void read_rest(struct outline *o, size_t indent, size_t at, size_t end, bool item)
{
	struct level *level = o->n > 0 ? &o->levels[o->n - 1] : NULL;
	struct outline_text key;

	at = skip_marks(o, at, end);
	if (at == end || o->text[at] == '#' || o->text[at] == '\r' || is_template(o, at, end))
		return;
	if (level == NULL && (o->text[at] == '{' || o->text[at] == '[')) {
		o->at = at;
		read_flow(o, &(struct outline_text){ NULL, 0 });
		return;
	}
	if (level == NULL || level->waiting.text == NULL || indent < level->indent + !item) {
		/* the end of a heredoc, or of a string in a program */
		while (o->n > 0 && o->levels[o->n - 1].indent >= indent)
			close_levels(o, o->n - 1);
		return;
	}
	key = level->waiting;
	read_value(o, &key, at, end, item ? OUTLINE_ITEM : OUTLINE_PLAIN);
	/* what goes on in the next line is not told again */
	if (!item && o->n > 0)
		o->levels[o->n - 1].waiting = (struct outline_text){ NULL, 0 };
}

static bool is_marker(const struct outline *o, size_t at, size_t end)
{
	return end - at >= 3 &&
	       (memcmp(o->text + at, "---", 3) == 0 || memcmp(o->text + at, "...", 3) == 0) &&
	       (end - at == 3 || is_blank(o->text[at + 3]) || o->text[at + 3] == '\r');
}

static void read_line(struct outline *o)
{
	size_t begin = o->at, end = line_end(o, begin), behind;
	size_t at = begin + indent_of(o, begin, end);
	struct outline_text key;
	bool item = false;

	o->at = end;
	if (at == end || o->text[at] == '#' || o->text[at] == '\r')
		return;
	if (is_marker(o, begin, end)) {
		close_levels(o, 0);
		return;
	}
	while (at < end && o->text[at] == '-' && (at + 1 == end || is_blank(o->text[at + 1]))) {
		while (o->n > 0 && o->levels[o->n - 1].indent > at - begin)
			close_levels(o, o->n - 1);
		item = true;
		for (at++; at < end && is_blank(o->text[at]); at++)
			;
	}
	if (at == end)
		return;
	if (read_key(o, at, end, &key, &behind))
		read_pair(o, &key, at - begin, behind, end);
	else
		read_rest(o, at - begin, at, end, item);
}

void outline_read(const struct view *v, const struct outline_events *on, void *ctx)
{
	struct outline o = { .text = v->text, .len = v->len, .on = on, .ctx = ctx };

	if (o.len >= 3 && memcmp(o.text, "\xef\xbb\xbf", 3) == 0)
		o.at = 3;
	while (o.at < o.len) {
		size_t before = o.at;

		read_line(&o);
		/* to the next line; a flow collection may have ended within one */
		if (o.at < o.len && o.text[o.at] == '\n')
			o.at++;
		else if (o.at == before)
			o.at = line_end(&o, o.at);
	}
	close_levels(&o, 0);
}
