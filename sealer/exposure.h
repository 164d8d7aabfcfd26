/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sealing key could ever open: every value that a sealed document of any commit that a ref
 * leads to lists it for, where that is now, and whether another value has taken its place since.
 *
 * A value is told from the one before it by its facts: `sealed-at` is when it was put in, and stays
 * when it is only encrypted again (docs/FORMAT.md).  That, and that the key can open it, is what
 * the documents claim, until a key at hand opens them.  A document that lies about its recipients
 * opens for nobody who checks (document/seal.h), so its claim is of no use to who made it; what was
 * never committed, or what no ref leads to any more, is not seen.
 */
#ifndef BULLA_SEALER_EXPOSURE_H
#define BULLA_SEALER_EXPOSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/kv.h"
#include "git/run.h"
#include "keys/keyring.h"
#include "sealer/exposure_one.h"

struct err;

struct exposure {
	struct exposure_one *items; /* in the order to act in (exposure_find) */
	size_t n;
	struct exposure_unread *unread;
	size_t n_unread;
	size_t blobs; /* looked at */
	bool shallow; /* the clone has not got all of the history */
};

struct exposure_options {
	const struct git *git;
	const struct kv *ids;	    /* of the key, or of all that a recipient ever had: ID -> "" */
	const struct keyring *keys; /* at hand; may be empty */
	int64_t now;
};

/*
 * Look at all of the history.  Sorted: what has not expired first, then by danger (danger.h), then
 * what is in use before what is replaced or gone, then by name.  out is for exposure_clear in every
 * case.
 */
int exposure_find(const struct exposure_options *o, struct exposure *out, struct err *err);
void exposure_clear(struct exposure *e);

/*
 * The ids of all keys that a recipient ever had, by every version of .bulla/config in the history:
 * ID -> the name; for name NULL, of every recipient.  Versions that cannot be read are passed over.
 */
int exposure_names(const struct git *g, const char *name, struct kv *out, struct err *err);

#endif
