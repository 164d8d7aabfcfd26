/* SPDX-License-Identifier: Apache-2.0 */
/* Changes to the recipients of a repository: its config, its backups of keys, this user's pins. */
#ifndef BULLA_SEALER_ROSTER_H
#define BULLA_SEALER_ROSTER_H

#include <stdbool.h>

#include "keys/config.h"
#include "sealer/options.h"
#include "sealer/result.h"

struct err;

/* Read the config of top; ERR_INVALID when there is none. */
int roster_load(const char *top, struct config *out, struct err *err);

/* How a user agrees to the recovery key, to which a new key's backup is encrypted. */
struct roster_user {
	const struct option_list *accept; /* --accept age1... */
	char *const *line;		  /* argv, to print it again with --accept */
	int line_n;
};

/*
 * The recovery key of the repository, agreed to (sealer/agree.h): whoever changes it in
 * .bulla/config must not be given the next key that is backed up.  ERR_RECIPIENT; points into c.
 */
int roster_recovery(const char *top, const struct config *c, const struct roster_user *user,
		    const struct recipient **out, struct err *err);

struct roster_add {
	const char *name;
	const struct age_recipient *key; /* NULL: make one, and its backup */
	bool replace;			 /* the name may be there, and gets this key */
	const char *to; /* DIR that a key made here is written to as well, or NULL */
	struct roster_user user;
	const char *output; /* as --output has it */
};

/*
 * Add a recipient, agree to it, print it and what comes next.  Ended at any point and begun again
 * it gets to the same end, and no key is lost (sealer/backup.h).  ERR_CONFLICT when the name is
 * there already, ERR_RECIPIENT when it is none or there is no recovery key to back a new key up to.
 */
int roster_add(const char *top, const struct roster_add *a, struct err *err);
/*
 * ERR_CONFLICT while a rule names it.  The backup of its key stays, under the key's id.  What was
 * done is added to result.
 */
int roster_remove(const char *top, const char *name, struct result *result, struct err *err);

#endif
