/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A person's word that the removals which the mass guard holds are meant: an annotation with the
 * one-time token of agent/guard.h on the agent's own Deployment.  An Event there says that they are
 * held, and the command that releases them, once for each set.
 *
 * What a token releases is let go whole (agent/reconcile.h), as long as this agent runs; the token
 * itself is used up by that, or by what it was given for being held no longer, and then taken off
 * the Deployment again.  Should that fail it releases nothing any more.  Where the Deployment
 * cannot be read no release is seen, and nothing but the log says so.  A part of
 * agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_RELEASE_H
#define BULLA_AGENT_KUBE_RELEASE_H

#include "agent/kube_state.h"

#define KUBE_RELEASE "bulla.dev/release-removals"

/* What the guard says now, to a decision with st->release. */
void kube_release_decided(struct store_kube *st, const struct reconcile_result *r);
/* What is held is in the log: an Event may follow. */
void kube_release_told(struct store_kube *st);
/* Look for a release while something is held.  When to look next (monotonic ms; INT64_MAX: no
 * need). */
int64_t kube_release_work(struct store_kube *st, int64_t now_ms);
/* The command for a person. */
void kube_release_command(const struct store_kube *st, struct buf *out);

#endif
