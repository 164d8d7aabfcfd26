/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/armor.h"

#include <stdarg.h>
#include <string.h>

#include "base/b64.h"
#include "base/err.h"

#define LABEL "AGE ENCRYPTED FILE"
#define BEGIN "-----BEGIN " LABEL "-----"
#define END "-----END " LABEL "-----"
#define BEGIN_ANY "-----BEGIN "
#define COLUMNS 64
#define LINE_BYTES 48 /* in COLUMNS characters */

struct reader {
	const char *text;
	size_t len, at;
	unsigned line;	 /* 1-based, of the line read last */
	bool cr, lf;	 /* which line ends were seen */
	const char *row; /* the line, without its end */
	size_t row_len;
	struct err *err;
};

__attribute__((format(printf, 2, 3))) static int fail(const struct reader *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(r->err, ERR_INVALID, fmt, ap);
	va_end(ap);
	return err_wrap(r->err, "age armor: line %u", r->line);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Skip white space before the armor; the line number stays that of the text. */
static int skip_before(struct reader *r)
{
	r->line = 1;
	for (; r->at < r->len && is_space(r->text[r->at]); r->at++) {
		if (r->at == ARMOR_SPACE_MAX)
			return fail(r, "more than %d bytes of white space before the armor",
				    ARMOR_SPACE_MAX);
		if (r->text[r->at] == '\n')
			r->line++;
	}
	r->line--;
	return 0;
}

/* The last line may lack its end; a line end is LF or CR LF, the same everywhere. */
static int next_row(struct reader *r)
{
	const char *start = r->text + r->at;
	const char *end = memchr(start, '\n', r->len - r->at);
	size_t len = end == NULL ? r->len - r->at : (size_t)(end - start);
	bool cr = end != NULL && len != 0 && start[len - 1] == '\r';

	r->line++;
	if (r->at == r->len)
		return fail(r, "the text ends before \"" END "\": it is cut short");
	r->at += len + (end != NULL);
	r->row = start;
	r->row_len = len - cr;
	if (end == NULL)
		return 0;
	r->cr |= cr;
	r->lf |= !cr;
	if (r->cr && r->lf)
		return fail(r, "line ends are mixed: some have a carriage return, some have none");
	return 0;
}

static bool row_is(const struct reader *r, const char *text)
{
	return r->row_len == strlen(text) && memcmp(r->row, text, r->row_len) == 0;
}

static int read_begin(struct reader *r)
{
	if (skip_before(r) != 0 || next_row(r) != 0)
		return -1;
	if (row_is(r, BEGIN))
		return 0;
	if (r->row_len >= strlen(BEGIN_ANY) && memcmp(r->row, BEGIN_ANY, strlen(BEGIN_ANY)) == 0)
		return fail(r, "armor of another kind than \"" LABEL "\"");
	return fail(r, "not \"" BEGIN "\"");
}

/* The end line has no line end of its own in *row_len; white space may follow its line. */
static int read_after(struct reader *r)
{
	size_t start = r->at;

	for (; r->at < r->len; r->at++) {
		if (!is_space(r->text[r->at]))
			return fail(r, "something follows the armor");
		if (r->at - start == ARMOR_SPACE_MAX)
			return fail(r, "more than %d bytes of white space behind the armor",
				    ARMOR_SPACE_MAX);
	}
	return 0;
}

static int decode_row(struct reader *r, struct buf *out)
{
	size_t before = out->len;

	if (r->row_len == 0)
		return fail(r, "an empty line inside the armor");
	if (r->row_len > COLUMNS)
		return fail(r, "longer than %d characters", COLUMNS);
	if (b64_decode(out, r->row, r->row_len) == 0)
		return 0;
	if (out->truncated)
		return fail(r, "the armor holds more than can be taken here");
	buf_truncate(out, before);
	if (r->row[0] == '-')
		return fail(r, "not \"" END "\"");
	return fail(r, "not canonical base64 with padding");
}

int armor_decode(const void *text, size_t len, struct buf *out, struct err *err)
{
	struct reader r = { .text = text, .len = len, .err = err };
	bool last = false;

	if (read_begin(&r) != 0)
		return -1;
	for (;;) {
		size_t before = out->len;

		if (next_row(&r) != 0)
			return -1;
		if (row_is(&r, END))
			return read_after(&r);
		if (last)
			return fail(&r,
				    "it follows a line shorter than %d characters, which only "
				    "the last may be",
				    COLUMNS);
		if (decode_row(&r, out) != 0)
			return -1;
		last = out->len - before != LINE_BYTES;
	}
}

bool armor_is(const void *text, size_t len)
{
	struct reader r = { .text = text, .len = len };

	if (skip_before(&r) != 0)
		return false;
	return len - r.at >= strlen(BEGIN_ANY "AGE ") &&
	       memcmp(r.text + r.at, BEGIN_ANY "AGE ", strlen(BEGIN_ANY "AGE ")) == 0;
}

int armor_encode(const void *data, size_t len, struct buf *out)
{
	const unsigned char *from = data;

	buf_puts(out, BEGIN "\n");
	while (len != 0) {
		size_t n = len < LINE_BYTES ? len : LINE_BYTES;

		b64_encode(out, from, n);
		buf_putc(out, '\n');
		from += n;
		len -= n;
	}
	buf_puts(out, END "\n");
	return out->truncated ? -1 : 0;
}
