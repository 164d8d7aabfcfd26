/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/edit_text.h"

#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/name.h"
#include "base/yaml.h"
#include "document/quote.h"

#define TEXT "stringData"
#define BASE64 "data"
#define NAME "the text"

/* --- writing --------------------------------------------------------------------------------- */

static bool is_text(const struct kv_item *item)
{
	return quote_is_text(item->data, item->len);
}

/*
 * May it stand as lines?  It must have more than one, none of its characters may be one that has to
 * be escaped, and the first may not begin with white space, by which readers find the indentation.
 */
static bool is_lines(const struct kv_item *item)
{
	const char *s = (const char *)item->data;
	struct buf quoted = BUF_INIT;
	bool lines = strchr(s, '\n') != NULL && strchr(" \t\n", s[0]) == NULL;

	if (lines && quote_put(&quoted, s, true) == 0)
		for (const char *at = strchr(buf_str(&quoted), '\\'); at != NULL;
		     at = strchr(at + 2, '\\'))
			lines = lines && strchr("nt\"\\", at[1]) != NULL;
	buf_clear(&quoted);
	return lines;
}

/* "|": one line break at the end; "-": none; "+": as many as there are. */
static const char *chomping(const struct kv_item *item)
{
	size_t n = 0;

	while (n < item->len && item->data[item->len - 1 - n] == '\n')
		n++;
	return n == 0 ? "-" : n == 1 ? "" : "+";
}

static void put_lines(const struct kv_item *item, struct buf *out)
{
	const char *s = (const char *)item->data, *end = s + item->len;

	buf_printf(out, "|%s\n", chomping(item));
	while (s < end) {
		const char *eol = memchr(s, '\n', (size_t)(end - s));
		size_t n = (size_t)((eol != NULL ? eol : end) - s);

		if (n > 0)
			buf_puts(out, "    ");
		buf_put(out, s, n);
		buf_putc(out, '\n');
		s += n + 1;
	}
}

static void put_value(const struct kv_item *item, struct buf *out)
{
	if (!is_text(item)) {
		buf_putc(out, '"');
		b64_encode(out, item->data, item->len);
		buf_puts(out, "\"\n");
	} else if (is_lines(item)) {
		put_lines(item, out);
	} else {
		quote_put(out, (const char *)item->data, false);
		buf_putc(out, '\n');
	}
}

static void put_section(const struct kv *values, bool text, const struct kv *help, struct buf *out)
{
	bool any = false;

	for (size_t i = 0; i < values->n; i++) {
		const struct kv_item *item = &values->items[i];
		const char *line = help != NULL ? kv_get_str(help, item->name) : NULL;

		if (is_text(item) != text)
			continue;
		if (!any)
			buf_puts(out, text ? TEXT ":\n" : BASE64 ":  # in base64\n");
		any = true;
		if (line != NULL)
			buf_printf(out, "  # %s\n", line);
		buf_puts(out, "  ");
		quote_put(out, item->name, false);
		buf_puts(out, ": ");
		put_value(item, out);
	}
}

void edit_text_format(const struct kv *values, const struct kv *help, struct buf *out)
{
	put_section(values, true, help, out);
	put_section(values, false, help, out);
}

/* --- reading --------------------------------------------------------------------------------- */

static int fail(const struct yaml_node *at, const char *why, struct err *err)
{
	return err_set(err, ERR_INVALID, NAME ":%u: %s", at->line, why);
}

/* A value that is wrong; its name is one that may be said. */
static int fail_value(const struct yaml_node *key, const char *why, struct err *err)
{
	return err_set(err, ERR_INVALID, NAME ":%u: %s: %s", key->line, key->text, why);
}

static int take_base64(const struct yaml_node *key, const struct yaml_node *value, struct kv *out,
		       struct err *err)
{
	struct buf bytes = BUF_INIT;
	size_t len = value->len;
	int r = 0;

	while (len > 0 && value->text[len - 1] == '\n')
		len--;
	if (b64_decode(&bytes, value->text, len) != 0)
		r = fail_value(key,
			       "what stands below \"" BASE64 "\" must be base64, without line "
			       "breaks inside; texts stand below \"" TEXT "\"",
			       err);
	else
		kv_set(out, key->text, buf_str(&bytes), bytes.len);
	buf_clear(&bytes);
	return r;
}

