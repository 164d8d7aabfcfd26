/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends Events, two at a time, behind all other work and without ever holding it up: what does not
 * fit, or fails again and again, is dropped and counted.
 *
 * The same event about the same object again within six minutes is one Event with a series: the
 * second time is told at once, further ones every half hour and at the end.
 */
#ifndef BULLA_KUBE_RECORDER_H
#define BULLA_KUBE_RECORDER_H

#include <stddef.h>
#include <stdint.h>

#include "kube/client.h"
#include "kube/event.h"

#define KUBE_RECORDER_MAX 1000 /* events that wait, or are remembered for a series */
#define KUBE_RECORDER_IN_FLIGHT 2
#define KUBE_RECORDER_TRIES 12
#define KUBE_RECORDER_RETRY_MS 10000
#define KUBE_SERIES_REFRESH_MS ((int64_t)30 * 60000)
#define KUBE_SERIES_END_MS ((int64_t)6 * 60000)

struct kube_recorder;

/* by is copied. */
struct kube_recorder *kube_recorder_new(struct kube_client *k, const struct kube_reporter *by);
void kube_recorder_free(struct kube_recorder *r); /* what waits is not sent; NULL is fine */

/* Copied; goes out from kube_work. */
void kube_recorder_put(struct kube_recorder *r, const struct kube_event *e);

/* Those that are to be sent and were not yet: a process that ends waits for 0, a little. */
size_t kube_recorder_pending(const struct kube_recorder *r);
uint64_t kube_recorder_dropped(const struct kube_recorder *r);

#endif
