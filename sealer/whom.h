/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom the document of a command is sealed to: one call for seal, set, edit, rename, rotate, import
 * and export, from their options and the place where the document stands or is to stand.
 */
#ifndef BULLA_SEALER_WHOM_H
#define BULLA_SEALER_WHOM_H

#include <stdbool.h>

#include "kinds/kind.h"
#include "sealer/command.h"
#include "sealer/target.h"
#include "sealer/who.h"

struct err;

struct whom {
	const struct invocation *in;
	const struct who_options *who;
	const char *namespace;
	const struct kind *kind;
	bool dry_run;
};

/* t: where it is, from target_open.  Errors as who_select; recipients_clear in every case. */
int whom_find(const struct whom *w, const struct target *t, struct recipients *to, struct err *err);

#endif
