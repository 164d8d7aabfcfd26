/* SPDX-License-Identifier: Apache-2.0 */
/* The sealed documents of a folder, one after the other, for commands that look at many. */
#ifndef BULLA_SEALER_DOCUMENTS_H
#define BULLA_SEALER_DOCUMENTS_H

#include "document/document.h"

struct err;

struct documents_visit {
	/* Each document of each YAML file; path is root joined with what is below it. */
	void (*document)(void *ctx, const char *path, const struct document *d);
	/* A file or folder that cannot be read, or whose documents are not valid; why names it. */
	void (*unread)(void *ctx, const char *path, const struct err *why);
	void *ctx;
};

/*
 * root, and what is passed over, as for walk_yaml (base/walk.h); files without a document are
 * nothing.  ERR_IO when root cannot be opened.
 */
int documents_walk(const char *root, const struct documents_visit *v, struct err *err);

#endif
