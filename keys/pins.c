/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/pins.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/name.h"
#include "base/search.h"

/* Of a path these stand as they are, all other bytes as %XX: no blank, no line end, no "%". */
static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("/-._~+@:,=", c) != NULL);
}

static void put_encoded(struct buf *out, const char *path)
{
	for (; *path != '\0'; path++) {
		unsigned char c = (unsigned char)*path;

		if (is_plain(c))
			buf_putc(out, c);
		else
			buf_printf(out, "%%%02X", (unsigned)c);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Only what put_encoded writes; NULL otherwise. */
static char *decode_path(const char *text, size_t len)
{
	char *path = mem_alloc(len);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		int c = (unsigned char)text[i];

		if (c == '%') {
			int high = i + 1 < len ? hex_digit(text[i + 1]) : -1;
			int low = i + 2 < len ? hex_digit(text[i + 2]) : -1;

			c = high < 0 || low < 0 ? 0 : high * 16 + low;
			if (c == 0 || is_plain((unsigned char)c))
				goto refuse;
			i += 2;
		} else if (!is_plain((unsigned char)c)) {
			goto refuse;
		}
		path[n++] = (char)c;
	}
	if (path[0] == '/')
		return path;
refuse:
	mem_free(path);
	return NULL;
}

struct pin_key {
	const char *top, *name;
};

/* Pins are sorted by top, then name. */
static int compare(const void *key, const void *item)
{
	const struct pin_key *k = key;
	const struct pin *pin = item;
	int c = strcmp(k->top, pin->top);

	return c != 0 ? c : strcmp(k->name, pin->name);
}

static size_t position(const struct pins *p, const char *top, const char *name, bool *found)
{
	const struct search items = { p->items, p->n, sizeof(*p->items), compare };

	return search_sorted(&items, &(struct pin_key){ top, name }, found);
}

static void insert(struct pins *p, size_t at, const char *top, const char *name,
		   const struct age_recipient *key)
{
	p->items = mem_grow(p->items, p->n + 1, sizeof(*p->items));
	memmove(p->items + at + 1, p->items + at, (p->n - at) * sizeof(*p->items));
	p->items[at] = (struct pin){ .top = mem_str(top), .name = mem_str(name), .key = *key };
	p->n++;
}

/* "TOP NAME age1...", the line a string of its own that may be cut up. */
static int parse_fields(char *line, struct pins *out, struct err *err)
{
	char *name = strchr(line, ' ');
	char *text = name == NULL ? NULL : strchr(name + 1, ' ');
	struct age_recipient key;
	size_t at;
	char *top;
	bool found;
	int r = -1;

	if (text == NULL)
		return err_set(err, ERR_INVALID,
			       "a pin is a path, a name and a key, with one space between");
	*name++ = '\0';
	*text++ = '\0';
	top = decode_path(line, strlen(line));
	if (top == NULL) {
		err_set(err, ERR_INVALID,
			"the path is not absolute or not encoded as it is written");
		goto out;
	}
	if (!name_is_label(name)) {
		err_set(err, ERR_INVALID, "the name is not the name of a recipient");
		goto out;
	}
	if (age_recipient_parse(text, &key, err) != 0) {
		err_set(err, ERR_INVALID, "%s", err == NULL ? "" : err->text);
		goto out;
	}
	at = position(out, top, name, &found);
	if (found) {
		err_set(err, ERR_INVALID, "recipient %s of %s is pinned twice", name, top);
		goto out;
	}
	insert(out, at, top, name, &key);
	r = 0;
out:
	mem_free(top);
	return r;
}

static int parse_line(const char *text, size_t len, struct pins *out, struct err *err)
{
	char *line;
	int r;

	if (memchr(text, '\0', len) != NULL)
		return err_set(err, ERR_INVALID, "the line holds a NUL byte");
	line = mem_strn(text, len);
	r = parse_fields(line, out, err);
	mem_free(line);
	return r;
}

int pins_parse(const char *name, const void *text, size_t len, struct pins *out, struct err *err)
{
	const char *at = text;
	size_t left = len;

	for (unsigned number = 1; left != 0; number++) {
		const char *end = memchr(at, '\n', left);
		size_t line = end == NULL ? left : (size_t)(end - at);

		if (end == NULL)
			err_set(err, ERR_INVALID, "the last line is cut short");
		if (end == NULL ||
		    (line != 0 && at[0] != '#' && parse_line(at, line, out, err) != 0)) {
			pins_clear(out);
			return err_wrap(err, "%s:%u", name, number);
		}
		at += line + 1;
		left -= line + 1;
	}
	return 0;
}

void pins_format(const struct pins *p, struct buf *out)
{
	char text[AGE_RECIPIENT_TEXT];

	buf_puts(out, "# Recipients that you have agreed to, by repository: path, name, key.\n");
	for (size_t i = 0; i < p->n; i++) {
		age_recipient_format(&p->items[i].key, text);
		put_encoded(out, p->items[i].top);
		buf_printf(out, " %s %s\n", p->items[i].name, text);
	}
}

enum pins_state pins_check(const struct pins *p, const char *top, const struct recipient *r)
{
	bool found;
	size_t at = position(p, top, r->name, &found);

	if (!found)
		return PINS_NEW;
	return memcmp(p->items[at].key.point, r->key.point, sizeof(r->key.point)) == 0
		   ? PINS_KNOWN
		   : PINS_CHANGED;
}

void pins_accept(struct pins *p, const char *top, const struct recipient *r)
{
	bool found;
	size_t at = position(p, top, r->name, &found);

	if (found)
		p->items[at].key = r->key;
	else
		insert(p, at, top, r->name, &r->key);
}

void pins_clear(struct pins *p)
{
	for (size_t i = 0; i < p->n; i++) {
		mem_free(p->items[i].top);
		mem_free(p->items[i].name);
	}
	mem_free(p->items);
	*p = (struct pins)PINS_INIT;
}
