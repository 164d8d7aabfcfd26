/* SPDX-License-Identifier: Apache-2.0 */
#include "sealer/cluster.h"

#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/name.h"
#include "base/notes.h"
#include "base/out.h"

int cluster_where_check(const struct cluster_where *w, bool any, const char *with, struct err *err)
{
	if (!any && (w->kubeconfig != NULL || w->agent_namespace != NULL))
		return err_set(err, ERR_USAGE, "%s goes with %s",
			       w->kubeconfig != NULL ? "--kubeconfig" : "-N", with);
	if (w->agent_namespace != NULL && !name_is_label(w->agent_namespace))
		return err_set(err, ERR_USAGE, "-N: not a namespace's name");
	return 0;
}

const char *cluster_where_namespace(const struct cluster_where *w)
{
	return w->agent_namespace != NULL ? w->agent_namespace : CLUSTER_NAMESPACE;
}

int cluster_open(const char *kubeconfig, const char *context, struct cluster *out, struct err *err)
{
	struct notes notes = NOTES_INIT;
	const struct kube_config_options o = {
		.kubeconfig = kubeconfig,
		.context = context,
		.interactive = true,
		.notes = &notes,
	};
	int r;

	memset(out, 0, sizeof(*out));
	r = kube_config_load(&o, &out->config, err);
	for (size_t i = 0; i < notes.n; i++)
		out_warn("%s", notes.text[i]);
	notes_clear(&notes);
	if (r != 0)
		return -1;
	out->client = kube_client_new(&out->config, "bulla", err);
	return out->client != NULL ? 0 : -1;
}

void cluster_close(struct cluster *c)
{
	kube_client_free(c->client);
	kube_config_clear(&c->config);
	memset(c, 0, sizeof(*c));
}

struct call {
	const struct cluster_request *request;
	json_t **out;
	struct err *err;
	bool done;
	int r;
};

static bool is_missing(const struct cluster_request *r, const struct kube_answer *a)
{
	return r->missing != NULL && a->status == 404 && strcmp(a->reason, "NotFound") == 0 &&
	       strcmp(a->name, r->name) == 0;
}

static void on_done(void *ctx, const struct kube_answer *a)
{
	struct call *c = ctx;
	const struct cluster_request *r = c->request;

	c->done = true;
	c->r = 0;
	if (is_missing(r, a))
		*r->missing = true;
	else if (a->status < 200 || a->status >= 300)
		c->r = kube_error(a, r->what, c->err);
	else if (a->object == NULL)
		c->r = err_set(c->err, ERR_IO, "%s: the answer is no JSON object", r->what);
	else if (c->out != NULL)
		*c->out = json_incref((json_t *)(uintptr_t)a->object);
}

int cluster_ask(struct cluster *c, const struct cluster_request *r, json_t **out, struct err *err)
{
	struct call call = { .request = r, .out = out, .err = err };

	if (out != NULL)
		*out = NULL;
	if (r->missing != NULL)
		*r->missing = false;
	kube_send(c->client, &r->request, on_done, &call);
	for (kube_work(c->client); !call.done; kube_work(c->client))
		kube_wait(c->client, NULL, 0, -1);
	return call.r;
}
