/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file that is nowhere but in memory, for an editor to open by name: on Linux a memfd, which has
 * no name in any folder and goes with the last process that holds it, so that nothing is left
 * however bulla or the editor ends.  Elsewhere there is none, and edit_memory_open says so.
 */
#ifndef BULLA_SEALER_EDIT_MEMORY_H
#define BULLA_SEALER_EDIT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/kv.h"

struct err;

struct edit_memory {
	int fd; /* -1: closed; inherited by programs that are run */
};

#define EDIT_MEMORY_INIT                                                                           \
	{                                                                                          \
		-1                                                                                 \
	}

/* Mode 0600, empty.  ERR_IO when this system has no such thing, with what to do instead. */
int edit_memory_open(struct edit_memory *m, struct err *err);
/* Replace what is in it. */
int edit_memory_put(const struct edit_memory *m, const struct buf *text, struct err *err);
/* Read all of it, out cleared before.  ERR_INVALID when it is larger than max bytes. */
int edit_memory_get(const struct edit_memory *m, size_t max, struct buf *out, struct err *err);
/* Overwrite and close it; fine when it is closed. */
void edit_memory_close(struct edit_memory *m);

/*
 * Keep this process's memory out of swap: all of it where the limits allow.  What does not fit
 * stays as it is.
 */
void edit_memory_lock(void);
/* The same for bytes and for values that are at hand, where all of it could not be. */
void edit_memory_lock_buf(const struct buf *b);
void edit_memory_lock_kv(const struct kv *kv);

/*
 * Does a text as of /proc/swaps name anything that memory is written to?  Compressed memory
 * (zram) is none.
 */
bool edit_memory_swaps(const char *text);
/* The same of this machine; false where that cannot be told. */
bool edit_memory_swapped(void);

#endif
