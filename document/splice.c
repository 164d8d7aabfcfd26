/* SPDX-License-Identifier: Apache-2.0 */
#include "document/splice.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "document/quote.h"

#define STEP 2 /* columns, where no neighbour shows another indentation */

void splice_init(struct splice_plan *plan, const void *text, size_t len, size_t at)
{
	const char *nl = NULL;

	*plan = (struct splice_plan){ .text = text, .len = len };
	if (at < len)
		nl = memchr(plan->text + at, '\n', len - at);
	if (nl == NULL && len > 0)
		nl = memchr(text, '\n', len);
	plan->eol = nl != NULL && nl > plan->text && nl[-1] == '\r' ? "\r\n" : "\n";
}

void splice_clear(struct splice_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		buf_clear(&plan->items[i].text);
	mem_free(plan->items);
	plan->items = NULL;
	plan->n = plan->cap = 0;
}

/* A change of [begin, end); its text is the caller's to fill, until the next one is added. */
static struct buf *add(struct splice_plan *plan, size_t begin, size_t end)
{
	if (plan->n == plan->cap) {
		plan->cap = plan->cap == 0 ? 8 : plan->cap * 2;
		plan->items = mem_grow(plan->items, plan->cap, sizeof(*plan->items));
	}
	plan->items[plan->n] =
	    (struct splice){ .begin = begin, .end = end, .order = plan->n, .text = BUF_INIT };
	return &plan->items[plan->n++].text;
}

/* --- places in the text ------------------------------------------------------------------------
 */

static size_t line_begin(const struct splice_plan *plan, size_t at)
{
	while (at > 0 && plan->text[at - 1] != '\n')
		at--;
	return at;
}

/* Behind the line break of the line that at is in. */
static size_t line_end(const struct splice_plan *plan, size_t at)
{
	const char *nl = at < plan->len ? memchr(plan->text + at, '\n', plan->len - at) : NULL;

	return nl == NULL ? plan->len : (size_t)(nl - plan->text) + 1;
}

static size_t skip(const struct splice_plan *plan, size_t at, const char *set)
{
	while (at < plan->len && plan->text[at] != '\0' && strchr(set, plan->text[at]) != NULL)
		at++;
	return at;
}

static bool is_blank_line(const struct splice_plan *plan, size_t begin)
{
	size_t at = skip(plan, begin, " \t\r");

	return at < plan->len && plan->text[at] == '\n';
}

/* Is the line that begins here a comment?  column: of its "#". */
static bool is_comment_line(const struct splice_plan *plan, size_t begin, size_t *column)
{
	size_t at = skip(plan, begin, " ");

	*column = at - begin;
	return at < plan->len && plan->text[at] == '#';
}

static bool blank_above(const struct splice_plan *plan, size_t begin)
{
	return begin > 0 && is_blank_line(plan, line_begin(plan, begin - 1));
}

static size_t entry_end(const struct splice_plan *plan, const struct yaml_node *map, size_t i)
{
	size_t end = map->values[i]->end, column;

	if (end == 0 || plan->text[end - 1] != '\n')
		end = line_end(plan, end);
	for (size_t at = end; at < plan->len; at = line_end(plan, at)) {
		if (is_blank_line(plan, at))
			continue;
		if (!is_comment_line(plan, at, &column) || column <= map->column)
			break;
		end = line_end(plan, at);
	}
	return end;
}

/* Where the comments begin that belong to entry i, or its own line. */
static size_t entry_top(const struct splice_plan *plan, const struct yaml_node *map, size_t i)
{
	size_t at = line_begin(plan, map->keys[i]->begin), column;
	size_t floor = i == 0 ? 0 : entry_end(plan, map, i - 1);

	while (at > floor) {
		size_t above = line_begin(plan, at - 1);

		if (above < floor || !is_comment_line(plan, above, &column) || column > map->column)
			break;
		at = above;
	}
	return at;
}

void splice_entry(const struct splice_plan *plan, const struct yaml_node *map, size_t i,
		  size_t *begin, size_t *end)
{
	*begin = line_begin(plan, map->keys[i]->begin);
	*end = entry_end(plan, map, i);
}

/* --- how things are written --------------------------------------------------------------------
 */

static void put_spaces(struct buf *out, size_t n)
{
	while (n-- > 0)
		buf_putc(out, ' ');
}

static void put_lines(const struct splice_plan *plan, struct buf *out, size_t column,
		      const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		put_spaces(out, column);
		buf_put(out, text, len);
		buf_puts(out, plan->eol);
		text += len + (text[len] == '\n');
	}
}

/* Take back the last line break, where the text had none at its end. */
static void drop_last_eol(const struct splice_plan *plan, struct buf *out)
{
	buf_truncate(out, out->len - strlen(plan->eol));
}

