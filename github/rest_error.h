/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer of GitHub that is no success says: a part of github/rest.c. */
#ifndef BULLA_GITHUB_REST_ERROR_H
#define BULLA_GITHUB_REST_ERROR_H

#include <stdbool.h>
#include <stdint.h>

#include "github/rest_answer.h"

struct err;

/*
 * Does a rate limit, primary or secondary, stand in the way?  *wait_ms: how long to wait (docs
 * "rate limits for the REST API": Retry-After; else, with nothing remaining, until the reset; else
 * a minute, doubled with each try).
 */
bool rest_error_limited(const struct http_answer *a, unsigned tries, int64_t now, int64_t *wait_ms);

struct rest_error {
	const struct rest_request *request;
	const char *host;
	const char *clock;    /* http_clock_hint */
	bool token;	      /* there is one */
	const char *rejected; /* what a 401 says of it */
	const char *address;  /* rest_error_address */
};

/*
 * What may be amiss with the address of an API, for the end of an error ("; the API of a GitHub
 * Enterprise Server is at https://HOST/api/v3"); "" when it is of the form of one, or unknown.
 * url: as struct rest_options; a new string.
 */
char *rest_error_address(const char *url);

/* Fill message, limited and until of a, and err.  Returns -1. */
int rest_error_explain(const struct rest_error *e, struct rest_answer *a, struct err *err);

#endif
