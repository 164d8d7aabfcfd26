/* SPDX-License-Identifier: Apache-2.0 */
/* A list of a cluster, read page by page. */
#ifndef BULLA_SEALER_PAGING_H
#define BULLA_SEALER_PAGING_H

#include <jansson.h>

#include "sealer/cluster.h"

struct err;

struct paging {
	const char *what;      /* "list Secrets": begins every error */
	const char *group;     /* KUBE_CORE, "/apis/bulla.dev/v1" */
	const char *resource;  /* "secrets" */
	const char *namespace; /* NULL: of the whole cluster */
	size_t limit;	       /* objects in one answer, fewer where they are too large for it */
	/* Take one item, which is the list's: keep it by json_incref.  -1 ends the reading. */
	int (*take)(void *ctx, json_t *item, struct err *err);
	/* Forget what was taken: the list grew too old on the way and begins again. */
	void (*restart)(void *ctx);
	void *ctx;
};

/* Errors as cluster_ask and take; ERR_IO also for an answer that is no list. */
int paging_read(struct cluster *c, const struct paging *p, struct err *err);

#endif
