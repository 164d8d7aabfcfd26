/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do with a request that has come to an end: a pure decision (kubernetes-agent rules 1.7,
 * 2.7, 2.9, 3.2).
 *
 * Sent again by itself is only what the server cannot have acted on, or what may be done twice, and
 * only within the request's own time.
 */
#ifndef BULLA_KUBE_RETRY_H
#define BULLA_KUBE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define KUBE_RETRY_ASKED 10 /* times that a server may send a request away with Retry-After */
#define KUBE_RETRY_BROKEN 3 /* times that a request is sent again because a connection broke */

enum kube_how {
	KUBE_HOW_ANSWERED,    /* a whole answer with a status came */
	KUBE_HOW_CUT,	      /* an answer began, or all of it came, and it is not whole */
	KUBE_HOW_TOO_LARGE,   /* more than KUBE_ANSWER_MAX */
	KUBE_HOW_BROKEN,      /* the connection or stream broke before an answer */
	KUBE_HOW_TIMEOUT,     /* nothing, or not all, in time */
	KUBE_HOW_UNCONNECTED, /* no connection came to be: address, TCP, TLS, proxy */
	KUBE_HOW_STOPPED,     /* the receiver would not take more */
	KUBE_HOW_LOCAL,	      /* libcurl failed by itself */
};

/* What a CURLcode says when there is no answer to read. */
enum kube_how kube_retry_how(int curl_code);

struct kube_outcome {
	enum kube_how how;
	long status;	  /* when answered */
	int64_t retry_ms; /* what the server asked to wait; 0: nothing */
	int64_t left_ms;  /* of the request's time */
	bool sent;	  /* a byte of it went out */
	bool idempotent;
	bool refreshed; /* it has been sent with fresh credentials after a 401 */
	int asked;	/* times it was sent again because the server asked */
	int broken;	/* times it was sent again because a connection broke */
};

enum kube_action {
	KUBE_ACTION_DONE,    /* give the answer to whoever asked */
	KUBE_ACTION_REFRESH, /* fresh credentials, then again */
	KUBE_ACTION_ASKED,   /* again after wait_ms, because the server asked */
	KUBE_ACTION_BROKEN,  /* again after wait_ms, because the connection broke */
};

struct kube_decision {
	enum kube_action action;
	int64_t wait_ms;
	bool unsent; /* the server cannot have acted on it */
	bool reopen; /* the connection is not to be trusted with more until one request has passed
		      */
};

struct kube_decision kube_retry_decide(const struct kube_outcome *o);

#endif
