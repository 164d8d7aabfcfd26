/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of flow maps: the half of entry.c for flow style.  Keys and values are double-quoted, so
 * that JSON stays JSON.
 */
#ifndef BULLA_DOCUMENT_FLOW_H
#define BULLA_DOCUMENT_FLOW_H

#include "base/yaml.h"
#include "document/splice.h"

/* Before entry i, or at the end when i is the number of entries. */
void flow_insert(struct splice_plan *plan, const struct yaml_node *map, size_t i,
		 const struct splice_entry *e);
void flow_remove(struct splice_plan *plan, const struct yaml_node *map, size_t i);
/* All entries anew, comments between them gone. */
void flow_rewrite(struct splice_plan *plan, const struct yaml_node *map,
		  const struct splice_entry *entries, size_t n);

#endif
