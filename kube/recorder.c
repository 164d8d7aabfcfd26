/* SPDX-License-Identifier: Apache-2.0 */
#include "kube/recorder.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kube/microtime.h"
#include "kube/timer.h"

struct entry {
	struct kube_recorder *all;
	char *key; /* its words, each ended by a NUL; event points into it */
	size_t key_len;
	uint64_t hash;
	struct kube_event event;
	char *name; /* of the Event; NULL: not made yet */
	bool made;  /* it is on the server */
	bool flying;
	int64_t first_us, last_us;
	uint32_t count, sent, told; /* times it happened; of these being sent; on the server */
	int64_t seen_ms, told_ms;
	unsigned tries;
};

struct kube_recorder {
	struct kube_client *client;
	struct kube_timer *timer;
	char *controller, *instance;
	struct entry *entries[KUBE_RECORDER_MAX]; /* oldest first */
	size_t n, flying;
	int64_t pause_ms; /* nothing is sent before */
	int64_t name_us;  /* time in the last name */
	uint64_t dropped;
};

/* --- entries ------------------------------------------------------------------------------------
 */

/* Words in one block: what makes two events the same, resource_version left out. */
static void set_words(struct entry *e, const struct kube_event *from)
{
	const char *const words[] = { from->api_version, from->kind, from->namespace,
				      from->name,	 from->uid,  from->reason,
				      from->action,	 from->note, from->warning ? "!" : "" };
	const char **const to[] = { &e->event.api_version, &e->event.kind, &e->event.namespace,
				    &e->event.name,	   &e->event.uid,  &e->event.reason,
				    &e->event.action,	   &e->event.note };
	size_t i, at = 0;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		e->key_len += strlen(words[i]) + 1;
	e->key = mem_alloc(e->key_len);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]) + 1;

		memcpy(e->key + at, words[i], len);
		if (i < sizeof(to) / sizeof(to[0]))
			*to[i] = e->key + at;
		at += len;
	}
	e->event.warning = from->warning;
	/* FNV-1a: only saves comparisons */
	e->hash = 14695981039346656037U;
	for (i = 0; i < e->key_len; i++)
		e->hash = (e->hash ^ (unsigned char)e->key[i]) * 1099511628211U;
}

static void entry_free(struct entry *e)
{
	if (e->flying) {
		kube_cancel(e->all->client, e);
		e->all->flying--;
	}
	mem_free((char *)(uintptr_t)e->event.resource_version);
	mem_free(e->key);
	mem_free(e->name);
	mem_free(e);
}

static void remove_at(struct kube_recorder *r, size_t i)
{
	entry_free(r->entries[i]);
	for (r->n--; i < r->n; i++)
		r->entries[i] = r->entries[i + 1];
}

static void drop(struct kube_recorder *r, const struct entry *e)
{
	size_t i = 0;

	while (r->entries[i] != e)
		i++;
	r->dropped++;
	remove_at(r, i);
}

/* When it wants to be sent: now, later, or INT64_MAX. */
static int64_t wanted_ms(const struct entry *e)
{
	int64_t refresh = e->told_ms + KUBE_SERIES_REFRESH_MS;
	int64_t end = e->seen_ms + KUBE_SERIES_END_MS;

	if (e->flying || (e->made && e->count == e->told))
		return INT64_MAX;
	if (!e->made || e->told == 1)
		return 0;
	return refresh < end ? refresh : end;
}

static bool waits(const struct entry *e)
{
	return e->flying || !e->made || e->count > e->told;
}

/* --- sending -------------------------------------------------------------------------------------
 */

static void set_timer(struct kube_recorder *r)
{
	int64_t due = INT64_MAX;
	size_t i;

	for (i = 0; i < r->n; i++) {
		int64_t at = wanted_ms(r->entries[i]);
		int64_t end = r->entries[i]->seen_ms + KUBE_SERIES_END_MS;

		if (at != INT64_MAX && r->flying >= KUBE_RECORDER_IN_FLIGHT)
			continue; /* the answer comes first */
		if (at != INT64_MAX && at < r->pause_ms)
			at = r->pause_ms;
		if (at == INT64_MAX && !r->entries[i]->flying)
			at = end; /* to be forgotten */
		due = at < due ? at : due;
	}
	kube_timer_set(r->timer, due);
}

static void on_failure(struct kube_recorder *r, struct entry *e, const struct kube_answer *a)
{
	bool passing = a->status == 0 || a->status == 429 || a->status >= 500;

	if (e->made && a->status == 404) {
		/* it lives for an hour: a new one, with its series */
		e->made = false;
		mem_free(e->name);
		e->name = NULL;
	} else if (!passing || ++e->tries >= KUBE_RECORDER_TRIES) {
		drop(r, e);
	} else {
		r->pause_ms =
		    clock_monotonic_ms() +
		    (a->retry_ms > KUBE_RECORDER_RETRY_MS ? a->retry_ms : KUBE_RECORDER_RETRY_MS);
	}
}

