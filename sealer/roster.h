/* SPDX-License-Identifier: Apache-2.0 */
/* Changes to the recipients of a repository: its config, its backups of keys, this user's pins. */
#ifndef BULLA_SEALER_ROSTER_H
#define BULLA_SEALER_ROSTER_H

#include <stdbool.h>

#include "keys/config.h"

struct err;

/* Read the config of top; ERR_INVALID when there is none. */
int roster_load(const char *top, struct config *out, struct err *err);

struct roster_add {
	const char *name;
	const struct age_recipient *key; /* NULL: make one, and its backup */
	bool replace;			 /* the name may be there, and gets this key */
	const char *to; /* DIR that a key made here is written to as well, or NULL */
};

/*
 * Add a recipient, agree to it, print it.  ERR_CONFLICT when the name is there already,
 * ERR_RECIPIENT when it is none or there is no recovery key to back a new key up to.
 */
int roster_add(const char *top, const struct roster_add *a, struct err *err);
/* ERR_CONFLICT while a rule names it. */
int roster_remove(const char *top, const char *name, struct err *err);

#endif
