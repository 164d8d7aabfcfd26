/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/retire.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "keys/keyring.h"
#include "sealer/backup.h"
#include "sealer/install.h"
#include "sealer/listing.h"

#define TRIES 5

/* --- looking ---------------------------------------------------------------------------------- */

/* The key files of the Secret; *active: the id of the greatest name's. */
static int sort_keys(struct retire *r, const struct kv *files, const char *id,
		     char active[static AGE_KEY_ID_TEXT], struct err *err)
{
	active[0] = '\0';
	for (size_t i = 0; i < files->n; i++) {
		const struct kv_item *file = &files->items[i];
		struct keyring kr = KEYRING_INIT;

		/* one that is no key is not the agent's trouble either, nor ours */
		if (keyring_add_bytes(&kr, file->name, file->data, file->len, NULL, NULL, NULL) ==
			0 &&
		    kr.n == 1) {
			const char *is = age_identity_id(kr.ids[0]);

			if (strcmp(is, id) == 0)
				kv_set_str(&r->files, file->name, "");
			else
				kv_set_str(&r->others, is, "");
			memcpy(active, is, AGE_KEY_ID_TEXT);
		}
		keyring_clear(&kr);
	}
	if (r->files.n > 0 && r->others.n == 0)
		return err_set(err, ERR_CONFLICT,
			       "it has no other key: nothing could be opened there any more; "
			       "'bulla keys install' brings the new one first");
	return 0;
}

static int check_active(const struct retire *r, const struct whichcluster_options *o,
			const char *id, const char *active, struct err *err)
{
	const struct recipient *is = o->config != NULL && r->which.name != NULL
					 ? recipients_find(&o->config->recipients, r->which.name)
					 : NULL;

	if (active[0] != '\0' && strcmp(active, id) == 0)
		return err_set(err, ERR_CONFLICT,
			       "it is the active key there; 'bulla keys install' brings the new "
			       "one first");
	if (is != NULL && r->files.n > 0 && !kv_has(&r->others, is->id))
		return err_set(err, ERR_CONFLICT,
			       "it has not got the key that %s has now, %s, yet; 'bulla keys "
			       "install' brings it",
			       is->name, is->id);
	if (r->published && r->which.published.active != NULL &&
	    strcmp(r->which.published.active->id, id) == 0)
		return err_set(err, ERR_CONFLICT,
			       "its agent still publishes it as the active key: it has not seen "
			       "the new one yet (a minute or so after 'bulla keys install')");
	return 0;
}

static int read_keys(struct retire *r, const struct whichcluster_options *o, const char *id,
		     struct err *err)
{
	struct kv files = KV_INIT;
	char active[AGE_KEY_ID_TEXT];
	int ret = install_read(&r->cluster, r->namespace, &files, &r->version, err);

	if (ret == 0)
		ret = sort_keys(r, &files, id, active, err);
	if (ret == 0)
		ret = check_active(r, o, id, active, err);
	kv_clear(&files);
	return ret;
}

static int check_which(const struct retire *r, const char *owner, struct err *err)
{
	const char *name = r->which.name;

	if (owner != NULL && name != NULL && strcmp(owner, name) != 0)
		return err_set(err, ERR_RECIPIENT, "it is the cluster of %s, and the key is %s's",
			       name, owner);
	return whichcluster_refuse(&r->which, err);
}

static int look(struct retire *r, const struct whichcluster_options *o, const char *id,
		const char *owner, json_t *uses, struct err *err)
{
	struct keyuse u = { id, &r->others };
	json_t *objects = json_object();
	int ret = check_which(r, owner, err);

	r->published = recipients_find(&r->which.published.keys, id) != NULL;
	if (ret == 0)
		ret = read_keys(r, o, id, err);
	if (ret == 0)
		ret = listing_read(&r->cluster, NULL, objects, err);
	if (ret == 0)
		keyuse_in_objects(&u, objects, r->which.label, uses);
	else
		err_wrap(err, "%s", r->which.label);
	json_decref(objects);
	return ret;
}

