/* SPDX-License-Identifier: Apache-2.0 */
#include "document/flow.h"

#include <string.h>

#include "document/quote.h"

/* How the entries of a map are written, as seen at one of them. */
struct look {
	bool lines;	  /* on lines of their own, indented by lead; else lead parts them */
	const char *lead; /* before a key */
	size_t lead_len;
	const char *unit; /* one more indentation */
	size_t unit_len;
	const char *colon; /* between key and value */
	size_t colon_len;
};

static bool only(const char *s, size_t len, const char *set)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] == '\0' || strchr(set, s[i]) == NULL)
			return false;
	return true;
}

/* Is a node the first of its line?  Then the line's indentation. */
static bool begins_line(const struct splice_plan *plan, const struct yaml_node *node,
			const char **indent, size_t *len)
{
	size_t begin = splice_line_begin(plan, node->begin);

	*indent = plan->text + begin;
	*len = node->begin - begin;
	return only(*indent, *len, " \t");
}

static bool has_lines(const struct splice_plan *plan, const struct yaml_node *map)
{
	const char *indent;
	size_t len;

	return map->type == YAML_MAP && map->n > 0 &&
	       begins_line(plan, map->keys[0], &indent, &len);
}

static void look_at_unit(const struct splice_plan *plan, const struct yaml_node *value,
			 struct look *look)
{
	const char *inner;
	size_t len;

	look->unit = look->lines && look->lead_len > 0 && look->lead[0] == '\t' ? "\t" : "  ";
	look->unit_len = strlen(look->unit);
	if (look->lines && has_lines(plan, value) &&
	    begins_line(plan, value->keys[0], &inner, &len) && len > look->lead_len) {
		look->unit = inner + look->lead_len;
		look->unit_len = len - look->lead_len;
	}
}

static void look_at_gap(const struct splice_plan *plan, const struct yaml_node *map, size_t i,
			struct look *look)
{
	size_t begin, end;

	look->lead = " ";
	look->lead_len = 1;
	if (map->n < 2)
		return;
	i = i == 0 ? 1 : i;
	begin = map->values[i - 1]->end;
	end = map->keys[i]->begin;
	if (end > begin && plan->text[begin] == ',' &&
	    only(plan->text + begin + 1, end - begin - 1, " ")) {
		look->lead = plan->text + begin + 1;
		look->lead_len = end - begin - 1;
	}
}

static struct look look_at(const struct splice_plan *plan, const struct yaml_node *map, size_t i)
{
	struct look look = { .colon = ": ", .colon_len = 2 };
	size_t gap = map->values[i]->begin - map->keys[i]->end;

	look.lines = begins_line(plan, map->keys[i], &look.lead, &look.lead_len);
	look_at_unit(plan, map->values[i], &look);
	if (!look.lines)
		look_at_gap(plan, map, i, &look);
	if (only(plan->text + map->keys[i]->end, gap, ": ") && gap > 0) {
		look.colon = plan->text + map->keys[i]->end;
		look.colon_len = gap;
	}
	return look;
}

/* Where to write and how. */
struct writer {
	const struct splice_plan *plan;
	struct buf *out;
	const struct look *look;
};

static void put_line(const struct writer *w, size_t depth)
{
	buf_puts(w->out, w->plan->eol);
	buf_put(w->out, w->look->lead, w->look->lead_len);
	for (size_t i = 0; i < depth; i++)
		buf_put(w->out, w->look->unit, w->look->unit_len);
}

static void put_entry(const struct writer *w, const struct splice_entry *e,
		      const struct yaml_node *like, size_t depth);

/* Entries in braces, on as many lines as those of like; each stands one deeper than depth. */
static void put_braces(const struct writer *w, const struct splice_entry *e,
		       const struct yaml_node *like, size_t depth)
{
	bool lines = w->look->lines && (like == NULL || has_lines(w->plan, like));

	buf_putc(w->out, '{');
	for (size_t i = 0; i < e->n; i++) {
		if (lines)
			put_line(w, depth + 1);
		put_entry(w, &e->children[i], yaml_get(like, e->children[i].name), depth + 1);
		if (i + 1 < e->n)
			buf_puts(w->out, lines || w->look->colon_len == 1 ? "," : ", ");
	}
	if (lines)
		put_line(w, depth);
	buf_putc(w->out, '}');
}

static void put_entry(const struct writer *w, const struct splice_entry *e,
		      const struct yaml_node *like, size_t depth)
{
	quote_put(w->out, e->name, true);
	buf_put(w->out, w->look->colon, w->look->colon_len);
	if (e->text != NULL)
		quote_put(w->out, e->text, true);
	else
		put_braces(w, e, like, depth);
}

/* The comma behind at, or the closing brace: behind white space and comments. */
static size_t find_comma(const struct splice_plan *plan, size_t at)
{
	for (;;) {
		at = splice_skip(plan, at, " \t\r\n");
		if (at >= plan->len || plan->text[at] != '#')
			return at;
		at = splice_line_end(plan, at);
	}
}

