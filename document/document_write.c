/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/err.h"
#include "document/document.h"
#include "document/quote.h"
#include "keys/age.h"

/* What is being written; a put that fails is remembered, so that it is asked for once, at the end.
 */
struct writer {
	struct buf *out;
	bool failed;
};

static void put(struct writer *w, int indent, const char *text)
{
	if (buf_printf(w->out, "%*s%s\n", indent, "", text) != 0)
		w->failed = true;
}

static void put_scalar(struct writer *w, const char *s, bool always)
{
	if (quote_put(w->out, s, always) != 0)
		w->failed = true;
}

/* "key: value"; a value of NULL opens a map. */
static void put_field(struct writer *w, int indent, const char *key, const char *value, bool always)
{
	buf_printf(w->out, "%*s", indent, "");
	put_scalar(w, key, false);
	buf_puts(w->out, value == NULL ? ":" : ": ");
	if (value != NULL)
		put_scalar(w, value, always);
	buf_putc(w->out, '\n');
}

static void put_map(struct writer *w, int indent, const char *key, const struct kv *kv, bool always)
{
	put_field(w, indent, key, NULL, false);
	for (size_t i = 0; i < kv->n; i++)
		put_field(w, indent + 2, kv->items[i].name, (const char *)kv->items[i].data,
			  always);
}

static void put_secret(struct writer *w, const struct document *d)
{
	put_field(w, 2, "secret", NULL, false);
	put_field(w, 4, "type", d->type, false);
	if (d->labels.n != 0)
		put_map(w, 4, "labels", &d->labels, false);
	if (d->annotations.n != 0)
		put_map(w, 4, "annotations", &d->annotations, false);
}

static void put_sealed(struct writer *w, const struct buf *armor)
{
	const char *line = buf_str(armor);

	put(w, 6, "sealed: |");
	while (*line != '\0') {
		size_t len = strcspn(line, "\n");

		buf_printf(w->out, "%8s%.*s\n", "", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static int put_part(struct writer *w, const struct document_part *part, struct err *err)
{
	struct buf armor = BUF_INIT;
	int rc = age_armor(part->age.data, part->age.len, &armor, err);

	if (rc == 0) {
		put_field(w, 4, part->name, NULL, false);
		put_map(w, 6, "recipients", &part->recipients, true);
		put_map(w, 6, "facts", &part->facts, true);
		put_sealed(w, &armor);
	}
	buf_clear(&armor);
	return rc;
}

static void put_head(struct writer *w, const struct document *d)
{
	put_field(w, 0, "apiVersion", DOCUMENT_API_VERSION, false);
	put_field(w, 0, "kind", DOCUMENT_KIND, false);
	put_field(w, 0, "metadata", NULL, false);
	put_field(w, 2, "name", d->name, false);
	put_field(w, 2, "namespace", d->namespace, false);
	put_field(w, 2, "annotations", NULL, false);
	put_field(w, 4, DOCUMENT_SUBSTITUTE, "disabled", false);
	put_field(w, 0, "spec", NULL, false);
	put_field(w, 2, "kind", d->kind->name, false);
	if (d->policy != POLICY_UNSET)
		put_field(w, 2, "deletionPolicy", document_policy_name(d->policy), false);
	put_secret(w, d);
	put_field(w, 2, "parts", NULL, false);
}

static void put_signatures(struct writer *w, const struct document *d)
{
	if (d->n_signatures != 0)
		put_field(w, 2, "signatures", NULL, false);
	for (size_t i = 0; i < d->n_signatures; i++) {
		buf_puts(w->out, "    - ");
		put_scalar(w, d->signatures[i], true);
		buf_putc(w->out, '\n');
	}
}

int document_format(const struct document *d, struct buf *out, struct err *err)
{
	struct buf text = BUF_INIT;
	struct writer w = { .out = &text };
	int rc = -1;

	text.max = DOCUMENT_MAX;
	if (document_check(d, err) != 0)
		goto out;
	put_head(&w, d);
	for (size_t i = 0; i < d->n; i++)
		if (put_part(&w, &d->parts[i], err) != 0)
			goto out;
	put_signatures(&w, d);
	if (text.truncated || w.failed) {
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
