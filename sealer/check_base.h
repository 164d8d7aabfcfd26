/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked, and against what: a text, and the state of the repository that it is part of. */
#ifndef BULLA_SEALER_CHECK_BASE_H
#define BULLA_SEALER_CHECK_BASE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "keys/config.h"

struct err;
struct baseline;

/* Bytes of one file that are searched for credentials; a larger one is told. */
#define CHECK_FILE_MAX (BUF_MAX - 1)

/*
 * A file beside the one at hand, from the same state of the repository.  path is named as
 * check_text.name is.  *exists false: there is none.  ERR_INVALID for what is no regular file.
 */
typedef int check_read(void *ctx, const char *path, size_t max, struct buf *out, bool *exists,
		       struct err *err);

/* What files are held against. */
struct check_base {
	const struct config *config;	 /* NULL: none is there, or it cannot be read */
	const struct baseline *baseline; /* known findings; NULL: none */
	check_read *read;
	void *ctx;
};

struct check_text {
	const char *name;   /* as people know it from where they are */
	const char *below;  /* below the Git top level; NULL: in no repository */
	const char *commit; /* that has it; NULL: the work tree or the index */
	const void *text;
	size_t len;
};

#endif
