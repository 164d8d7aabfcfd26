/* SPDX-License-Identifier: Apache-2.0 */
#include "document/block.h"

#include <string.h>

#include "document/quote.h"

#define STEP 2 /* columns, where no neighbour shows another indentation */

static bool blank_above(const struct splice_plan *plan, size_t begin)
{
	return begin > 0 && splice_is_blank(plan, splice_line_begin(plan, begin - 1));
}

static size_t entry_end(const struct splice_plan *plan, const struct yaml_node *map, size_t i)
{
	size_t end = map->values[i]->end, column;

	if (end == 0 || plan->text[end - 1] != '\n')
		end = splice_line_end(plan, end);
	for (size_t at = end; at < plan->len; at = splice_line_end(plan, at)) {
		if (splice_is_blank(plan, at))
			continue;
		if (!splice_is_comment(plan, at, &column) || column <= map->column)
			break;
		end = splice_line_end(plan, at);
	}
	return end;
}

/* Where the comments begin that belong to entry i, or its own line. */
static size_t entry_top(const struct splice_plan *plan, const struct yaml_node *map, size_t i)
{
	size_t at = splice_line_begin(plan, map->keys[i]->begin), column;
	size_t floor = i == 0 ? 0 : entry_end(plan, map, i - 1);

	while (at > floor) {
		size_t above = splice_line_begin(plan, at - 1);

		if (above < floor || !splice_is_comment(plan, above, &column) ||
		    column > map->column)
			break;
		at = above;
	}
	return at;
}

void block_range(const struct splice_plan *plan, const struct yaml_node *map, size_t i,
		 size_t *begin, size_t *end)
{
	*begin = splice_line_begin(plan, map->keys[i]->begin);
	*end = entry_end(plan, map, i);
}

static void put_lines(const struct splice_plan *plan, struct buf *out, size_t column,
		      const char *text)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		buf_printf(out, "%*s", (int)column, "");
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
	size_t at = splice_line_end(plan, node->begin);

	while (at < node->end && splice_is_blank(plan, at))
		at = splice_line_end(plan, at);
	return splice_skip(plan, at, " ") - at;
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

/* The entries look like those of a map whose entries stand in a column of their own. */
struct model {
	const struct yaml_node *like; /* a neighbour's value, or NULL */
	size_t column;		      /* of its key */
	size_t step;		      /* of what is around, where it shows none */
};

static void put_entry(const struct splice_plan *plan, struct buf *out, const struct splice_entry *e,
		      size_t column, const struct model *m)
{
	size_t step = step_of(plan, m->like, m->column, m->step);

	buf_printf(out, "%*s", (int)column, "");
	quote_put(out, e->name, false);
	if (e->text != NULL && !e->literal) {
		buf_puts(out, ": ");
		quote_put(out, e->text, true);
	} else {
		buf_puts(out, e->text != NULL ? ": |" : ":");
	}
	buf_puts(out, plan->eol);
	if (e->literal)
		put_lines(plan, out, column + step, e->text);
	for (size_t i = 0; i < e->n; i++)
		put_entry(plan, out, &e->children[i], column + step,
			  &(struct model){ yaml_get(m->like, e->children[i].name), m->column + step,
					   step });
}

void block_insert(struct splice_plan *plan, const struct yaml_node *map, size_t i,
		  const struct splice_entry *e)
{
	const struct model model = { map->values[i > 0 ? i - 1 : 0], map->column, STEP };
	bool airy = map->n > 1 && blank_above(plan, entry_top(plan, map, 1));
	size_t at = i < map->n ? entry_top(plan, map, i) : entry_end(plan, map, map->n - 1);
	bool open_end = at > 0 && plan->text[at - 1] != '\n';
	struct buf *out = splice_add(plan, at, at);

	if (open_end)
		buf_puts(out, plan->eol);
	if (airy && i == map->n)
		buf_puts(out, plan->eol);
	put_entry(plan, out, e, map->column, &model);
	if (open_end)
		drop_last_eol(plan, out);
	if (airy && i < map->n)
		buf_puts(out, plan->eol);
}

/* Of the empty lines that parted an entry from its neighbours, one goes with it. */
static void widen(const struct splice_plan *plan, const struct yaml_node *map, size_t i,
		  size_t *begin, size_t *end)
{
	size_t floor = i == 0 ? 0 : entry_end(plan, map, i - 1);
	bool above = *begin > floor && blank_above(plan, *begin);

	if (i + 1 < map->n && (above || i == 0) && splice_is_blank(plan, *end))
		*end = splice_line_end(plan, *end);
	else if (i + 1 == map->n && above)
		*begin = splice_line_begin(plan, *begin - 1);
}

void block_remove(struct splice_plan *plan, const struct yaml_node *map, size_t i)
{
	size_t begin, end;

	block_range(plan, map, i, &begin, &end);
	widen(plan, map, i, &begin, &end);
	if (plan->text[end - 1] != '\n' && begin > 0) {
		/* a text without a last line break stays one */
		begin -= begin > 1 && plan->text[begin - 2] == '\r' ? 2 : 1;
	}
	splice_add(plan, begin, end);
}

void block_rewrite(struct splice_plan *plan, const struct yaml_node *map,
		   const struct splice_entry *entries, size_t n)
{
	const struct model model = { NULL, 0, STEP };
	size_t begin = splice_line_begin(plan, map->keys[0]->begin);
	size_t end = entry_end(plan, map, map->n - 1);
	struct buf *out = splice_add(plan, begin, end);

	for (size_t i = 0; i < n; i++)
		put_entry(plan, out, &entries[i], map->column, &model);
	if (plan->text[end - 1] != '\n')
		drop_last_eol(plan, out);
}

void block_set_lines(struct splice_plan *plan, const struct yaml_node *node, const char *text)
{
	size_t begin = splice_line_end(plan, node->begin), end = node->end, before;
	struct buf *out;

	if (node->style == YAML_FOLDED)
		buf_putc(splice_add(plan, node->begin, node->begin + 1), '|');
	while (end > begin && (before = splice_line_begin(plan, end - 1)) >= begin &&
	       splice_is_blank(plan, before))
		end = before;
	out = splice_add(plan, begin, end);
	put_lines(plan, out, text_column(plan, node), text);
	if (plan->text[end - 1] != '\n')
		drop_last_eol(plan, out);
}
