/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a document is sealed to: -r and -R, else the rules of .bulla/config for the path; recovery
 * is always added.  Whom the repository names, the user must have agreed to (sealer/agree.h); what
 * he typed in full (-r age1...) needs no more asking.
 */
#ifndef BULLA_SEALER_WHO_H
#define BULLA_SEALER_WHO_H

#include <stdbool.h>

#include "keys/recipients.h"
#include "sealer/options.h"
#include "sealer/target.h"

struct err;

struct who {
	const struct option_list *names;  /* -r NAME|age1... */
	const struct option_list *files;  /* -R FILE */
	const struct option_list *accept; /* --accept age1... */
	const char *namespace, *kind;	  /* for the rules */
	bool dry_run;			  /* what is accepted is not written to the pins */
	char *const *line;		  /* argv, to print it again with --accept */
	int line_n;
};

/*
 * ERR_RECIPIENT: nobody to seal to, unknown, not a public key, more than RECIPIENTS_MAX, new or
 * changed and not accepted.  Without a terminal the command with the --accept it needs is printed
 * on standard error before that.
 */
int who_select(const struct target *t, const struct who *who, struct recipients *out,
	       struct err *err);

#endif
