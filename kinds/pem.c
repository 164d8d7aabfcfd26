/* SPDX-License-Identifier: Apache-2.0 */
#include "kinds/pem.h"

#include <string.h>

#include "base/b64.h"
#include "base/err.h"

static const char begin_mark[] = "-----BEGIN ";
static const char end_mark[] = "-----END ";
static const char dashes[] = "-----";

struct line {
	const char *text;
	size_t len;
	unsigned number;
};

static bool starts(const struct line *l, const char *prefix)
{
	size_t n = strlen(prefix);

	return l->len >= n && memcmp(l->text, prefix, n) == 0;
}

static bool holds(const char *text, size_t len, const char *needle)
{
	size_t n = strlen(needle);

	for (size_t i = 0; i + n <= len; i++)
		if (memcmp(text + i, needle, n) == 0)
			return true;
	return false;
}

static bool next_line(struct pem_reader *r, struct line *l)
{
	const char *nl;

	if (r->at == r->len)
		return false;
	l->text = r->text + r->at;
	nl = memchr(l->text, '\n', r->len - r->at);
	l->len = nl != NULL ? (size_t)(nl - l->text) : r->len - r->at;
	l->number = r->line++;
	r->at += l->len + (nl != NULL);
	return true;
}

static int refuse_bytes(const struct pem_reader *r, struct err *err)
{
	unsigned line = 1;

	for (size_t i = 0; i < r->len; i++) {
		unsigned char c = (unsigned char)r->text[i];

		if (c == '\n') {
			line++;
		} else if (c == '\r') {
			return err_set(
			    err, ERR_INVALID,
			    "%s: line %u ends with a carriage return: save the file with "
			    "Unix line ends (dos2unix)",
			    r->what, line);
		} else if (c == '\0' || (c < ' ' && c != '\t') || c == 0x7f) {
			return err_set(
			    err, ERR_INVALID,
			    "%s: line %u holds a control character: it must be a PEM file "
			    "(text)",
			    r->what, line);
		}
	}
	return 0;
}

int pem_open(struct pem_reader *r, const struct pem_source *src, size_t max, int flags,
	     struct err *err)
{
	*r = (struct pem_reader){
		.what = src->what, .text = src->text, .len = src->len, .line = 1, .flags = flags
	};
	if (src->len == 0)
		return err_set(err, ERR_INVALID, "%s: is empty", src->what);
	if (src->len > max)
		return err_set(err, ERR_INVALID, "%s: has %zu bytes, more than the %zu allowed",
			       src->what, src->len, max);
	return refuse_bytes(r, err);
}

static int refuse_literal_newlines(const struct pem_reader *r, struct err *err)
{
	return err_set(err, ERR_INVALID,
		       "%s: its line ends are the two characters \\n: it must have real lines",
		       r->what);
}

/* Files lose their shape on the way through variables in some well-known ways. */
static int refuse_no_block(const struct pem_reader *r, struct err *err)
{
	static const char base64_of_dashes[] = "LS0tLS1CRUdJTi";

	if (holds(r->text, r->len, "\\n"))
		return refuse_literal_newlines(r, err);
	if (r->len >= sizeof(base64_of_dashes) - 1 &&
	    memcmp(r->text, base64_of_dashes, sizeof(base64_of_dashes) - 1) == 0)
		return err_set(err, ERR_INVALID, "%s: is the base64 of a PEM file: decode it first",
			       r->what);
	return err_set(err, ERR_INVALID, "%s: holds no PEM block (-----BEGIN ...-----)", r->what);
}

static int refuse_begin(const struct pem_reader *r, const struct line *l, struct err *err)
{
	if (holds(l->text, l->len, "\\n"))
		return refuse_literal_newlines(r, err);
	return err_set(err, ERR_INVALID, "%s: line %u is a damaged BEGIN line", r->what, l->number);
}

/* Take "-----BEGIN X-----" apart; the label's alphabet keeps it safe to print. */
static int take_label(const struct pem_reader *r, const struct line *l, struct pem_block *out,
		      struct err *err)
{
	size_t skip = sizeof(begin_mark) - 1, tail = sizeof(dashes) - 1, n;

	if (l->len <= skip + tail || memcmp(l->text + l->len - tail, dashes, tail) != 0)
		return refuse_begin(r, l, err);
	n = l->len - skip - tail;
	if (n > PEM_LABEL_MAX)
		return err_set(err, ERR_INVALID, "%s: line %u names an unknown kind of block",
			       r->what, l->number);
	for (size_t i = 0; i < n; i++) {
		char c = l->text[skip + i];

		if ((c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != ' ')
			return refuse_begin(r, l, err);
	}
	memcpy(out->label, l->text + skip, n);
	out->label[n] = '\0';
	out->line = l->number;
	return 0;
}

static bool is_base64(const struct line *l)
{
	for (size_t i = 0; i < l->len; i++) {
		char c = l->text[i];

		if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') &&
		    c != '+' && c != '/' && c != '=')
			return false;
	}
	return l->len > 0;
}

/* "Proc-Type: 4,ENCRYPTED", "DEK-Info: ...", an empty line; l is the first line and the next on
 * return. */
