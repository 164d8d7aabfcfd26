/* SPDX-License-Identifier: Apache-2.0 */
/* What a pod is given to reach its API server (client-go, rest.InClusterConfig). */
#ifndef BULLA_KUBE_POD_H
#define BULLA_KUBE_POD_H

#include <stdbool.h>

struct err;

#define POD_FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"

struct pod {
	char *server;	 /* https://HOST:PORT */
	char *namespace; /* $POD_NAMESPACE, else the file's, else "default" */
	char *token_file, *ca_file;
};

/* Is this a pod: is KUBERNETES_SERVICE_HOST set? */
bool pod_here(void);

/* folder: POD_FOLDER, but for tests.  ERR_USAGE not in a pod; ERR_INVALID, ERR_IO.  The files of
 * token and CA are not read here.  out is cleared on failure. */
int pod_find(const char *folder, struct pod *out, struct err *err);
void pod_clear(struct pod *p);

#endif
