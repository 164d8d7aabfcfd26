/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The imagePullSecrets of a ServiceAccount, and which of them the agent added (DESIGN 6.1 Fan-out;
 * cluster-findings 3).
 *
 * The list is atomic on the server: server-side apply and strategic merge take away what others put
 * there.  So it is read, and changed by a JSON patch that tests the resourceVersion that was read.
 * Names that the agent added stand in the annotation bulla.dev/pull-secrets, by commas; it removes
 * only those.  A name that is there already and is not noted is somebody else's, and stays so.
 * Pure: no request is sent.
 */
#ifndef BULLA_AGENT_PULL_SECRETS_H
#define BULLA_AGENT_PULL_SECRETS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/kv.h"

#define PULL_SECRETS_NOTE "bulla.dev/pull-secrets"
#define PULL_SECRETS_FIGHT_MS 60000

/* Names; the values are empty. */
struct pull_secrets {
	struct kv listed;
	struct kv noted;
};

#define PULL_SECRETS_INIT                                                                          \
	{                                                                                          \
		KV_INIT, KV_INIT                                                                   \
	}

/* What an account says; out is cleared before.  What is not the name of a Secret is passed over. */
void pull_secrets_read(const json_t *account, struct pull_secrets *out);
void pull_secrets_clear(struct pull_secrets *s);

/*
 * Append the JSON patch after which account names each of want, at the end of its list where it
 * does not yet, and none of drop that the agent added.  A name of both is wanted.  All other
 * entries keep their place; other noted names stay noted.  false: it is so already, or account has
 * no resourceVersion; nothing is appended.
 */
bool pull_secrets_patch(const json_t *account, const struct kv *want, const struct kv *drop,
			struct buf *out);

/* Is one of want not listed any more, that was: it is noted, or one of ours, added before? */
bool pull_secrets_lost(const struct pull_secrets *s, const struct kv *want, const struct kv *ours);

/* Who takes away what we add. */
struct pull_secrets_fight {
	bool begun;
	int64_t at; /* monotonic ms when it was last lost */
};

/* It was lost now.  true: for the second time within PULL_SECRETS_FIGHT_MS, so let it be. */
bool pull_secrets_fought(struct pull_secrets_fight *f, int64_t now_ms);

#endif