int retire_look(const struct whichcluster_options *o, const char *id, const char *owner,
		struct retire *out, json_t *uses, struct err *err)
{
	memset(out, 0, sizeof(*out));
	out->namespace =
	    mem_str(o->agent_namespace != NULL ? o->agent_namespace : CLUSTER_NAMESPACE);
	if (whichcluster_open(o, &out->cluster, &out->which, err) != 0)
		return -1;
	return look(out, o, id, owner, uses, err);
}

bool retire_any(const struct retire *r)
{
	return r->files.n > 0 || r->published;
}

void retire_clear(struct retire *r)
{
	cluster_close(&r->cluster);
	whichcluster_clear(&r->which);
	mem_free(r->namespace);
	mem_free(r->version);
	kv_clear(&r->files);
	kv_clear(&r->others);
	memset(r, 0, sizeof(*r));
}

/* --- doing ------------------------------------------------------------------------------------ */

/* An object of which entries go. */
struct target {
	const char *plural, *name;
	const struct kv *entries;
};

static void make_path(const struct retire *r, const struct target *t, const char *query,
		      struct buf *out)
{
	kube_path_object(out, KUBE_CORE, r->namespace, t->plural, t->name);
	buf_puts(out, query);
}

/* Take the entries out of the object as it was at this version. */
static int patch(struct retire *r, const struct target *t, const char *version, struct err *err)
{
	struct buf body = BUF_INIT, path = BUF_INIT;
	struct cluster_request request = {
		.request = { .method = "PATCH",
			     .type = KUBE_MERGE_PATCH,
			     .body = &body,
			     .metadata_only = true },
		.what = "change it",
	};
	json_t *gone = json_object(), *change;
	int ret;

	for (size_t i = 0; i < t->entries->n; i++)
		json_object_set_new(gone, t->entries->items[i].name, json_null());
	change = json_pack("{s:{s:s}, s:o}", "metadata", "resourceVersion", version, "data", gone);
	json_format(&body, change);
	make_path(r, t, "?fieldManager=bulla", &path);
	request.request.path = buf_str(&path);
	ret = cluster_ask(&r->cluster, &request, NULL, err);
	json_decref(change);
	buf_clear(&body);
	buf_clear(&path);
	return ret;
}

/* The version of the ConfigMap, a new string; NULL when it has not got the entry (any more). */
static int read_version(struct retire *r, const struct target *t, char **version, struct err *err)
{
	struct buf path = BUF_INIT;
	json_t *object = NULL;
	bool missing;
	struct cluster_request get = {
		.request = { .method = "GET", .idempotent = true },
		.what = "read it",
		.name = t->name,
		.missing = &missing,
	};
	int ret;

	make_path(r, t, "", &path);
	get.request.path = buf_str(&path);
	ret = cluster_ask(&r->cluster, &get, &object, err);
	*version = NULL;
	if (ret == 0 &&
	    json_object_get(json_object_get(object, "data"), t->entries->items[0].name) != NULL)
		*version = mem_str(json_string_value(
		    json_object_get(json_object_get(object, "metadata"), "resourceVersion")));
	json_decref(object);
	buf_clear(&path);
	return ret;
}

/* The agent writes there too, so what changed in between is looked at again. */
static int withdraw(struct retire *r, const struct target *t, struct err *err)
{
	int ret = 1;

	for (int i = 0; i < TRIES && ret == 1; i++) {
		char *version;

		ret = read_version(r, t, &version, err);
		if (ret == 0 && version != NULL)
			ret = patch(r, t, version, err);
		if (ret != 0 && err->class == ERR_CONFLICT)
			ret = 1;
		mem_free(version);
	}
	return ret == 0 ? 0 : -1;
}

int retire_apply(struct retire *r, const char *id, struct err *err)
{
	struct kv entry = KV_INIT;
	const struct target keys = { "secrets", BACKUP_SECRET, &r->files };
	const struct target told = { "configmaps", PUBLISHED_NAME, &entry };
	const struct target *at = &keys;
	int ret = 0;

	kv_set_str(&entry, id, "");
	if (r->files.n > 0)
		ret = patch(r, &keys, r->version, err);
	if (ret == 0) {
		at = &told;
		ret = withdraw(r, &told, err);
	}
	if (ret != 0)
		err_wrap(err, "%s: %s/%s", r->which.label, r->namespace, at->name);
	kv_clear(&entry);
	return ret;
}
