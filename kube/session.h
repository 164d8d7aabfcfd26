/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all requests of one client share: where to, as whom, how TLS is done, and the easy handles
 * that carry them.
 */
#ifndef BULLA_KUBE_SESSION_H
#define BULLA_KUBE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kube/config.h"
#include "base/curl.h"

struct err;

#define KUBE_SESSION_IDLE 40   /* easy handles kept for later */
#define KUBE_SESSION_COUNTS 64 /* kinds of answers that are counted apart; the rest is not */

/* Answers, for rest_client_requests_total. */
struct kube_count {
	char method[8];
	long code; /* 0: none came */
	uint64_t n;
	double seconds; /* all of them together; streams count none */
};

struct kube_session {
	const struct curl_api *curl;
	struct kube_config *config;
	char *agent;	  /* the User-Agent header */
	char *authority;  /* of the server: "10.0.0.1:443", "[::1]:6443" */
	char *url;	  /* what comes before each path */
	char *host;	  /* the Host header where the URL's is not the server's, or NULL */
	char *connect_to; /* where the URL's host really is, or NULL */
	char *proxy;	  /* as libcurl wants it, or NULL */

	unsigned credentials; /* grows with each refresh that a 401 asked for */
	int64_t rejected_ms;  /* when the last of them was; 0: never */
	int64_t refreshed_ms; /* when the configuration was last asked whether something is due */

	CURL *idle[KUBE_SESSION_IDLE];
	size_t n_idle;
	unsigned generation; /* of the configuration that the idle handles were made for */

	struct kube_count counts[KUBE_SESSION_COUNTS];
	size_t n_counts;
};

/* config must outlive s.  ERR_INVALID: a server or proxy that is not to be talked to. */
int kube_session_init(struct kube_session *s, struct kube_config *config, const char *name,
		      struct err *err);
void kube_session_clear(struct kube_session *s);

/* A handle with everything set that does not change from request to request; NULL: libcurl lacks
 * what it takes to be safe. */
CURL *kube_session_take(struct kube_session *s);
void kube_session_give(struct kube_session *s, CURL *easy);

/* User-Agent, Authorization, impersonation; a new list, to be freed with slist_free_all. */
struct curl_slist *kube_session_headers(const struct kube_session *s);

/* Have what is due refreshed; cheap, at most once a second. */
void kube_session_refresh(struct kube_session *s, int64_t now_ms);
/*
 * The server rejected credentials that were taken when s->credentials was `with`.  True when it is
 * worth trying once more: others have been asked for since, or now.
 */
bool kube_session_rejected(struct kube_session *s, unsigned with, int64_t now_ms);

void kube_session_count(struct kube_session *s, const char *method, long code, double seconds);

#endif
