/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/textconv.h"

#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/out.h"
#include "document/edit.h"
#include "keys/armor.h"

#define BEGIN "-----BEGIN AGE ENCRYPTED FILE-----"
#define END "-----END AGE ENCRYPTED FILE-----"

/* A run of bytes of the text. */
struct span {
	const char *s;
	size_t len;
};

static const char *find(struct span in, const char *what)
{
	size_t n = strlen(what);

	for (size_t i = 0; i + n <= in.len; i++) {
		const char *at = memchr(in.s + i, what[0], in.len - i - n + 1);

		if (at == NULL)
			return NULL;
		if (memcmp(at, what, n) == 0)
			return at;
		i = (size_t)(at - in.s);
	}
	return NULL;
}

static struct span between(const char *begin, const char *end)
{
	return (struct span){ begin, (size_t)(end - begin) };
}

/* --- what is no age file -------------------------------------------------------------------------
 */

/* Tabs, and the carriage return of a line's end, are the text's own; all else passes out_escape. */
static void put_line(struct span line, struct buf *out)
{
	bool cr = line.len > 0 && line.s[line.len - 1] == '\r';
	const char *s = line.s, *end = line.s + line.len - (cr ? 1 : 0);

	while (s < end) {
		const char *tab = memchr(s, '\t', (size_t)(end - s));
		const char *stop = tab != NULL ? tab : end;

		out_escape(out, s, (size_t)(stop - s));
		if (tab != NULL)
			buf_putc(out, '\t');
		s = stop + (tab != NULL ? 1 : 0);
	}
	if (cr)
		buf_putc(out, '\r');
}

static void put_lines(struct span text, struct buf *out)
{
	const char *s = text.s, *end = text.s + text.len;

	while (s < end) {
		const char *eol = memchr(s, '\n', (size_t)(end - s));

		put_line(between(s, eol != NULL ? eol : end), out);
		if (eol == NULL)
			return;
		buf_putc(out, '\n');
		s = eol + 1;
	}
}

/* --- age files
 * ------------------------------------------------------------------------------------
 */

/* Without the indentation of YAML; "\n" and "\r" as JSON and quoted YAML write line ends. */
static void unfold(struct span armor, struct buf *out)
{
	const char *s = armor.s, *end = armor.s + armor.len;
	bool begins = false;

	while (s < end) {
		bool pair = *s == '\\' && s + 1 < end && (s[1] == 'n' || s[1] == 'r');
		char c = !pair ? *s : s[1] == 'n' ? '\n' : '\r';

		if (!begins || (c != ' ' && c != '\t'))
			buf_putc(out, (unsigned char)c);
		begins = c == '\n' || (begins && (c == ' ' || c == '\t'));
		s += pair ? 2 : 1;
	}
}

static void put_hash(const void *data, size_t len, struct buf *out)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char hex[2 * sizeof(hash) + 1];

	crypto_hash_sha256(hash, data, len);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	buf_printf(out, "SHA-256 %s>", hex);
}

static void put_age(struct span armor, struct buf *out)
{
	struct buf lines = BUF_INIT, age = BUF_INIT;

	unfold(armor, &lines);
	if (armor_decode(lines.data, lines.len, &age, NULL) == 0) {
		buf_printf(out, "<age file, %zu bytes, ", age.len);
		put_hash(age.data, age.len, out);
	} else {
		buf_printf(out, "<damaged age file, %zu characters, ", armor.len);
		put_hash(armor.s, armor.len, out);
	}
	buf_clear(&lines);
	buf_clear(&age);
}

/* The first age file of text, from its first line to its last; false when there is none. */
static bool next_age(struct span text, struct span *armor)
{
	const char *end = text.s + text.len, *begin = find(text, BEGIN), *last, *other;

	if (begin == NULL)
		return false;
	last = find(between(begin + strlen(BEGIN), end), END);
	if (last == NULL)
		return false;
	/* one that begins inside of another ends that: what is before it is no age file */
	while ((other = find(between(begin + strlen(BEGIN), last), BEGIN)) != NULL)
		begin = other;
	*armor = between(begin, last + strlen(END));
	return true;
}

void textconv_text(const void *text, size_t len, struct buf *out)
{
	struct span left = { text, len }, armor;

	if (!edit_mentions(text, len)) {
		buf_put(out, text, len);
		return;
	}
	while (next_age(left, &armor)) {
		put_lines(between(left.s, armor.s), out);
		put_age(armor, out);
		left = between(armor.s + armor.len, left.s + left.len);
	}
	put_lines(left, out);
}
