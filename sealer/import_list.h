/* SPDX-License-Identifier: Apache-2.0 */
/* The Secrets of a live cluster, for `bulla import secret --context`. */
#ifndef BULLA_SEALER_IMPORT_LIST_H
#define BULLA_SEALER_IMPORT_LIST_H

#include <jansson.h>

#include "sealer/cluster.h"

struct err;

/*
 * All of a namespace, or of the cluster for NULL: a new array of objects with apiVersion and kind,
 * by namespace and name.  They hold secrets; jansson's allocator wipes them with the last
 * reference.  NULL and err as paging_read.
 */
json_t *import_list(struct cluster *c, const char *namespace, struct err *err);
/* One of them, a new reference; *out NULL when there is none of that name. */
int import_list_one(struct cluster *c, const char *namespace, const char *name, json_t **out,
		    struct err *err);

#endif
