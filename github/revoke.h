/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Have GitHub revoke tokens that were found where they should not be: POST /credentials/revoke,
 * which is asked without any token of one's own (github.com answers 403 to those who show one),
 * takes anybody's, tells their owners, and cannot be undone (docs.github.com/rest/credentials).
 */
#ifndef BULLA_GITHUB_REVOKE_H
#define BULLA_GITHUB_REVOKE_H

#include <stdbool.h>

#include "base/kv.h"

struct err;

#define REVOKE_MAX 1000 /* tokens of one request */

/* Is it of a sort that can be revoked so?  Not ghs_: the App gives those back itself. */
bool revoke_takes(const char *token);

struct revoke_options {
	const char *api_url; /* as struct rest_options */
	const char *ca_file;
	const struct kv *tokens; /* their names are the tokens; 1 to REVOKE_MAX */
};

/*
 * All in one request.  0: GitHub has accepted it; it says of no token whether it was one.  ERR_IO
 * when it did not answer or is limited (60 requests an hour), ERR_INVALID when it does not take
 * the list.  Nothing that GitHub says of tokens is repeated.
 */
int revoke_send(const struct revoke_options *o, struct err *err);

#endif
