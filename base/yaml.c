/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/yaml_arena.h"
#include "base/yaml_check.h"

struct parse {
	yaml_parser_t lib;
	const char *name;
	const char *text;
	size_t len;
	size_t skip;		  /* bytes of the byte order mark */
	size_t byte, chars;	  /* a place in text: its byte offset and libyaml's index */
	bool ascii;		  /* both are the same but for skip */
	size_t nodes;		  /* made so far */
	struct yaml_node **stack; /* children of the collections not closed yet */
	size_t depth, n, cap;	  /* n of them, room for cap */
	struct yaml_stream *out;
	struct err *err;
};

static void *arena(struct parse *p, size_t size)
{
	return yaml_arena_alloc(&p->out->chunks, p->len, size);
}

static int fail(struct parse *p, size_t line, const char *why)
{
	return err_set(p->err, ERR_INVALID, "%s:%zu: %s", p->name, line, why);
}

static size_t line_at(const struct parse *p, size_t byte)
{
	size_t line = 1;

	for (size_t i = 0; i < byte && i < p->len; i++)
		line += p->text[i] == '\n';
	return line;
}

static bool continues(const struct parse *p, size_t byte)
{
	return ((unsigned char)p->text[byte] & 0xc0) == 0x80;
}

/* The byte offset of a mark, which counts characters.  Marks come in order, nearly always. */
static size_t byte_of(struct parse *p, const yaml_mark_t *mark)
{
	if (p->ascii)
		return p->skip + mark->index < p->len ? p->skip + mark->index : p->len;
	while (p->chars < mark->index && p->byte < p->len) {
		do
			p->byte++;
		while (p->byte < p->len && continues(p, p->byte));
		p->chars++;
	}
	while (p->chars > mark->index) {
		do
			p->byte--;
		while (continues(p, p->byte));
		p->chars--;
	}
	return p->byte;
}

/* What libyaml refused.  Its texts are constants, none quotes the input. */
static int fail_lib(struct parse *p)
{
	const char *why = p->lib.problem == NULL ? "not YAML" : p->lib.problem;
	size_t at;

	if (p->lib.error == YAML_READER_ERROR)
		return fail(p, line_at(p, p->skip + p->lib.problem_offset), why);
	at = byte_of(p, &p->lib.problem_mark);
	if (at < p->len && p->text[at] == '\t' && p->lib.error == YAML_SCANNER_ERROR)
		why = "a tab where YAML wants spaces";
	if (p->lib.context == NULL)
		return fail(p, p->lib.problem_mark.line + 1, why);
	return err_set(p->err, ERR_INVALID, "%s:%zu: %s %s", p->name, p->lib.problem_mark.line + 1,
		       why, p->lib.context);
}

static int next(struct parse *p, yaml_event_t *event)
{
	if (yaml_parser_parse(&p->lib, event) != 1)
		return fail_lib(p);
	return 0;
}

static struct yaml_node *new_node(struct parse *p, const yaml_event_t *event, enum yaml_type type)
{
	struct yaml_node *node;

	if (p->nodes++ == YAML_NODES_MAX) {
		fail(p, event->start_mark.line + 1, "too many values in one file");
		return NULL;
	}
	node = arena(p, sizeof(*node));
	node->type = type;
	node->begin = byte_of(p, &event->start_mark);
	node->line = (unsigned)event->start_mark.line + 1;
	node->column = (unsigned)event->start_mark.column;
	node->end = node->begin;
	return node;
}

static void push(struct parse *p, struct yaml_node *node)
{
	if (p->n == p->cap) {
		p->cap = p->cap == 0 ? 64 : p->cap * 2;
		p->stack = mem_grow(p->stack, p->cap, sizeof(struct yaml_node *));
	}
	p->stack[p->n++] = node;
}

static int refuse_properties(struct parse *p, const yaml_event_t *event, const yaml_char_t *anchor,
			     const yaml_char_t *tag)
{
	if (anchor != NULL)
		return fail(p, event->start_mark.line + 1, "anchors (&) are not allowed");
	if (tag != NULL)
		return fail(p, event->start_mark.line + 1, "tags (!) are not allowed");
	return 0;
}

/*
 * A block scalar ends after the line break of its last line.  libyaml adds the empty lines that
 * follow; they are part of the value only with the keep indicator.
 */
