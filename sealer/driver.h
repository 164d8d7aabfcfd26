/* SPDX-License-Identifier: Apache-2.0 */
/* How git joins sealed documents and shows their changes: .gitattributes, and this clone's
 * settings. */
#ifndef BULLA_SEALER_DRIVER_H
#define BULLA_SEALER_DRIVER_H

#include <stdbool.h>

#include "base/buf.h"

struct err;

#define DRIVER_ATTRIBUTES ".gitattributes"

/* What was not as it should be, and now is. */
struct driver_done {
	bool attributes; /* .gitattributes got lines, and waits to be committed */
	bool settings;	 /* of this clone's .git/config */
};

/*
 * Set up the repository top; lines and settings that are there stay.  Done twice is done once. done
 * may be NULL.
 */
int driver_set_up(const char *top, struct driver_done *done, struct err *err);

/* Are all lines in its .gitattributes?  The settings of a clone are not asked for. */
int driver_is_set_up(const char *top, bool *is, struct err *err);
/* The pure part: text, that of .gitattributes or empty, gets the lines that it lacks at its end. */
void driver_attributes(struct buf *text);

#endif
