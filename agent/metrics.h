/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent in figures, as Prometheus reads them (text format 0.0.4, base units).  Names of
 * documents stand only on bulla_credential_not_after_timestamp_seconds, which can be switched off.
 */
#ifndef BULLA_AGENT_METRICS_H
#define BULLA_AGENT_METRICS_H

#include <stdbool.h>

#include "agent/store_dir.h"
#include "base/buf.h"

struct metrics {
	const struct store_dir *store;
	const struct opener *opener;
	bool anonymous;
	int statm;	 /* /proc/self/statm, opened before the jail; -1 */
	int64_t started; /* seconds since 1970 */
};

void metrics_init(struct metrics *m, const struct store_dir *store, const struct opener *opener,
		  bool anonymous);
void metrics_clear(struct metrics *m);
/* "name value" of what every page begins with, and of the process: for other pages too. */
void metrics_head(struct buf *out, const char *name, const char *type, const char *help);
void metrics_process(int statm, int64_t started, struct buf *out);
void metrics_openings(const struct opener *o, struct buf *out);
/*
 * Of each key held, by key id: openings, and documents that list it (until there is none, the key
 * is needed).  listed: how many of the store's list a key.
 */
typedef size_t metrics_listed(const void *store, const char *key_id);
void metrics_keys(const struct opener *o, metrics_listed *listed, const void *store,
		  struct buf *out);
/* When a document's first credential expires: seconds since 1970. */
void metrics_expiry_head(struct buf *out);
void metrics_expiry(struct buf *out, const char *namespace, const char *name, int64_t not_after);
/* Append the page. */
void metrics_format(const struct metrics *m, struct buf *out);

#endif
