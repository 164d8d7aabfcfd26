/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/table.h"

#include <sodium.h>
#include <string.h>

#include "base/mem.h"

static uint64_t hash_of(const void *key, size_t len)
{
	static unsigned char secret[crypto_shorthash_KEYBYTES];
	static bool made;
	unsigned char bin[crypto_shorthash_BYTES];
	uint64_t hash;

	if (!made) {
		randombytes_buf(secret, sizeof(secret));
		made = true;
	}
	crypto_shorthash(bin, key, len, secret);
	memcpy(&hash, bin, sizeof(hash));
	return hash;
}

static struct table_node **bucket(const struct table *t, uint64_t hash)
{
	return &t->buckets[hash & (t->cap - 1)];
}

struct table_node *table_find(const struct table *t, const void *key, size_t len)
{
	uint64_t hash = hash_of(key, len);
	struct table_node *node;

	if (t->cap == 0)
		return NULL;
	for (node = *bucket(t, hash); node != NULL; node = node->next)
		if (node->hash == hash && t->is(node, key, len))
			return node;
	return NULL;
}

static void link_node(struct table *t, struct table_node *node)
{
	struct table_node **at = bucket(t, node->hash);

	node->next = *at;
	*at = node;
}

static void grow(struct table *t)
{
	struct table_node **nodes = table_nodes(t);
	size_t i;

	mem_free(t->buckets);
	t->cap = t->cap == 0 ? 64 : t->cap * 2;
	t->buckets = mem_array(t->cap, sizeof(struct table_node *));
	for (i = 0; i < t->n; i++)
		link_node(t, nodes[i]);
	mem_free(nodes);
}

void table_add(struct table *t, struct table_node *node, const void *key, size_t len)
{
	if (t->n == t->cap)
		grow(t);
	node->hash = hash_of(key, len);
	link_node(t, node);
	t->n++;
}

void table_remove(struct table *t, struct table_node *node)
{
	struct table_node **at = bucket(t, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	node->next = NULL;
	t->n--;
}

struct table_node **table_nodes(const struct table *t)
{
	struct table_node **nodes = mem_array(t->n, sizeof(struct table_node *));
	struct table_node *node;
	size_t i;
	size_t n = 0;

	for (i = 0; i < t->cap; i++)
		for (node = t->buckets[i]; node != NULL; node = node->next)
			nodes[n++] = node;
	return nodes;
}

void table_clear(struct table *t)
{
	mem_free(t->buckets);
	t->buckets = NULL;
	t->cap = 0;
	t->n = 0;
}
