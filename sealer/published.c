/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/published.h"

#include <string.h>

#include "base/err.h"
#include "base/name.h"

static int add_entry(const char *id, const json_t *value, struct published *out, struct err *err)
{
	const char *text = json_string_value(value);
	struct age_recipient key;
	char own[AGE_KEY_ID_TEXT];

	if (!name_is_key_id(id))
		return err_set(err, ERR_INVALID,
			       "an entry (%zu bytes long) whose name is no key id", strlen(id));
	if (text == NULL || age_recipient_parse(text, &key, NULL) != 0)
		return err_set(err, ERR_INVALID, "%s: not a public key, age1...", id);
	age_recipient_id(&key, own);
	if (strcmp(own, id) != 0)
		return err_set(err, ERR_INVALID, "%s: the key there has the id %s", id, own);
	return recipients_add(&out->keys, NULL, &key, err);
}

static int find_active(const json_t *data, struct published *out, struct err *err)
{
	const json_t *active = json_object_get(data, PUBLISHED_ACTIVE);
	const char *id = json_string_value(active);

	if (active == NULL)
		return 0;
	out->active = id != NULL ? recipients_find(&out->keys, id) : NULL;
	if (out->active == NULL)
		return err_set(err, ERR_INVALID,
			       PUBLISHED_ACTIVE ": it names no key that is published");
	return 0;
}

static int parse(const json_t *object, struct published *out, struct err *err)
{
	json_t *data = json_object_get(object, "data"), *value;
	const char *name;

	json_object_foreach(data, name, value)
	{
		if (strcmp(name, PUBLISHED_ACTIVE) != 0 && add_entry(name, value, out, err) != 0)
			return -1;
	}
	return find_active(data, out, err);
}

int published_parse(const json_t *object, struct published *out, struct err *err)
{
	if (parse(object, out, err) == 0)
		return 0;
	published_clear(out);
	return -1;
}

int published_read(struct cluster *c, const char *namespace, struct published *out, bool *there,
		   struct err *err)
{
	struct buf path = BUF_INIT;
	json_t *object = NULL;
	bool missing;
	struct cluster_request r = {
		.request = { .method = "GET", .idempotent = true },
		.what = "read it",
		.name = PUBLISHED_NAME,
		.missing = &missing,
	};
	int ret;

	kube_path_object(&path, KUBE_CORE, namespace, "configmaps", PUBLISHED_NAME);
	r.request.path = buf_str(&path);
	ret = cluster_ask(c, &r, &object, err);
	*there = object != NULL;
	if (ret == 0 && object != NULL)
		ret = published_parse(object, out, err);
	if (ret != 0)
		err_wrap(err, "ConfigMap %s/" PUBLISHED_NAME, namespace);
	json_decref(object);
	buf_clear(&path);
	return ret;
}

void published_clear(struct published *p)
{
	recipients_clear(&p->keys);
	p->active = NULL;
}
