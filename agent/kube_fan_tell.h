/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the condition FannedOut, for agent/kube_fanout.h. */
#ifndef BULLA_AGENT_KUBE_FAN_TELL_H
#define BULLA_AGENT_KUBE_FAN_TELL_H

#include "agent/kube_fan.h"
#include "agent/namespaces.h"

/* What a pass over all targets found. */
struct kube_fan_tally {
	size_t wanted, local, missing;
	const char *reason; /* of the first that is missing */
	struct buf names;   /* of the first few, and why */
	size_t kept;	    /* that are to go, and cannot */
	struct buf kept_names;
	size_t accounts; /* service accounts that are to name it */
	size_t accounts_missing, managed;
	enum kube_account_fault worst; /* of those */
	struct buf accounts_names;     /* of the first few, and why */
	struct buf managed_names;
	bool undecided; /* of some it is not known yet */
};

/* A copy is not as it should be. */
void kube_fan_tell_missing(struct kube_fan_tally *t, const struct kube_copy *c);
/* A copy that is not named any more stays while a source of Flux uses it. */
void kube_fan_tell_kept(struct kube_fan_tally *t, const struct kube_copy *c);
/* An account does not name the Secret. */
void kube_fan_tell_account(struct kube_fan_tally *t, const struct kube_account *a,
			   enum kube_account_fault fault);
void kube_fan_tell_end(struct kube_fan_tally *t);
/* Make that f's condition; its document is looked at when it says something new. */
void kube_fan_tell_tally(struct kube_fan *f, const struct namespaces_rule *rule,
			 struct kube_fan_tally *t);
/* It reaches nothing, and asks for nothing. */
void kube_fan_tell_nothing(struct kube_fan *f);
void kube_fan_tell_fault(struct kube_fan *f, const char *reason, const char *text);
/* What a status says of it; texts are borrowed. */
void kube_fan_tell_old(const json_t *status, struct status_json_fan_out *out);

#endif
