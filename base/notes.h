/* SPDX-License-Identifier: Apache-2.0 */
/* Warnings that a pure function hands to whoever prints.  Like errors, they never quote a secret.
 */
#ifndef BULLA_BASE_NOTES_H
#define BULLA_BASE_NOTES_H

#include <stddef.h>

struct notes {
	char **text;
	size_t n;
};

#define NOTES_INIT                                                                                 \
	{                                                                                          \
		NULL, 0                                                                            \
	}

void note_add(struct notes *notes, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void notes_clear(struct notes *notes);

#endif
