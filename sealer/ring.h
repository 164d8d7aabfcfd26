/* SPDX-License-Identifier: Apache-2.0 */
/* The private keys that a command is given: -i FILE, --keys DIR, or this user's own folder. */
#ifndef BULLA_SEALER_RING_H
#define BULLA_SEALER_RING_H

#include <stdbool.h>

#include "keys/keyring.h"
#include "sealer/options.h"

struct err;

struct ring_options {
	struct option_list identities; /* -i FILE: an identity file, may be passphrase-encrypted */
	const char *keys;	       /* --keys DIR */
};

/* The two rows of a command's option table, for the member `ring` of its struct `type`. */
#define RING_OPTIONS(type)                                                                         \
	{ 'i',                                                                                     \
	  "identity",                                                                              \
	  "FILE",                                                                                  \
	  "open with the keys of an age identity file",                                            \
	  offsetof(struct type, ring.identities),                                                  \
	  OPTION_MANY },                                                                           \
	{                                                                                          \
		0, "keys", "DIR",                                                                  \
		    "open with the keys of a folder (default: ~/.config/bulla/keys)",              \
		    offsetof(struct type, ring.keys), 0                                            \
	}

/* Was a key asked for on the command line? */
bool ring_given(const struct ring_options *o);

/*
 * Load them; files of a folder that cannot be used are warnings on standard error.  Without -i and
 * --keys the user's folder is read when it is there.  ERR_NOKEY when no key was found at all.
 */
int ring_load(const struct ring_options *o, struct keyring *out, struct err *err);

#endif
