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

/* Where the agent of a cluster is, as a command line says it: for the member `where` of `type`. */
struct cluster_where {
	const char *kubeconfig, *agent_namespace;
};
#define CLUSTER_WHERE_OPTIONS(type)                                                                \
	{ 'N',                                                                                     \
	  "agent-namespace",                                                                       \
	  "NAMESPACE",                                                                             \
	  "where the agent is in it (default: bulla-system)",                                      \
	  offsetof(struct type, where.agent_namespace),                                            \
	  0 },                                                                                     \
	{                                                                                          \
		0, "kubeconfig", "FILE", "instead of $KUBECONFIG or ~/.kube/config",               \
		    offsetof(struct type, where.kubeconfig), 0                                     \
	}

/*
 * ERR_USAGE: no namespace's name; or either is given though no cluster is (any false).  with: the
 * option that says which, and what more there is to say of it.
 */
int cluster_where_check(const struct cluster_where *w, bool any, const char *with, struct err *err);
/* agent_namespace, or where it is unless told. */
const char *cluster_where_namespace(const struct cluster_where *w);

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