static int take_value(const struct yaml_node *key, const struct yaml_node *value, bool text,
		      struct kv *out, struct err *err)
{
	if (!name_is_data_key(key->text))
		return fail(key,
			    "a key is not one that a Secret takes: letters, digits, \"-\", \"_\" "
			    "and \".\", at most 253",
			    err);
	if (kv_has(out, key->text))
		return fail_value(key, "stands below both \"" TEXT "\" and \"" BASE64 "\"", err);
	if (value->type != YAML_SCALAR)
		return fail_value(key, "must be a text, not a list or map; put it in quotes", err);
	if (value->style == YAML_PLAIN && yaml_plain_ambiguous(value->text, value->len))
		return fail_value(key,
				  value->len == 0
				      ? "has no value; an empty text is \"\""
				      : "could be read as something else than a text; put it in "
					"quotes",
				  err);
	if (!text)
		return take_base64(key, value, out, err);
	kv_set(out, key->text, value->text, value->len);
	return 0;
}

static int take_section(const struct yaml_node *key, const struct yaml_node *map, struct kv *out,
			struct err *err)
{
	bool text = strcmp(key->text, TEXT) == 0;

	if (!text && strcmp(key->text, BASE64) != 0)
		return fail(key,
			    "only \"" TEXT "\" and \"" BASE64 "\" may stand here; values are "
			    "indented below them",
			    err);
	if (map->type == YAML_SCALAR && map->style == YAML_PLAIN && map->len == 0)
		return 0; /* all that it held was taken out */
	if (map->type != YAML_MAP)
		return fail(key, "must hold names with values", err);
	for (size_t i = 0; i < map->n; i++)
		if (take_value(map->keys[i], map->values[i], text, out, err) != 0)
			return -1;
	return 0;
}

static int take_root(const struct yaml_stream *yaml, struct kv *out, struct err *err)
{
	const struct yaml_node *root;

	if (yaml->n != 1)
		return err_set(err, ERR_INVALID, NAME ":%u: a second document; there is only one",
			       yaml->docs[1].line);
	root = yaml->docs[0].root;
	if (root->type != YAML_MAP)
		return fail(root, "must hold \"" TEXT "\" or \"" BASE64 "\"", err);
	for (size_t i = 0; i < root->n; i++)
		if (take_section(root->keys[i], root->values[i], out, err) != 0)
			return -1;
	return 0;
}

bool edit_text_is_empty(const void *text, size_t len)
{
	const char *s = text, *end = s + len;

	while (s < end) {
		if (*s == '#') {
			s = memchr(s, '\n', (size_t)(end - s));
			if (s == NULL)
				return true;
		} else if (*s != ' ' && *s != '\t' && *s != '\r' && *s != '\n') {
			return false;
		}
		s++;
	}
	return true;
}

int edit_text_parse(const void *text, size_t len, struct kv *out, bool *empty, struct err *err)
{
	struct yaml_stream yaml = YAML_STREAM_INIT;
	int r;

	kv_clear(out);
	*empty = edit_text_is_empty(text, len);
	if (*empty)
		return 0;
	if (yaml_parse(NAME, text, len, &yaml, err) != 0)
		return -1;
	if (yaml.n == 0 || (yaml.n == 1 && yaml.docs[0].root == NULL)) {
		*empty = true;
		r = 0;
	} else {
		r = take_root(&yaml, out, err);
	}
	yaml_clear(&yaml);
	if (r != 0)
		kv_clear(out);
	return r;
}

void edit_text_compare(const struct kv *old, const struct kv *new, struct kv *changed,
		       struct kv *gone)
{
	for (size_t i = 0; i < new->n; i++) {
		const struct kv_item *item = &new->items[i], *was = kv_get(old, item->name);

		if (was == NULL || was->len != item->len ||
		    memcmp(was->data, item->data, item->len) != 0)
			kv_set(changed, item->name, item->data, item->len);
	}
	for (size_t i = 0; i < old->n; i++)
		if (!kv_has(new, old->items[i].name))
			kv_set_str(gone, old->items[i].name, "");
}
