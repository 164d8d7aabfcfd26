/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom a document is sealed to: -r and -R, else the rules of .bulla/config for the path; recovery
 * is always added.  Names are trusted only as far as this user has seen them (keys/pins.h): a
 * recipient that is new or changed since stops everything until the user says yes, at the terminal
 * or by --accept.  What the user typed in full (-r age1...) needs no more asking.
 */
#ifndef BULLA_SEALER_WHO_H
#define BULLA_SEALER_WHO_H

#include <stdbool.h>

#include "keys/pins.h"
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

/* What this user has agreed to in the repository top: a state for each of r. */
int who_states(const char *top, const struct recipients *r, enum pins_state *states,
	       struct err *err);

/* Take these as seen and agreed to, in the repository top: for what this user made himself. */
int who_pin(const char *top, const struct recipients *r, struct err *err);

#endif
