/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/bootstrap_manifest.h"

#include <string.h>

#include "base/err.h"
#include "sealer/install_manifest.h"

#define IMAGE_KEY " image: "
#define IMAGE_MAX 512

int bootstrap_manifest_check_image(const char *image, struct err *err)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	    "._-/:@";
	const char *last = strrchr(image, '/');

	if (strlen(image) > IMAGE_MAX || strspn(image, allowed) != strlen(image) ||
	    strchr("._-/:@", image[0]) != NULL)
		return err_set(err, ERR_USAGE, "--image: not the name of an image");
	last = last != NULL ? last + 1 : image;
	if (strpbrk(last, ":@") == NULL || strchr(":@", image[strlen(image) - 1]) != NULL)
		return err_set(err, ERR_USAGE,
			       "--image: say which one, with a tag or a digest: %s:TAG", image);
	return 0;
}

/* The line that begins at s, with its end. */
static size_t line_length(const char *s, size_t left)
{
	const char *end = memchr(s, '\n', left);

	return end != NULL ? (size_t)(end - s) + 1 : left;
}

void bootstrap_manifest_text(const char *image, struct buf *out)
{
	const char *text = (const char *)install_manifest;
	size_t left = install_manifest_len;

	buf_puts(out,
		 "# The agent of bulla " BULLA_VERSION ": CRD, rights, policies, Deployment; by "
		 "'bulla bootstrap'.\n");
	while (left > 0) {
		size_t n = line_length(text, left), indent = 0;

		while (indent < n && text[indent] == ' ')
			indent++;
		if (n > indent + 7 && memcmp(text + indent, "image: ", 7) == 0)
			buf_printf(out, "%.*simage: %s\n", (int)indent, text, image);
		else
			buf_put(out, text, n);
		text += n;
		left -= n;
	}
}

bool bootstrap_manifest_has_image(const struct buf *text, const char *image)
{
	size_t n = strlen(image);

	for (const char *s = strstr(buf_str(text), IMAGE_KEY); s != NULL;
	     s = strstr(s + 1, IMAGE_KEY)) {
		const char *value = s + strlen(IMAGE_KEY);

		if (strncmp(value, image, n) == 0 && strchr(" \r\n", value[n]) != NULL)
			return true;
	}
	return false;
}
