/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/import_list.h"

#include "base/err.h"
#include "sealer/paging.h"

#define PAGE 100 /* Secrets in one answer, which is bounded in bytes as well */

/* The items of a list do not say what they are. */
static void mark(json_t *item)
{
	json_object_set_new(item, "apiVersion", json_string("v1"));
	json_object_set_new(item, "kind", json_string("Secret"));
}

static int take(void *ctx, json_t *item, struct err *err)
{
	if (!json_is_object(item))
		return err_set(err, ERR_IO, "list Secrets: an item is no object");
	mark(item);
	json_array_append(ctx, item);
	return 0;
}

static void restart(void *ctx)
{
	json_array_clear(ctx);
}

json_t *import_list(struct cluster *c, const char *namespace, struct err *err)
{
	json_t *out = json_array();
	const struct paging p = {
		.what = "list Secrets",
		.group = KUBE_CORE,
		.resource = "secrets",
		.namespace = namespace,
		.limit = PAGE,
		.take = take,
		.restart = restart,
		.ctx = out,
	};

	if (paging_read(c, &p, err) == 0)
		return out;
	json_decref(out);
	return NULL;
}

int import_list_one(struct cluster *c, const char *namespace, const char *name, json_t **out,
		    struct err *err)
{
	struct buf path = BUF_INIT;
	bool missing;
	struct cluster_request r = {
		.request = { .method = "GET", .idempotent = true },
		.what = "read a Secret",
		.name = name,
		.missing = &missing,
	};
	int ret;

	kube_path_object(&path, KUBE_CORE, namespace, "secrets", name);
	r.request.path = buf_str(&path);
	ret = cluster_ask(c, &r, out, err);
	if (ret == 0 && *out != NULL)
		mark(*out);
	buf_clear(&path);
	return ret;
}
