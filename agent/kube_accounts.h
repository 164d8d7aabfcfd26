/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ServiceAccounts that are to name Secrets of ours as imagePullSecrets, or do (DESIGN 6.1
 * Fan-out).
 *
 * All accounts of the cluster are watched, and those remembered that carry our note or are wanted.
 * A watch, because nothing else finds at a start what an agent before this one added where it is
 * not wanted any more; it also shows at once that an account came, as a new namespace's does 35 ms
 * after it, and that somebody changed one.  A missing one is asked for again now and then all the
 * same.  At most KUBE_ACCOUNTS_IN_FLIGHT are read or changed at a time.
 *
 * What an account is to name is decided by agent/kube_fan_accounts.h.  A part of
 * agent/store_kube.h.
 */
#ifndef BULLA_AGENT_KUBE_ACCOUNTS_H
#define BULLA_AGENT_KUBE_ACCOUNTS_H

#include "agent/kube_account.h"
#include "kube/watch.h"

#define KUBE_ACCOUNTS_IN_FLIGHT 8

struct kube_accounts {
	struct table table; /* by NAMESPACE/NAME */
	struct turns turns;
	struct kube_account_owner owner;
	struct kube_watch *watch;
	/* Is an account of this namespace none of ours, whatever it says? */
	bool (*barred)(const void *ctx, const char *namespace);
	const void *barred_ctx;
	size_t busy;
	bool synced; /* all were seen once */
	bool denied; /* they may not be listed, and were not seen */
	bool news;   /* some are not as they were; for the owner to clear */
	bool found;  /* some carry our note that were not known; the same */
};

/* None, and nothing is asked for. */
void kube_accounts_init(struct kube_accounts *all);
/* Begins to list. */
void kube_accounts_open(struct kube_accounts *all, struct kube_client *client,
			bool (*barred)(const void *ctx, const char *namespace), const void *ctx);
void kube_accounts_close(struct kube_accounts *all);

/* It is to name this Secret. */
struct kube_account *kube_accounts_want(struct kube_accounts *all, const char *namespace,
					const char *account, const char *secret);
/* It is not; what we added is removed. */
void kube_accounts_unwant(struct kube_accounts *all, struct kube_account *a, const char *secret);
/* Nobody asks for it any more; what we added stays.  a may be freed. */
void kube_accounts_forget(struct kube_accounts *all, struct kube_account *a, const char *secret);

/* Do what is due.  When more is (monotonic ms; INT64_MAX: nothing). */
int64_t kube_accounts_work(struct kube_accounts *all, int64_t now_ms);
bool kube_accounts_idle(const struct kube_accounts *all);

#endif
