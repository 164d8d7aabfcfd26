/* SPDX-License-Identifier: Apache-2.0 */
/* What git leaves in a file that it could not merge. */
#ifndef BULLA_DOCUMENT_CONFLICT_H
#define BULLA_DOCUMENT_CONFLICT_H

#include <stddef.h>

/*
 * The 1-based line of the first conflict marker, or 0.  A marker stands at the begin of a line:
 * seven of "<", "|" or ">" followed by a space or the line's end, or seven "=" alone on a line
 * (git-merge, "CONFLICT PRESENTATION"; a longer conflict-marker-size is not looked for).  YAML has
 * no use for such a line outside a text in quotes, so a block scalar's content is not taken for
 * one.
 */
size_t conflict_line(const void *text, size_t len);

#endif
