/* SPDX-License-Identifier: Apache-2.0 */
/* A set of object ids, for a history of which each blob is looked at once. */
#ifndef BULLA_GIT_IDSET_H
#define BULLA_GIT_IDSET_H

#include <stdbool.h>
#include <stddef.h>

struct idset;

struct idset *idset_new(void);
void idset_free(struct idset *s); /* NULL is fine */
/* Add an id (lower-case hex, 40 or 64 digits); false when it was there. */
bool idset_add(struct idset *s, const char *id);
bool idset_has(const struct idset *s, const char *id);

#endif
