/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/install.h"

#include <string.h>

#include "base/b64.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/out.h"
#include "keys/keyring.h"
#include "sealer/backup.h"

#define TRIES 5

static void make_path(struct buf *path, const char *namespace)
{
	kube_path_object(path, KUBE_CORE, namespace, "secrets", BACKUP_SECRET);
}

static int read_data(const json_t *secret, struct kv *out, struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(secret, "data"), name, value)
	{
		struct buf bytes = BUF_INIT;
		const char *text = json_string_value(value);
		int r = text == NULL ? -1 : b64_decode(&bytes, text, strlen(text));

		if (r == 0)
			kv_set(out, name, bytes.data, bytes.len);
		buf_clear(&bytes);
		if (r != 0)
			return err_set(err, ERR_IO, "its data cannot be read");
	}
	return 0;
}

/* Is its key there, under another name perhaps? */
static bool has_key(const struct kv *there, const struct kv_item *file)
{
	for (size_t i = 0; i < there->n; i++)
		if (backup_same_key(&there->items[i], file))
			return true;
	return false;
}

/* May files be added to what is there? */
static int check_there(const json_t *secret, const struct kv *there, const struct kv *files,
		       struct err *err)
{
	const char *type = json_string_value(json_object_get(secret, "type"));

	if (type == NULL || strcmp(type, "Opaque") != 0)
		return err_set(err, ERR_CONFLICT, "its type is not Opaque: it is not Bulla's");
	if (json_is_true(json_object_get(secret, "immutable")))
		return err_set(err, ERR_CONFLICT,
			       "it is immutable: keys can be added only after it was deleted and "
			       "installed anew");
	for (size_t i = 0; i < files->n; i++) {
		const struct kv_item *had = kv_get(there, files->items[i].name);

		if (had != NULL && !backup_same_key(had, &files->items[i]))
			return err_set(err, ERR_CONFLICT, "%s: another file of that name is there",
				       had->name);
	}
	return 0;
}

static int make_body(const json_t *secret, const char *namespace, const struct kv *data,
		     struct buf *out, struct err *err)
{
	const json_t *meta = json_object_get(secret, "metadata");
	const char *version = json_string_value(json_object_get(meta, "resourceVersion"));
	json_t *values = json_object(), *body;
	struct buf text = BUF_INIT;

	for (size_t i = 0; i < data->n; i++) {
		b64_encode(&text, data->items[i].data, data->items[i].len);
		json_object_set_new(values, data->items[i].name, json_string(buf_str(&text)));
		buf_reset(&text);
	}
	buf_clear(&text);
	body = json_pack("{s:s, s:s, s:{s:s, s:s}, s:s, s:o}", "apiVersion", "v1", "kind", "Secret",
			 "metadata", "name", BACKUP_SECRET, "namespace", namespace, "type",
			 "Opaque", "data", values);
	if (version != NULL)
		json_object_set_new(json_object_get(body, "metadata"), "resourceVersion",
				    json_string(version));
	if (json_format(out, body) != 0)
		err_set(err, ERR_INVALID, "the keys are too many for one Secret");
	json_decref(body);
	return out->truncated ? -1 : 0;
}

static int apply(struct cluster *c, const struct buf *path, const struct buf *body, struct err *err)
{
	struct buf url = BUF_INIT;
	struct cluster_request r = {
		.request = { .method = "PATCH",
			     .type = KUBE_APPLY,
			     .body = body,
			     .metadata_only = true },
		.what = "apply it",
	};
	int ret;

	buf_printf(&url, "%s?fieldManager=bulla&force=true", buf_str(path));
	r.request.path = buf_str(&url);
	ret = cluster_ask(c, &r, NULL, err);
	buf_clear(&url);
	return ret;
}

/* What there is, with files beside it; 1 when it changed in between. */
static int merge(struct cluster *c, const struct buf *path, const json_t *secret,
		 const char *namespace, const struct kv *files, struct install_result *out,
		 struct err *err)
{
	struct buf body = BUF_INIT;
	struct kv all = KV_INIT;
	int r = -1;

