/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The value of a Secret, of one line or a whole file: is there nothing in it but what other
 * programs fill in?  Stricter than guard/placeholder.h, for in a Secret every value counts, and one
 * ${NAME} makes no password beside it harmless.  Within guard/ only.
 */
#ifndef BULLA_GUARD_FILLED_H
#define BULLA_GUARD_FILLED_H

#include <stdbool.h>
#include <stddef.h>

/*
 * True of: nothing at all; one character again and again; a file that SOPS or age encrypted; the
 * address of a value in another store (vault:a/b); otherwise when all that is there is
 *
 *   - ${...}, {{ ... }}, $(...), $NAME, #{...}, <name>, %NAME%, %s and their like, each as a whole,
 *   - a word that stands for a value as a whole ("changeme", "null", "your-token"),
 *   - names before "=" or ":", which have such a value, and quotes, brackets and commas,
 *   - a URL in which the login before "@" is filled in.
 */
bool filled_is(const char *value, size_t len);

#endif