/* How far the lines of a block scalar are indented. */
static size_t text_column(const struct splice_plan *plan, const struct yaml_node *node)
{
	size_t at = line_end(plan, node->begin);

	while (at < node->end && is_blank_line(plan, at))
		at = line_end(plan, at);
	return skip(plan, at, " ") - at;
}

/* Columns that what is inside `like`, the value of a key in this column, is indented; or dflt. */
static size_t step_of(const struct splice_plan *plan, const struct yaml_node *like, size_t column,
		      size_t dflt)
{
	size_t inner = 0;

	if (like != NULL && like->type == YAML_MAP && like->style == YAML_BLOCK)
		inner = like->column;
	if (like != NULL && (like->style == YAML_LITERAL || like->style == YAML_FOLDED))
		inner = text_column(plan, like);
	return inner > column ? inner - column : dflt;
}

/* An entry in block style whose key stands in column; like: a neighbour's value, in like_column. */
static void put_block(const struct splice_plan *plan, struct buf *out, const struct splice_value *v,
		      size_t column, const struct yaml_node *like, size_t like_column, size_t step)
{
	step = step_of(plan, like, like_column, step);
	put_spaces(out, column);
	quote_put(out, v->name, false);
	if (v->text != NULL && !v->literal) {
		buf_puts(out, ": ");
		quote_put(out, v->text, true);
	} else {
		buf_puts(out, v->text != NULL ? ": |" : ":");
	}
	buf_puts(out, plan->eol);
	if (v->literal)
		put_lines(plan, out, column + step, v->text);
	for (size_t i = 0; i < v->n; i++)
		put_block(plan, out, &v->children[i], column + step,
			  yaml_get(like, v->children[i].name), like_column + step, step);
}

/* How entries of a flow map are written: what stands before a key, and between key and value. */
struct flow {
	const char *lead, *colon;
	size_t lead_len, colon_len;
	bool lines;	  /* lead is the indentation of a line of its own */
	const char *unit; /* one more indentation */
	size_t unit_len;
};

static bool only(const char *s, size_t len, const char *set)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] == '\0' || strchr(set, s[i]) == NULL)
			return false;
	return true;
}

/* The indentation of the line that a node begins, else false. */
static bool begins_line(const struct splice_plan *plan, const struct yaml_node *node,
			const char **indent, size_t *len)
{
	size_t begin = line_begin(plan, node->begin);

	*indent = plan->text + begin;
	*len = node->begin - begin;
	return only(*indent, *len, " \t");
}

static void look_at_lines(const struct splice_plan *plan, const struct yaml_node *map,
			  struct flow *f)
{
	const struct yaml_node *child = map->values[0];
	const char *inner;
	size_t len;

	f->lines = begins_line(plan, map->keys[0], &f->lead, &f->lead_len);
	f->unit = f->lines && f->lead_len > 0 && f->lead[0] == '\t' ? "\t" : "  ";
	f->unit_len = strlen(f->unit);
	if (!f->lines || child->type != YAML_MAP || child->n == 0)
		return;
	if (begins_line(plan, child->keys[0], &inner, &len) && len > f->lead_len) {
		f->unit = inner + f->lead_len;
		f->unit_len = len - f->lead_len;
	}
}

static struct flow flow_of(const struct splice_plan *plan, const struct yaml_node *map)
{
	struct flow f = { .lead = " ", .lead_len = 1, .colon = ": ", .colon_len = 2 };
	size_t gap;

	if (map->n == 0)
		return f;
	look_at_lines(plan, map, &f);
	gap = map->values[0]->begin - map->keys[0]->end;
	if (only(plan->text + map->keys[0]->end, gap, ": ")) {
		f.colon = plan->text + map->keys[0]->end;
		f.colon_len = gap;
	}
	if (f.lines)
		return f;
	f.lead = " ";
	f.lead_len = 1;
	if (map->n > 1) {
		gap = map->keys[1]->begin - map->values[0]->end;
		if (only(plan->text + map->values[0]->end, gap, ", ") && gap > 0) {
			f.lead = plan->text + map->keys[1]->begin - (gap - 1);
			f.lead_len = gap - 1;
		}
	}
	return f;
}

static void put_lead(const struct splice_plan *plan, struct buf *out, const struct flow *f,
		     size_t depth)
{
	if (f->lines)
		buf_puts(out, plan->eol);
	buf_put(out, f->lead, f->lead_len);
	for (size_t i = 0; f->lines && i < depth; i++)
		buf_put(out, f->unit, f->unit_len);
}

static void put_flow(const struct splice_plan *plan, struct buf *out, const struct splice_value *v,
		     const struct flow *f, size_t depth);

