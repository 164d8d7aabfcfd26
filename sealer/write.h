/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new document on its way out: to standard output, to a new file, or as a further document to the
 * end of a file that has others.  Written whole or not at all.
 */
#ifndef BULLA_SEALER_WRITE_H
#define BULLA_SEALER_WRITE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "document/edit.h"
#include "sealer/target.h"

struct err;

/* Above this, kubectl's client-side apply fails: it copies the object into an annotation. */
#define WRITE_APPLY_MAX 245760

struct write {
	const struct target *target;
	bool exists;
	struct stat st;
	struct edit_file file; /* what is there already */
};

/*
 * Look at what is there, before any secret is asked for.  ERR_CONFLICT when the file has a document
 * of that namespace and name already (that is what set is for), ERR_INVALID when it cannot be added
 * to.  write_clear in every case.
 */
int write_begin(const struct target *t, const char *namespace, const char *name, struct write *w,
		struct err *err);
/* Write d; with dry_run do all but that.  A warning when it is large. */
int write_document(struct write *w, const struct document *d, bool dry_run, struct err *err);
void write_clear(struct write *w);

#endif
