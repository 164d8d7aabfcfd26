/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text is refused or read; what is read stands where it says: children lie inside their parents
 * in order, and the bytes of a node, read alone, are that node again.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/yaml.h"

#define REREAD_MAX 12 /* nodes of one input, so that its time stays bounded */

static bool same(const struct yaml_node *a, const struct yaml_node *b)
{
	if (a->type != b->type || a->style != b->style || a->n != b->n || a->len != b->len)
		return false;
	if (a->type == YAML_SCALAR)
		return memcmp(a->text, b->text, a->len) == 0;
	for (size_t i = 0; i < a->n; i++)
		if (!same(a->values[i], b->values[i]) ||
		    (a->type == YAML_MAP && !same(a->keys[i], b->keys[i])))
			return false;
	return true;
}

/*
 * Not for a value that is not there, a block scalar (it counts its indentation from its parent), or
 * a plain key that an indicator ends.
 */
static bool stands_alone(const struct yaml_node *node)
{
	if (node->begin == node->end || node->style == YAML_LITERAL || node->style == YAML_FOLDED)
		return false;
	return node->style != YAML_PLAIN || strchr(":-?", node->text[node->len - 1]) == NULL;
}

/* The bytes of a node, a block in its column, read alone. */
static void reread(const uint8_t *data, const struct yaml_node *node)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct yaml_stream s;

	if (!stands_alone(node))
		return;
	if (node->type == YAML_SCALAR)
		buf_putc(&text, ' '); /* "---" begins a document only at the begin of a line */
	for (unsigned i = 0; node->style == YAML_BLOCK && i < node->column; i++)
		buf_putc(&text, ' ');
	buf_put(&text, data + node->begin, node->end - node->begin);
	must(yaml_parse("slice", text.data, text.len, &s, &err) == 0);
	must(s.n == 1 && s.docs[0].root != NULL && same(s.docs[0].root, node));
	yaml_clear(&s);
	buf_clear(&text);
}

static void walk(const uint8_t *data, const struct yaml_node *node, size_t begin, size_t end,
		 int *budget)
{
	size_t at = node->begin;

	must(begin <= node->begin && node->begin <= node->end && node->end <= end);
	if (*budget > 0 && (node->begin + end) % 3 == 0 && (*budget)-- > 0)
		reread(data, node);
	if (node->type == YAML_SCALAR) {
		must(node->text != NULL && strlen(node->text) == node->len && node->n == 0);
		must(node->style == YAML_PLAIN || yaml_string(node) == node->text);
		return;
	}
	must(node->text == NULL);
	for (size_t i = 0; i < node->n; i++) {
		if (node->type == YAML_MAP) {
			walk(data, node->keys[i], at, node->end, budget);
			at = node->keys[i]->end;
			must(yaml_get(node, node->keys[i]->text) == node->values[i]);
		}
		walk(data, node->values[i], at, node->end, budget);
		at = node->values[i]->end;
	}
	must(node->style == YAML_FLOW ? at < node->end : at == node->end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct yaml_stream s;
	int budget = REREAD_MAX;

	if (yaml_parse("fuzz", data, size, &s, &err) != 0) {
		must(err.class == ERR_INVALID && strncmp(err.text, "fuzz:", 5) == 0);
		must(s.n == 0 && s.docs == NULL);
		return 0;
	}
	for (size_t i = 0; i < s.n; i++) {
		must(s.docs[i].begin <= s.docs[i].end && s.docs[i].end <= size);
		must(i == 0 || s.docs[i - 1].end < s.docs[i].begin);
		if (s.docs[i].root != NULL)
			walk(data, s.docs[i].root, s.docs[i].begin, s.docs[i].end, &budget);
	}
	yaml_clear(&s);
	return 0;
}
