/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "kube/client.h"

/* RFC 3986 unreserved. */
void kube_path_put(struct buf *path, const char *segment)
{
	/* libcurl takes "." and ".." for folders */
	bool dots = strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0;

	text_percent(path, segment, dots ? "" : "-._~");
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
