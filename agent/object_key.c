/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/object_key.h"

#include <stdio.h>
#include <string.h>

size_t object_key(const char *namespace, const char *name, char key[static OBJECT_KEY_MAX])
{
	int n = snprintf(key, OBJECT_KEY_MAX, "%s/%s", namespace, name);

	return n < 0 || n >= OBJECT_KEY_MAX ? 0 : (size_t)n;
}

bool object_key_is(const void *key, size_t len, const char *namespace, const char *name)
{
	const char *text = key;
	size_t n = strlen(namespace), m = strlen(name);

	return len == n + 1 + m && memcmp(text, namespace, n) == 0 && text[n] == '/' &&
	       memcmp(text + n + 1, name, m) == 0;
}
