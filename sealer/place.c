/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/place.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/out.h"
#include "document/document.h"
#include "sealer/standing.h"

#define WHAT "watch SealedCredentials"
#define SLICE_MS 40 /* between two looks at a cluster, when several are watched */

static void on_begin(void *ctx)
{
	struct place *p = ctx;

	json_decref(p->seen);
	p->seen = json_object();
}

static void is_well(struct place *p)
{
	if (p->trouble != NULL)
		out_note("%s: it answers again", p->which.label);
	mem_replace(&p->trouble, NULL);
}

static void on_object(void *ctx, const json_t *o)
{
	struct place *p = ctx;
	json_t *small = standing_trimmed(o);

	standing_add_object(p->objects, small);
	if (p->seen != NULL)
		standing_add_object(p->seen, small);
	json_decref(small);
	p->changed = true;
	is_well(p);
}

static void on_deleted(void *ctx, const json_t *o)
{
	struct place *p = ctx;
	json_t *one = json_object();
	const char *key;
	json_t *value;

	standing_add_object(one, (json_t *)(uintptr_t)o);
	json_object_foreach(one, key, value)
	{
		json_object_del(p->objects, key);
		if (p->seen != NULL)
			json_object_del(p->seen, key);
	}
	json_decref(one);
	p->changed = true;
}

static void on_synced(void *ctx)
{
	struct place *p = ctx;

	if (p->seen != NULL) {
		json_decref(p->objects);
		p->objects = p->seen;
		p->seen = NULL; /* transferred */
	}
	p->listed = p->changed = true;
	is_well(p);
}

static void on_resumed(void *ctx)
{
	is_well(ctx);
}

/* Rights do not come by waiting; a server that restarts and a kind that Flux installs do. */
static void on_failed(void *ctx, const struct kube_answer *a)
{
	struct place *p = ctx;
	struct err why = ERR_INIT;

	if (a->status >= 200 && a->status < 300) /* one object, which was passed over */
		return;
	if (a->status == 0) /* nothing was asked to be done, so nothing can be done in part */
		err_set(&why, ERR_IO, WHAT ": %s", a->message);
	else
		kube_error(a, WHAT, &why);
	if (a->status == 401 || a->status == 403) {
		err_set(&p->fatal, why.class, "%s: %s", p->which.label, why.text);
		return;
	}
	if (p->trouble != NULL && strcmp(p->trouble, why.text) == 0)
		return;
	out_warn("%s: %s; trying on", p->which.label, why.text);
	mem_replace(&p->trouble, why.text);
}

static void put_selector(const struct place_filter *filter, struct buf *out)
{
	buf_puts(out, "fieldSelector=metadata.name%3D");
	kube_path_put(out, filter->name);
}

int place_open(struct place *p, const struct whichcluster_options *o,
	       const struct place_filter *filter, struct err *err)
{
	static const struct kube_watch_handler handler = { on_begin,  on_object, on_deleted,
							   on_synced, on_failed, on_resumed };
	struct buf path = BUF_INIT, selector = BUF_INIT;
	struct kube_watch_options w = { 0 };

	*p = (struct place){ .objects = json_object() };
	if (whichcluster_open(o, &p->cluster, &p->which, err) != 0)
		return -1;
	kube_path_object(&path, DOCUMENT_API_PATH, filter->namespace, DOCUMENT_PLURAL, NULL);
	if (filter->name != NULL)
		put_selector(filter, &selector);
	w.path = buf_str(&path);
	w.selector = selector.len > 0 ? buf_str(&selector) : NULL;
	p->watch = kube_watch_new(p->cluster.client, &w, &handler, p);
	buf_clear(&path);
	buf_clear(&selector);
	return 0;
}

void place_recognise(struct place *p, const struct whichcluster_options *o)
{
	struct whichcluster which;
	struct cluster cluster;

	if (p->which.name != NULL)
		return;
	if (whichcluster_open(o, &cluster, &which, NULL) == 0 && which.name != NULL) {
		struct whichcluster old = p->which;

		p->which = which;
		which = old;
		p->changed = true;
	}
	whichcluster_clear(&which);
	cluster_close(&cluster);
}

void place_work(struct place *p)
{
	p->changed = false;
	kube_work(p->cluster.client);
}

void place_wait(struct place *places, size_t n, int ms)
{
	if (n == 1) {
		kube_wait(places[0].cluster.client, NULL, 0, ms);
		return;
	}
	for (size_t i = 0; i < n; i++)
		kube_wait(places[i].cluster.client, NULL, 0,
			  ms < SLICE_MS ? ms / (int)n : SLICE_MS / (int)n);
}

void place_close(struct place *p)
{
	if (p->watch != NULL)
		kube_watch_free(p->watch);
	cluster_close(&p->cluster);
	whichcluster_clear(&p->which);
	json_decref(p->objects);
	json_decref(p->seen);
	mem_free(p->trouble);
	memset(p, 0, sizeof(*p));
}
