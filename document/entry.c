/* SPDX-License-Identifier: Apache-2.0 */
#include "document/entry.h"

#include <string.h>

#include "base/mem.h"
#include "document/block.h"
#include "document/flow.h"
#include "document/quote.h"

static bool is_block_scalar(const struct yaml_node *node)
{
	return node->style == YAML_LITERAL || node->style == YAML_FOLDED;
}

void entry_set_text(struct splice_plan *plan, const struct yaml_node *node, const char *text)
{
	struct buf *out;

	if (strcmp(node->text, text) == 0)
		return;
	out = splice_add(plan, node->begin, node->end);
	quote_put(out, text, true);
	if (is_block_scalar(node) && plan->text[node->end - 1] == '\n')
		buf_puts(out, plan->eol);
}

void entry_set_lines(struct splice_plan *plan, const struct yaml_node *node, const char *text)
{
	if (!is_block_scalar(node))
		entry_set_text(plan, node, text);
	else if (strcmp(node->text, text) != 0)
		block_set_lines(plan, node, text);
}

struct splice_entry *entry_of_kv(const struct kv *kv)
{
	struct splice_entry *entries = mem_array(kv->n, sizeof(*entries));

	for (size_t i = 0; i < kv->n; i++)
		entries[i] = (struct splice_entry){ .name = kv->items[i].name,
						    .text = (const char *)kv->items[i].data };
	return entries;
}

static void change_entries(struct splice_plan *plan, const struct yaml_node *map,
			   const struct kv *want)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct kv_item *item = kv_get(want, map->keys[i]->text);

		if (item == NULL)
			entry_remove(plan, map, i);
		else
			entry_set_text(plan, map->values[i], (const char *)item->data);
	}
}

void entry_set_map(struct splice_plan *plan, const struct yaml_node *map, const struct kv *want)
{
	struct splice_entry *entries = entry_of_kv(want);
	size_t kept = 0;

	for (size_t i = 0; i < map->n; i++)
		kept += kv_has(want, map->keys[i]->text);
	if (map->style == YAML_FLOW && (kept == 0 || kept < map->n)) {
		/* entries that go may share their commas */
		flow_rewrite(plan, map, entries, want->n);
	} else if (kept == 0) {
		block_rewrite(plan, map, entries, want->n);
	} else {
		change_entries(plan, map, want);
		for (size_t i = 0; i < want->n; i++)
			if (yaml_get(map, entries[i].name) == NULL)
				entry_insert(plan, map, &entries[i]);
	}
	mem_free(entries);
}

void entry_insert(struct splice_plan *plan, const struct yaml_node *map,
		  const struct splice_entry *e)
{
	size_t i = 0;

	while (i < map->n && strcmp(map->keys[i]->text, e->name) < 0)
		i++;
	if (map->style == YAML_FLOW)
		flow_insert(plan, map, i, e);
	else
		block_insert(plan, map, i, e);
}

void entry_remove(struct splice_plan *plan, const struct yaml_node *map, size_t i)
{
	if (map->style == YAML_FLOW)
		flow_remove(plan, map, i);
	else
		block_remove(plan, map, i);
}
