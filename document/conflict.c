/* SPDX-License-Identifier: Apache-2.0 */
#include "document/conflict.h"

#include <stdbool.h>
#include <string.h>

#define SIZE 7

static bool is_marker(const char *line, size_t len)
{
	if (len < SIZE || strchr("<|=>", line[0]) == NULL || line[0] == '\0')
		return false;
	for (size_t i = 1; i < SIZE; i++)
		if (line[i] != line[0])
			return false;
	if (len == SIZE)
		return true;
	return line[SIZE] == ' ' && line[0] != '=';
}

size_t conflict_line(const void *text, size_t len)
{
	const char *at = text, *end = at + len;

	for (size_t line = 1; at < end; line++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t n;

		if (stop == NULL)
			stop = end;
		n = (size_t)(stop - at);
		if (n > 0 && at[n - 1] == '\r')
			n--;
		if (is_marker(at, n))
			return line;
		at = stop + 1;
	}
	return 0;
}
