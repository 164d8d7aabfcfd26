/* SPDX-License-Identifier: Apache-2.0 */
#include "base/out.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

bool out_quiet;
static const char *program = "bulla";

void out_program(const char *name)
{
	program = name;
}

/* --- escaping --------------------------------------------------------------------------------- */

/*
 * The length of the UTF-8 sequence at s (n bytes left) and its code point; 0 when it is not one
 * (overlong forms, surrogates and beyond U+10FFFF included).
 */
static size_t decode(const unsigned char *s, size_t n, uint32_t *point)
{
	static const struct {
		unsigned char mask, lead;
		uint32_t least;
	} forms[] = { { 0x80, 0x00, 0 },
		      { 0xe0, 0xc0, 0x80 },
		      { 0xf0, 0xe0, 0x800 },
		      { 0xf8, 0xf0, 0x10000 } };

	for (size_t len = 1; len <= 4; len++) {
		uint32_t v = s[0] & (unsigned char)~forms[len - 1].mask;

		if ((s[0] & forms[len - 1].mask) != forms[len - 1].lead)
			continue;
		if (len > n)
			return 0;
		for (size_t i = 1; i < len; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			v = v << 6 | (s[i] & 0x3f);
		}
		if (v < forms[len - 1].least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
			return 0;
		*point = v;
		return len;
	}
	return 0;
}

/* Code points that move, hide or reorder what a person sees (Unicode categories Cc, Cf, Zl, Zp). */
static bool deceptive(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x0000, 0x001f },   { 0x007f, 0x009f },   { 0x00ad, 0x00ad },
		{ 0x034f, 0x034f },   { 0x061c, 0x061c },   { 0x115f, 0x1160 },
		{ 0x17b4, 0x17b5 },   { 0x180b, 0x180f },   { 0x200b, 0x200f },
		{ 0x2028, 0x202e },   { 0x2060, 0x206f },   { 0x3164, 0x3164 },
		{ 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },
		{ 0xfff0, 0xfffb },   { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a },
		{ 0xe0000, 0xe0fff },
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (c >= ranges[i].first && c <= ranges[i].last)
			return true;
	return false;
}

void out_escape(struct buf *out, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	while (len > 0) {
		uint32_t c = 0;
		size_t n = decode(s, len, &c);

		if (n == 0)
			buf_printf(out, "\\x%02x", s[0]);
		else if (!deceptive(c))
			buf_put(out, s, n);
		else if (c < 0x80)
			buf_printf(out, "\\x%02x", (unsigned)c);
		else
			buf_printf(out, "\\u{%04x}", (unsigned)c);
		n = n == 0 ? 1 : n;
		s += n;
		len -= n;
	}
}

char *out_escaped(const char *s)
{
	struct buf b = BUF_INIT;
	char *text;

	out_escape(&b, s, strlen(s));
	text = mem_str(buf_str(&b));
	buf_clear(&b);
	return text;
}

void out_escape_lines(struct buf *out, const char *text)
{
	for (;;) {
		size_t n = strcspn(text, "\n");

		out_escape(out, text, n);
		if (text[n] == '\0')
			return;
		buf_putc(out, '\n');
		text += n + 1;
	}
}

static void print_escaped(FILE *f, const char *text)
{
	struct buf b = BUF_INIT;

	out_escape_lines(&b, text);
	if (b.len > 0)
		fwrite(b.data, 1, b.len, f);
	buf_clear(&b);
}

void out_printf(FILE *f, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = mem_vprintf(fmt, ap);
	va_end(ap);
	print_escaped(f, text);
	mem_free(text);
}

/* Who sees both streams reads what was said in the order in which it was. */
static void before_diagnostics(void)
{
	fflush(stdout);
}

static void __attribute__((format(printf, 2, 0)))
diagnostic(const char *prefix, const char *fmt, va_list ap)
{
	char *text = mem_vprintf(fmt, ap), *line = out_escaped(text);

	before_diagnostics();
	fprintf(stderr, "%s: %s%s\n", program, prefix, line);
	mem_free(line);
	mem_free(text);
}

void out_error(const char *text)
{
	char *line = out_escaped(text);

	before_diagnostics();
	fprintf(stderr, "%s: %s\n", program, line);
	mem_free(line);
}

