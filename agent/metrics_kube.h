/* SPDX-License-Identifier: Apache-2.0 */
/* The agent of a cluster in figures, as Prometheus reads them (text format 0.0.4, base units). */
#ifndef BULLA_AGENT_METRICS_KUBE_H
#define BULLA_AGENT_METRICS_KUBE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/opener.h"
#include "agent/store_kube.h"
#include "base/buf.h"
#include "kube/client.h"

struct metrics_kube {
	const struct store_kube *store; /* NULL: a standby */
	const struct opener *opener;
	const struct kube_client *client;
	bool anonymous;
	int statm;	 /* /proc/self/statm, or -1 */
	int64_t started; /* seconds since 1970 */
};

/* Append the page. */
void metrics_kube_format(const struct metrics_kube *m, struct buf *out);

#endif
