/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/paging.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"

#define RESTARTS 4 /* of a list that grows too old again and again */

/* Where a reading is. */
struct page {
	const struct paging *of;
	size_t limit;
	char *next; /* NULL: the first */
};

static void make_path(const struct page *p, struct buf *path)
{
	kube_path_object(path, p->of->group, p->of->namespace, p->of->resource, NULL);
	buf_printf(path, "?limit=%zu", p->limit);
	if (p->next != NULL) {
		buf_puts(path, "&continue=");
		kube_path_put(path, p->next);
	}
}

static int take_items(const struct paging *p, const json_t *list, struct err *err)
{
	const json_t *items = json_object_get(list, "items");
	json_t *item;
	size_t i;

	if (!json_is_array(items))
		return err_set(err, ERR_IO, "%s: the answer is no list", p->what);
	json_array_foreach(items, i, item)
	{
		if (p->take(p->ctx, item, err) != 0)
			return -1;
	}
	return 0;
}

static int read_page(struct cluster *c, struct page *p, struct err *err)
{
	struct buf path = BUF_INIT;
	struct cluster_request r = {
		.request = { .method = "GET", .idempotent = true },
		.what = p->of->what,
	};
	const char *next;
	json_t *list;
	int ret;

	make_path(p, &path);
	r.request.path = buf_str(&path);
	ret = cluster_ask(c, &r, &list, err);
	if (ret == 0)
		ret = take_items(p->of, list, err);
	if (ret == 0) {
		next = json_string_value(
		    json_object_get(json_object_get(list, "metadata"), "continue"));
		mem_replace(&p->next, next != NULL && *next != '\0' ? next : NULL);
	}
	json_decref(list);
	buf_clear(&path);
	return ret;
}

/* The text of kube/transfer.c: fewer at a time then, for an object may have a megabyte. */
static bool is_too_large(const struct err *err)
{
	return strstr(err->text, "the answer is larger than") != NULL;
}

int paging_read(struct cluster *c, const struct paging *of, struct err *err)
{
	struct page p = { of, of->limit, NULL };
	unsigned restarts = 0;
	int r;

	do {
		r = read_page(c, &p, err);
		if (r != 0 && is_too_large(err) && p.limit > 1) {
			p.limit = p.limit > 8 ? p.limit / 8 : 1;
			r = 1;
		} else if (r != 0 && err->class == ERR_CONFLICT && p.next != NULL &&
			   restarts < RESTARTS) {
			restarts++;
			mem_replace(&p.next, NULL);
			of->restart(of->ctx);
			r = 1;
		}
	} while (r > 0 || (r == 0 && p.next != NULL));
	mem_free(p.next);
	return r;
}