void out_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	diagnostic("warning: ", fmt, ap);
	va_end(ap);
}

void out_note(const char *fmt, ...)
{
	va_list ap;

	if (out_quiet)
		return;
	va_start(ap, fmt);
	diagnostic("", fmt, ap);
	va_end(ap);
}

char *out_note_made(const char *fmt, ...)
{
	struct buf line = BUF_INIT;
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = mem_vprintf(fmt, ap);
	va_end(ap);
	buf_printf(&line, "%s: ", program);
	out_escape(&line, text, strlen(text));
	mem_free(text);
	text = mem_str(buf_str(&line));
	buf_clear(&line);
	return text;
}

void out_note_print(char *line)
{
	if (!out_quiet && line != NULL) {
		before_diagnostics();
		fputs(line, stderr);
		fputc('\n', stderr);
	}
	mem_free(line);
}

void out_shell(struct buf *out, const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "_-+=./:,@%";

	if (*word != '\0' && strspn(word, plain) == strlen(word)) {
		buf_puts(out, word);
		return;
	}
	buf_putc(out, '\'');
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			buf_puts(out, "'\\''");
		else
			buf_putc(out, (unsigned char)*word);
	}
	buf_putc(out, '\'');
}

/* --- tables ----------------------------------------------------------------------------------- */

bool out_terminal(int fd)
{
	const char *term = getenv("TERM");

	return term != NULL && *term != '\0' && strcmp(term, "dumb") != 0 && isatty(fd);
}

static bool has_colours(FILE *f)
{
	const char *none = getenv("NO_COLOR");

	return (none == NULL || *none == '\0') && out_terminal(fileno(f));
}

const char *out_begin(FILE *f, enum out_style style)
{
	/* ECMA-48 SGR, the colours that every terminal has and its user has chosen */
	static const char *const begins[] = { "", "\033[31m", "\033[33m", "\033[32m" };

	return style != OUT_PLAIN && has_colours(f) ? begins[style] : "";
}

const char *out_end(FILE *f, enum out_style style)
{
	return style != OUT_PLAIN && has_colours(f) ? "\033[0m" : "";
}

struct cell {
	char *text;
	enum out_style style;
};

struct out_table {
	size_t columns;
	struct cell *cells;
	size_t n, cap;
};

struct out_table *out_table_new(size_t columns)
{
	struct out_table *t = mem_alloc(sizeof(*t));

	t->columns = columns;
	return t;
}

void out_table_cell(struct out_table *t, const char *text)
{
	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 64 : t->cap * 2;
		t->cells = mem_grow(t->cells, t->cap, sizeof(*t->cells));
	}
	t->cells[t->n++] = (struct cell){ .text = out_escaped(text) };
}

void out_table_style(struct out_table *t, enum out_style style)
{
	t->cells[t->n - 1].style = style;
}

/* Columns on a terminal, near enough: one for each code point. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* Blanks stand before a cell, so that a line whose last cells are empty ends with none. */
static void print_row(const struct cell *cells, const size_t *widths, size_t n, FILE *f)
{
	size_t pad = 0;

	for (size_t i = 0; i < n; i++) {
		if (cells[i].text[0] != '\0') {
			for (; pad > 0; pad--)
				fputc(' ', f);
			fputs(out_begin(f, cells[i].style), f);
			fputs(cells[i].text, f);
			fputs(out_end(f, cells[i].style), f);
		}
		pad += widths[i] + 2 - width(cells[i].text);
	}
	fputc('\n', f);
}

void out_table_print(struct out_table *t, FILE *f)
{
	size_t *widths = mem_array(t->columns, sizeof(*widths));

	for (size_t i = 0; i < t->n; i++) {
		size_t w = width(t->cells[i].text);

		if (w > widths[i % t->columns])
			widths[i % t->columns] = w;
	}
	for (size_t i = 0; i + t->columns <= t->n; i += t->columns)
		print_row(&t->cells[i], widths, t->columns, f);
	mem_free(widths);
}

void out_table_free(struct out_table *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->n; i++)
		mem_free(t->cells[i].text);
	mem_free(t->cells);
	mem_free(t);
}
