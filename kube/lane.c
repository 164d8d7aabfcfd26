/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/lane.h"

#include <string.h>

#include "base/mem.h"
#include "kube/retry.h"

#define PROBE_MS 10000
#define PROBE_PATH "/version"
#define QUIET_MS 50000 /* before libcurl's own limit for reuse */
#define GRACE_MS 500   /* beyond a deadline, for libcurl to see it by itself */
#define TIMEOUTS_MAX 2
#define ROUNDS_MAX 4
#define HTTP2_CONNECTIONS 2 /* one that is going away, and the next */

enum door { DOOR_SHUT, DOOR_OPENING, DOOR_OPEN };

struct list {
	struct kube_transfer *first, **last;
};

struct kube_lane {
	struct kube_session *session;
	struct kube_lane_limits limits;
	CURLM *multi;
	struct list queue, urgent; /* KUBE_PLACE_QUEUE */
	struct list active;	   /* KUBE_PLACE_PAUSE, KUBE_PLACE_WIRE; the probe too */
	size_t n_queue, n_active, n_dead;
	enum door door;
	struct kube_transfer *probe;
	int64_t now_ms;	 /* of the work that is being done */
	int64_t used_ms; /* when something last went out or came */
	int timeouts;	 /* in a row */
};

static void list_init(struct list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_add(struct list *list, struct kube_transfer *t)
{
	t->next = NULL;
	t->link = list->last;
	*list->last = t;
	list->last = &t->next;
}

static void list_remove(struct list *list, struct kube_transfer *t)
{
	*t->link = t->next;
	if (t->next != NULL)
		t->next->link = t->link;
	else
		list->last = t->link;
	t->next = NULL;
	t->link = NULL;
}

static struct list *queue_of(struct kube_lane *l, const struct kube_transfer *t)
{
	return t->urgent ? &l->urgent : &l->queue;
}

static CURLM *new_multi(const struct kube_lane *l)
{
	const struct curl_api *curl = l->session->curl;
	CURLM *multi = curl->multi_init();

	curl->multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	return multi;
}

struct kube_lane *kube_lane_new(struct kube_session *s, const struct kube_lane_limits *limits)
{
	struct kube_lane *l = mem_alloc(sizeof(*l));

	l->session = s;
	l->limits = *limits;
	list_init(&l->queue);
	list_init(&l->urgent);
	list_init(&l->active);
	l->multi = new_multi(l);
	return l;
}

void kube_lane_add(struct kube_lane *l, struct kube_transfer *t)
{
	t->place = KUBE_PLACE_QUEUE;
	list_add(queue_of(l, t), t);
	l->n_queue++;
}

static void off_wire(struct kube_lane *l, struct kube_transfer *t)
{
	if (t->place == KUBE_PLACE_WIRE && t->easy != NULL)
		l->session->curl->multi_remove_handle(l->multi, t->easy);
	t->place = KUBE_PLACE_PAUSE;
}

static void forget(struct kube_lane *l, struct kube_transfer *t)
{
	if (t->place == KUBE_PLACE_QUEUE) {
		list_remove(queue_of(l, t), t);
		l->n_queue--;
	} else {
		off_wire(l, t);
		list_remove(&l->active, t);
		l->n_active--;
	}
	if (t == l->probe)
		l->probe = NULL;
	l->n_dead -= t->dead;
	kube_transfer_free(t);
}

static void forget_list(struct kube_lane *l, struct list *list, bool all)
{
	struct kube_transfer *next;

	for (struct kube_transfer *t = list->first; t != NULL; t = next) {
		next = t->next;
		if (all || t->dead)
			forget(l, t);
	}
}

static void forget_all(struct kube_lane *l, bool all)
{
	forget_list(l, &l->active, all);
	forget_list(l, &l->urgent, all);
	forget_list(l, &l->queue, all);
}

void kube_lane_free(struct kube_lane *l)
{
	if (l == NULL)
		return;
	forget_all(l, true);
	l->session->curl->multi_cleanup(l->multi);
	mem_free(l);
}

static void cancel_list(struct kube_lane *l, struct list *list, const void *ctx)
{
	for (struct kube_transfer *t = list->first; t != NULL; t = t->next) {
		if (t->ctx == ctx && !t->dead) {
			t->dead = true;
			l->n_dead++;
		}
	}
}

/* They are only marked: a handle must not leave its multi while libcurl is calling us. */
void kube_lane_cancel(struct kube_lane *l, const void *ctx)
{
	cancel_list(l, &l->queue, ctx);
	cancel_list(l, &l->urgent, ctx);
	cancel_list(l, &l->active, ctx);
}

void kube_lane_doubt(struct kube_lane *l)
{
	if (l->door != DOOR_OPEN)
		return;
	l->door = DOOR_SHUT;
	l->timeouts++;
}

size_t kube_lane_pending(const struct kube_lane *l)
{
	return l->n_queue + l->n_active - l->n_dead - (l->probe != NULL);
}

static void conclude(struct kube_lane *l, struct kube_transfer *t, int64_t now_ms);

static void start(struct kube_lane *l, struct kube_transfer *t, int64_t now_ms)
{
	if (kube_transfer_start(t, l->session, now_ms) == 0 &&
	    l->session->curl->multi_add_handle(l->multi, t->easy) == CURLM_OK) {
		t->place = KUBE_PLACE_WIRE;
		return;
	}
	kube_transfer_fail(t, KUBE_HOW_LOCAL, "libcurl does not take the request");
	conclude(l, t, now_ms);
}

/* From the queue; conclude() may have freed it afterwards. */
static void activate(struct kube_lane *l, struct kube_transfer *t, int64_t now_ms)
{
	list_remove(queue_of(l, t), t);
	l->n_queue--;
	t->place = KUBE_PLACE_PAUSE;
	list_add(&l->active, t);
	l->n_active++;
	start(l, t, now_ms);
}

static void hear(struct kube_lane *l, struct kube_transfer *t)
{
	if (!t->dead)
		t->owner->done(t);
	forget(l, t);
}

static void pause_until(struct kube_transfer *t, const struct kube_decision *d, int64_t now_ms)
{
	t->place = KUBE_PLACE_PAUSE;
	t->due_ms = now_ms + d->wait_ms;
	t->asked += d->action == KUBE_ACTION_ASKED;
	t->broken += d->action == KUBE_ACTION_BROKEN;
	t->refreshed = t->refreshed || d->action == KUBE_ACTION_REFRESH;
}

/* What is true of the connection, from how one request fared on it. */
static void judge(struct kube_lane *l, const struct kube_transfer *t, const struct kube_decision *d)
{
	if (d->reopen && l->door == DOOR_OPEN)
		l->door = DOOR_SHUT;
	if (t->how == KUBE_HOW_TIMEOUT)
		l->timeouts++;
	else if (t->how == KUBE_HOW_ANSWERED)
		l->timeouts = 0;
}

/* A try is over and t is off the wire: send it again, or let its owner know.  t may be gone then.
 */
static void conclude(struct kube_lane *l, struct kube_transfer *t, int64_t now_ms)
{
	struct kube_outcome o = {
		.how = t->how,
		.status = t->status,
		.retry_ms = t->retry_ms,
		.left_ms = t->deadline_ms - now_ms,
		.sent = t->sent,
		.idempotent = t->idempotent && !(t->stream && t->status == 200),
		.refreshed = t->refreshed,
		.asked = t->asked,
		.broken = t->broken,
	};
	struct kube_decision d = kube_retry_decide(&o);

	judge(l, t, &d);
	t->acted = t->acted || !d.unsent;
	if (d.action == KUBE_ACTION_REFRESH &&
	    !kube_session_rejected(l->session, t->credentials, now_ms))
		d.action = KUBE_ACTION_DONE;
	if (d.action == KUBE_ACTION_DONE || t->dead)
		hear(l, t);
	else
		pause_until(t, &d, now_ms);
}

/* What waited for the probe is told what the probe was told.  The owners may add more meanwhile. */
static void fail_waiting(struct kube_lane *l, const struct kube_transfer *probe, int64_t now_ms)
{
	struct kube_transfer *t, *next;
	size_t n = l->n_queue;

	for (t = l->active.first; t != NULL; t = next) {
		next = t->next;
		if (t != probe && t->place == KUBE_PLACE_PAUSE && t->due_ms <= now_ms) {
			kube_transfer_share(t, probe);
			hear(l, t);
		}
	}
	for (; n > 0; n--) {
		t = l->urgent.first != NULL ? l->urgent.first : l->queue.first;
		kube_transfer_share(t, probe);
		hear(l, t);
	}
}

/* Over HTTP/1.1 each request that is under way needs a connection. */
static void set_connections(struct kube_lane *l, long http_version)
{
	size_t n = l->limits.in_flight + l->limits.urgent;

	if (l->limits.in_flight == 0)
		n = 0;
	else if (http_version == CURL_HTTP_VERSION_2_0)
		n = HTTP2_CONNECTIONS;
	l->session->curl->multi_setopt(l->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)n);
}

