/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "base/mem.h"
#include "kube/client.h"

struct call {
	const struct kube_request *request;
	json_t **out;
	struct err *err;
	bool done;
	int r;
};

static void on_done(void *ctx, const struct kube_answer *a)
{
	struct call *c = ctx;
	char *what = mem_printf("%s %.200s", c->request->method, c->request->path);

	c->done = true;
	c->r = -1;
	if (a->status < 200 || a->status >= 300) {
		kube_error(a, what, c->err);
	} else if (c->out != NULL && a->object == NULL) {
		err_set(c->err, ERR_IO, "%s: the answer is no JSON object: is this an API server?",
			what);
	} else {
		if (c->out != NULL)
			*c->out = json_incref((json_t *)(uintptr_t)a->object);
		c->r = 0;
	}
	mem_free(what);
}

int kube_call(struct kube_client *k, const struct kube_request *r, json_t **out, struct err *err)
{
	struct call c = { .request = r, .out = out, .err = err };

	if (out != NULL)
		*out = NULL;
	kube_send(k, r, on_done, &c);
	for (kube_work(k); !c.done; kube_work(k))
		kube_wait(k, NULL, 0, -1);
	return c.r;
}
