/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of GitHub and what it answers: for github/rest.h, which includes this. */
#ifndef BULLA_GITHUB_REST_ANSWER_H
#define BULLA_GITHUB_REST_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "github/http.h"

#define REST_MESSAGE_MAX 400 /* bytes of what GitHub says in an error */

struct rest_request {
	const char *method; /* NULL: GET */
	const char *path;   /* "/repos/o/r/keys": checked names alone in it */
	const json_t *body; /* or NULL; borrowed */
	const char *what;   /* what fails, begins the error: "list the deploy keys of o/r" */
	/* The permission it takes, for 403 and 404: "Administration (write)"; NULL: none in
	 * particular. */
	const char *needs;
	bool idempotent; /* a POST that may be sent twice */
	bool once;	 /* not worth a pause: one try */
};

struct rest_answer {
	struct http_answer http;	    /* http_header reads its headers */
	json_t *body;			    /* NULL when there is none */
	char message[REST_MESSAGE_MAX + 1]; /* GitHub's own words of an error; "" */
	bool limited;  /* a rate limit, primary or secondary, stands in the way */
	int64_t until; /* when it ends, Unix seconds; 0: not known */
};

#define REST_ANSWER_INIT                                                                           \
	{                                                                                          \
		HTTP_ANSWER_INIT, NULL, "", false, 0                                               \
	}

#endif