static void on_answer(void *ctx, const struct kube_answer *a)
{
	struct entry *e = ctx;
	struct kube_recorder *r = e->all;

	e->flying = false;
	r->flying--;
	/* a name that is taken: the answer to an earlier try was lost */
	if (a->status == 200 || a->status == 201 || (a->status == 409 && !e->made)) {
		e->made = true;
		e->told = e->sent;
		e->told_ms = clock_monotonic_ms();
		e->tries = 0;
	} else {
		on_failure(r, e, a);
	}
	set_timer(r);
}

/* Names are made of it, so no time comes twice. */
static int64_t next_us(struct kube_recorder *r)
{
	int64_t now = kube_microtime_now();

	r->name_us = now > r->name_us ? now : r->name_us + 1;
	return r->name_us;
}

static void send_entry(struct kube_recorder *r, struct entry *e)
{
	const struct kube_reporter by = { r->controller, r->instance };
	const struct kube_series series = { e->count, e->last_us };
	struct buf path = BUF_INIT, body = BUF_INIT;
	struct kube_request q = { .method = "POST", .type = KUBE_JSON, .metadata_only = true };

	if (e->name == NULL)
		e->name = kube_event_name(&e->event, next_us(r));
	buf_puts(&path, "/apis/events.k8s.io/v1/namespaces/");
	kube_path_put(&path, kube_event_namespace(&e->event));
	buf_puts(&path, "/events");
	if (e->made) {
		q.method = "PATCH";
		q.type = KUBE_MERGE_PATCH;
		buf_putc(&path, '/');
		kube_path_put(&path, e->name);
		kube_event_format_series(&series, &body);
	} else {
		kube_event_format(&e->event, &by, e->name, e->first_us, &series, &body);
	}
	q.path = buf_str(&path);
	q.body = &body;
	e->sent = e->count;
	e->flying = true;
	r->flying++;
	kube_send(r->client, &q, on_answer, e);
	buf_clear(&path);
	buf_clear(&body);
}

static void on_time(void *ctx, int64_t now)
{
	struct kube_recorder *r = ctx;
	size_t i;

	for (i = 0; i < r->n;) {
		struct entry *e = r->entries[i];

		if (!waits(e) && now >= e->seen_ms + KUBE_SERIES_END_MS) {
			remove_at(r, i);
			continue;
		}
		if (r->flying < KUBE_RECORDER_IN_FLIGHT && now >= r->pause_ms &&
		    wanted_ms(e) <= now)
			send_entry(r, e);
		i++;
	}
	set_timer(r);
}

/* --- the owner's side
 * ------------------------------------------------------------------------------ */

struct kube_recorder *kube_recorder_new(struct kube_client *k, const struct kube_reporter *by)
{
	struct kube_recorder *r = mem_alloc(sizeof(*r));

	r->client = k;
	r->controller = mem_str(by->controller);
	r->instance = mem_str(by->instance);
	r->timer = kube_timer_new(kube_client_timers(k), on_time, r);
	r->pause_ms = clock_monotonic_ms();
	return r;
}

void kube_recorder_free(struct kube_recorder *r)
{
	if (r == NULL)
		return;
	while (r->n > 0)
		remove_at(r, r->n - 1);
	kube_timer_free(r->timer);
	mem_free(r->controller);
	mem_free(r->instance);
	mem_free(r);
}

static struct entry *find(const struct kube_recorder *r, const struct entry *like)
{
	size_t i;

	for (i = 0; i < r->n; i++) {
		struct entry *e = r->entries[i];

		if (e->hash == like->hash && e->key_len == like->key_len &&
		    memcmp(e->key, like->key, e->key_len) == 0)
			return e;
	}
	return NULL;
}

/* Room for one more: the oldest that only waits for repetitions goes. */
static bool make_room(struct kube_recorder *r)
{
	size_t i;

	if (r->n < KUBE_RECORDER_MAX)
		return true;
	for (i = 0; i < r->n; i++) {
		if (!waits(r->entries[i])) {
			remove_at(r, i);
			return true;
		}
	}
	return false;
}

void kube_recorder_put(struct kube_recorder *r, const struct kube_event *event)
{
	struct entry *e = mem_alloc(sizeof(*e)), *same;
	int64_t now = clock_monotonic_ms();

	e->all = r;
	set_words(e, event);
	same = find(r, e);
	if (same == NULL && !make_room(r)) {
		entry_free(e);
		r->dropped++;
		return;
	}
	if (same != NULL) {
		entry_free(e);
		e = same;
	} else {
		e->event.resource_version = mem_str(event->resource_version);
		e->first_us = kube_microtime_now();
		r->entries[r->n++] = e;
	}
	e->count++;
	e->last_us = kube_microtime_now();
	e->seen_ms = now;
	kube_timer_set(r->timer, now);
}

size_t kube_recorder_pending(const struct kube_recorder *r)
{
	size_t i, n = 0;

	for (i = 0; i < r->n; i++)
		n += !r->entries[i]->made || r->entries[i]->flying || wanted_ms(r->entries[i]) == 0;
	return n;
}

uint64_t kube_recorder_dropped(const struct kube_recorder *r)
{
	return r->dropped;
}
