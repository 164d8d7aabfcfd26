/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds that `bulla rotate` has a subcommand for: those whose secret a person or an authority
 * gives anew, and the deploy key, which is made here.  Others print the command for a document of
 * such a kind, so it is said once.
 */
#ifndef BULLA_SEALER_ROTATE_KINDS_H
#define BULLA_SEALER_ROTATE_KINDS_H

#include <stdbool.h>

#include "kinds/kind.h"

/* Ends with NULL. */
extern const struct kind *const rotate_kinds[];

bool rotate_kinds_has(const struct kind *k);

#endif
