/* SPDX-License-Identifier: Apache-2.0 */
/* NAMESPACE/NAME, by which tables keep what belongs to an object of a cluster. */
#ifndef BULLA_AGENT_OBJECT_KEY_H
#define BULLA_AGENT_OBJECT_KEY_H

#include <stdbool.h>
#include <stddef.h>

#define OBJECT_KEY_MAX 512 /* with its NUL; the API server checks that both are far shorter */

/* Its length; 0: it would be longer than that, so no object is called so. */
size_t object_key(const char *namespace, const char *name, char key[static OBJECT_KEY_MAX]);
/* Is that the key of this one? */
bool object_key_is(const void *key, size_t len, const char *namespace, const char *name);

#endif