static void on_probe(struct kube_transfer *t)
{
	struct kube_lane *l = t->ctx;

	if (t->how == KUBE_HOW_ANSWERED && t->status != 401) {
		l->door = DOOR_OPEN;
		set_connections(l, t->http_version);
		return;
	}
	l->door = DOOR_SHUT;
	fail_waiting(l, t, l->now_ms);
}

static void least(const struct list *list, int64_t *ms)
{
	for (const struct kube_transfer *t = list->first; t != NULL; t = t->next) {
		if (t->timeout_ms < *ms)
			*ms = t->timeout_ms;
	}
}

static void start_probe(struct kube_lane *l, int64_t now_ms)
{
	static const struct kube_transfer_owner owner = { .done = on_probe };
	const struct kube_request r = { .method = "GET", .path = PROBE_PATH, .idempotent = true };
	struct kube_transfer *t = kube_transfer_new(&r);

	t->owner = &owner;
	t->ctx = l;
	t->timeout_ms = PROBE_MS;
	least(&l->urgent, &t->timeout_ms);
	least(&l->queue, &t->timeout_ms);
	/* a server that is busy is there: the others may ask it themselves */
	t->asked = KUBE_RETRY_ASKED;
	t->broken = KUBE_RETRY_BROKEN - 1;
	t->place = KUBE_PLACE_PAUSE;
	list_add(&l->active, t);
	l->n_active++;
	l->probe = t;
	l->door = DOOR_OPENING;
	start(l, t, now_ms);
}

