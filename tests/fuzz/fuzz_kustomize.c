/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as a kustomization: refused or judged; findings stand in order on lines of the text, and
 * the file is found unlisted exactly when nothing in the text names it.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "base/err.h"
#include "document/kustomize.h"

static unsigned lines(const uint8_t *data, size_t size)
{
	unsigned n = 1;

	for (size_t i = 0; i < size; i++)
		n += data[i] == '\n';
	return n;
}

static bool mentions(const uint8_t *data, size_t size, const char *s)
{
	for (size_t i = 0; i + strlen(s) <= size; i++)
		if (memcmp(data + i, s, strlen(s)) == 0)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[] = "api-env", namespace[] = "team-a";
	const struct document document = { .name = name, .namespace = namespace };
	const struct kustomize_input in = { "fuzz", data, size, "x.y", &document, 1 };
	struct kustomize_findings found;
	struct err err = ERR_INIT;
	bool unlisted = false;

	if (kustomize_check(&in, &found, &err) != 0) {
		must(err.class == ERR_INVALID && strncmp(err.text, "fuzz:", 5) == 0);
		must(found.n == 0);
		return 0;
	}
	for (size_t i = 0; i < found.n; i++) {
		must(found.items[i].line >= 1 && found.items[i].line <= lines(data, size));
		must(i == 0 || found.items[i - 1].line <= found.items[i].line);
		unlisted = unlisted || strstr(found.items[i].text, "does not list x.y") != NULL;
	}
	/* "x.y" may be written with escapes, but then there is a backslash */
	must(unlisted || mentions(data, size, "x.y") || mentions(data, size, "\\") ||
	     mentions(data, size, "apiVersion"));
	kustomize_clear(&found);
	return 0;
}
