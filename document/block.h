/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of block maps, and block scalars: the half of entry.c for block style. */
#ifndef BULLA_DOCUMENT_BLOCK_H
#define BULLA_DOCUMENT_BLOCK_H

#include "base/yaml.h"
#include "document/splice.h"

/*
 * The text of entry i: from the begin of its line to behind its last line and the comments that are
 * indented deeper than its key.
 */
void block_range(const struct splice_plan *plan, const struct yaml_node *map, size_t i,
		 size_t *begin, size_t *end);

/* Before entry i, or at the end when i is the number of entries. */
void block_insert(struct splice_plan *plan, const struct yaml_node *map, size_t i,
		  const struct splice_entry *e);
void block_remove(struct splice_plan *plan, const struct yaml_node *map, size_t i);
/* All entries anew. */
void block_rewrite(struct splice_plan *plan, const struct yaml_node *map,
		   const struct splice_entry *entries, size_t n);
/* Other lines for a literal or folded scalar, which becomes literal. */
void block_set_lines(struct splice_plan *plan, const struct yaml_node *node, const char *text);

#endif
