/* SPDX-License-Identifier: Apache-2.0 */
#include "document/quote.h"

#include <stdint.h>
#include <string.h>

#include "base/yaml.h"

#define PATH_KEY_MAX 317 /* a qualified name: prefix of 253, "/", name of 63 */

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define PLAIN LETTERS "0123456789._/-"

/* Decode one character of s, len bytes, at least one: its length in bytes, or 0. */
static size_t decode(const unsigned char *s, size_t len, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

	if (n == 0 || s[0] > 0xf4 || n > len)
		return 0;
	*c = n == 1 ? s[0] : s[0] & (0x7fU >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (*c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c <= 0xdfff))
		return 0;
	return n;
}

bool quote_is_text(const void *s, size_t len)
{
	const unsigned char *at = s;

	while (len != 0) {
		uint32_t c = 0;
		size_t n = decode(at, len, &c);

		if (n == 0 || c == 0)
			return false;
		at += n;
		len -= n;
	}
	return true;
}

/*
 * Characters that show nothing or change how others show, and those that YAML does not allow raw.
 */
static bool hidden(uint32_t c)
{
	static const uint32_t ranges[][2] = {
		{ 0x00, 0x1f },	    { 0x7f, 0xa0 },	{ 0xad, 0xad },	       { 0x34f, 0x34f },
		{ 0x61c, 0x61c },   { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 },    { 0x180b, 0x180f },
		{ 0x2000, 0x200f }, { 0x2028, 0x202f }, { 0x205f, 0x206f },    { 0x3000, 0x3000 },
		{ 0x3164, 0x3164 }, { 0xe000, 0xf8ff }, { 0xfe00, 0xfe0f },    { 0xfeff, 0xfeff },
		{ 0xffa0, 0xffa0 }, { 0xfff0, 0xffff }, { 0xe0000, 0x10ffff },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	return false;
}

static int put_char(struct buf *out, const unsigned char *at, size_t n, uint32_t c)
{
	if (c == '"' || c == '\\')
		return buf_printf(out, "\\%c", (int)c);
	if (c == '\n')
		return buf_puts(out, "\\n");
	if (c == '\t')
		return buf_puts(out, "\\t");
	if (!hidden(c))
		return buf_put(out, at, n);
	/* \x, \u and \U mean the same in YAML 1.1 and 1.2, to libyaml, PyYAML and go-yaml */
	return buf_printf(out,
			  c < 0x100	? "\\x%02x"
			  : c < 0x10000 ? "\\u%04x"
					: "\\U%08x",
			  (unsigned)c);
}

static int put_quoted(struct buf *out, const char *s)
{
	const unsigned char *at = (const unsigned char *)s;
	size_t len = strlen(s);

	if (buf_putc(out, '"') != 0)
		return -1;
	while (len != 0) {
		uint32_t c = 0;
		size_t n = decode(at, len, &c);

		if (n == 0 || put_char(out, at, n, c) != 0)
			return -1;
		at += n;
		len -= n;
	}
	return buf_putc(out, '"');
}

int quote_put(struct buf *out, const char *s, bool always)
{
	size_t len = strlen(s);

	/*
	 * A letter first: leaves out numbers, dates, "-", "...", "<<", "=", "~" and all indicators.
	 */
	if (!always && len != 0 && strchr(LETTERS, s[0]) != NULL && strspn(s, PLAIN) == len &&
	    !yaml_plain_ambiguous(s, len))
		return buf_put(out, s, len);
	return put_quoted(out, s);
}

void quote_path(struct buf *path, const char *key)
{
	size_t len = strlen(key);
	const char *dot = path->len == 0 ? "" : ".";

	if (len != 0 && len <= PATH_KEY_MAX && strspn(key, PLAIN) == len)
		buf_printf(path, "%s%s", dot, key);
	else
		buf_printf(path, "%s(%zu bytes)", dot, len);
}
