/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person's word that the removals which the mass guard holds are meant: an annotation with the
 * one-time token of agent/guard.h on the agent's own Deployment.  A part of agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_RELEASE_H
#define BULLA_AGENT_KUBE_RELEASE_H

#include "agent/kube_state.h"

#define KUBE_RELEASE "bulla.dev/release-removals"

/* Look for it while something is held.  When to look next (monotonic ms; INT64_MAX: no need). */
int64_t kube_release_work(struct store_kube *st, int64_t now_ms);
/* The command for a person. */
void kube_release_command(const struct store_kube *st, struct buf *out);

#endif
