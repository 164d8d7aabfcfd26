/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a new secret a rotation of the old one?  By their facts, which nobody has proven of the old
 * one unless it was opened.  Pure.
 */
#ifndef BULLA_SEALER_ROTATE_CHECK_H
#define BULLA_SEALER_ROTATE_CHECK_H

#include <stdbool.h>

#include "base/kv.h"
#include "base/notes.h"
#include "kinds/kind.h"

struct err;

struct rotate_allowed {
	bool same;   /* the new value may be the old one */
	bool names;  /* a certificate may lack names that the old one has */
	bool sooner; /* a certificate may end before the old one */
};

struct rotate_pair {
	const struct kv *old_facts;
	const struct kind_secret *old; /* NULL: not opened */
	const struct kind_secret *new;
};

/*
 * ERR_INVALID for what is not allowed; each text names the word of --allow, but that of an empty
 * value, which is never one to rotate to.  Notes for what a
 * person should know: an end that got lost or comes sooner, the same private key under a new
 * certificate, names that could not be compared.
 */
int rotate_check(const struct rotate_pair *p, const struct rotate_allowed *allowed,
		 struct notes *notes, struct err *err);

/*
 * Does a certificate for these names (the fact dns-names) serve this one?  As clients compare them:
 * case does not matter, "*" stands for one whole first label.
 */
bool rotate_covers(const char *names, const char *name);

#endif
