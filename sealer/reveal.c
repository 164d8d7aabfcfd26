/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/reveal.h"

#include <stdbool.h>
#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "document/quote.h"

static void put_map(struct buf *out, const char *indent, const char *name, const struct kv *kv)
{
	if (kv->n == 0)
		return;
	buf_printf(out, "%s%s:\n", indent, name);
	for (size_t i = 0; i < kv->n; i++) {
		buf_printf(out, "%s  ", indent);
		quote_put(out, kv->items[i].name, false);
		buf_puts(out, ": ");
		quote_put(out, (const char *)kv->items[i].data, false);
		buf_puts(out, "\n");
	}
}

int reveal_yaml(const struct document *d, const struct kind_secret *s, struct buf *out,
		struct err *err)
{
	buf_puts(out, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: ");
	quote_put(out, d->name, false);
	buf_puts(out, "\n  namespace: ");
	quote_put(out, d->namespace, false);
	buf_puts(out, "\n");
	put_map(out, "  ", "labels", &d->labels);
	put_map(out, "  ", "annotations", &d->annotations);
	buf_printf(out, "type: %s\ndata:\n", d->type);
	for (size_t i = 0; i < s->data.n; i++) {
		buf_puts(out, "  ");
		quote_put(out, s->data.items[i].name, false);
		buf_puts(out, ": \"");
		b64_encode(out, s->data.items[i].data, s->data.items[i].len);
		buf_puts(out, "\"\n");
	}
	return out->truncated ? err_set(err, ERR_INTERNAL, "the Secret is too large") : 0;
}

static bool letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* [A-Za-z_][A-Za-z0-9_]*, with "-" too where more is true. */
static bool is_variable(const char *name, bool dash)
{
	if (!letter(name[0]))
		return false;
	for (; *name != '\0'; name++)
		if (!letter(*name) && !(*name >= '0' && *name <= '9') && !(dash && *name == '-'))
			return false;
	return true;
}

/* The key and value can stand in such a file? */
static int holds(const struct kv_item *item, bool dash, const char *what, struct err *err)
{
	if (!is_variable(item->name, dash))
		return err_set(err, ERR_INVALID,
			       "%s: not the name of a variable in a %s file; take it with "
			       "'bulla open FILE --key KEY'",
			       item->name, what);
	if (!quote_is_text(item->data, item->len))
		return err_set(
		    err, ERR_INVALID,
		    "%s: its value is no text, which a %s file cannot hold; take it with "
		    "'bulla open FILE --key KEY'",
		    item->name, what);
	return 0;
}

/* Characters with a backslash before them, or a longer replacement; all others as they are. */
struct escape {
	char c;
	const char *text;
};

static void put_escaped(struct buf *out, const unsigned char *data, size_t len,
			const struct escape *escapes)
{
	for (size_t i = 0; i < len; i++) {
		const struct escape *e = escapes;

		while (e->text != NULL && e->c != (char)data[i])
			e++;
		if (e->text != NULL)
			buf_puts(out, e->text);
		else
			buf_putc(out, data[i]);
	}
}

int reveal_dotenv(const struct document *d, const struct kind_secret *s, struct buf *out,
		  struct err *err)
{
	/* in double quotes; shells and compose agree on these three, and on no way to write ` */
	static const struct escape escapes[] = {
		{ '"', "\\\"" }, { '\\', "\\\\" }, { '$', "\\$" }, { 0, NULL }
	};

	(void)d;
	for (size_t i = 0; i < s->data.n; i++) {
		const struct kv_item *item = &s->data.items[i];
		bool plain = memchr(item->data, '\'', item->len) == NULL;

		if (holds(item, false, "dotenv", err) != 0)
			return -1;
		if (!plain && memchr(item->data, '`', item->len) != NULL)
			return err_set(
			    err, ERR_INVALID,
			    "%s: its value has both ' and `, which shells and compose read "
			    "in different ways; take it with 'bulla open FILE --key KEY'",
			    item->name);
		buf_printf(out, "%s=%c", item->name, plain ? '\'' : '"');
		if (plain)
			buf_put(out, item->data, item->len);
		else
			put_escaped(out, item->data, item->len, escapes);
		buf_puts(out, plain ? "'\n" : "\"\n");
	}
	return 0;
}

/* Terraform's quoted strings: "${" and "%{" begin templates unless the sign stands twice. */
static void put_hcl(struct buf *out, const struct kv_item *item)
{
	static const struct escape escapes[] = {
		{ '"', "\\\"" }, { '\\', "\\\\" }, { '\n', "\\n" },
		{ '\r', "\\r" }, { '\t', "\\t" },  { 0, NULL },
	};

	for (size_t i = 0; i < item->len; i++) {
		unsigned char c = item->data[i];

		if ((c == '$' || c == '%') && i + 1 < item->len && item->data[i + 1] == '{')
			buf_putc(out, c);
		if (c < 0x20 && strchr("\n\r\t", c) == NULL)
			buf_printf(out, "\\u%04x", c);
		else
			put_escaped(out, &c, 1, escapes);
	}
}

int reveal_tfvars(const struct document *d, const struct kind_secret *s, struct buf *out,
		  struct err *err)
{
	(void)d;
	for (size_t i = 0; i < s->data.n; i++) {
		const struct kv_item *item = &s->data.items[i];

		if (holds(item, true, "tfvars", err) != 0)
			return -1;
		buf_printf(out, "%s = \"", item->name);
		put_hcl(out, item);
		buf_puts(out, "\"\n");
	}
	return 0;
}
