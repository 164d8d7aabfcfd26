/* SPDX-License-Identifier: Apache-2.0 */
#include "foreign/sops.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/secret.h"
#include "document/quote.h"
#include "foreign/sops_mac.h"
#include "foreign/sops_meta.h"
#include "foreign/sops_value.h"

struct walk {
	const char *file;
	const struct sops_open *o;
	struct sops_meta meta;
	struct sops_mac *mac;
	unsigned char *key;
	struct buf at;	  /* "data:password:" */
	struct buf value; /* what was decrypted last */
	struct err *err;
};

bool sops_claims(const struct yaml_node *root)
{
	return root != NULL && root->type == YAML_MAP && sops_meta_is(yaml_get(root, SOPS_NAME));
}

/* The last key of where we are, which may be shown: keys are not encrypted. */
static int refuse(const struct walk *w, enum err_class class, const struct yaml_node *node,
		  const char *why)
{
	struct buf path = BUF_INIT;
	char *keys = mem_str(buf_str(&w->at));
	int r;

	for (char *s = keys, *end; (end = strchr(s, ':')) != NULL; s = end + 1) {
		*end = '\0';
		quote_path(&path, s);
	}
	r = err_set(w->err, class, "%s:%u: %s: %s", w->file, node->line, buf_str(&path), why);
	mem_free(keys);
	buf_clear(&path);
	return r;
}

/* --- values ----------------------------------------------------------------------------------- */

/* The plaintext is shorter than what it was encrypted to, so it has room where that stood. */
static void put_value(struct yaml_node *node, const struct buf *value, enum sops_type type)
{
	mem_wipe(node->text, node->len);
	memcpy(node->text, value->data, value->len);
	node->text[value->len] = '\0';
	node->len = value->len;
	node->style = type == SOPS_STR ? YAML_DOUBLE : YAML_PLAIN;
}

static int open_value(struct walk *w, struct yaml_node *node)
{
	enum sops_type type = SOPS_STR;

	switch (sops_value_open(w->key, buf_str(&w->at), node->text, node->len, &w->value, &type)) {
	case SOPS_SHAPE:
		return refuse(w, ERR_INVALID, node, "not an encrypted value as SOPS writes them");
	case SOPS_DAMAGED:
		return refuse(
		    w, ERR_REFUSED, node,
		    "it does not open: it was changed, or belongs to another key or file");
	default:
		break;
	}
	if (type == SOPS_COMMENT || type == SOPS_BYTES)
		return refuse(w, ERR_INVALID, node,
			      type == SOPS_BYTES ? "of YAML's type binary, which no Secret has"
						 : "a comment where a value belongs");
	if (!quote_is_text(w->value.data, w->value.len) || w->value.len > node->len)
		return refuse(w, ERR_INVALID, node, "not text (UTF-8 without NUL)");
	sops_mac_add(w->mac, w->value.data, w->value.len);
	put_value(node, &w->value, type);
	return 0;
}

/* What a manifest says of itself; everything else is a value that somebody relies on. */
static bool is_head(const struct buf *at)
{
	static const char *const heads[] = { "apiVersion:", "kind:", "metadata:", "type:",
					     "immutable:" };

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
		if (strncmp(buf_str(at), heads[i], strlen(heads[i])) == 0)
			return true;
	return false;
}

static int keep_value(struct walk *w, const struct yaml_node *node)
{
	if (w->meta.only_encrypted) {
		if (node->len == 0 || is_head(&w->at) || w->o->ignore_mac)
			return 0;
		return refuse(
		    w, ERR_REFUSED, node,
		    "not encrypted, and with mac_only_encrypted anybody could have put it "
		    "there; --ignore-mac takes it as it is");
	}
	buf_reset(&w->value);
	if (sops_mac_bytes(node, &w->value) == 0)
		sops_mac_add(w->mac, w->value.data, w->value.len);
	else if (!w->o->ignore_mac)
		return refuse(w, ERR_INVALID, node,
			      "a plain value that readers take for different things; quote it, "
			      "with 'sops edit'");
	return 0;
}

static int walk_node(struct walk *w, struct yaml_node *node);

static int walk_map(struct walk *w, struct yaml_node *map, bool top)
{
	size_t before = w->at.len;
	int r = 0;

	for (size_t i = 0; r == 0 && i < map->n; i++) {
		if (top && strcmp(map->keys[i]->text, SOPS_NAME) == 0)
			continue;
		buf_put(&w->at, map->keys[i]->text, map->keys[i]->len);
		buf_putc(&w->at, ':');
		r = walk_node(w, map->values[i]);
		buf_truncate(&w->at, before);
	}
	return r;
}

static int walk_node(struct walk *w, struct yaml_node *node)
{
	int r = 0;

	if (node->type == YAML_MAP)
		return walk_map(w, node, false);
	if (node->type == YAML_SCALAR)
		return sops_value_is(node->text, node->len) ? open_value(w, node)
							    : keep_value(w, node);
	for (size_t i = 0; r == 0 && i < node->n; i++)
		r = walk_node(w, node->values[i]);
	return r;
}

/* --- the file --------------------------------------------------------------------------------- */

/* SOPS writes its metadata into each document, all the same, and reads those of the first. */
static struct yaml_node *first_metadata(const struct yaml_stream *s, unsigned *missing)
{
	struct yaml_node *first = NULL;

	*missing = 0;
	for (size_t i = s->n; i-- > 0;) {
		if (s->docs[i].root == NULL)
			continue;
		first = s->docs[i].root;
		if (!sops_claims(first))
			*missing = first->line;
	}
	return first;
}

static int walk_stream(struct walk *w, struct yaml_stream *s)
{
	char mac[SOPS_MAC_TEXT];
	int r = 0;

	w->mac = sops_mac_new(w->meta.only_encrypted);
	for (size_t i = 0; r == 0 && i < s->n; i++)
		if (s->docs[i].root != NULL)
			r = walk_map(w, s->docs[i].root, true);
	sops_mac_end(w->mac, mac);
	if (r == 0 && !w->o->ignore_mac && sops_meta_check(&w->meta, w->key, mac, w->err) != 0)
		r = err_wrap(w->err, "%s", w->file);
	sops_mac_free(w->mac);
	mem_wipe(mac, sizeof(mac));
	return r;
}

int sops_decrypt(const char *file, struct yaml_stream *s, const struct sops_open *o,
		 struct err *err)
{
	struct walk w = { .file = file, .o = o, .meta = SOPS_META_INIT, .err = err };
	unsigned missing;
	const struct yaml_node *root = first_metadata(s, &missing);
	int r = -1;

	if (root == NULL || missing != 0)
		return err_set(
		    err, ERR_INVALID,
		    "%s:%u: a document without the metadata of SOPS; SOPS would not read "
		    "the file either",
		    file, missing);
	w.key = secret_new(SOPS_KEY);
	if (sops_meta_read(yaml_get(root, SOPS_NAME), &w.meta, err) != 0 ||
	    sops_meta_key(&w.meta, o->keys, w.key, err) != 0)
		err_wrap(err, "%s:%u", file, yaml_get(root, SOPS_NAME)->line);
	else
		r = walk_stream(&w, s);
	secret_free(w.key);
	sops_meta_clear(&w.meta);
	buf_clear(&w.at);
	buf_clear(&w.value);
	return r;
}
