/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/source.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/name.h"
#include "document/edit.h"

static bool names_kind(const struct buf *text)
{
	return text->len != 0 &&
	       memmem(text->data, text->len, DOCUMENT_KIND, strlen(DOCUMENT_KIND)) != NULL;
}

static void sort_out(struct source *s)
{
	size_t i;

	s->docs = mem_array(s->yaml.n, sizeof(struct yaml_doc *));
	s->blank = true;
	for (i = 0; i < s->yaml.n; i++) {
		const struct yaml_doc *doc = &s->yaml.docs[i];

		s->blank = s->blank && doc->root == NULL;
		if (document_claims(doc)) {
			s->docs[s->n++] = doc;
		} else if (document_in_list(doc)) {
			s->list = true;
			s->list_line = doc->line;
		}
	}
}

int source_read(int root, const char *path, bool thorough, struct source *out, struct stat *st,
		struct err *err)
{
	struct buf text = BUF_INIT;
	int r = -1;

	*out = (struct source){ 0 };
	if (file_read_beneath(root, path, DOCUMENT_FILE_MAX, &text, st, err) < 0)
		goto out;
	r = 0;
	if (!thorough && !names_kind(&text) && !edit_mentions(text.data, text.len))
		goto out;
	r = yaml_parse(path, text.data, text.len, &out->yaml, err);
	if (r == 0)
		sort_out(out);
	else if (!thorough && !names_kind(&text))
		r = 0;
out:
	if (r == 0)
		out->path = mem_str(path);
	buf_clear(&text);
	return r;
}

void source_clear(struct source *s)
{
	yaml_clear(&s->yaml);
	mem_free(s->docs);
	mem_free(s->path);
	*s = (struct source){ 0 };
}

int source_document(const struct source *s, size_t i, struct document *out, struct err *err)
{
	return document_parse(s->path, s->docs[i], out, err);
}

bool source_claim(const struct source *s, size_t i, const char **namespace, const char **name)
{
	const struct yaml_node *metadata = yaml_get(s->docs[i]->root, "metadata");

	*namespace = yaml_string(yaml_get(metadata, "namespace"));
	*name = yaml_string(yaml_get(metadata, "name"));
	return *namespace != NULL && *name != NULL && name_is_label(*namespace) &&
	       name_is_subdomain(*name);
}

unsigned source_line(const struct source *s, size_t i)
{
	return s->docs[i]->line;
}

/* --- what is remembered of a document --------------------------------------------------------- */

static void hash_bytes(crypto_generichash_state *h, const void *data, size_t len)
{
	const uint64_t n = len;

	crypto_generichash_update(h, (const unsigned char *)&n, sizeof(n));
	crypto_generichash_update(h, data, len);
}

static void hash_kv(crypto_generichash_state *h, const struct kv *kv)
{
	size_t i;

	hash_bytes(h, &kv->n, sizeof(kv->n));
	for (i = 0; i < kv->n; i++) {
		hash_bytes(h, kv->items[i].name, strlen(kv->items[i].name));
		hash_bytes(h, kv->items[i].data, kv->items[i].len);
	}
}

void source_id(const struct document *d, unsigned char id[static SOURCE_ID])
{
	char digest[DOCUMENT_DIGEST_TEXT];
	crypto_generichash_state h;
	size_t i;

	document_digest(d, digest);
	crypto_generichash_init(&h, NULL, 0, SOURCE_ID);
	hash_bytes(&h, digest, strlen(digest));
	for (i = 0; i < d->n; i++) {
		hash_kv(&h, &d->parts[i].recipients);
		hash_kv(&h, &d->parts[i].facts);
	}
	crypto_generichash_final(&h, id, SOURCE_ID);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted, each once, joined.  The texts are taken over. */
static char *join(char **texts, size_t n, char between)
{
	struct buf out = BUF_INIT;
	char *r;
	size_t i;

	qsort(texts, n, sizeof(*texts), by_text);
	for (i = 0; i < n; i++) {
		if (i != 0 && strcmp(texts[i], texts[i - 1]) == 0)
			continue;
		if (out.len != 0)
			buf_putc(&out, (unsigned char)between);
		buf_puts(&out, texts[i]);
	}
	r = mem_str(buf_str(&out));
	buf_clear(&out);
	for (i = 0; i < n; i++)
		mem_free(texts[i]);
	mem_free(texts);
	return r;
}

static char *part_recipients(const struct document_part *part)
{
	char **ids = mem_array(part->recipients.n, sizeof(*ids));
	size_t i;

	for (i = 0; i < part->recipients.n; i++)
		ids[i] = mem_str((const char *)part->recipients.items[i].data);
	return join(ids, part->recipients.n, ',');
}

char *source_recipients(const struct document *d)
{
	char **sets = mem_array(d->n, sizeof(*sets));
	size_t i;

	for (i = 0; i < d->n; i++)
		sets[i] = part_recipients(&d->parts[i]);
	return join(sets, d->n, ';');
}

int64_t source_not_after(const struct document *d)
{
	int64_t soonest = 0;
	size_t i;

	for (i = 0; i < d->n; i++) {
		const char *text = kv_get_str(&d->parts[i].facts, "not-after");
		int64_t t;

		if (text != NULL && clock_parse(text, &t) && (soonest == 0 || t < soonest))
			soonest = t;
	}
	return soonest;
}
