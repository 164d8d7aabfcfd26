/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to one API server, many at a time, in one thread: libcurl's multi interface, HTTP/2
 * where the server has it.  Nothing here waits but kube_wait.
 *
 * Requests go out in two lanes with connections of their own, so that writes that hang do not take
 * the watches along.  At most KUBE_IN_FLIGHT requests of the write lane are under way; the rest
 * wait, those marked urgent first.
 *
 * A request is sent again by itself only where that is safe and the server asked for it or never
 * saw it: 401 once with fresh credentials, 429 with Retry-After, and for requests that say
 * `idempotent` also 5xx with Retry-After and connections that broke.  All else is the caller's to
 * judge from the answer.
 */
#ifndef BULLA_KUBE_CLIENT_H
#define BULLA_KUBE_CLIENT_H

#include <jansson.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "kube/config.h"
#include "kube/request.h"

struct err;
struct kube_client;
struct kube_count; /* kube/session.h */
struct kube_lane;
struct kube_timers;

#define KUBE_IN_FLIGHT 32
#define KUBE_URGENT 2 /* more places, for urgent requests alone: a lease must not wait */

/*
 * c must outlive the client, which refreshes it.  name, followed by the version, becomes the
 * User-Agent, and alone the default field manager ("bulla-agent").  ERR_IO when libcurl cannot be
 * loaded.
 *
 * It loads all code; a jail may close after it.  What must stay open then: making sockets and
 * threads (names are looked up in threads), the files that c is refreshed from, for a server or
 * proxy given by name also /etc/resolv.conf, hosts, nsswitch.conf and gai.conf with the modules
 * that nsswitch.conf names, and without a CA of its own the system's
 * (/etc/ssl/certs/ca-certificates.crt, read for each new connection).
 */
struct kube_client *kube_client_new(struct kube_config *c, const char *name, struct err *err);
/* Requests under way end without their done being called. */
void kube_client_free(struct kube_client *k);

void kube_send(struct kube_client *k, const struct kube_request *r, kube_done_fn *done, void *ctx);
/* Drop all requests with this ctx; their done is not called. */
void kube_cancel(struct kube_client *k, const void *ctx);
/* Requests not answered yet, watches left out. */
size_t kube_pending(const struct kube_client *k);

/*
 * Wait until something is to be done, one of the extra descriptors is ready (revents are set) or
 * timeout_ms is over (-1: for ever).  As poll(2); EINTR counts as 0.
 */
int kube_wait(struct kube_client *k, struct pollfd *extra, size_t n, int timeout_ms);
/* Do what is to be done, without waiting: move data, call done and the watches' functions. */
void kube_work(struct kube_client *k);

/* Send and wait for the answer; for commands.  0 for a 2xx; else -1 and err with status and text.
 * out (may be NULL) gets the object, owned by the caller. */
int kube_call(struct kube_client *k, const struct kube_request *r, json_t **out, struct err *err);

/* An answer as an error: what was tried ("create Secret a/b"), what came, what may help. */
int kube_error(const struct kube_answer *a, const char *what, struct err *err);

/* Figures for rest_client_requests_total. */
size_t kube_counts(const struct kube_client *k, const struct kube_count **out);

/* For the rest of kube/: what is due later (kube/timer.h), and the lane of the watches. */
struct kube_timers *kube_client_timers(struct kube_client *k);
struct kube_lane *kube_client_watches(struct kube_client *k);

/* Append s to a path as one percent-encoded segment. */
void kube_path_put(struct buf *path, const char *segment);
/*
 * Append ROOT/namespaces/NAMESPACE/PLURAL/NAME.  root: "/api/v1", "/apis/GROUP/VERSION"; namespace
 * NULL: without that part; name NULL: the collection.
 */
void kube_path_object(struct buf *path, const char *root, const char *namespace, const char *plural,
		      const char *name);
#define KUBE_CORE "/api/v1"

/*
 * A test of a JSON patch failed.  The server says 422 as to an object that is not valid, but names
 * no object then.
 */
bool kube_test_failed(const struct kube_answer *a);

#endif
