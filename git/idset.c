/* SPDX-License-Identifier: Apache-2.0 */
#include "git/idset.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define FIRST 4096 /* slots; always a power of two */
#define BYTES 32

/* SHA-1 ids are followed by zeros.  An id of zeros alone stands for no object and marks a free
 * slot; it is counted as a member from the start. */
struct slot {
	unsigned char id[BYTES];
};

struct idset {
	struct slot *slots;
	size_t n, size;
};

struct idset *idset_new(void)
{
	struct idset *s = mem_alloc(sizeof(*s));

	s->size = FIRST;
	s->slots = mem_array(s->size, sizeof(*s->slots));
	return s;
}

void idset_free(struct idset *s)
{
	if (s == NULL)
		return;
	mem_free(s->slots);
	mem_free(s);
}

static unsigned digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10) & 15;
}

static struct slot read_id(const char *id)
{
	struct slot slot = { { 0 } };

	for (size_t i = 0; i < BYTES && id[2 * i] != '\0' && id[2 * i + 1] != '\0'; i++)
		slot.id[i] = (unsigned char)(digit(id[2 * i]) << 4 | digit(id[2 * i + 1]));
	return slot;
}

static bool is_free(const struct slot *slot)
{
	static const struct slot none;

	return memcmp(slot, &none, sizeof(none)) == 0;
}

/* The slot that holds id, or the free one where it would go.  The id is a hash already: its first
 * bytes say where to begin. */
static struct slot *find(const struct idset *s, const struct slot *id)
{
	uint64_t at;

	memcpy(&at, id->id, sizeof(at));
	for (at &= s->size - 1;; at = (at + 1) & (s->size - 1))
		if (is_free(&s->slots[at]) || memcmp(&s->slots[at], id, sizeof(*id)) == 0)
			return &s->slots[at];
}

static void grow(struct idset *s)
{
	struct slot *old = s->slots;
	size_t size = s->size;

	s->size *= 2;
	s->slots = mem_array(s->size, sizeof(*s->slots));
	for (size_t i = 0; i < size; i++)
		if (!is_free(&old[i]))
			*find(s, &old[i]) = old[i];
	mem_free(old);
}

bool idset_add(struct idset *s, const char *id)
{
	struct slot wanted = read_id(id), *slot;

	if (is_free(&wanted))
		return false;
	if (s->n >= s->size / 2)
		grow(s);
	slot = find(s, &wanted);
	if (!is_free(slot))
		return false;
	*slot = wanted;
	s->n++;
	return true;
}

bool idset_has(const struct idset *s, const char *id)
{
	struct slot wanted = read_id(id);

	return is_free(&wanted) || !is_free(find(s, &wanted));
}