/* What stands behind an entry. */
struct behind {
	size_t comma; /* its place, or that of the closing brace */
	bool is_comma;
	bool line_ends; /* nothing but a comment follows on its line, but for a comma */
	size_t next;	/* the begin of the next line, then */
};

static struct behind look_behind(const struct splice_plan *plan, const struct yaml_node *map,
				 size_t i)
{
	size_t end = map->values[i]->end, at;
	struct behind b = { .comma = find_comma(plan, end) };

	b.is_comma = b.comma < plan->len && plan->text[b.comma] == ',';
	at = splice_skip(plan, end, " \t");
	if (b.is_comma && at == b.comma)
		at = splice_skip(plan, at + 1, " \t");
	else if (b.is_comma)
		return b; /* the comma leads the next line */
	at = splice_skip(plan, at, "\r");
	b.line_ends = at < plan->len && (plan->text[at] == '\n' || plan->text[at] == '#');
	b.next = splice_line_end(plan, at);
	return b;
}

/* Behind the last entry, where that ends neither its line nor the map's. */
static void append_inline(struct splice_plan *plan, const struct yaml_node *last,
			  const struct look *look, const struct splice_entry *e)
{
	struct writer w = { plan, splice_add(plan, last->end, last->end), look };

	buf_putc(w.out, ',');
	if (look->lines)
		put_line(&w, 0);
	else
		buf_put(w.out, look->lead, look->lead_len);
	put_entry(&w, e, last, 0);
}

static void append(struct splice_plan *plan, const struct yaml_node *map,
		   const struct splice_entry *e)
{
	const struct yaml_node *last = map->values[map->n - 1];
	struct look look = look_at(plan, map, map->n - 1);
	struct behind behind = look_behind(plan, map, map->n - 1);
	struct writer w = { plan, splice_at(plan, behind.next), &look };

	if (!look.lines || !behind.line_ends) {
		append_inline(plan, last, &look, e);
		return;
	}
	if (w.out != NULL && !behind.is_comma)
		buf_splice(w.out, w.out->len - strlen(plan->eol), 0, ",", 1);
	else if (!behind.is_comma)
		buf_putc(splice_add(plan, last->end, last->end), ',');
	w.out = splice_add(plan, behind.next, behind.next);
	buf_put(w.out, look.lead, look.lead_len);
	put_entry(&w, e, last, 0);
	if (behind.is_comma)
		buf_putc(w.out, ',');
	buf_puts(w.out, plan->eol);
}

void flow_insert(struct splice_plan *plan, const struct yaml_node *map, size_t i,
		 const struct splice_entry *e)
{
	struct writer w = { .plan = plan };
	struct look look;

	if (i == map->n) {
		append(plan, map, e);
		return;
	}
	look = look_at(plan, map, i);
	w.look = &look;
	w.out = splice_add(plan, map->keys[i]->begin, map->keys[i]->begin);
	put_entry(&w, e, map->values[i], 0);
	buf_putc(w.out, ',');
	if (look.lines)
		put_line(&w, 0);
	else
		buf_put(w.out, look.lead, look.lead_len);
}

void flow_remove(struct splice_plan *plan, const struct yaml_node *map, size_t i)
{
	size_t begin = map->keys[i]->begin, end = map->values[i]->end, floor = map->begin + 1;
	struct behind behind = look_behind(plan, map, i);
	const char *indent;
	size_t len;
	bool whole = begins_line(plan, map->keys[i], &indent, &len) && behind.line_ends;

	if (i + 1 == map->n && !(whole && behind.is_comma)) {
		/* the last one takes the comma before it along */
		floor = find_comma(plan, map->values[i - 1]->end) + 1;
		splice_add(plan, floor - 1, floor);
	}
	if (whole) {
		begin -= len;
		end = behind.next;
	} else if (i + 1 == map->n) {
		while (begin > floor && strchr(" \t\r\n", plan->text[begin - 1]) != NULL)
			begin--;
	} else {
		end = splice_skip(plan, behind.comma + 1, " \t");
	}
	splice_add(plan, begin, end);
}

/* The look seen from the map's own line, which is indented as its closing brace. */
static void step_back(const struct splice_plan *plan, const struct yaml_node *map,
		      struct look *look)
{
	size_t begin = splice_line_begin(plan, map->end - 1), len = map->end - 1 - begin;

	if (!only(plan->text + begin, len, " \t") || len > look->lead_len)
		len = look->lead_len > look->unit_len ? look->lead_len - look->unit_len : 0;
	look->unit = look->lead + len;
	look->unit_len = look->lead_len - len;
	look->lead_len = len;
}

void flow_rewrite(struct splice_plan *plan, const struct yaml_node *map,
		  const struct splice_entry *entries, size_t n)
{
	const struct splice_entry all = { .children = entries, .n = n };
	struct look look = { .lead = " ", .lead_len = 1, .colon = ": ", .colon_len = 2 };
	struct writer w = { .plan = plan, .look = &look };

	if (map->n > 0)
		look = look_at(plan, map, 0);
	if (look.lines)
		step_back(plan, map, &look);
	w.out = splice_add(plan, map->begin, map->end);
	put_braces(&w, &all, NULL, 0);
}