static size_t block_scalar_end(const struct parse *p, size_t begin, size_t end)
{
	size_t i = begin + 1;

	while (i < end && (p->text[i] == '-' || (p->text[i] >= '1' && p->text[i] <= '9')))
		i++;
	if (i < end && p->text[i] == '+')
		return end;
	while (end > begin + 2 && p->text[end - 1] == '\n') {
		size_t before = end - 1;

		if (p->text[before - 1] == '\r')
			before--;
		if (p->text[before - 1] != '\n')
			break;
		end = before;
	}
	return end;
}

static enum yaml_style scalar_style(yaml_scalar_style_t style)
{
	switch (style) {
	case YAML_SINGLE_QUOTED_SCALAR_STYLE:
		return YAML_SINGLE;
	case YAML_DOUBLE_QUOTED_SCALAR_STYLE:
		return YAML_DOUBLE;
	case YAML_LITERAL_SCALAR_STYLE:
		return YAML_LITERAL;
	case YAML_FOLDED_SCALAR_STYLE:
		return YAML_FOLDED;
	default:
		return YAML_PLAIN;
	}
}

static struct yaml_node *read_scalar(struct parse *p, const yaml_event_t *event)
{
	const char *value = (const char *)event->data.scalar.value;
	size_t len = event->data.scalar.length;
	struct yaml_node *node;

	if (refuse_properties(p, event, event->data.scalar.anchor, event->data.scalar.tag) != 0)
		return NULL;
	if (memchr(value, '\0', len) != NULL) {
		fail(p, event->start_mark.line + 1, "a NUL character in a text");
		return NULL;
	}
	node = new_node(p, event, YAML_SCALAR);
	if (node == NULL)
		return NULL;
	node->end = byte_of(p, &event->end_mark);
	node->style = scalar_style(event->data.scalar.style);
	if (node->style == YAML_LITERAL || node->style == YAML_FOLDED)
		node->end = block_scalar_end(p, node->begin, node->end);
	node->text = arena(p, len + 1);
	memcpy(node->text, value, len);
	node->len = len;
	return node;
}

static bool is_empty(const struct yaml_node *node)
{
	return node->type == YAML_SCALAR && node->style == YAML_PLAIN && node->len == 0;
}

/* A value that is not there: libyaml puts it at the next token, we where it would be. */
static void place_empty(const struct parse *p, struct yaml_node *node, const struct yaml_node *key,
			size_t at)
{
	node->column = key->column;
	for (size_t i = key->begin; i < at; i++)
		node->column += !continues(p, i);
	node->begin = node->end = at;
	node->line = key->line;
}

static size_t skip_blanks(const struct parse *p, size_t at)
{
	while (at < p->len && (p->text[at] == ' ' || p->text[at] == '\t'))
		at++;
	return at;
}

static struct yaml_node *read_node(struct parse *p, const yaml_event_t *event);

static struct yaml_node *read_key(struct parse *p, const yaml_event_t *event)
{
	struct yaml_node *key;
	size_t at;

	if (event->type != YAML_SCALAR_EVENT) {
		if (event->type == YAML_ALIAS_EVENT)
			fail(p, event->start_mark.line + 1, "aliases (*) are not allowed");
		else
			fail(p, event->start_mark.line + 1, "a key that is not a text");
		return NULL;
	}
	key = read_scalar(p, event);
	if (key == NULL)
		return NULL;
	at = key->begin;
	while (at > 0 && (p->text[at - 1] == ' ' || p->text[at - 1] == '\t'))
		at--;
	if (skip_blanks(p, key->end) >= p->len || p->text[skip_blanks(p, key->end)] != ':' ||
	    (at > 0 && p->text[at - 1] == '?')) {
		fail(p, key->line, "a key without its \":\" on the same line");
		return NULL;
	}
	if (strcmp(key->text, "<<") == 0) {
		fail(p, key->line, "merge keys (<<) are not allowed");
		return NULL;
	}
	return key;
}

