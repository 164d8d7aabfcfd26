/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as an image: what is taken can stand in a URL, and its whole name means the same. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "github/imageref.h"

static bool same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Nothing that a URL gives a meaning to, and no way up. */
static void check_url(const struct imageref *ref)
{
	must(strpbrk(ref->path, " \t\r\n?#%\\:@&=") == NULL && strstr(ref->path, "..") == NULL);
	must(strstr(ref->path, "//") == NULL && ref->path[0] != '/');
	must(strpbrk(ref->domain, " \t\r\n?#%\\@/&=") == NULL);
	must(strpbrk(imageref_reference(ref), " \t\r\n?#%\\@/&=") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_strn((const char *)data, size);
	struct buf whole = BUF_INIT;
	struct err err = ERR_INIT;
	struct imageref ref, again;

	if (imageref_parse(text, &ref, &err) != 0) {
		must(err.class == ERR_INVALID && strncmp(err.text, "image: ", 7) == 0);
		must(ref.domain == NULL && ref.path == NULL);
		goto out;
	}
	check_url(&ref);
	imageref_format(&ref, &whole);
	must(imageref_parse(buf_str(&whole), &again, &err) == 0);
	must(same(ref.domain, again.domain) && same(ref.path, again.path));
	must(same(ref.digest, again.digest));
	must(same(imageref_reference(&ref), imageref_reference(&again)));
	imageref_clear(&again);
out:
	imageref_clear(&ref);
	buf_clear(&whole);
	mem_free(text);
	return 0;
}
