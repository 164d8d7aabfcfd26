/* SPDX-License-Identifier: Apache-2.0 */
/* The one document of a file that a command is about. */
#ifndef BULLA_SEALER_PICK_H
#define BULLA_SEALER_PICK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "document/edit.h"

struct err;

/*
 * Read FILE (links followed: the user named it) into out, st from the read; which ("NAME" or
 * "NAMESPACE/NAME", or NULL) says which document when it holds several.  *index becomes its place
 * in out->documents.  ERR_INVALID when there is none, ERR_USAGE when it is not said which.
 */
int pick_load(const char *path, const char *which, struct edit_file *out, size_t *index,
	      struct stat *st, struct err *err);

/* Is d the document that "NAME" or "NAMESPACE/NAME" means? */
bool pick_is(const struct document *d, const char *which);

#define PICK_NAME "document"
#define PICK_OPTION(type)                                                                          \
	{                                                                                          \
		0, PICK_NAME, "NAMESPACE/NAME", "which document, when FILE holds several",         \
		    offsetof(struct type, which), 0                                                \
	}

#endif
