/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changes to the maps and scalars of a parsed YAML text, planned as splices.  What is put in looks
 * like its neighbours: indentation, line ends, one or many lines in flow style, an empty line
 * between entries.
 *
 * Comments.  One on a line of its own, directly above an entry and not indented deeper, belongs to
 * that entry: a new entry goes in above it.  One that is indented deeper than the entries belongs
 * to the entry before it.  What is removed takes its deeper comments along and those on its lines,
 * never those above it.
 */
#ifndef BULLA_DOCUMENT_ENTRY_H
#define BULLA_DOCUMENT_ENTRY_H

#include "base/kv.h"
#include "base/yaml.h"
#include "document/splice.h"

/* Give a scalar another text, double-quoted.  Nothing is done when it has that text already. */
void entry_set_text(struct splice_plan *plan, const struct yaml_node *node, const char *text);
/* The same for text of many lines (each ends with "\n"), which stays a block where it was one. */
void entry_set_lines(struct splice_plan *plan, const struct yaml_node *node, const char *text);
/* Make a map of scalars hold exactly these, changing only entries that differ. */
void entry_set_map(struct splice_plan *plan, const struct yaml_node *map, const struct kv *want);
/* Add an entry before the first whose name is greater, else at the end.  The map has entries. */
void entry_insert(struct splice_plan *plan, const struct yaml_node *map,
		  const struct splice_entry *e);
/* Remove entry i of a map that has another. */
void entry_remove(struct splice_plan *plan, const struct yaml_node *map, size_t i);

/* A map's entries from texts; freed with mem_free. */
struct splice_entry *entry_of_kv(const struct kv *kv);

#endif