/* The entries of v in braces; they stand one deeper than depth. */
static void put_braces(const struct splice_plan *plan, struct buf *out,
		       const struct splice_value *v, const struct flow *f, size_t depth)
{
	buf_putc(out, '{');
	for (size_t i = 0; i < v->n; i++) {
		if (i > 0)
			buf_putc(out, ',');
		if (i > 0 || f->lines)
			put_lead(plan, out, f, depth + 1);
		put_flow(plan, out, &v->children[i], f, depth + 1);
	}
	if (f->lines)
		put_lead(plan, out, f, depth);
	buf_putc(out, '}');
}

/* Quoted throughout, so that JSON stays JSON. */
static void put_flow(const struct splice_plan *plan, struct buf *out, const struct splice_value *v,
		     const struct flow *f, size_t depth)
{
	quote_put(out, v->name, true);
	buf_put(out, f->colon, f->colon_len);
	if (v->text != NULL)
		quote_put(out, v->text, true);
	else
		put_braces(plan, out, v, f, depth);
}

/* --- the changes -------------------------------------------------------------------------------
 */

static bool is_block_scalar(const struct yaml_node *node)
{
	return node->style == YAML_LITERAL || node->style == YAML_FOLDED;
}

void splice_scalar(struct splice_plan *plan, const struct yaml_node *node, const char *text)
{
	struct buf *out;

	if (strcmp(node->text, text) == 0)
		return;
	out = add(plan, node->begin, node->end);
	quote_put(out, text, true);
	if (is_block_scalar(node) && plan->text[node->end - 1] == '\n')
		buf_puts(out, plan->eol);
}

void splice_lines(struct splice_plan *plan, const struct yaml_node *node, const char *text)
{
	size_t begin = line_end(plan, node->begin), end = node->end, before;
	struct buf *out;

	if (strcmp(node->text, text) == 0)
		return;
	if (!is_block_scalar(node)) {
		splice_scalar(plan, node, text);
		return;
	}
	if (node->style == YAML_FOLDED)
		buf_putc(add(plan, node->begin, node->begin + 1), '|');
	while (end > begin && (before = line_begin(plan, end - 1)) >= begin &&
	       is_blank_line(plan, before))
		end = before;
	out = add(plan, begin, end);
	put_lines(plan, out, text_column(plan, node), text);
	if (plan->text[end - 1] != '\n')
		drop_last_eol(plan, out);
}

static struct splice_value *values_of(const struct kv *kv)
{
	struct splice_value *values = mem_array(kv->n, sizeof(*values));

	for (size_t i = 0; i < kv->n; i++)
		values[i] = (struct splice_value){ .name = kv->items[i].name,
						   .text = (const char *)kv->items[i].data };
	return values;
}

/* The same seen from the map's own line, which is indented as its closing brace. */
static struct flow flow_around(const struct splice_plan *plan, const struct yaml_node *map)
{
	struct flow f = flow_of(plan, map);
	size_t begin = line_begin(plan, map->end - 1), len = map->end - 1 - begin;

	if (!f.lines)
		return f;
	if (!only(plan->text + begin, len, " \t") || len > f.lead_len)
		len = f.lead_len > f.unit_len ? f.lead_len - f.unit_len : 0;
	f.unit = f.lead + len;
	f.unit_len = f.lead_len - len;
	f.lead_len = len;
	return f;
}

static void rewrite_map(struct splice_plan *plan, const struct yaml_node *map,
			const struct kv *want)
{
	struct splice_value *values = values_of(want);
	const struct splice_value all = { .children = values, .n = want->n };
	struct flow f;
	size_t begin, end;
	struct buf *out;

	if (map->style == YAML_FLOW) {
		f = flow_around(plan, map);
		put_braces(plan, add(plan, map->begin, map->end), &all, &f, 0);
	} else {
		begin = line_begin(plan, map->keys[0]->begin);
		end = entry_end(plan, map, map->n - 1);
		out = add(plan, begin, end);
		for (size_t i = 0; i < want->n; i++)
			put_block(plan, out, &values[i], map->column, NULL, 0, STEP);
		if (plan->text[end - 1] != '\n')
			drop_last_eol(plan, out);
	}
	mem_free(values);
}

void splice_map(struct splice_plan *plan, const struct yaml_node *map, const struct kv *want)
{
	struct splice_value *values;
	size_t kept = 0;

	for (size_t i = 0; i < map->n; i++)
		kept += kv_has(want, map->keys[i]->text);
	/* entries of a flow map that go may share their commas: such a map is written anew */
	if (kept == 0 || (map->style == YAML_FLOW && kept < map->n)) {
		rewrite_map(plan, map, want);
		return;
	}
	for (size_t i = 0; i < map->n; i++) {
		const struct kv_item *item = kv_get(want, map->keys[i]->text);

		if (item == NULL)
			splice_remove(plan, map, i);
		else
			splice_scalar(plan, map->values[i], (const char *)item->data);
	}
	values = values_of(want);
	for (size_t i = 0; i < want->n; i++)
		if (yaml_get(map, values[i].name) == NULL)
			splice_insert(plan, map, &values[i]);
	mem_free(values);
}

