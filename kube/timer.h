/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is due later, inside kube/: backoffs, deadlines.  kube_wait ends for the first of them and
 * kube_work calls it.
 */
#ifndef BULLA_KUBE_TIMER_H
#define BULLA_KUBE_TIMER_H

#include <stdint.h>

struct kube_timer;
struct kube_timers; /* those of one client (kube_client_timers) */

#define KUBE_TIMER_OFF INT64_MAX

/* now_ms is monotonic (clock_monotonic_ms).  It may set and free any timer, itself too. */
typedef void kube_timer_fn(void *ctx, int64_t now_ms);

struct kube_timers *kube_timers_new(void);
void kube_timers_free(struct kube_timers *all); /* with those that are left */

/* Off at first. */
struct kube_timer *kube_timer_new(struct kube_timers *all, kube_timer_fn *fn, void *ctx);
void kube_timer_free(struct kube_timer *t);
/* Call it once when at_ms (monotonic) has come; replaces what was set. */
void kube_timer_set(struct kube_timer *t, int64_t at_ms);

/* When the first is due; KUBE_TIMER_OFF: never. */
int64_t kube_timers_next(const struct kube_timers *all);
void kube_timers_run(struct kube_timers *all, int64_t now_ms);

#endif
