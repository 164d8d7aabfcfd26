/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the user has agreed to (keys/pins.h): a recipient that a repository names, new or with
 * another key than before, receives nothing until the user has said yes, at the terminal or by
 * --accept.
 */
#ifndef BULLA_SEALER_AGREE_H
#define BULLA_SEALER_AGREE_H

#include <stdbool.h>

#include "keys/pins.h"
#include "keys/recipients.h"
#include "sealer/options.h"

struct err;

struct agree {
	const char *top;		  /* the repository, absolute */
	const struct recipients *asked;	  /* whom it names */
	const struct option_list *accept; /* --accept age1... */
	bool dry_run;			  /* do not remember what is agreed to */
	char *const *line;		  /* argv, to print it again with --accept */
	int line_n;
};

/*
 * 0 when all are known or agreed to now, and remembered.  ERR_RECIPIENT when not; without a
 * terminal the command with the --accept it needs is printed on standard error before.
 */
int agree_check(const struct agree *a, struct err *err);

/* What the user has agreed to in the repository top: a state for each of r. */
int agree_states(const char *top, const struct recipients *r, enum pins_state *states,
		 struct err *err);

/* Take these as seen and agreed to, in the repository top: for what this user made himself. */
int agree_pin(const char *top, const struct recipients *r, struct err *err);

#endif
