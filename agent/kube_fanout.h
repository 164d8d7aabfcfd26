/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fan-out (DESIGN 6.1): the Secret of an applied document, copied into the namespaces that both its
 * facts name and the agent's map (agent/namespaces.h) allows.
 *
 * What is copied comes from the opener alone: before copies of a document are made or removed, it
 * is opened, so that its facts are those bound inside and no claim.  A new namespace gets its
 * copies at once.  Where a document of the same name lives, that one wins: a copy that stands in
 * its way goes.  Copies that the facts no longer name are removed; those that only the map no
 * longer allows stay, are not kept up, and are told of: a narrowed configuration takes nothing
 * away.  Copies of a document that is gone go after its own Secret, which has passed the guards by
 * then.
 *
 * Service accounts name these Secrets as agent/kube_fan_accounts.h says.
 *
 * At most KUBE_FANOUT_IN_FLIGHT requests for copies are under way.  What is not as it should be is
 * told in the condition FannedOut and never in Ready.  The cluster install only.  A part of
 * agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_FANOUT_H
#define BULLA_AGENT_KUBE_FANOUT_H

#include "agent/kube_fan.h"

#define KUBE_FANOUT_IN_FLIGHT 8

void kube_fanout_open(struct store_kube *st); /* nothing, without a map */
void kube_fanout_close(struct store_kube *st);

/* Something was decided about d, or it is gone. */
void kube_fanout_look(struct store_kube *st, const struct kube_doc *d);
/* d was paused until now: each of its copies may have been changed meanwhile. */
void kube_fanout_resume(struct store_kube *st, const struct kube_doc *d);
/* The map has another content. */
void kube_fanout_changed(struct store_kube *st);
/* Do what is due.  When more is (monotonic ms; INT64_MAX: nothing). */
int64_t kube_fanout_work(struct store_kube *st, int64_t now_ms);
bool kube_fanout_idle(const struct store_kube *st);
/* What copies need was listed once; service accounts only where the agent may. */
bool kube_fanout_listed(const struct store_kube *st);

/*
 * The condition FannedOut of d; old: its status as last seen, whose words stand until more is
 * known.  Texts are borrowed from old or live until the next kube_fanout_work.
 */
void kube_fanout_say(const struct store_kube *st, const struct kube_doc *d, const json_t *old,
		     struct status_json_fan_out *out);
/* How often that changed.  kube_fanout_told: d's status says what was so at that count. */
unsigned kube_fanout_news(const struct store_kube *st, const struct kube_doc *d);
void kube_fanout_told(struct store_kube *st, const struct kube_doc *d, unsigned news);
/* It says something else by now. */
bool kube_fanout_due(const struct store_kube *st, const struct kube_doc *d);

/* Has d copies, or may it have some that are not known yet? */
bool kube_fanout_has_copies(const struct store_kube *st, const struct kube_doc *d);

/* Of all documents. */
void kube_fanout_counts(const struct store_kube *st, struct kube_fan_counts *out);

#endif
