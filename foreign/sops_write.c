/* SPDX-License-Identifier: Apache-2.0 */
#include "foreign/sops_write.h"

#include <sodium.h>
#include <string.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "document/quote.h"
#include "foreign/sops_mac.h"
#include "foreign/sops_value.h"

#define VERSION "3.11.0" /* whose files these are like */

struct writer {
	const struct sops_write *w;
	unsigned char *key;
	struct sops_mac *mac;
	struct buf *out;
	struct buf metadata; /* the map "sops", the same in each document */
};

/* A plain field, which counts for the MAC. */
static void put_field(struct writer *w, const char *indent, const char *name, const char *value)
{
	buf_puts(w->out, indent);
	quote_put(w->out, name, false);
	buf_puts(w->out, ": ");
	quote_put(w->out, value, false);
	buf_puts(w->out, "\n");
	sops_mac_add(w->mac, value, strlen(value));
}

static void put_map(struct writer *w, const char *name, const struct kv *kv)
{
	if (kv->n == 0)
		return;
	buf_printf(w->out, "    %s:\n", name);
	for (size_t i = 0; i < kv->n; i++)
		put_field(w, "        ", kv->items[i].name, (const char *)kv->items[i].data);
}

/* What is encrypted is the value in base64, as it stands in a manifest. */
static int put_value(struct writer *w, const struct kv_item *item)
{
	struct buf text = BUF_INIT;
	char *at = mem_printf("data:%s:", item->name);
	int r;

	b64_encode(&text, item->data, item->len);
	sops_mac_add(w->mac, text.data, text.len);
	buf_puts(w->out, "    ");
	quote_put(w->out, item->name, false);
	buf_puts(w->out, ": ");
	r = sops_value_seal(w->key, at, text.data, text.len, w->out);
	buf_puts(w->out, "\n");
	mem_free(at);
	buf_clear(&text);
	return r;
}

static int put_secret(struct writer *w, const struct sops_secret *s)
{
	int r = 0;

	put_field(w, "", "apiVersion", "v1");
	put_field(w, "", "kind", "Secret");
	buf_puts(w->out, "metadata:\n");
	put_field(w, "    ", "name", s->name);
	put_field(w, "    ", "namespace", s->namespace);
	put_map(w, "labels", s->labels);
	put_map(w, "annotations", s->annotations);
	put_field(w, "", "type", s->type);
	buf_puts(w->out, s->data->n > 0 ? "data:\n" : "data: {}\n");
	for (size_t i = 0; r == 0 && i < s->data->n; i++)
		r = put_value(w, &s->data->items[i]);
	return r;
}

/* --- metadata --------------------------------------------------------------------------------- */

static int put_recipient(struct writer *w, const struct age_recipient *r, struct err *err)
{
	char text[AGE_RECIPIENT_TEXT];
	struct buf binary = BUF_INIT, armor = BUF_INIT;
	int x = age_encrypt(r, 1, w->key, SOPS_KEY, &binary, err);

	if (x == 0)
		x = age_armor(binary.data, binary.len, &armor, err);
	age_recipient_format(r, text);
	buf_printf(&w->metadata, "        - recipient: %s\n          enc: |\n", text);
	for (const char *s = buf_str(&armor), *end; x == 0 && *s != '\0'; s = end) {
		end = s + strcspn(s, "\n");
		end += *end != '\0';
		buf_puts(&w->metadata, "            ");
		buf_put(&w->metadata, s, (size_t)(end - s));
	}
	buf_clear(&binary);
	buf_clear(&armor);
	return x;
}

/* The MAC last, as it is known only when all values are. */
static int put_metadata(struct writer *w, struct err *err)
{
	char modified[CLOCK_TEXT_SIZE], mac[SOPS_MAC_TEXT];
	int r = 0;

	buf_puts(&w->metadata, "sops:\n    age:\n");
	for (size_t i = 0; r == 0 && i < w->w->n_recipients; i++)
		r = put_recipient(w, &w->w->recipients[i], err);
	clock_format(w->w->now, modified);
	sops_mac_end(w->mac, mac);
	buf_printf(&w->metadata, "    lastmodified: \"%s\"\n    mac: ", modified);
	if (r == 0)
		r = sops_value_seal(w->key, modified, mac, SOPS_MAC_TEXT - 1, &w->metadata);
	buf_puts(&w->metadata,
		 "\n    encrypted_regex: ^(data|stringData)$\n    version: " VERSION "\n");
	mem_wipe(mac, sizeof(mac));
	return r;
}

/* --- the file --------------------------------------------------------------------------------- */

static int put_all(struct writer *w, struct buf *bodies, struct err *err)
{
	for (size_t i = 0; i < w->w->n; i++) {
		w->out = &bodies[i];
		if (put_secret(w, &w->w->secrets[i]) != 0 || bodies[i].truncated)
			return err_set(err, ERR_INVALID, "%s/%s: too large",
				       w->w->secrets[i].namespace, w->w->secrets[i].name);
	}
	return put_metadata(w, err);
}

int sops_write(const struct sops_write *o, struct buf *out, struct err *err)
{
	struct writer w = { .w = o };
	struct buf *bodies = mem_array(o->n, sizeof(*bodies));
	size_t before = out->len;
	int r;

	if (o->n_recipients == 0) {
		mem_free(bodies);
		return err_set(err, ERR_RECIPIENT, "nobody to encrypt to");
	}
	w.key = secret_new(SOPS_KEY);
	randombytes_buf(w.key, SOPS_KEY);
	w.mac = sops_mac_new(false);
	r = put_all(&w, bodies, err);
	for (size_t i = 0; i < o->n; i++) {
		buf_puts(out, i > 0 ? "---\n" : "");
		buf_put(out, bodies[i].data, bodies[i].len);
		buf_put(out, w.metadata.data, w.metadata.len);
		buf_clear(&bodies[i]);
	}
	if (r == 0 && out->truncated)
		r = err_set(err, ERR_INVALID, "the file would be too large");
	if (r != 0)
		buf_truncate(out, before);
	mem_free(bodies);
	buf_clear(&w.metadata);
	sops_mac_free(w.mac);
	secret_free(w.key);
	return r;
}