static int take_headers(struct pem_reader *r, struct line *l, struct pem_block *out,
			struct err *err)
{
	unsigned first = l->number;

	if (l->len != strlen("Proc-Type: 4,ENCRYPTED") || !starts(l, "Proc-Type: 4,ENCRYPTED"))
		return err_set(err, ERR_INVALID, "%s: line %u is a header that is not understood",
			       r->what, first);
	buf_put(&out->headers, l->text, l->len);
	buf_putc(&out->headers, '\n');
	if (!next_line(r, l) || !starts(l, "DEK-Info: ") || l->len > 100)
		return err_set(err, ERR_INVALID, "%s: line %u: Proc-Type without DEK-Info", r->what,
			       first);
	buf_put(&out->headers, l->text, l->len);
	buf_putc(&out->headers, '\n');
	if (!next_line(r, l) || l->len != 0 || !next_line(r, l))
		return err_set(err, ERR_INVALID,
			       "%s: line %u: an empty line must follow the DEK-Info header",
			       r->what, first + 2);
	return 0;
}

static bool is_end_of(const struct line *l, const char *label)
{
	size_t skip = sizeof(end_mark) - 1, tail = sizeof(dashes) - 1, n = strlen(label);

	return l->len == skip + n + tail && starts(l, end_mark) &&
	       memcmp(l->text + skip, label, n) == 0 &&
	       memcmp(l->text + skip + n, dashes, tail) == 0;
}

/* The lines of base64 joined, up to and with the END line. */
static int take_lines(struct pem_reader *r, struct line *l, struct pem_block *out, struct buf *text,
		      struct err *err)
{
	while (!starts(l, dashes)) {
		if (!is_base64(l))
			return err_set(err, ERR_INVALID,
				       "%s: line %u has something other than base64 inside %s",
				       r->what, l->number, out->label);
		buf_put(text, l->text, l->len);
		if (!next_line(r, l))
			return err_set(err, ERR_INVALID, "%s: the %s that line %u began is cut off",
				       r->what, out->label, out->line);
	}
	if (!is_end_of(l, out->label))
		return err_set(err, ERR_INVALID,
			       "%s: line %u does not end the %s that line %u began", r->what,
			       l->number, out->label, out->line);
	return 0;
}

static int take_body(struct pem_reader *r, struct pem_block *out, struct err *err)
{
	struct buf text = BUF_INIT;
	struct line l = { NULL, 0, 0 };
	int rc = -1;

	if (!next_line(r, &l))
		return err_set(err, ERR_INVALID, "%s: the %s that line %u began is cut off",
			       r->what, out->label, out->line);
	if ((memchr(l.text, ':', l.len) == NULL || take_headers(r, &l, out, err) == 0) &&
	    take_lines(r, &l, out, &text, err) == 0) {
		rc = text.len == 0 ? -1 : b64_decode(&out->der, buf_str(&text), text.len);
		if (rc != 0)
			err_set(err, ERR_INVALID, "%s: the base64 of the %s at line %u is damaged",
				r->what, out->label, out->line);
	}
	buf_clear(&text);
	return rc;
}

int pem_next(struct pem_reader *r, struct pem_block *out, struct err *err)
{
	struct line l = { NULL, 0, 0 };

	pem_clear(out);
	for (;;) {
		size_t begin = r->at;

		if (!next_line(r, &l))
			return r->blocks != 0 ? 0 : refuse_no_block(r, err);
		if (starts(&l, begin_mark)) {
			out->begin = begin;
			break;
		}
		if (l.len == 0)
			continue;
		if (holds(l.text, l.len, dashes))
			return refuse_begin(r, &l, err);
		if ((r->flags & PEM_TEXT) == 0)
			return r->blocks == 0 && !holds(r->text, r->len, begin_mark)
				   ? refuse_no_block(r, err)
				   : err_set(err, ERR_INVALID,
					     "%s: line %u is text outside the PEM block: remove it",
					     r->what, l.number);
	}
	if (take_label(r, &l, out, err) != 0 || take_body(r, out, err) != 0) {
		pem_clear(out);
		return -1;
	}
	out->end = r->at;
	r->blocks++;
	return 1;
}

int pem_only(const char *what, const void *text, size_t len, struct pem_block *out, struct err *err)
{
	const struct pem_source src = { what, text, len };
	struct pem_block second = PEM_BLOCK_INIT;
	struct pem_reader r;
	int more;

	if (pem_open(&r, &src, PEM_KEY_MAX, 0, err) != 0 || pem_next(&r, out, err) != 1)
		return -1;
	more = pem_next(&r, &second, err);
	if (more == 1)
		err_set(err, ERR_INVALID,
			"%s: holds several PEM blocks (%s at line %u, %s at line %u): give one key",
			what, out->label, out->line, second.label, second.line);
	pem_clear(&second);
	if (more == 0)
		return 0;
	pem_clear(out);
	return -1;
}

void pem_clear(struct pem_block *b)
{
	buf_clear(&b->headers);
	buf_clear(&b->der);
	*b = (struct pem_block)PEM_BLOCK_INIT;
}
