/* SPDX-License-Identifier: Apache-2.0 */
/* One cluster that a command talks to: a context of the user's kubeconfig, and requests to it. */
#ifndef BULLA_SEALER_CLUSTER_H
#define BULLA_SEALER_CLUSTER_H

#include <jansson.h>
#include <stdbool.h>

#include "kube/client.h"
#include "kube/config.h"

struct err;

#define CLUSTER_NAMESPACE "bulla-system" /* where the agent and its keys are unless told */

struct cluster {
	struct kube_config config;
	struct kube_client *client;
};

/*
 * kubeconfig: --kubeconfig, or NULL.  Warnings about it are printed.  Nothing is asked yet, but a
 * plugin of the kubeconfig may have run.  Close it in every case.
 */
int cluster_open(const char *kubeconfig, const char *context, struct cluster *out, struct err *err);
void cluster_close(struct cluster *c);

/*
 * Send and wait.  0 for a 2xx, with *out (NULL: not wanted) the object, owned by the caller.  With
 * missing given, a 404 that names the object `name` is no error: *missing is true and *out NULL.
 */
struct cluster_request {
	struct kube_request request;
	const char *what; /* for errors: "read Secret a/b" */
	const char *name;
	bool *missing;
};
int cluster_ask(struct cluster *c, const struct cluster_request *r, json_t **out, struct err *err);

#endif
