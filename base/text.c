/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <string.h>

#include "base/buf.h"

int text_hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

unsigned text_port(const char *text, size_t len)
{
	unsigned port = 0;

	if (len == 0 || len > 5)
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	return port > 65535 ? 0 : port;
}

size_t text_cut(const char *text, size_t max)
{
	size_t n = strnlen(text, max + 1);

	if (n <= max)
		return n;
	for (n = max; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
		n--;
	return n;
}

void text_percent(struct buf *out, const char *text, const char *also)
{
	for (; *text != '\0'; text++)
		if (text_is_alnum(*text) || strchr(also, *text) != NULL)
			buf_putc(out, (unsigned char)*text);
		else
			buf_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
}
