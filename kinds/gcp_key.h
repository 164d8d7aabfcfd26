/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key file of a Google service account, as Google's libraries read it: JSON with "type":
 * "service_account", the account, its project, and an RSA key that signs for it.
 */
#ifndef BULLA_KINDS_GCP_KEY_H
#define BULLA_KINDS_GCP_KEY_H

#include <stddef.h>

#include "base/kv.h"

struct err;

/*
 * Check a key file; what begins the error.  facts, when given, gets project, user (the account) and
 * fingerprint (the public id of the key).  ERR_INVALID.
 */
int gcp_key_check(const char *what, const void *text, size_t len, struct kv *facts,
		  struct err *err);

#endif
