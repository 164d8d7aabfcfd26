/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ServiceAccounts are to name the Secret of a document that reaches beyond its namespace:
 * those that its fact `service-accounts` names and the map allows, beside its own Secret and beside
 * each copy that is in place (agent/kube_accounts.h has the accounts).
 *
 * The Secret is there before an account names it, and no account names it any more when it goes.
 * What an account names without need is taken back when the document, its fact, the rule of the map
 * or the target says so, and not while that cannot be seen: a document that cannot be opened just
 * now, or one that is gone and whose Secret stays, changes no account.
 */
#ifndef BULLA_AGENT_KUBE_FAN_ACCOUNTS_H
#define BULLA_AGENT_KUBE_FAN_ACCOUNTS_H

#include "agent/kube_fan.h"
#include "agent/kube_fan_tell.h"
#include "agent/namespaces.h"

void kube_fan_accounts_open(struct kube_fanout *all);

/* Decide about all accounts for f, whose facts are known unless rule is NULL, and tally them. */
void kube_fan_accounts_plan(struct kube_fan *f, const struct namespaces_rule *rule,
			    struct kube_fan_tally *t);

/* f is about to be dropped: it wants nothing any more.  Nothing is taken back. */
void kube_fan_accounts_forget(struct kube_fan *f);

/*
 * The Secret is about to be removed: does no account name it by our doing?  false: they are asked
 * not to, and it is worth to ask again soon.  An account that we may not change, or that another
 * manages, counts for none.
 */
bool kube_fan_accounts_free(struct kube_fanout *all, const char *namespace, const char *secret);
/*
 * The same of a copy of the kube_fan ctx, once nothing else keeps it, for kube_copy_owner;
 * c->letting_go says that it waits for accounts.  false too when its document came back.
 */
bool kube_fan_accounts_let_copy_go(void *ctx, struct kube_copy *c);
/* The same of a document's own; true without a map. */
bool kube_fan_accounts_let_go(const struct store_kube *st, const char *namespace,
			      const char *secret);

/* One that holds such a Secret up because the server does not change it; NULL: none. */
const struct kube_account *kube_fan_accounts_holder(const struct store_kube *st,
						    const char *namespace, const char *secret);

/* A fan for each document whose Secret is noted on an account: it may not name it any more. */
void kube_fan_accounts_claim(struct kube_fanout *all);

#endif
