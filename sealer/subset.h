/* SPDX-License-Identifier: Apache-2.0 */
/* Does an object say all that another one says, and perhaps more?  Pure. */
#ifndef BULLA_SEALER_SUBSET_H
#define BULLA_SEALER_SUBSET_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"

enum subset_lists {
	SUBSET_EXACT, /* lists have the same length and order: what a server keeps of what it got */
	SUBSET_ANY,   /* each entry is one of the other's: what a person may have added to */
};

/*
 * Every member of `part` is in `whole` with the same value; what is empty in part ({}, [], null)
 * may be missing.  where, when given, gets the way to the first difference, "spec.url".
 */
bool subset(const json_t *part, const json_t *whole, enum subset_lists lists, struct buf *where);

#endif
