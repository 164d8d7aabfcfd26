/* SPDX-License-Identifier: Apache-2.0 */
/* Dotenv files as SOPS has them (stores/dotenv/store.go): NAME=VALUE, nothing quoted, "\n" a line
 * break in a value, comments in lines of their own. */
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "foreign/sops.h"
#include "foreign/sops_mac.h"
#include "foreign/sops_meta.h"
#include "foreign/sops_value.h"

#define PREFIX SOPS_NAME "_"

struct env {
	const char *file;
	const struct sops_open *o;
	struct sops_meta meta;
	struct sops_mac *mac;
	unsigned char *key;
	struct buf value;
	struct err *err;
};

struct line {
	const char *text, *end;
	const char *equals; /* NULL: there is none */
	unsigned number;
};

/* The line at *at, which becomes the next one; false at the end. */
static bool next_line(const struct buf *text, size_t *at, struct line *out)
{
	const char *begin = buf_str(text) + *at, *end;

	if (*at >= text->len)
		return false;
	end = memchr(begin, '\n', text->len - *at);
	out->text = begin;
	out->end = end != NULL ? end : begin + (text->len - *at);
	out->equals = memchr(begin, '=', (size_t)(out->end - begin));
	out->number++;
	*at += (size_t)(out->end - begin) + 1;
	return true;
}

static bool is_metadata(const struct line *l)
{
	size_t n = sizeof(PREFIX) - 1;

	return l->equals != NULL && (size_t)(l->equals - l->text) > n &&
	       memcmp(l->text, PREFIX, n) == 0;
}

bool sops_env_claims(const struct buf *text)
{
	struct line l = { 0 };
	size_t at = 0;

	while (next_line(text, &at, &l))
		if (is_metadata(&l) && (strncmp(l.text, PREFIX "mac=", 9) == 0 ||
					strncmp(l.text, PREFIX "version=", 13) == 0))
			return true;
	return false;
}

/* Two characters, "\" and "n", are a line break. */
static char *unescape(const char *text, const char *end)
{
	char *out = mem_strn(text, (size_t)(end - text)), *to = out;

	for (const char *s = out; *s != '\0'; s++) {
		bool line_break = s[0] == '\\' && s[1] == 'n';

		*to++ = line_break ? '\n' : *s;
		s += line_break;
	}
	*to = '\0';
	return out;
}

static int read_metadata(struct env *e, const struct buf *text)
{
	struct line l = { 0 };
	size_t at = 0;

	while (next_line(text, &at, &l)) {
		char *name, *value;
		int r;

		if (!is_metadata(&l))
			continue;
		name = mem_strn(l.text + sizeof(PREFIX) - 1,
				(size_t)(l.equals - l.text) - (sizeof(PREFIX) - 1));
		value = unescape(l.equals + 1, l.end);
		r = sops_meta_put(&e->meta, name, value, e->err);
		mem_free(name);
		mem_free(value);
		if (r != 0)
			return err_wrap(e->err, "%s:%u", e->file, l.number);
	}
	return 0;
}

/* A line break of a value is written as SOPS would. */
static void put_value(const struct buf *value, struct buf *out)
{
	for (size_t i = 0; i < value->len; i++)
		if (value->data[i] == '\n')
			buf_puts(out, "\\n");
		else
			buf_putc(out, value->data[i]);
}

static int open_value(struct env *e, const struct line *l, const char *at, struct buf *out)
{
	char *text = unescape(l->equals + 1, l->end);
	enum sops_verdict verdict = SOPS_OK;
	enum sops_type type = SOPS_STR;

	if (sops_value_is(text, strlen(text))) {
		verdict = sops_value_open(e->key, at, text, strlen(text), &e->value, &type);
	} else {
		buf_reset(&e->value);
		buf_puts(&e->value, text);
	}
	mem_free(text);
	if (verdict != SOPS_OK)
		return err_set(e->err, verdict == SOPS_SHAPE ? ERR_INVALID : ERR_REFUSED,
			       "%s:%u: %s", e->file, l->number,
			       verdict == SOPS_SHAPE
				   ? "not an encrypted value as SOPS writes them"
				   : "it does not open: it was changed, or belongs to another key "
				     "or name");
	sops_mac_add(e->mac, e->value.data, e->value.len);
	put_value(&e->value, out);
	return 0;
}

static int put_line(struct env *e, const struct line *l, struct buf *out)
{
	char *at;
	int r;

	if (l->text == l->end || l->text[0] == '#' || is_metadata(l))
		return buf_puts(out, "\n"); /* comments may be encrypted, and say nothing here */
	if (l->equals == NULL)
		return err_set(e->err, ERR_INVALID, "%s:%u: neither NAME=VALUE nor a comment",
			       e->file, l->number);
	buf_put(out, l->text, (size_t)(l->equals - l->text) + 1);
	at = mem_printf("%.*s:", (int)(l->equals - l->text), l->text);
	r = open_value(e, l, at, out);
	mem_free(at);
	return r != 0 ? -1 : buf_puts(out, "\n");
}

static int put_lines(struct env *e, const struct buf *text, struct buf *out)
{
	char mac[SOPS_MAC_TEXT];
	struct line l = { 0 };
	size_t at = 0;
	int r = 0;

	e->mac = sops_mac_new(e->meta.only_encrypted);
	while (r == 0 && next_line(text, &at, &l))
		r = put_line(e, &l, out);
	sops_mac_end(e->mac, mac);
	if (r == 0 && !e->o->ignore_mac && sops_meta_check(&e->meta, e->key, mac, e->err) != 0)
		r = err_wrap(e->err, "%s", e->file);
	sops_mac_free(e->mac);
	mem_wipe(mac, sizeof(mac));
	return r;
}

int sops_env_decrypt(const char *file, const struct buf *text, const struct sops_open *o,
		     struct buf *out, struct err *err)
{
	struct env e = { .file = file, .o = o, .meta = SOPS_META_INIT, .err = err };
	size_t before = out->len;
	int r = -1;

	if (strlen(buf_str(text)) != text->len)
		return err_set(err, ERR_INVALID, "%s: holds a NUL byte", file);
	e.key = secret_new(SOPS_KEY);
	if (read_metadata(&e, text) != 0)
		r = -1;
	else if (sops_meta_key(&e.meta, o->keys, e.key, err) != 0)
		err_wrap(err, "%s", file);
	else
		r = put_lines(&e, text, out);
	if (r != 0)
		buf_truncate(out, before);
	secret_free(e.key);
	sops_meta_clear(&e.meta);
	buf_clear(&e.value);
	return r;
}
