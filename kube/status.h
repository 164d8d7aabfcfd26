/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metav1.Status: how an API server says what went wrong.  The text is the server's, or that of
 * whatever answers in its place: each part is cut to what fits here, at a character's edge, and
 * escaped by whoever prints it.
 */
#ifndef BULLA_KUBE_STATUS_H
#define BULLA_KUBE_STATUS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define KUBE_RETRY_MAX_MS ((int64_t)3600 * 1000) /* no server makes us wait longer */

struct kube_status {
	long code;	    /* 0: not said */
	char reason[64];    /* "NotFound", or "" */
	char cause[64];	    /* of the first of details.causes that has a reason, or "" */
	char name[256];	    /* details.name, or "" */
	char message[1024]; /* or "" */
	int64_t retry_ms;   /* details.retryAfterSeconds, at most KUBE_RETRY_MAX_MS; 0: not said */
};

/* Is o a v1 Status?  Only then is s filled; else it is empty.  Members of a wrong type are as if
 * they were not there. */
bool kube_status_read(const json_t *o, struct kube_status *s);

/* Seconds as in Retry-After, as milliseconds within bounds; 0 for what makes no sense. */
int64_t kube_status_wait(int64_t seconds);

/* Copy text to a buffer of size, cut at the edge of a UTF-8 character. */
void kube_status_copy(char *to, size_t size, const char *text);

#endif
