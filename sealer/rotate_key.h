/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two steps of a certificate whose key is made here: first a key and its request, and the key
 * waits (sealer/pending.h); then the certificate comes, and the key is taken for it.
 */
#ifndef BULLA_SEALER_ROTATE_KEY_H
#define BULLA_SEALER_ROTATE_KEY_H

#include <stdbool.h>

#include "sealer/rotate.h"

struct err;

/* Is this the first step: --new-key, --again or --forget?  ERR_USAGE for what does not go together.
 */
int rotate_key_asked(const struct rotate_options *o, bool *asked, struct err *err);
/*
 * The first step.  The subject and all names of the old certificate are asked for when a key at
 * hand opens it, else the DNS names that its facts list.
 */
int rotate_key_request(struct rotation *r, struct err *err);
/*
 * The second step, after rotate_input: when a certificate was given and no key, take the one that
 * waits.  ERR_INVALID: none does.
 */
int rotate_key_take(struct rotation *r, struct err *err);
/* After rotate_write: a key that was taken waits no more.  What cannot be removed is a warning. */
void rotate_key_done(struct rotation *r);

#endif
