/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml_arena.h"

#include <yaml.h>

#include "base/mem.h"

/*
 * libyaml takes no allocator, but calls these by name.  Where the dynamic linker lets a program's
 * own definition win (ELF), the copies that its scanner makes of a manifest's secrets are wiped.
 */
void *yaml_malloc(size_t size);
void *yaml_realloc(void *p, size_t size);
void yaml_free(void *p);
yaml_char_t *yaml_strdup(const yaml_char_t *s);

void *yaml_malloc(size_t size)
{
	return mem_alloc(size);
}

void *yaml_realloc(void *p, size_t size)
{
	return mem_grow(p, size, 1);
}

void yaml_free(void *p)
{
	mem_free(p);
}

yaml_char_t *yaml_strdup(const yaml_char_t *s)
{
	return (yaml_char_t *)mem_str((const char *)s);
}

#define CHUNK_MIN 4096
#define CHUNK_MAX 65536

struct yaml_chunk {
	struct yaml_chunk *next;
	size_t used, size;
	max_align_t data[];
};

void *yaml_arena_alloc(struct yaml_chunk **chunks, size_t hint, size_t size)
{
	struct yaml_chunk *c = *chunks;
	void *at;

	size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	if (c == NULL || c->size - c->used < size) {
		size_t room = hint < CHUNK_MIN ? CHUNK_MIN : hint > CHUNK_MAX ? CHUNK_MAX : hint;

		room = room < size ? size : room;
		c = mem_alloc(sizeof(*c) + room);
		c->size = room;
		c->next = *chunks;
		*chunks = c;
	}
	at = (char *)c->data + c->used;
	c->used += size;
	return at;
}

void yaml_arena_clear(struct yaml_chunk **chunks)
{
	struct yaml_chunk *c = *chunks, *after;

	for (; c != NULL; c = after) {
		after = c->next;
		mem_free(c);
	}
	*chunks = NULL;
}