static bool is_due(const struct kube_transfer *t, int64_t now_ms)
{
	return t->place == KUBE_PLACE_PAUSE && t->due_ms <= now_ms;
}

/* The next that may go out from a queue, or NULL. */
static struct kube_transfer *next_queued(const struct kube_lane *l)
{
	size_t room = l->limits.in_flight;

	if (l->urgent.first != NULL && (room == 0 || l->n_active < room + l->limits.urgent))
		return l->urgent.first;
	if (l->queue.first != NULL && (room == 0 || l->n_active < room))
		return l->queue.first;
	return NULL;
}

static bool wants_out(const struct kube_lane *l, int64_t now_ms)
{
	if (next_queued(l) != NULL)
		return true;
	for (const struct kube_transfer *t = l->active.first; t != NULL; t = t->next) {
		if (t != l->probe && is_due(t, now_ms))
			return true;
	}
	return false;
}

/* Each may free others than the one it is about, so the list is looked through anew. */
static void start_due(struct kube_lane *l, int64_t now_ms)
{
	struct kube_transfer *t = l->active.first;

	while (t != NULL) {
		if (is_due(t, now_ms) && (l->door == DOOR_OPEN || t == l->probe)) {
			start(l, t, now_ms);
			t = l->active.first;
		} else {
			t = t->next;
		}
	}
}

/* Send what may go out. */
static void dispatch(struct kube_lane *l, int64_t now_ms)
{
	if (l->door == DOOR_OPEN && l->n_active == 0 && now_ms - l->used_ms > QUIET_MS)
		l->door = DOOR_SHUT;
	if (l->door == DOOR_OPENING) {
		start_due(l, now_ms);
		return;
	}
	if (!wants_out(l, now_ms))
		return;
	l->used_ms = now_ms;
	if (l->door == DOOR_SHUT) {
		start_probe(l, now_ms);
		return;
	}
	start_due(l, now_ms);
	for (struct kube_transfer *t; l->door == DOOR_OPEN && (t = next_queued(l)) != NULL;)
		activate(l, t, now_ms);
}

