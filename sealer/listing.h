/* SPDX-License-Identifier: Apache-2.0 */
/* The sealed documents that are in a cluster, read once and page by page. */
#ifndef BULLA_SEALER_LISTING_H
#define BULLA_SEALER_LISTING_H

#include <jansson.h>

#include "sealer/cluster.h"

struct err;

/*
 * Add all of a namespace, or of the cluster for NULL, to objects: {"NAMESPACE/NAME": item}, as they
 * are there.  Needs the right to list sealedcredentials; errors as paging_read, ERR_IO also when
 * the cluster has no such kind; objects may then hold some of them.
 */
int listing_read(struct cluster *c, const char *namespace, json_t *objects, struct err *err);

#endif
