/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Known findings, `.bulla/baseline`: one a line, "RULE PRINT PATH", sorted, each once; lines that
 * begin with "#" and empty ones say nothing.  In PATH every byte up to the blank, "%" and DEL is
 * written %XX.  It holds nothing from which a credential could be guessed (guard_hit.print).
 *
 * RULE is the guard's, or one of those below, which sealed documents in the history are held
 * against; PRINT is then from their bytes, which are no secret.
 */
#ifndef BULLA_GUARD_BASELINE_H
#define BULLA_GUARD_BASELINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct err;
struct guard_hit;

#define BASELINE_PATH ".bulla/baseline"
#define BASELINE_MAX ((size_t)4 << 20) /* bytes of the file */

extern const char *const baseline_rules[]; /* ends with NULL; names of sealer/findings.h */

struct baseline {
	char **lines; /* sorted */
	size_t n, cap;
};

#define BASELINE_INIT                                                                              \
	{                                                                                          \
		NULL, 0, 0                                                                         \
	}

/* b must be BASELINE_INIT; empty on failure.  ERR_INVALID, "name:line: ...". */
int baseline_parse(const char *name, const void *text, size_t len, struct baseline *b,
		   struct err *err);

/* Is a finding in the file of that path (from the Git top level, no "./") known? */
bool baseline_has(const struct baseline *b, const char *path, const struct guard_hit *hit);

void baseline_add(struct baseline *b, const char *path, const struct guard_hit *hit);

/* The whole file, with a comment that says what it is.  Appended. */
void baseline_format(const struct baseline *b, struct buf *out);

void baseline_clear(struct baseline *b);

#endif
