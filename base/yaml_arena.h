/* SPDX-License-Identifier: Apache-2.0 */
/* Memory for a parsed text, given one by one, taken back and wiped together: a part of base/yaml.c.
 */
#ifndef BULLA_BASE_YAML_ARENA_H
#define BULLA_BASE_YAML_ARENA_H

#include <stddef.h>

struct yaml_chunk;

/* Zeroed; never NULL.  hint: bytes of the text, from which the size of the chunks is guessed. */
void *yaml_arena_alloc(struct yaml_chunk **chunks, size_t hint, size_t size);
void yaml_arena_clear(struct yaml_chunk **chunks);

#endif
