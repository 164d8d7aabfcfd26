/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A multi handle with connections of its own, what waits for it, and what to do when it stalls.
 *
 * A lane opens with one short GET /version alone: libcurl 8.13 to 8.15 let requests hang that wait
 * for a connection's first answer when the first of them runs into its time limit (rule 3.2), and a
 * server that is down or refuses the credentials then answers one request and not thousands.  When
 * that fails, all that waited for it fail alike.  The lane closes when a connection broke, a
 * request timed out, a stream was silent for too long (kube_lane_doubt), or nothing was sent for a
 * while; after two timeouts in a row, of which a silence counts as one, everything is thrown away
 * with its connections (rule 3.5: libcurl would choose the dead one again).
 */
#ifndef BULLA_KUBE_LANE_H
#define BULLA_KUBE_LANE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/select.h>

#include "kube/session.h"
#include "kube/transfer.h"

struct err;
struct kube_lane;

struct kube_lane_limits {
	size_t in_flight; /* 0: no limit */
	size_t urgent;	  /* more, for urgent ones */
};

/* s must outlive it. */
struct kube_lane *kube_lane_new(struct kube_session *s, const struct kube_lane_limits *limits);
/* What is under way or waits is dropped unheard. */
void kube_lane_free(struct kube_lane *l);

/* Takes t, and frees it after its owner's done. */
void kube_lane_add(struct kube_lane *l, struct kube_transfer *t);
/* Drop those with this ctx, unheard; from anywhere, also from an owner's function. */
void kube_lane_cancel(struct kube_lane *l, const void *ctx);
/*
 * A stream's owner waited for too long and is about to cancel it, which ends the stream and not its
 * connection: what is sent next asks first whether that one still answers.  While the lane asks, or
 * is to ask, it knows already.
 */
void kube_lane_doubt(struct kube_lane *l);
size_t kube_lane_pending(const struct kube_lane *l);

void kube_lane_work(struct kube_lane *l, int64_t now_ms);

/* Add to the sets; the greatest descriptor or -1. */
int kube_lane_fds(const struct kube_lane *l, fd_set *r, fd_set *w);
/* Milliseconds until kube_lane_work has something to do by the clock; -1: not before something
 * comes. */
int64_t kube_lane_timeout(const struct kube_lane *l, int64_t now_ms);

#endif
