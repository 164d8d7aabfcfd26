/* SPDX-License-Identifier: Apache-2.0 */
/* Where the documents of one imported file go, and what that file will then hold. */
#ifndef BULLA_SEALER_IMPORT_PLACE_H
#define BULLA_SEALER_IMPORT_PLACE_H

#include <stdbool.h>

#include "document/edit.h"
#include "sealer/import.h"

struct err;

struct import_place {
	const struct import *im; /* these three are given */
	const char *path;	 /* of the file with Secrets */
	const struct buf *text;	 /* of it */
	struct target target;
	struct edit_file there; /* what the target has already, with -w */
	struct buf out;		/* what the target will hold */
	size_t at;		/* in place: how much of text is in out already */
	bool same_place;	/* the target is the file itself */
};

/*
 * The target: the file itself, or with -w one below that folder.  What is no YAML file becomes one,
 * with a name given NAME.yaml.  Errors as target_open.
 */
int import_place_open(struct import_place *p, const char *name, struct err *err);
/* Read what is there already, which stays.  ERR_CONFLICT where it cannot. */
int import_place_load(struct import_place *p, struct err *err);
/* Is a document of that name there already? */
bool import_place_has(const struct import_place *p, const struct manifest *m);
/* Put a document where its object is, or without one (doc NULL) behind what is there. */
void import_place_put(struct import_place *p, const struct yaml_doc *doc,
		      const struct buf *document);
void import_place_clear(struct import_place *p);

#endif
