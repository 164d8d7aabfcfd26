/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public keys that the agent of a cluster publishes: ConfigMap bulla-recipients of its
 * namespace, KEYID -> age1..., and `active` -> the KEYID that it wants sealed to.  It only grows by
 * itself; `bulla keys retire` takes an entry away.
 */
#ifndef BULLA_SEALER_PUBLISHED_H
#define BULLA_SEALER_PUBLISHED_H

#include <jansson.h>

#include "keys/recipients.h"
#include "sealer/cluster.h"

struct err;

#define PUBLISHED_NAME "bulla-recipients"
#define PUBLISHED_ACTIVE "active"

struct published {
	struct recipients keys;		/* each under its key id */
	const struct recipient *active; /* one of keys; NULL: none is said to be */
};

#define PUBLISHED_INIT                                                                             \
	{                                                                                          \
		RECIPIENTS_INIT, NULL                                                              \
	}

/*
 * Read the data of the ConfigMap.  out must be PUBLISHED_INIT; empty on failure.  ERR_INVALID: an
 * entry that is no public key, or not the one of its id, or an `active` that is not there; nothing
 * of it is quoted but valid key ids.
 */
int published_parse(const json_t *object, struct published *out, struct err *err);

/*
 * Ask a cluster.  *there false, with out empty and no error, when it has no such ConfigMap.
 * ERR_REFUSED when who asks may not read it, else as cluster_ask.
 */
int published_read(struct cluster *c, const char *namespace, struct published *out, bool *there,
		   struct err *err);
void published_clear(struct published *p);

#endif