static void end_try(struct kube_lane *l, struct kube_transfer *t, CURLcode code)
{
	l->session->curl->multi_remove_handle(l->multi, t->easy);
	kube_transfer_finish(t, code);
	t->place = KUBE_PLACE_PAUSE;
}

static void collect(struct kube_lane *l, int64_t now_ms)
{
	const struct curl_api *curl = l->session->curl;
	CURLMsg *m;
	int left;

	while ((m = curl->multi_info_read(l->multi, &left)) != NULL) {
		CURLcode code = m->data.result; /* m is gone with its handle */
		char *t = NULL;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl->easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
		l->used_ms = now_ms;
		end_try(l, (void *)t, code);
		conclude(l, (void *)t, now_ms);
	}
}

/* libcurl's own limits come first; these hold when it hangs (rule 3.2), and for streams. */
static void expire(struct kube_lane *l, int64_t now_ms)
{
	struct kube_transfer *t = l->active.first;

	while (t != NULL) {
		if (t->place == KUBE_PLACE_WIRE && now_ms >= t->deadline_ms + GRACE_MS) {
			end_try(l, t, CURLE_OPERATION_TIMEDOUT);
			conclude(l, t, now_ms);
			t = l->active.first;
		} else {
			t = t->next;
		}
	}
}

static void conclude_ended(struct kube_lane *l, int64_t now_ms)
{
	struct kube_transfer *t = l->active.first;

	while (t != NULL) {
		if (t->place == KUBE_PLACE_ENDED) {
			t->place = KUBE_PLACE_PAUSE;
			conclude(l, t, now_ms);
			t = l->active.first;
		} else {
			t = t->next;
		}
	}
}

static void start_over(struct kube_lane *l, int64_t now_ms)
{
	const struct curl_api *curl = l->session->curl;

	for (struct kube_transfer *t = l->active.first; t != NULL; t = t->next) {
		if (t->place != KUBE_PLACE_WIRE)
			continue;
		kube_status_copy(t->words->error, sizeof(t->words->error),
				 "given up, because others before it got no answer in time");
		end_try(l, t, CURLE_RECV_ERROR);
		t->place = KUBE_PLACE_ENDED;
	}
	curl->multi_cleanup(l->multi);
	l->multi = new_multi(l);
	l->timeouts = 0;
	l->door = l->probe == NULL ? DOOR_SHUT : DOOR_OPENING;
	conclude_ended(l, now_ms);
}

void kube_lane_work(struct kube_lane *l, int64_t now_ms)
{
	int rounds = 0, running;

	l->now_ms = now_ms;
	do {
		if (l->n_dead != 0)
			forget_all(l, false);
		dispatch(l, now_ms);
		l->session->curl->multi_perform(l->multi, &running);
		collect(l, now_ms);
		/* what was answered made room: use it before anyone waits */
	} while (l->door == DOOR_OPEN && next_queued(l) != NULL && rounds++ < ROUNDS_MAX);
	expire(l, now_ms);
	if (l->timeouts >= TIMEOUTS_MAX)
		start_over(l, now_ms);
}

int kube_lane_fds(const struct kube_lane *l, fd_set *r, fd_set *w)
{
	fd_set errors;
	int max = -1;

	FD_ZERO(&errors);
	l->session->curl->multi_fdset(l->multi, r, w, &errors, &max);
	return max;
}

static void sooner(int64_t *wait, int64_t in)
{
	if (in < 0)
		in = 0;
	if (*wait < 0 || in < *wait)
		*wait = in;
}

int64_t kube_lane_timeout(const struct kube_lane *l, int64_t now_ms)
{
	long libcurl = -1;
	int64_t wait = -1;

	if (l->n_dead != 0 || (l->door != DOOR_OPENING && wants_out(l, now_ms)))
		return 0;
	l->session->curl->multi_timeout(l->multi, &libcurl);
	if (libcurl >= 0)
		sooner(&wait, libcurl);
	for (const struct kube_transfer *t = l->active.first; t != NULL; t = t->next) {
		if (t->place == KUBE_PLACE_WIRE)
			sooner(&wait, t->deadline_ms + GRACE_MS - now_ms);
		else if (t->due_ms > now_ms || t == l->probe)
			sooner(&wait, t->due_ms - now_ms);
	}
	return wait;
}
