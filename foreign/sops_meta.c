/* SPDX-License-Identifier: Apache-2.0 */
#include "foreign/sops_meta.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "foreign/sops_mac.h"
#include "keys/age.h"

#define ENC_MAX 65536 /* bytes of an armored data key */

/* Other ways to encrypt the data key. */
static const char *const others[] = { "kms", "gcp_kms", "azure_kv", "hc_vault", "pgp" };

bool sops_meta_is(const struct yaml_node *sops)
{
	return sops != NULL && sops->type == YAML_MAP &&
	       (yaml_get(sops, "mac") != NULL || yaml_get(sops, "lastmodified") != NULL ||
		yaml_get(sops, "age") != NULL);
}

static int add_enc(struct sops_meta *m, const char *enc, struct err *err)
{
	if (m->n == SOPS_RECIPIENTS_MAX || strlen(enc) > ENC_MAX)
		return err_set(err, ERR_INVALID, "sops.age: more than %d recipients, or too long",
			       SOPS_RECIPIENTS_MAX);
	m->enc = mem_grow(m->enc, m->n + 1, sizeof(*m->enc));
	m->enc[m->n++] = mem_str(enc);
	return 0;
}

static bool is_true(const char *text)
{
	return strcmp(text, "true") == 0;
}

static int read_text(const struct yaml_node *sops, const char *name, char **out, struct err *err)
{
	const struct yaml_node *v = yaml_get(sops, name);

	if (v == NULL)
		return 0;
	if (v->type != YAML_SCALAR)
		return err_set(err, ERR_INVALID, "sops.%s: not a string", name);
	*out = mem_str(v->text);
	return 0;
}

static int read_age(const struct yaml_node *age, struct sops_meta *out, struct err *err)
{
	if (age == NULL || age->type == YAML_SCALAR) /* null, or [] is a list */
		return 0;
	if (age->type != YAML_LIST)
		return err_set(err, ERR_INVALID, "sops.age: not a list");
	for (size_t i = 0; i < age->n; i++) {
		const struct yaml_node *one = age->values[i];
		const struct yaml_node *enc = one->type == YAML_MAP ? yaml_get(one, "enc") : NULL;

		if (enc == NULL || yaml_string(enc) == NULL)
			return err_set(err, ERR_INVALID, "sops.age[%zu].enc: missing", i);
		if (add_enc(out, enc->text, err) != 0)
			return -1;
	}
	return 0;
}

static bool has_items(const struct yaml_node *sops, const char *name)
{
	const struct yaml_node *v = yaml_get(sops, name);

	return v != NULL && v->type != YAML_SCALAR && v->n > 0;
}

int sops_meta_read(const struct yaml_node *sops, struct sops_meta *out, struct err *err)
{
	const struct yaml_node *only = yaml_get(sops, "mac_only_encrypted");

	if (read_text(sops, "mac", &out->mac, err) != 0 ||
	    read_text(sops, "lastmodified", &out->modified, err) != 0 ||
	    read_age(yaml_get(sops, "age"), out, err) != 0) {
		sops_meta_clear(out);
		return -1;
	}
	out->only_encrypted = only != NULL && only->type == YAML_SCALAR && is_true(only->text);
	out->groups = has_items(sops, "key_groups");
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		out->others = out->others || has_items(sops, others[i]);
	return 0;
}

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

int sops_meta_put(struct sops_meta *m, const char *name, const char *value, struct err *err)
{
	const char *last = strrchr(name, '_');

	if (strcmp(name, "mac") == 0)
		mem_replace(&m->mac, value);
	else if (strcmp(name, "lastmodified") == 0)
		mem_replace(&m->modified, value);
	else if (strcmp(name, "mac_only_encrypted") == 0)
		m->only_encrypted = is_true(value);
	else if (begins(name, "key_groups__"))
		m->groups = true;
	else if (begins(name, "age__list_") && last != NULL && strcmp(last, "_enc") == 0)
		return add_enc(m, value, err);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		m->others =
		    m->others || (begins(name, others[i]) && strstr(name, "__list_") != NULL);
	return 0;
}

void sops_meta_clear(struct sops_meta *m)
{
	mem_free(m->mac);
	mem_free(m->modified);
	for (size_t i = 0; i < m->n; i++)
		mem_free(m->enc[i]);
	mem_free(m->enc);
	*m = (struct sops_meta)SOPS_META_INIT;
}

/* --- the data key ----------------------------------------------------------------------------- */

static int open_enc(const char *enc, const struct keyring *keys, struct buf *out, struct err *err)
{
	struct buf binary = { .max = ENC_MAX };
	int r = age_dearmor(enc, strlen(enc), &binary, err);

	if (r == 0)
		r = age_decrypt((const struct age_identity *const *)keys->ids, keys->n, 0,
				binary.data, binary.len, out, NULL, err);
	buf_clear(&binary);
	return r;
}

int sops_meta_key(const struct sops_meta *m, const struct keyring *keys, unsigned char *key,
		  struct err *err)
{
	struct buf plain = BUF_INIT;
	int r = -1;

	if (m->groups)
		return err_set(err, ERR_INVALID,
			       "sops.key_groups: the data key is shared out among several keys; "
			       "convert the file with 'sops rotate' to one group first");
	if (m->n == 0)
		return err_set(err, ERR_NOKEY, "sops.age: %s",
			       m->others ? "nobody; it is encrypted to keys that are not age's, "
					   "so add an age recipient with 'sops rotate' first"
					 : "missing; it is encrypted to nobody");
	err_set(err, ERR_NOKEY, "sops.age: no private key at hand is one of its %zu recipients'",
		m->n);
	for (size_t i = 0; r != 0 && i < m->n; i++) {
		struct err why = ERR_INIT;

		r = open_enc(m->enc[i], keys, &plain, &why);
		if (r != 0 && why.class == ERR_REFUSED)
			err_set(err, ERR_REFUSED, "sops.age[%zu].enc: %s", i, why.text);
	}
	if (r == 0 && plain.len != SOPS_KEY)
		r = err_set(err, ERR_INVALID, "sops.age: the data key has not %d bytes", SOPS_KEY);
	if (r == 0)
		memcpy(key, plain.data, SOPS_KEY);
	buf_clear(&plain);
	return r;
}

int sops_meta_check(const struct sops_meta *m, const unsigned char *key, const char *mac,
		    struct err *err)
{
	struct buf stored = BUF_INIT;
	enum sops_type type;
	bool same;

	if (m->mac == NULL || m->modified == NULL)
		return err_set(err, ERR_INVALID,
			       "sops.%s: missing, so nothing says that the file is whole",
			       m->mac == NULL ? "mac" : "lastmodified");
	same =
	    sops_value_open(key, m->modified, m->mac, strlen(m->mac), &stored, &type) == SOPS_OK &&
	    type == SOPS_STR && strcmp(buf_str(&stored), mac) == 0;
	buf_clear(&stored);
	if (same)
		return 0;
	return err_set(
	    err, ERR_REFUSED,
	    "sops.mac: it is not that of these values: one was added, removed or changed "
	    "without the data key (a bad merge?); --ignore-mac takes them as they are");
}
