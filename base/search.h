/* SPDX-License-Identifier: Apache-2.0 */
/* Binary search in sorted arrays that are kept sorted: bsearch(3) that also says where to insert.
 */
#ifndef BULLA_BASE_SEARCH_H
#define BULLA_BASE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

/* n items of size bytes each, in the order of compare, none equal to another. */
struct search {
	const void *items;
	size_t n, size;
	int (*compare)(const void *key, const void *item); /* as strcmp(key, item) */
};

/* The index of the item equal to key, or where it would go; *found says which. */
size_t search_sorted(const struct search *s, const void *key, bool *found);

#endif