static void insert_block(struct splice_plan *plan, const struct yaml_node *map, size_t i,
			 const struct splice_value *value)
{
	const struct yaml_node *like = map->values[i > 0 ? i - 1 : 0];
	bool airy = map->n > 1 && blank_above(plan, entry_top(plan, map, 1));
	size_t at = i < map->n ? entry_top(plan, map, i) : entry_end(plan, map, map->n - 1);
	bool open_end = at > 0 && plan->text[at - 1] != '\n';
	struct buf *out = add(plan, at, at);

	if (open_end)
		buf_puts(out, plan->eol);
	if (airy && i == map->n)
		buf_puts(out, plan->eol);
	put_block(plan, out, value, map->column, like, map->column, STEP);
	if (open_end)
		drop_last_eol(plan, out);
	if (airy && i < map->n)
		buf_puts(out, plan->eol);
}

static void insert_flow(struct splice_plan *plan, const struct yaml_node *map, size_t i,
			const struct splice_value *value)
{
	struct flow f = flow_of(plan, map);
	size_t at = i < map->n ? map->keys[i]->begin : map->values[i - 1]->end;
	struct buf *out = add(plan, at, at);

	if (i == map->n) {
		buf_putc(out, ',');
		put_lead(plan, out, &f, 0);
	}
	put_flow(plan, out, value, &f, 0);
	if (i < map->n) {
		buf_putc(out, ',');
		put_lead(plan, out, &f, 0);
	}
}

void splice_insert(struct splice_plan *plan, const struct yaml_node *map,
		   const struct splice_value *value)
{
	size_t i = 0;

	while (i < map->n && strcmp(map->keys[i]->text, value->name) < 0)
		i++;
	if (map->style == YAML_FLOW)
		insert_flow(plan, map, i, value);
	else
		insert_block(plan, map, i, value);
}

/* The comma behind at, or the closing brace: behind white space and comments. */
static size_t find_comma(const struct splice_plan *plan, size_t at)
{
	for (;;) {
		at = skip(plan, at, " \t\r\n");
		if (at >= plan->len || plan->text[at] != '#')
			return at;
		at = line_end(plan, at);
	}
}

static void remove_flow(struct splice_plan *plan, const struct yaml_node *map, size_t i)
{
	size_t begin = map->keys[i]->begin, end = map->values[i]->end, comma, rest;
	const char *indent;
	size_t len;

	comma = find_comma(plan, end);
	if (plan->text[comma] != ',') {
		/* the last one takes the comma before it along */
		comma = find_comma(plan, map->values[i - 1]->end);
		add(plan, comma, comma + 1);
		while (begin > comma + 1 && strchr(" \t\r\n", plan->text[begin - 1]) != NULL)
			begin--;
		add(plan, begin, end);
		return;
	}
	end = skip(plan, comma + 1, " \t");
	rest = skip(plan, end, "\r");
	if (begins_line(plan, map->keys[i], &indent, &len) && rest < plan->len &&
	    (plan->text[rest] == '\n' || plan->text[rest] == '#')) {
		begin -= len;
		end = line_end(plan, rest);
	}
	add(plan, begin, end);
}

void splice_remove(struct splice_plan *plan, const struct yaml_node *map, size_t i)
{
	size_t begin, end;

	if (map->style == YAML_FLOW) {
		remove_flow(plan, map, i);
		return;
	}
	splice_entry(plan, map, i, &begin, &end);
	if (plan->text[end - 1] != '\n' && begin > 0) {
		/* a text without a last line break stays one */
		begin -= begin > 1 && plan->text[begin - 2] == '\r' ? 2 : 1;
	}
	add(plan, begin, end);
}

static int compare(const void *a, const void *b)
{
	const struct splice *x = a, *y = b;

	if (x->begin != y->begin)
		return x->begin < y->begin ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

int splice_apply(struct splice_plan *plan, struct buf *out)
{
	size_t at = 0;
	int rc = 0;

	if (plan->n > 0)
		qsort(plan->items, plan->n, sizeof(*plan->items), compare);
	for (size_t i = 0; i < plan->n && rc == 0; i++) {
		const struct splice *s = &plan->items[i];

		if (s->begin > at)
			rc = buf_put(out, plan->text + at, s->begin - at);
		at = s->end > at ? s->end : at;
		if (rc == 0)
			rc = buf_put(out, s->text.data, s->text.len);
	}
	if (rc == 0)
		rc = buf_put(out, plan->text + at, plan->len - at);
	return rc;
}
