/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealing key on its way out of one cluster: first out of the Secret that the agent has its keys
 * from, then out of the ConfigMap that it publishes.  Each step is done on the version that was
 * looked at, and doing both again is fine.
 */
#ifndef BULLA_SEALER_RETIRE_H
#define BULLA_SEALER_RETIRE_H

#include <jansson.h>

#include "sealer/keyuse.h"
#include "sealer/whichcluster.h"

struct err;

struct retire {
	struct cluster cluster;
	struct whichcluster which;
	char *namespace;
	char *version;	  /* of the Secret, as looked at; NULL: there is none */
	struct kv files;  /* names of the key files of the Secret that hold the key -> "" */
	struct kv others; /* ids of the other keys in it -> "" */
	bool published;	  /* the ConfigMap has it */
};

/*
 * Look at a cluster: which one it is, its keys, and which of its documents need key id, which are
 * added to uses.  ERR_REFUSED when who asks may not read the Secret; ERR_CONFLICT when the cluster
 * would be left without a key, or with another active key than .bulla/config has for it;
 * ERR_RECIPIENT when it is the cluster of another recipient than owner (NULL: not known).
 * retire_clear in every case.
 */
int retire_look(const struct whichcluster_options *o, const char *id, const char *owner,
		struct retire *out, json_t *uses, struct err *err);
/* Is there anything to do? */
bool retire_any(const struct retire *r);
/* Do it.  ERR_CONFLICT when what is there keeps changing. */
int retire_apply(struct retire *r, const char *id, struct err *err);
void retire_clear(struct retire *r);

#endif
