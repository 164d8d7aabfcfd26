/* SPDX-License-Identifier: Apache-2.0 */
#include "foreign/unseal_keys.h"

#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/yaml.h"
#include "kinds/pem.h"
#include "kinds/pkey_pem.h"

static int put(struct unseal_keys *keys, const char *what, const struct pem_block *b,
	       struct err *err)
{
	struct pkey key = PKEY_INIT;

	if (keys->n == UNSEAL_KEYS_MAX)
		return err_set(err, ERR_INVALID, "%s: more than %d keys", what, UNSEAL_KEYS_MAX);
	if (pkey_pem_parse(what, b, NULL, &key, err) != 0)
		return -1;
	if (key.type != PKEY_RSA) {
		pkey_clear(&key);
		return err_set(err, ERR_INVALID,
			       "%s: not an RSA key; those of a sealed-secrets controller are",
			       what);
	}
	keys->items = mem_grow(keys->items, keys->n + 1, sizeof(*keys->items));
	keys->items[keys->n++] = key;
	return 0;
}

/* Certificates may stand beside the key, as in a file made of both. */
static int put_pem(struct unseal_keys *keys, const char *what, const void *text, size_t len,
		   struct err *err)
{
	const struct pem_source src = { what, text, len };
	struct pem_block b = PEM_BLOCK_INIT;
	struct pem_reader r;
	size_t before = keys->n;
	int x = pem_open(&r, &src, PEM_CERTS_MAX, 0, err) == 0 ? 1 : -1;

	while (x > 0 && (x = pem_next(&r, &b, err)) > 0)
		if (strcmp(b.label, "CERTIFICATE") != 0 && put(keys, what, &b, err) != 0)
			x = -1;
	pem_clear(&b);
	if (x == 0 && keys->n == before)
		x = err_set(err, ERR_INVALID, "%s: holds certificates and no private key", what);
	return x;
}

/* data["tls.key"] of one Secret. */
static int put_secret(struct unseal_keys *keys, const char *name, const struct yaml_node *secret,
		      struct err *err)
{
	const struct yaml_node *data = yaml_get(secret, "data"), *key;
	struct buf pem = { .max = PEM_CERTS_MAX };
	char *what = mem_printf("%s:%u: data.tls.key", name, secret->line);
	int r = -1;

	key = data != NULL && data->type == YAML_MAP ? yaml_get(data, "tls.key") : NULL;
	if (key == NULL || yaml_string(key) == NULL)
		err_set(err, ERR_INVALID, "%s: not there; it is no key of a controller", what);
	else if (b64_decode(&pem, key->text, key->len) != 0)
		err_set(err, ERR_INVALID, "%s: not base64, or too long", what);
	else
		r = put_pem(keys, what, pem.data, pem.len, err);
	buf_clear(&pem);
	mem_free(what);
	return r;
}

static bool is_kind(const struct yaml_node *node, const char *kind)
{
	const struct yaml_node *v = node->type == YAML_MAP ? yaml_get(node, "kind") : NULL;
	const char *s = v != NULL ? yaml_string(v) : NULL;

	return s != NULL && strcmp(s, kind) == 0;
}

static int put_object(struct unseal_keys *keys, const char *name, const struct yaml_node *root,
		      struct err *err)
{
	const struct yaml_node *items;

	if (is_kind(root, "Secret"))
		return put_secret(keys, name, root, err);
	items =
	    is_kind(root, "List") || is_kind(root, "SecretList") ? yaml_get(root, "items") : NULL;
	if (items == NULL || items->type != YAML_LIST)
		return err_set(err, ERR_INVALID,
			       "%s:%u: neither a PEM file nor a Secret or a List of Secrets", name,
			       root->line);
	for (size_t i = 0; i < items->n; i++)
		if (!is_kind(items->values[i], "Secret"))
			return err_set(err, ERR_INVALID, "%s:%u: not a Secret", name,
				       items->values[i]->line);
		else if (put_secret(keys, name, items->values[i], err) != 0)
			return -1;
	return 0;
}

static int put_yaml(struct unseal_keys *keys, const char *name, const void *text, size_t len,
		    struct err *err)
{
	struct yaml_stream s = YAML_STREAM_INIT;
	size_t before = keys->n;
	int r = yaml_parse(name, text, len, &s, err);

	for (size_t i = 0; r == 0 && i < s.n; i++)
		if (s.docs[i].root != NULL)
			r = put_object(keys, name, s.docs[i].root, err);
	yaml_clear(&s);
	if (r == 0 && keys->n == before)
		r = err_set(err, ERR_INVALID, "%s: holds no private key", name);
	return r;
}

static void drop(struct unseal_keys *keys, size_t keep)
{
	while (keys->n > keep)
		pkey_clear(&keys->items[--keys->n]);
}

static bool is_pem(const char *text, size_t len)
{
	static const char begin[] = "-----BEGIN ";
	size_t i = 0;

	while (i < len && strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0')
		i++;
	return len - i >= sizeof(begin) - 1 && memcmp(text + i, begin, sizeof(begin) - 1) == 0;
}

int unseal_keys_add(struct unseal_keys *keys, const char *name, const void *text, size_t len,
		    struct err *err)
{
	size_t before = keys->n;
	int r;

	if (len > UNSEAL_FILE_MAX)
		return err_set(err, ERR_INVALID, "%s: larger than %d bytes", name, UNSEAL_FILE_MAX);
	r = is_pem(text, len) ? put_pem(keys, name, text, len, err)
			      : put_yaml(keys, name, text, len, err);
	if (r != 0)
		drop(keys, before);
	return r;
}

void unseal_keys_clear(struct unseal_keys *keys)
{
	drop(keys, 0);
	mem_free(keys->items);
	*keys = (struct unseal_keys)UNSEAL_KEYS_INIT;
}
