/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/err.h"
#include "kinds/kind.h"

static const struct refusal {
	const char *type, *why;
} refusals[] = {
	{ "kubernetes.io/service-account-token",
	  "the API server itself fills it, with a credential for the cluster" },
	{ "bootstrap.kubernetes.io/token", "it lets nodes join the cluster" },
	{ "kubernetes.io/dockercfg", "it is the old form of kubernetes.io/dockerconfigjson; seal "
				     "the login anew as a registry" },
	{ "helm.sh/release.v1", "Helm keeps the state of its releases in it" },
};

static int refuse_type(const char *type, struct err *err)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(*refusals); i++)
		if (strcmp(refusals[i].type, type) == 0)
			return err_set(err, ERR_INVALID, "type %s: is never sealed: %s", type,
				       refusals[i].why);
	return err_set(
	    err, ERR_INVALID,
	    "type %.100s: is not sealed; the types are Opaque, kubernetes.io/dockerconfigjson, "
	    "kubernetes.io/tls, kubernetes.io/ssh-auth and kubernetes.io/basic-auth",
	    type);
}

static bool has_key(const struct kind *k, const char *name)
{
	for (const struct kind_key *key = k->keys; key->name != NULL; key++)
		if (strcmp(key->name, name) == 0)
			return true;
	return false;
}

/* The key of the kind that holds the same bytes, or NULL. */
static const char *twin(const struct kind *k, const struct kv *data, const struct kv_item *item)
{
	for (const struct kind_key *key = k->keys; key->name != NULL && item->len != 0; key++) {
		const struct kv_item *other = kv_get(data, key->name);

		if (other != NULL && other->len == item->len &&
		    memcmp(other->data, item->data, item->len) == 0)
			return key->name;
	}
	return NULL;
}

/* Data keys that the kind does not have must be copies of one that it has. */
static bool find_aliases(const struct kind *k, const struct kv *data, struct kv *aliases)
{
	kv_clear(aliases);
	for (size_t i = 0; k->keys != NULL && i < data->n; i++) {
		const struct kv_item *item = &data->items[i];
		const char *key = has_key(k, item->name) ? "" : twin(k, data, item);

		if (key == NULL)
			return false;
		if (key[0] != '\0')
			kv_set_str(aliases, item->name, key);
	}
	return true;
}

static const char *own_type(const struct kind *k, const char *type)
{
	for (size_t i = 0; k->types[i] != NULL; i++)
		if (strcmp(k->types[i], type) == 0)
			return k->types[i];
	return NULL;
}

const struct kind *kind_detect(const char *type, const struct kv *data, struct kind_input *in,
			       struct err *err)
{
	const struct kind *of_type = NULL;

	if (type == NULL || type[0] == '\0')
		type = TYPE_OPAQUE; /* as the API server reads it */
	for (size_t i = 0; kind_table[i] != NULL; i++) {
		const struct kind *k = kind_table[i];

		if (!kind_type_allowed(k, type))
			continue;
		if (of_type == NULL ||
		    (strcmp(k->types[0], type) == 0 && strcmp(of_type->types[0], type) != 0))
			of_type = k;
		kv_clear(&in->fields);
		if (k->adopt == NULL || !find_aliases(k, data, &in->aliases) ||
		    k->adopt(type, data, &in->fields) != 0)
			continue;
		in->type = own_type(k, type);
		return k;
	}
	kv_clear(&in->fields);
	kv_clear(&in->aliases);
	if (of_type == NULL)
		refuse_type(type, err);
	else
		err_set(err, ERR_INVALID,
			"type %s: these data keys are not those of a Secret that its readers take; "
			"the kind %s is nearest",
			type, of_type->name);
	return NULL;
}
