/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing keys into a cluster's Secret bulla-sealing-keys, by server-side apply.
 *
 * What is there stays: the Secret is read, the files are added beside those that it has, and all
 * are applied on the resourceVersion that was read.  So nothing is ever removed by an apply of the
 * same manager, and nobody's change in between is lost.
 */
#ifndef BULLA_SEALER_INSTALL_H
#define BULLA_SEALER_INSTALL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/kv.h"
#include "keys/config.h"
#include "sealer/cluster.h"

struct err;

struct install_result {
	bool created;
	size_t added, there; /* of the files: new ones; those that the Secret had before, of any */
};

/*
 * ERR_CONFLICT another file of one of the names is there, the Secret is of another type or cannot
 * be changed, or it keeps changing; ERR_IO also when there is no such namespace.
 */
int install_keys(struct cluster *c, const char *namespace, const struct kv *files,
		 struct install_result *out, struct err *err);

/*
 * What the Secret holds: key file name -> text, and its resourceVersion, a new string; NULL, which
 * is no error, when there is no such Secret.  ERR_REFUSED when who asks may not read it.
 */
int install_read(struct cluster *c, const char *namespace, struct kv *out, char **version,
		 struct err *err);

/*
 * Is the key that would become the cluster's active one, by the names of these files, the one that
 * config has for name?  ERR_REFUSED when not and earlier is false; else a warning says so.
 */
int install_check(const char *name, const struct config *config, const struct kv *files,
		  bool earlier, struct err *err);

#endif
