/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/import_list.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define PAGE 100 /* Secrets in one answer, which is bounded in bytes as well */
#define TRIES 5

struct page {
	const char *namespace;
	size_t limit;
	char *next; /* NULL: the first */
};

/* The items of a list do not say what they are. */
static void mark(json_t *item)
{
	json_object_set_new(item, "apiVersion", json_string("v1"));
	json_object_set_new(item, "kind", json_string("Secret"));
}

static int take_items(const json_t *list, json_t *out, struct err *err)
{
	const json_t *items = json_object_get(list, "items");
	json_t *item;
	size_t i;

	if (!json_is_array(items))
		return err_set(err, ERR_IO, "list Secrets: the answer is no list");
	json_array_foreach(items, i, item)
	{
		if (!json_is_object(item))
			return err_set(err, ERR_IO, "list Secrets: an item is no object");
		mark(item);
		json_array_append(out, item);
	}
	return 0;
}

static int read_page(struct cluster *c, struct page *p, json_t *out, struct err *err)
{
	struct buf path = BUF_INIT;
	struct cluster_request r = {
		.request = { .method = "GET", .idempotent = true },
		.what = "list Secrets",
	};
	const char *next;
	json_t *list;
	int ret;

	kube_path_object(&path, KUBE_CORE, p->namespace, "secrets", NULL);
	buf_printf(&path, "?limit=%zu", p->limit);
	if (p->next != NULL) {
		buf_puts(&path, "&continue=");
		kube_path_put(&path, p->next);
	}
	r.request.path = buf_str(&path);
	ret = cluster_ask(c, &r, &list, err);
	if (ret == 0)
		ret = take_items(list, out, err);
	if (ret == 0) {
		next = json_string_value(
		    json_object_get(json_object_get(list, "metadata"), "continue"));
		mem_replace(&p->next, next != NULL && *next != '\0' ? next : NULL);
	}
	json_decref(list);
	buf_clear(&path);
	return ret;
}

static bool is_too_large(const struct err *err)
{
	return strstr(err->text, "the answer is larger than") != NULL;
}

json_t *import_list(struct cluster *c, const char *namespace, struct err *err)
{
	struct page p = { namespace, PAGE, NULL };
	json_t *out = json_array();
	unsigned tries = TRIES;
	int r;

	do {
		r = read_page(c, &p, out, err);
		if (r != 0 && is_too_large(err) && p.limit > 1) {
			p.limit = p.limit > 8 ? p.limit / 8 : 1;
			r = 1;
		} else if (r != 0 && err->class == ERR_CONFLICT && p.next != NULL && --tries > 0) {
			/* the list grew too old: from the start */
			mem_replace(&p.next, NULL);
			json_array_clear(out);
			r = 1;
		}
	} while (r > 0 || (r == 0 && p.next != NULL));
	mem_free(p.next);
	if (r == 0)
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
