/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/listing.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "sealer/standing.h"

#define PAGE 200 /* documents in one answer, which is bounded in bytes as well */
#define TRIES 5

/* One page; *next is what comes after it, NULL at the end.  Owned by the caller. */
struct page {
	const char *namespace;
	size_t limit;
	char *next;
};

static void make_path(const struct page *p, struct buf *path)
{
	kube_path_object(path, "/apis/bulla.dev/v1", p->namespace, "sealedcredentials", NULL);
	buf_printf(path, "?limit=%zu", p->limit);
	if (p->next != NULL) {
		buf_puts(path, "&continue=");
		kube_path_put(path, p->next);
	}
}

static int take_items(const json_t *list, json_t *objects, struct err *err)
{
	const json_t *items = json_object_get(list, "items");
	json_t *item;
	size_t i;

	if (!json_is_array(items))
		return err_set(err, ERR_IO, "list SealedCredentials: the answer is no list");
	json_array_foreach(items, i, item)
	{
		if (!standing_add_object(objects, item))
			return err_set(err, ERR_IO,
				       "list SealedCredentials: an object without a name");
	}
	return 0;
}

static int read_page(struct cluster *c, struct page *p, json_t *objects, struct err *err)
{
	struct buf path = BUF_INIT;
	struct cluster_request r = {
		.request = { .method = "GET", .idempotent = true },
		.what = "list SealedCredentials",
	};
	const char *next;
	json_t *list;
	int ret;

	make_path(p, &path);
	r.request.path = buf_str(&path);
	ret = cluster_ask(c, &r, &list, err);
	if (ret == 0)
		ret = take_items(list, objects, err);
	if (ret == 0) {
		next = json_string_value(
		    json_object_get(json_object_get(list, "metadata"), "continue"));
		mem_free(p->next);
		p->next = next != NULL && *next != '\0' ? mem_str(next) : NULL;
	}
	json_decref(list);
	buf_clear(&path);
	return ret;
}

/* The text of kube/transfer.c: fewer at a time then, for documents may be a megabyte each. */
static bool is_too_large(const struct err *err)
{
	return strstr(err->text, "the answer is larger than") != NULL;
}

int listing_read(struct cluster *c, const char *namespace, json_t *objects, struct err *err)
{
	struct page p = { namespace, PAGE, NULL };
	int tries = TRIES, r;

	do {
		r = read_page(c, &p, objects, err);
		if (r != 0 && is_too_large(err) && p.limit > 1) {
			p.limit = p.limit > 8 ? p.limit / 8 : 1;
			r = 1;
		} else if (r != 0 && err->class == ERR_CONFLICT && p.next != NULL && --tries > 0) {
			/* the list grew too old: from the start */
			mem_free(p.next);
			p.next = NULL;
			json_object_clear(objects);
			r = 1;
		}
	} while (r > 0 || (r == 0 && p.next != NULL));
	mem_free(p.next);
	return r;
}
