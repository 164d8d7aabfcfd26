/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "kube/client.h"

/* RFC 3986 unreserved. */
static bool stands_for_itself(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~", c) != NULL);
}

void kube_path_put(struct buf *path, const char *segment)
{
	const unsigned char *s = (const unsigned char *)segment;
	/* libcurl takes "." and ".." for folders */
	bool dots = strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0;

	for (; *s != '\0'; s++) {
		if (stands_for_itself(*s) && !dots)
			buf_putc(path, *s);
		else
			buf_printf(path, "%%%02X", (unsigned int)*s);
	}
}

void kube_path_object(struct buf *path, const char *root, const char *namespace, const char *plural,
		      const char *name)
{
	buf_puts(path, root);
	if (namespace != NULL) {
		buf_puts(path, "/namespaces/");
		kube_path_put(path, namespace);
	}
	buf_printf(path, "/%s", plural);
	if (name != NULL) {
		buf_puts(path, "/");
		kube_path_put(path, name);
	}
}
