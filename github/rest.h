/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GitHub's REST API, of github.com and of GitHub Enterprise Server.  Sources: the rules of
 * docs.github.com/rest (versions, pagination, rate limits) and the OpenAPI description, of which
 * tests/vectors/github holds the part that is used.
 */
#ifndef BULLA_GITHUB_REST_H
#define BULLA_GITHUB_REST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "github/rest_answer.h"

struct err;
struct rest;

#define REST_API_URL "https://api.github.com" /* GitHub Enterprise Server: https://HOST/api/v3 */
#define REST_PAGES_MAX 100
#define REST_LIST_MAX 5000 /* entries of all pages */

struct rest_options {
	const char *api_url; /* NULL: REST_API_URL */
	const char *ca_file; /* as struct http_options */
	const struct buf *ca;
	const struct buf *token; /* copied and wiped at the end; NULL: ask without one */
	const char *rejected;	 /* what a 401 says of the credential; NULL: of a token */
	/* How long one call may take with its pauses, in ms, where a rate limit asks for patience;
	 * 0: HTTP_TOTAL_MS.  GitHub's pauses are 60 s and more. */
	int64_t patience_ms;
	http_pause_fn *pausing; /* to tell a person who waits; or NULL */
};

/* ERR_INVALID: an address, a CA file or a token that cannot be sent (characters, length). */
struct rest *rest_new(const struct rest_options *options, struct err *err);
void rest_free(struct rest *r); /* NULL is fine; wipes the token */
const char *rest_host(const struct rest *r);

/* GitHub's clock minus ours, in seconds, by its last answer; 0: it did not say. */
int64_t rest_skew(const struct rest *r);
/* By that answer, as http_clock_hint: "" when the clocks agree.  A new string. */
char *rest_clock_hint(const struct rest *r);

/* Requests that were sent, tries among them. */
unsigned rest_calls(const struct rest *r);

/*
 * One call.  0: 200 to 299.  -1: everything else, with a->http.status (0: no answer) for whoever
 * can go on, and err: ERR_REFUSED 401 and 403, ERR_IO 404, 5xx, rate limits and no answer,
 * ERR_CONFLICT 409, ERR_INVALID 422.  It says what, GitHub's words, what they mean (a 404 is also
 * said where rights lack; single sign-on; a policy; a rate limit and when it ends) and what to do.
 * Between two calls that change something passes a second (GitHub's own rule).
 */
int rest_call(struct rest *r, const struct rest_request *q, struct rest_answer *a, struct err *err);
void rest_answer_clear(struct rest_answer *a);
/*
 * It failed, as far as was heard: no answer, one that cannot be read, or of a server between that
 * knows no better.  Was it done all the same?
 */
bool rest_may_be_done(const struct rest_answer *a);

/*
 * All pages of a list, joined: a new array, or NULL.  Only pages of the same server are asked for,
 * at most REST_PAGES_MAX with REST_LIST_MAX entries, and none any more when as much time has passed
 * as one call may take.  path has its own "?per_page=100".
 */
json_t *rest_list(struct rest *r, const struct rest_request *q, struct err *err);

/*
 * "owner/repository" in GitHub's own characters, from "owner/repository", the path of a URL
 * ("/owner/repository.git", what kinds/url.h gives), a new string.  ERR_INVALID and NULL.
 */
char *rest_repository(const char *path, struct err *err);

/* "2026-11-26T10:45:21Z" or with an offset, as GitHub writes times; 0 when t is NULL or null or no
 * time. */
int64_t rest_time(const json_t *t);

#endif
