/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/err.h"
#include "document/document.h"
#include "document/quote.h"
#include "keys/age.h"

/* "key: value"; a value of NULL opens a map. */
static void put_field(struct buf *out, int indent, const char *key, const char *value, bool always)
{
	buf_printf(out, "%*s", indent, "");
	quote_put(out, key, false);
	buf_puts(out, value == NULL ? ":" : ": ");
	if (value != NULL)
		quote_put(out, value, always);
	buf_putc(out, '\n');
}

static void put_map(struct buf *out, int indent, const char *key, const struct kv *kv, bool always)
{
	put_field(out, indent, key, NULL, false);
	for (size_t i = 0; i < kv->n; i++)
		put_field(out, indent + 2, kv->items[i].name, (const char *)kv->items[i].data,
			  always);
}

static void put_secret(struct buf *out, const struct document *d)
{
	put_field(out, 2, "secret", NULL, false);
	put_field(out, 4, "type", d->type, false);
	if (d->labels.n != 0)
		put_map(out, 4, "labels", &d->labels, false);
	if (d->annotations.n != 0)
		put_map(out, 4, "annotations", &d->annotations, false);
}

static void put_sealed(struct buf *out, const struct buf *armor)
{
	const char *line = buf_str(armor);

	buf_puts(out, "      sealed: |\n");
	while (*line != '\0') {
		size_t len = strcspn(line, "\n");

		buf_printf(out, "%8s%.*s\n", "", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static int put_part(struct buf *out, const struct document_part *part, struct err *err)
{
	struct buf armor = BUF_INIT;
	int rc = age_armor(part->age.data, part->age.len, &armor, err);

	if (rc == 0) {
		put_field(out, 4, part->name, NULL, false);
		put_map(out, 6, "recipients", &part->recipients, true);
		put_map(out, 6, "facts", &part->facts, true);
		put_sealed(out, &armor);
	}
	buf_clear(&armor);
	return rc;
}

static void put_head(struct buf *out, const struct document *d)
{
	put_field(out, 0, "apiVersion", DOCUMENT_API_VERSION, false);
	put_field(out, 0, "kind", DOCUMENT_KIND, false);
	put_field(out, 0, "metadata", NULL, false);
	put_field(out, 2, "name", d->name, false);
	put_field(out, 2, "namespace", d->namespace, false);
	put_field(out, 2, "annotations", NULL, false);
	put_field(out, 4, DOCUMENT_SUBSTITUTE, "disabled", false);
	put_field(out, 0, "spec", NULL, false);
	put_field(out, 2, "kind", d->kind->name, false);
	if (d->policy != POLICY_UNSET)
		put_field(out, 2, "deletionPolicy", document_policy_name(d->policy), false);
	put_secret(out, d);
	put_field(out, 2, "parts", NULL, false);
}

static void put_signatures(struct buf *out, const struct document *d)
{
	if (d->n_signatures != 0)
		put_field(out, 2, "signatures", NULL, false);
	for (size_t i = 0; i < d->n_signatures; i++) {
		buf_puts(out, "    - ");
		quote_put(out, d->signatures[i], true);
		buf_putc(out, '\n');
	}
}

/* Strings are texts (document_check), and what does not fit is remembered by the buffer. */
int document_format(const struct document *d, struct buf *out, struct err *err)
{
	struct buf text = BUF_INIT;
	int rc = -1;

	text.max = DOCUMENT_MAX;
	if (document_check(d, err) != 0)
		goto out;
	put_head(&text, d);
	for (size_t i = 0; i < d->n; i++)
		if (put_part(&text, &d->parts[i], err) != 0)
			goto out;
	put_signatures(&text, d);
	if (text.truncated) {
		err_set(err, ERR_INVALID,
			"spec.parts: make the document larger than %d bytes; split it",
			DOCUMENT_MAX);
		goto out;
	}
	if (buf_put(out, text.data, text.len) != 0) {
		err_set(err, ERR_INTERNAL, "no room for a document of %zu bytes", text.len);
		goto out;
	}
	rc = 0;
out:
	buf_clear(&text);
	return rc;
}