static int compare_keys(const void *a, const void *b)
{
	const struct yaml_node *x = *(struct yaml_node *const *)a;
	const struct yaml_node *y = *(struct yaml_node *const *)b;
	int c;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	c = memcmp(x->text, y->text, x->len);
	if (c != 0)
		return c;
	return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static bool same_text(const struct yaml_node *a, const struct yaml_node *b)
{
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static const struct yaml_node *search_sorted(const struct yaml_node *map)
{
	struct yaml_node **sorted = mem_array(map->n, sizeof(struct yaml_node *));
	const struct yaml_node *twice = NULL;

	memcpy(sorted, map->keys, map->n * sizeof(struct yaml_node *));
	qsort(sorted, map->n, sizeof(struct yaml_node *), compare_keys);
	for (size_t i = 1; i < map->n && twice == NULL; i++)
		if (same_text(sorted[i - 1], sorted[i]))
			twice = sorted[i];
	mem_free(sorted);
	return twice;
}

static const struct yaml_node *find_duplicate(const struct yaml_node *map)
{
	if (map->n > 16)
		return search_sorted(map);
	for (size_t i = 1; i < map->n; i++)
		for (size_t k = 0; k < i; k++)
			if (same_text(map->keys[i], map->keys[k]))
				return map->keys[i];
	return NULL;
}

/* Move what was pushed since `from` into the collection. */
static void collect(struct parse *p, struct yaml_node *node, size_t from)
{
	size_t step = node->type == YAML_MAP ? 2 : 1;

	node->n = (p->n - from) / step;
	node->values = arena(p, node->n * sizeof(struct yaml_node *));
	if (node->type == YAML_MAP)
		node->keys = arena(p, node->n * sizeof(struct yaml_node *));
	for (size_t i = 0; i < node->n; i++) {
		if (node->type == YAML_MAP)
			node->keys[i] = p->stack[from + i * 2];
		node->values[i] = p->stack[from + i * step + step - 1];
	}
	p->n = from;
}

static int read_map_entries(struct parse *p, struct yaml_node *map, yaml_event_t *event)
{
	struct yaml_node *key, *value;

	for (;;) {
		if (next(p, event) != 0)
			return -1;
		if (event->type == YAML_MAPPING_END_EVENT)
			return 0;
		key = read_key(p, event);
		yaml_event_delete(event);
		if (key == NULL)
			return -1;
		push(p, key);
		if (next(p, event) != 0)
			return -1;
		value = read_node(p, event);
		yaml_event_delete(event);
		if (value == NULL)
			return -1;
		push(p, value);
		if (is_empty(value))
			place_empty(p, value, key, skip_blanks(p, key->end) + 1);
		map->end = value->end;
	}
}

static struct yaml_node *read_map(struct parse *p, const yaml_event_t *start)
{
	struct yaml_node *map = new_node(p, start, YAML_MAP);
	const struct yaml_node *twice;
	size_t from = p->n;
	yaml_event_t event;

	if (map == NULL)
		return NULL;
	if (refuse_properties(p, start, start->data.mapping_start.anchor,
			      start->data.mapping_start.tag) != 0)
		return NULL;
	map->style =
	    start->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE ? YAML_FLOW : YAML_BLOCK;
	if (map->style == YAML_FLOW && (map->begin >= p->len || p->text[map->begin] != '{')) {
		fail(p, map->line, "a \"key: value\" in a list needs braces");
		return NULL;
	}
	if (read_map_entries(p, map, &event) != 0)
		return NULL;
	if (map->style == YAML_FLOW)
		map->end = byte_of(p, &event.end_mark);
	yaml_event_delete(&event);
	collect(p, map, from);
	twice = find_duplicate(map);
	if (twice != NULL)
		fail(p, twice->line, "a key given twice");
	return twice == NULL ? map : NULL;
}

static struct yaml_node *read_list(struct parse *p, const yaml_event_t *start)
{
	struct yaml_node *list = new_node(p, start, YAML_LIST), *value;
	size_t from = p->n;
	yaml_event_t event;

	if (list == NULL)
		return NULL;
	if (refuse_properties(p, start, start->data.sequence_start.anchor,
			      start->data.sequence_start.tag) != 0)
		return NULL;
	list->style =
	    start->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE ? YAML_FLOW : YAML_BLOCK;
	for (;;) {
		if (next(p, &event) != 0)
			return NULL;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			break;
		value = read_node(p, &event);
		yaml_event_delete(&event);
		if (value == NULL)
			return NULL;
		push(p, value);
		list->end = value->end;
	}
	if (list->style == YAML_FLOW)
		list->end = byte_of(p, &event.end_mark);
	yaml_event_delete(&event);
	collect(p, list, from);
	return list;
}

static struct yaml_node *read_node(struct parse *p, const yaml_event_t *event)
{
	struct yaml_node *node = NULL;

	if (event->type == YAML_SCALAR_EVENT)
		return read_scalar(p, event);
	if (event->type == YAML_ALIAS_EVENT) {
		fail(p, event->start_mark.line + 1, "aliases (*) are not allowed");
		return NULL;
	}
	if (p->depth == YAML_DEPTH) {
		fail(p, event->start_mark.line + 1, "nested too deeply");
		return NULL;
	}
	p->depth++;
	node = event->type == YAML_MAPPING_START_EVENT ? read_map(p, event) : read_list(p, event);
	p->depth--;
	return node;
}

static bool is_break(const struct parse *p, size_t at)
{
	return at >= p->len || p->text[at] == '\n' || p->text[at] == '\r';
}

/* The next line's begin when nothing but white space or a comment follows, else what follows. */
static size_t behind_marker(const struct parse *p, size_t at, unsigned *line)
{
	at = skip_blanks(p, at);
	if (at < p->len && p->text[at] == '#')
		while (!is_break(p, at))
			at++;
	if (!is_break(p, at))
		return at;
	*line += at < p->len;
	while (at < p->len && p->text[at] != '\n')
		at++;
	return at < p->len ? at + 1 : at;
}

static int start_doc(struct parse *p, const yaml_event_t *start, struct yaml_doc *doc)
{
	if (start->data.document_start.version_directive != NULL ||
	    start->data.document_start.tag_directives.start !=
		start->data.document_start.tag_directives.end)
		return fail(p, start->start_mark.line + 1, "directives (%) are not allowed");
	doc->line = (unsigned)start->end_mark.line + 1;
	if (start->data.document_start.implicit && p->out->n > 0)
		return fail(p, doc->line, "a document that does not begin with \"---\"");
	if (start->data.document_start.implicit) {
		doc->begin = p->skip;
		doc->line = 1;
	} else {
		doc->begin = behind_marker(p, byte_of(p, &start->end_mark), &doc->line);
	}
	return 0;
}

static int read_doc(struct parse *p, const yaml_event_t *start, struct yaml_doc *doc)
{
	yaml_event_t event;

	if (start_doc(p, start, doc) != 0 || next(p, &event) != 0)
		return -1;
	doc->root = read_node(p, &event);
	yaml_event_delete(&event);
	if (doc->root == NULL || next(p, &event) != 0)
		return -1;
	if (is_empty(doc->root))
		doc->root = NULL;
	doc->end = byte_of(p, &event.start_mark);
	yaml_event_delete(&event);
	return 0;
}

static int read_stream(struct parse *p)
{
	struct yaml_stream *out = p->out;
	size_t cap = 0;
	yaml_event_t event;
	int rc;

	if (next(p, &event) != 0)
		return -1;
	yaml_event_delete(&event);
	for (;;) {
		if (next(p, &event) != 0)
			return -1;
		if (event.type == YAML_STREAM_END_EVENT)
			break;
		if (out->n == cap) {
			cap = cap == 0 ? 1 : cap * 2;
			out->docs = mem_grow(out->docs, cap, sizeof(*out->docs));
		}
		rc = read_doc(p, &event, &out->docs[out->n]);
		yaml_event_delete(&event);
		if (rc != 0)
			return -1;
		out->n++;
	}
	yaml_event_delete(&event);
	return 0;
}

static int inspect(struct parse *p)
{
	size_t at = 0;
	const char *why;

	if (p->len >= 3 && memcmp(p->text, "\xef\xbb\xbf", 3) == 0)
		p->skip = p->byte = 3;
	why = yaml_check_bytes(p->text + p->skip, p->len - p->skip, &at, &p->ascii);
	return why == NULL ? 0 : fail(p, line_at(p, p->skip + at), why);
}

int yaml_parse(const char *name, const void *text, size_t len, struct yaml_stream *out,
	       struct err *err)
{
	struct parse p = {
		.name = name, .text = len == 0 ? "" : text, .len = len, .out = out, .err = err
	};
	int rc;

	*out = (struct yaml_stream)YAML_STREAM_INIT;
	if (inspect(&p) != 0)
		return -1;
	if (yaml_parser_initialize(&p.lib) != 1)
		return err_set(err, ERR_INTERNAL, "libyaml does not start");
	yaml_parser_set_encoding(&p.lib, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.lib, (const unsigned char *)p.text + p.skip, len - p.skip);
	rc = read_stream(&p);
	yaml_parser_delete(&p.lib);
	mem_free(p.stack);
	if (rc != 0)
		yaml_clear(out);
	return rc;
}

void yaml_clear(struct yaml_stream *s)
{
	yaml_arena_clear(&s->chunks);
	mem_free(s->docs);
	*s = (struct yaml_stream)YAML_STREAM_INIT;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (map == NULL || map->type != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++)
		if (strcmp(map->keys[i]->text, key) == 0)
			return map->values[i];
	return NULL;
}
