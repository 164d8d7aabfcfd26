/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table of things that carry their own links.  Hashes are keyed with a random number, so
 * that no repository can choose names that all meet in one bucket.
 */
#ifndef BULLA_AGENT_TABLE_H
#define BULLA_AGENT_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First member of whatever is kept in a table. */
struct table_node {
	struct table_node *next;
	uint64_t hash;
};

struct table {
	struct table_node **buckets;
	size_t cap; /* a power of two, or 0 */
	size_t n;
	/* Is this the key of that node?  len as given to table_find. */
	bool (*is)(const struct table_node *node, const void *key, size_t len);
};

#define TABLE_INIT(is_key)                                                                         \
	{                                                                                          \
		NULL, 0, 0, is_key                                                                 \
	}

/* The node with this key, or NULL. */
struct table_node *table_find(const struct table *t, const void *key, size_t len);
/* Add a node, whose key must not be in the table. */
void table_add(struct table *t, struct table_node *node, const void *key, size_t len);
void table_remove(struct table *t, struct table_node *node);
/* All nodes in a new array of t->n; mem_free it. */
struct table_node **table_nodes(const struct table *t);
void table_clear(struct table *t); /* the nodes are the caller's */

#endif
