/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first sealing key of a cluster, made inside of it: bulla-agent --generate-key.
 *
 * It makes a key and creates the Secret bulla-sealing-keys of the agent's namespace with it.  It
 * may create and not read, so it never learns what is in one that is there; nor can it be had to
 * make a second key where a first was in use: with the ConfigMap bulla-recipients or any
 * SealedCredential in the cluster, a Secret that is missing is one that was lost, and is restored
 * by `bulla keys install`.  The key is in guarded memory and in the request, nowhere else.
 */
#ifndef BULLA_AGENT_GENERATE_KEY_H
#define BULLA_AGENT_GENERATE_KEY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/options.h"
#include "base/err.h"

struct age_identity;
struct buf;

#define GENERATE_KEY_SECRET "bulla-sealing-keys"

/*
 * The exit status: ERR_NONE also when the Secret is there already.  ERR_CONFLICT when it is not
 * and the cluster has recipients or documents; ERR_USAGE the namespace is no namespace's name;
 * as kube_error what the server refuses, and nothing is created unless its answer was lost.
 */
enum err_class generate_key(const struct options *o, struct err *err);

/*
 * The Secret, as JSON: the identity's file under the name that `bulla keys generate` gives it (now:
 * seconds since 1970).  Appended to out, which is then secret.  id NULL: without data.
 */
void generate_key_secret(const char *namespace, const struct age_identity *id, int64_t now,
			 struct buf *out);

/* Does a list have items, here or on a further page?  ERR_IO when it is no list. */
int generate_key_any(const json_t *list, bool *any, struct err *err);

#endif
