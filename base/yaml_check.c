/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml_check.h"

#include <string.h>

static const struct {
	const char *bytes, *why;
} odd[] = {
	{ "\xc2\x85", "the line break U+0085, which readers see differently" },
	{ "\xe2\x80\xa8", "the line break U+2028, which readers see differently" },
	{ "\xe2\x80\xa9", "the line break U+2029, which readers see differently" },
	{ "\xef\xbb\xbf", "a byte order mark inside the text" },
};

static const char *odd_character(const char *text, size_t len)
{
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		size_t n = strlen(odd[i].bytes);

		if (len >= n && memcmp(text, odd[i].bytes, n) == 0)
			return odd[i].why;
	}
	return NULL;
}

static bool lone_return(const char *text, size_t len, size_t *at)
{
	const char *cr = text, *end = text + len;

	while ((cr = memchr(cr, '\r', (size_t)(end - cr))) != NULL) {
		*at = (size_t)(cr - text);
		if (++cr == end || *cr != '\n')
			return true;
	}
	return false;
}

const char *yaml_check_bytes(const char *text, size_t len, size_t *at, bool *ascii)
{
	unsigned char high = 0;

	if (lone_return(text, len, at))
		return "a carriage return without a newline";
	for (size_t i = 0; i < len; i++)
		high |= (unsigned char)text[i];
	*ascii = high < 0x80;
	for (*at = 0; *at < len && !*ascii; ++*at) {
		const char *why =
		    (unsigned char)text[*at] < 0xc2 ? NULL : odd_character(text + *at, len - *at);

		if (why != NULL)
			return why;
	}
	return NULL;
}
