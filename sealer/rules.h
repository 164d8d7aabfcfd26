/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first rules of a repository, from the names of its folders: what lies in clusters/eu-west9/
 * is for eu-west9, everything else for all.
 */
#ifndef BULLA_SEALER_RULES_H
#define BULLA_SEALER_RULES_H

#include "base/kv.h"
#include "keys/config.h"

struct err;

#define RULES_DEPTH 3	    /* folders below the top level that are looked at */
#define RULES_FOLDERS 20000 /* a larger repository gets its rules by hand */
#define RULES_CLUSTERS "clusters"

/* Names of the folders in TOP/clusters that can be recipients' names (name -> ""). */
int rules_cluster_names(const char *top, struct kv *out, struct err *err);

/*
 * "path/NAME/" + "**" to NAME for each folder of the name of a recipient, by path; last "**" to all
 * but recovery.  Links and folders beginning with "." are left out.  *rules is a new array of *n.
 */
int rules_make(const char *top, const struct recipients *r, struct config_rule **rules, size_t *n,
	       struct err *err);
void rules_free(struct config_rule *rules, size_t n);

#endif
