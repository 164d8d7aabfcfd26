/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any value of a Secret.  What is around it does not matter, and a password on a line of its own,
 * before or behind, is never excused by what else is there; only a whole file of SOPS or age is.
 */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "guard/filled.h"

static bool is(struct buf *b, const char *before, const char *value, size_t len, const char *behind)
{
	buf_reset(b);
	buf_puts(b, before);
	buf_put(b, value, len);
	buf_puts(b, behind);
	return filled_is(buf_str(b), b->len);
}

static bool says_encrypted(const char *value, size_t len)
{
	static const char *const words[] = { "age-encryption.org/", "-----BEGIN AGE", "sops" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		for (size_t at = 0; at + strlen(words[i]) <= len; at++)
			if (strncasecmp(value + at, words[i], strlen(words[i])) == 0)
				return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT;
	/* a block of its own, so that AddressSanitizer sees its end */
	char *value = malloc(size > 0 ? size : 1);
	bool filled;

	memcpy(value, data, size);
	filled = filled_is(value, size);
	must(is(&b, "", value, size, "") == filled);
	must(is(&b, " \n", value, size, "\r\n\t") == filled);
	if (!says_encrypted(value, size)) {
		must(!is(&b, "", value, size, "\nDB_PASSWORD=sommer2026"));
		must(!is(&b, "DB_PASSWORD=sommer2026\n", value, size, ""));
	}
	buf_clear(&b);
	free(value);
	return 0;
}