	memset(out, 0, sizeof(*out));
	if (secret != NULL &&
	    (read_data(secret, &all, err) != 0 || check_there(secret, &all, files, err) != 0))
		goto out;
	out->created = secret == NULL;
	out->there = all.n;
	for (size_t i = 0; i < files->n; i++)
		if (!has_key(&all, &files->items[i]))
			kv_set(&all, files->items[i].name, files->items[i].data,
			       files->items[i].len);
	out->added = all.n - out->there;
	r = 0;
	if (out->added > 0)
		r = make_body(secret, namespace, &all, &body, err);
	if (out->added > 0 && r == 0) {
		r = apply(c, path, &body, err);
		if (r != 0 && err->class == ERR_CONFLICT)
			r = 1;
	}
out:
	kv_clear(&all);
	buf_clear(&body);
	return r;
}

static int read_secret(struct cluster *c, const struct buf *path, json_t **out, struct err *err)
{
	bool missing;
	const struct cluster_request r = {
		.request = { .method = "GET", .path = buf_str(path), .idempotent = true },
		.what = "read it",
		.name = BACKUP_SECRET,
		.missing = &missing,
	};

	return cluster_ask(c, &r, out, err);
}

int install_keys(struct cluster *c, const char *namespace, const struct kv *files,
		 struct install_result *out, struct err *err)
{
	struct buf path = BUF_INIT;
	json_t *secret = NULL;
	int r = 1;

	make_path(&path, namespace);
	for (int i = 0; i < TRIES && r == 1; i++) {
		r = read_secret(c, &path, &secret, err);
		if (r == 0)
			r = merge(c, &path, secret, namespace, files, out, err);
		json_decref(secret);
		secret = NULL;
	}
	buf_clear(&path);
	if (r != 0 && err->class == ERR_IO && strstr(err->text, "namespaces \"") != NULL)
		err_wrap(err, "the agent's manifests, which make the namespace, come first");
	if (r != 0)
		err_wrap(err, "Secret %s/" BACKUP_SECRET, namespace);
	return r == 0 ? 0 : -1;
}

int install_read(struct cluster *c, const char *namespace, struct kv *out, char **version,
		 struct err *err)
{
	struct buf path = BUF_INIT;
	json_t *secret = NULL;
	int r;

	*version = NULL;
	make_path(&path, namespace);
	r = read_secret(c, &path, &secret, err);
	if (r == 0 && secret != NULL)
		r = read_data(secret, out, err);
	if (r == 0 && secret != NULL)
		*version = mem_str(json_string_value(
		    json_object_get(json_object_get(secret, "metadata"), "resourceVersion")));
	if (r == 0 && secret != NULL && *version == NULL)
		r = err_set(err, ERR_IO, "it has no resourceVersion");
	if (r != 0)
		err_wrap(err, "Secret %s/" BACKUP_SECRET, namespace);
	json_decref(secret);
	buf_clear(&path);
	return r;
}

/*
 * The key of the greatest file name becomes the cluster's active one, which it publishes.  Whoever
 * can write to the repository can put a backup of his own key there, so that must be the key that
 * .bulla/config has.
 */
static int check_active(const char *name, const struct kv *files, const struct recipient *current,
			bool earlier, struct err *err)
{
	const struct kv_item *last = &files->items[files->n - 1];
	struct keyring kr = KEYRING_INIT;
	const char *active;
	int r = keyring_add_bytes(&kr, last->name, last->data, last->len, NULL, NULL, err);

	active = r == 0 ? age_identity_id(kr.ids[0]) : NULL;
	if (r == 0 && strcmp(active, current->id) != 0 && !earlier)
		r = err_set(err, ERR_REFUSED,
			    "by its file name, key %s would become the active one, but %s has %s "
			    "for %s; 'bulla keys verify' says what is in each backup, and "
			    "--earlier installs them all the same",
			    active, CONFIG_PATH, current->id, name);
	else if (r == 0 && strcmp(active, current->id) != 0)
		out_warn("key %s becomes the active one, and %s has %s for %s", active, CONFIG_PATH,
			 current->id, name);
	keyring_clear(&kr);
	return r;
}

int install_check(const char *name, const struct config *config, const struct kv *files,
		  bool earlier, struct err *err)
{
	const struct recipient *current = recipients_find(&config->recipients, name);

	if (current != NULL)
		return check_active(name, files, current, earlier, err);
	out_warn("%s names no recipient %s any more", CONFIG_PATH, name);
	return 0;
}
