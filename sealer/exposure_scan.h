/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the blobs of a history, for sealer/exposure.c; a part of that module. */
#ifndef BULLA_SEALER_EXPOSURE_SCAN_H
#define BULLA_SEALER_EXPOSURE_SCAN_H

#include <jansson.h>

#include "git/blobs.h"
#include "git/entry.h"
#include "sealer/exposure_one.h"

/* Blobs to be read, with where they stand. */
struct scan_list {
	char **ids, **paths, **commits; /* commits: NULL where there is none */
	size_t n, cap;
};

void scan_list_add(struct scan_list *l, const struct git_entry *e);
int scan_list_read(const struct git *g, const struct scan_list *l, size_t max,
		   git_blob_visit *visit, void *ctx, struct err *err);
void scan_list_clear(struct scan_list *l);

/* A part of HEAD. */
struct scan_head {
	char *key;		  /* "NAMESPACE/NAME PART" */
	struct document document; /* with this one part */
	char *path;
	bool many;
};

/* A blob that has a value. */
struct scan_blob {
	char id[GIT_ID_TEXT];
	size_t item;
};

struct scan {
	const struct kv *ids;
	struct scan_list history, head; /* head: sorted by id */
	struct scan_head *heads;	/* sorted by key */
	size_t n_heads, cap_heads;
	struct scan_blob *blobs; /* sorted by id, after scan_sort_blobs */
	size_t n_blobs, cap_blobs;
	struct exposure_one *items; /* the caller's, as is unread */
	size_t n, cap;
	json_t *index; /* what tells a value apart -> its place in items */
	struct exposure_unread *unread;
	size_t n_unread;
	struct progress *progress;
};

/* Fill items, blobs, heads and unread. */
int scan_history(struct scan *s, const struct git *g, struct err *err);
void scan_sort_blobs(struct scan *s);
/* The entries of one blob; of the parts of HEAD that have the name of d's one part. */
const struct scan_blob *scan_blobs(const struct scan *s, const char *id, size_t *n);
const struct scan_head *scan_heads(const struct scan *s, const struct document *d, size_t *n);
/* All but items and unread. */
void scan_clear(struct scan *s);

#endif
